"""What every neighborhood keeps: places in the table, all in all positive strengths, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from isthmus import Autoencoder
from isthmus.core.registry import find_part, part_names
from isthmus.errors import InvalidData

ROWS = 50
RANDOM = np.random.default_rng(0)
POINTS = RANDOM.normal(size=(ROWS, 4)).astype(np.float32)
LABEL = (np.arange(ROWS) % 3).astype(np.int32)
LABEL[::7] = -1

every = pytest.mark.parametrize("name", part_names("neighborhoods"))


@pytest.fixture
def part(name: str, example: Callable[[Any], Any]) -> Any:
    return example(find_part("neighborhoods", name))


@every
@pytest.mark.parametrize("points", [POINTS, 0 * POINTS, POINTS.reshape(ROWS, 2, 2)], ids=["rows", "equal", "images"])
def test_links_are_places_with_strengths_of_positive_sum(part: Any, points: np.ndarray) -> None:
    before = points.copy()
    links = part(points, LABEL, 3)
    assert links.index.dtype == np.int32
    assert links.strength.dtype == np.float32
    assert links.index.shape == links.strength.shape
    assert links.index.ndim == 2
    assert len(links.index) == ROWS
    assert links.index.min() >= 0
    assert links.index.max() < ROWS
    assert np.isfinite(links.strength).all()
    assert (links.strength.sum(axis=1) > 0).all()
    assert (links.strength >= 0).all() or part.repels
    for index, strength in zip(links.index, links.strength, strict=True):
        assert len(set(index[strength != 0])) == np.count_nonzero(strength), "a row stands twice"
    np.testing.assert_array_equal(points, before)


@every
def test_it_is_pure(part: Any) -> None:
    first, again = part(POINTS, LABEL, 3), part(POINTS, LABEL, 3)
    np.testing.assert_array_equal(first.index, again.index)
    np.testing.assert_array_equal(first.strength, again.strength)


@every
def test_every_search_has_the_same_shape(part: Any) -> None:
    """So the compiled epoch and the checkpoint fit after each."""
    shapes = {
        part(points, LABEL, seed).index.shape for points in (POINTS, POINTS[:, :1], 0 * POINTS) for seed in (0, 1)
    }
    assert len(shapes) == 1


@every
def test_a_row_without_a_label_explains_itself_where_labels_are_needed(part: Any) -> None:
    links = part(POINTS, LABEL, 0)
    for i in np.flatnonzero(LABEL < 0) if part.needs_labels else []:
        assert links.index[i][links.strength[i] != 0].tolist() == [i]
        assert links.strength[i].sum() == 1
    if not part.needs_labels:
        np.testing.assert_array_equal(part(POINTS, None, 0).index, links.index)


@every
def test_without_labels_it_is_refused_where_they_are_needed(part: Any) -> None:
    if not part.needs_labels:
        assert part(POINTS, None, 0).index.shape[0] == ROWS
        return
    sentence = f"the neighborhood {part.name} needs labels: call fit(X, y)."
    with pytest.raises(InvalidData) as caught:
        part(POINTS, None, 0)
    assert str(caught.value) == sentence
    with pytest.raises(InvalidData) as caught:
        Autoencoder(2, encoder=(3,), neighborhood=part).fit(POINTS)
    assert str(caught.value).startswith(sentence)


@every
def test_when_it_searches_is_a_whole_number_and_a_share(part: Any) -> None:
    assert isinstance(part.every, int)
    assert part.every >= 0
    assert 0 <= part.tolerance < 1
