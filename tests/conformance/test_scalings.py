"""What every scaling keeps: undone it gives the table back, however the table is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from isthmus.core.registry import find_part, part_names

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(400, 3)) * [1.0, 1e-3, 1e5] + [0.0, 10.0, 1e6]
WEIGHT = 0.5 + RANDOM.random(400)

every = pytest.mark.parametrize("name", part_names("scalings"))


@pytest.fixture
def part(name: str, example: Callable[[Any], Any]) -> Any:
    return example(find_part("scalings", name))


def read(x: np.ndarray, weight: np.ndarray, ends: list[int]) -> Any:
    """Return a table as blocks that end at the given rows."""

    def blocks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return zip(np.split(x, ends), np.split(weight, ends), strict=True)

    return blocks


@every
def test_what_it_learned_is_what_it_says(part: Any) -> None:
    learned = part.fit(read(X.astype(np.float32), WEIGHT, [100]))
    assert set(learned) == set(part.learned)
    for array in learned.values():
        assert array.dtype == np.float64
        assert array.shape[-1] == 3


@every
def test_undone_it_gives_the_rows_back(part: Any) -> None:
    learned = part.fit(read(X, WEIGHT, []))
    before = X.copy()
    np.testing.assert_allclose(part.undo(learned, part.apply(learned, X)), X, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(X, before)


@every
def test_rows_are_scaled_one_by_one(part: Any) -> None:
    learned = part.fit(read(X, WEIGHT, []))
    together = part.apply(learned, X)
    assert together.shape == X.shape
    for i in (0, 7, 399):
        np.testing.assert_array_equal(part.apply(learned, X[i : i + 1])[0], together[i])


@every
@pytest.mark.parametrize("ends", [[1], [100, 200, 300], [37, 38, 250], list(range(1, 400))], ids=lambda ends: len(ends))
def test_the_table_may_be_read_in_any_blocks(part: Any, ends: list[int]) -> None:
    whole, pieces = part.fit(read(X, WEIGHT, [])), part.fit(read(X, WEIGHT, ends))
    for key in part.learned:
        np.testing.assert_allclose(pieces[key], whole[key], rtol=1e-12)


@every
@pytest.mark.parametrize("value", [0.0, 3.0, -1e9])
def test_a_constant_column_passes_safely(part: Any, value: float) -> None:
    x = np.concatenate([np.full((400, 1), value), X], axis=1)
    learned = part.fit(read(x, WEIGHT, [150]))
    scaled = part.apply(learned, x)
    assert np.isfinite(scaled).all()
    np.testing.assert_allclose(part.undo(learned, scaled)[:, 0], value, rtol=1e-12)
    others = part.apply(part.fit(read(X, WEIGHT, [150])), X)
    np.testing.assert_allclose(scaled[:, 1:], others, rtol=1e-9, atol=1e-9)


@every
def test_one_row_passes_safely(part: Any) -> None:
    learned = part.fit(read(X[:1], WEIGHT[:1], []))
    scaled = part.apply(learned, X[:1])
    assert np.isfinite(scaled).all()
    np.testing.assert_allclose(part.undo(learned, scaled), X[:1], rtol=1e-12)
