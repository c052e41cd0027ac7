"""What every stop keeps: pure, silent before the first epoch, a sentence or nothing after it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from isthmus.core.registry import find_part, part_names

HISTORY = [
    {"epoch": epoch, "loss": 1 / epoch, "reconstruction": 1 / epoch, "weight_change": 0.5, "seconds": 0.01 * epoch}
    for epoch in range(1, 5)
]


@pytest.mark.parametrize("name", part_names("stops"))
def test_it_answers_every_history_with_a_reason_or_none(name: str, example: Callable[[Any], Any]) -> None:
    stop = example(find_part("stops", name))
    assert stop([]) is None
    assert stop(()) is None
    for history in (HISTORY[:1], HISTORY, [record | {"validation_loss": 2.0} for record in HISTORY]):
        before = copy.deepcopy(history)
        answer = stop(history)
        assert answer is None or (isinstance(answer, str) and answer)
        assert stop(tuple(history)) == answer
        assert history == before
