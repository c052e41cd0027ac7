"""What every part of the kind texts keeps: rows as it says, facts that pass through JSON, and none that are false."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from isthmus.core.registry import find_part, part_names
from isthmus.errors import InvalidPart

TEXTS = ["The cat sees a dog.", "A dog!", "the cow, the cow"]

every = pytest.mark.parametrize("name", part_names("texts"))


@pytest.fixture
def part(name: str, example: Callable[[Any], Any]) -> Any:
    return example(find_part("texts", name))


@every
@pytest.mark.parametrize("by", ["word", "character"])
def test_rows_are_what_it_says(part: Any, by: str) -> None:
    part = part.replace(by=by)
    learned = json.loads(json.dumps(part.fit(TEXTS), allow_nan=False))
    assert learned == part.fit(TEXTS)
    part.check(learned)
    row, rows = part.row(learned), part.apply(learned, TEXTS)
    assert rows.shape == (3, row.size)
    assert rows.dtype == np.float32
    assert np.isnan(rows).any() <= row.may_be_missing
    if row.categories is not None:
        assert (np.nan_to_num(rows) < np.array(row.categories)).all()
        assert (np.nan_to_num(rows) % 1 == 0).all()
    np.testing.assert_array_equal(part.apply(learned, TEXTS[1:2]), rows[1:2])
    back = part.undo(learned, rows)
    assert [type(text) for text in back] == [str] * 3
    assert all(back)


@every
def test_texts_of_words_that_are_not_known_pass(part: Any) -> None:
    learned = part.fit(TEXTS)
    rows = part.apply(learned, ["Nothing known here"])
    assert rows.shape == (1, part.row(learned).size)
    assert isinstance(part.undo(learned, rows)[0], str)


@every
def test_false_facts_are_refused(part: Any) -> None:
    learned = part.fit(TEXTS)
    words = learned["words"]
    false: list[dict[str, Any]] = [{}, learned | {"more": 1}, {"words": words[:-1] if len(learned) > 1 else None}]
    lists: list[Any] = ["abc", [], [*words, words[0]], [1, 2], [""], [None], {"a": 1}, [["a"]], words * 10_000]
    false += [learned | {"words": wrong} for wrong in lists]
    for name in set(learned) - {"words"}:
        values: list[Any] = [None, True, "1", -1, [], [None], 2**40, float("nan"), [0.5] * len(words), [[1.0]]]
        false += [learned | {name: value} for value in values]
    for facts in false:
        with pytest.raises(InvalidPart):
            part.check(facts)


@every
@pytest.mark.parametrize("size", [0, 2**21])
def test_the_number_of_words_is_bounded(part: Any, size: int) -> None:
    with pytest.raises(InvalidPart, match=rf"^{type(part).__name__}\.size must be in \[1, 1048576\]\. Got {size}\.$"):
        part.replace(size=size)
