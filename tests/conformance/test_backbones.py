"""What every backbone keeps: roads of the width it says, rows that do not mix, no noise at inference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from isthmus.contracts import Row
from isthmus.core.parameter_specs import assemble, draw_weights
from isthmus.core.registry import find_part, part_names
from isthmus.errors import InvalidPart

ROWS, SIZE = 5, 3
ONE_CHANGED = [True, True, False, True, True]  # rows that are the same where row 2 was changed
TOKENS = Row((6,), categories=(3,) * 6, may_be_missing=True)
FORMS = (Row((6,)), Row((1, 4, 4)), TOKENS)  # a flat row, an image, a text

every = pytest.mark.parametrize("name", part_names("backbones"))


def taken(part: Any) -> list[Row]:
    """Return the forms of rows that a backbone takes; a form that it does not take it must refuse on both roads."""
    found = []
    for row in FORMS:
        try:
            part.encoder(row)
        except InvalidPart:
            with pytest.raises(InvalidPart):
                part.decoder(row, SIZE)
            with pytest.raises(InvalidPart):
                part.output_layer(row, SIZE, row.size)
        else:
            found.append(row)
    assert found, f"{part.name} takes neither a flat row, an image, nor a text"
    return found


@every
@pytest.mark.parametrize("road", ["down", "up"])
def test_its_roads_are_as_wide_as_they_say_and_rows_do_not_mix(
    name: str, road: str, example: Callable[[Any], Any]
) -> None:
    part = example(find_part("backbones", name))
    for row in taken(part):
        skeleton, width = part.encoder(row) if road == "down" else part.decoder(row, SIZE)
        module = assemble(skeleton, draw_weights(skeleton, 0))
        walk = jax.jit(lambda x, module=module: module(x, None))
        end, again, others = walked(walk, row.size if road == "down" else SIZE)
        assert (end.shape, end.dtype) == ((ROWS, width), np.float32)
        np.testing.assert_array_equal(again, end)
        assert (others == end).all(axis=1).tolist() == ONE_CHANGED


@every
def test_its_outlet_gives_what_is_asked_for(name: str, example: Callable[[Any], Any]) -> None:
    part = example(find_part("backbones", name))
    for row in taken(part):
        width = part.decoder(row, SIZE)[1]
        for purposes in (1, 2):
            skeleton = part.output_layer(row, width, purposes * row.size)
            end, again, others = walked(jax.jit(assemble(skeleton, draw_weights(skeleton, 0)).__call__), width)
            assert (end.shape, end.dtype) == ((ROWS, purposes * row.size), np.float32)
            np.testing.assert_array_equal(again, end)
            assert (others == end).all(axis=1).tolist() == ONE_CHANGED


def walked(walk: Callable[[np.ndarray], Any], given: int) -> list[np.ndarray]:
    """Return what rows [n, given] become, what they become again, and once row 2 is another."""
    x = np.random.default_rng(0).normal(size=(ROWS, given)).astype(np.float32)
    changed = x.copy()
    changed[2] += 2  # enough to be another token
    return [np.asarray(walk(rows)) for rows in (x, x, changed)]
