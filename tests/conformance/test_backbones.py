"""What every backbone keeps: roads of the width it says, rows that do not mix, no noise at inference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from isthmus.flow import Row
from isthmus.parts import find, names
from isthmus.weights import assemble, draw

ROWS, COLUMNS, SIZE = 5, 6, 3


@pytest.mark.parametrize("name", names("backbones"))
@pytest.mark.parametrize("road", ["down", "up"])
def test_its_roads(name: str, road: str, example: Callable[[Any], Any]) -> None:
    part = example(find("backbones", name))
    row = Row((COLUMNS,))
    skeleton, width = part.encoder(row) if road == "down" else part.decoder(row, SIZE)
    module = assemble(skeleton, draw(skeleton, 0))
    walk = jax.jit(lambda x: module(x, None))
    x = np.random.default_rng(0).normal(size=(ROWS, COLUMNS if road == "down" else SIZE)).astype(np.float32)
    end = np.asarray(walk(x))
    assert end.shape == (ROWS, width)
    assert end.dtype == np.float32
    np.testing.assert_array_equal(walk(x), end)
    changed = x.copy()
    changed[2] += 1
    is_same = (np.asarray(walk(changed)) == end).all(axis=1)
    assert is_same.tolist() == [True, True, False, True, True]
