"""Pixels by hand."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.errors import InvalidPart
from isthmus.parts.scalings import Pixels


def test_by_hand() -> None:
    x = np.array([[0.0, 51.0], [255.0, 510.0]])
    np.testing.assert_allclose(Pixels().apply({}, x), [[0, 0.2], [1, 2]])
    np.testing.assert_allclose(Pixels().undo({}, Pixels().apply({}, x)), x)
    assert Pixels().fit(lambda: iter([(x, np.ones(2))])) == {}
    assert Pixels(16).apply({}, np.array([8.0])).tolist() == [0.5]


@pytest.mark.parametrize("most", [0.0, -1.0])
def test_what_it_cannot_be(most: float) -> None:
    with pytest.raises(InvalidPart, match=r"^Pixels\.most must be greater than 0\. Got "):
        Pixels(most)
