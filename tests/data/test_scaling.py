"""Scaling by the kind of row: codes, holes, sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from isthmus.contracts import Row, Scaling
from isthmus.core.spelling import resolve
from isthmus.data.scaling import TableScaling
from isthmus.errors import InvalidData

X = np.random.default_rng(0).normal(size=(20, 6)) * [1, 2, 3, 4, 5, 6] + 10


def fitted(row: Row, x: np.ndarray, part: str = "standard", **settings: Any) -> tuple[TableScaling, Any]:
    scaling = TableScaling(resolve(Scaling, part), row, **settings)
    return scaling, scaling.fit(lambda: iter([(x, np.ones(len(x)))]))


def test_codes_pass_and_numbers_are_scaled() -> None:
    x = X.copy()
    x[:, 2] = np.arange(20) % 3
    scaling, learned = fitted(Row((6,), categories=(0, 0, 3, 0, 0, 0)), x)
    found = scaling.apply(learned, x)
    others = np.delete(x, 2, axis=1)
    np.testing.assert_array_equal(found[:, 2], x[:, 2])
    np.testing.assert_allclose(np.delete(found, 2, axis=1), (others - others.mean(axis=0)) / others.std(axis=0))
    np.testing.assert_allclose(scaling.undo(learned, found), x)
    assert scaling.width == 5


def test_every_step_of_a_sequence_is_scaled_alike_and_holes_count_for_nothing() -> None:
    x = X.copy()
    x[:5, 4:] = np.nan  # three steps of two features; five rows end after two
    scaling, learned = fitted(Row((3, 2), is_sequence=True, may_be_missing=True), x)
    steps = x.reshape(-1, 2)
    mean, deviation = np.nanmean(steps, axis=0), np.nanstd(steps, axis=0)
    np.testing.assert_allclose(learned["mean"], mean)
    np.testing.assert_allclose(scaling.apply(learned, x), ((steps - mean) / deviation).reshape(20, 6))
    np.testing.assert_allclose(scaling.undo(learned, scaling.apply(learned, x)), x)


@pytest.mark.parametrize("part", ["standard", "minmax", "quantile", "center", "none"])
def test_holes_stay_holes(part: str) -> None:
    x = X.copy()
    x[3, 4:] = np.nan
    scaling, learned = fitted(Row((3, 2), is_sequence=True, may_be_missing=True), x, part)
    np.testing.assert_array_equal(np.isnan(scaling.apply(learned, x)), np.isnan(x))


def test_rows_of_codes_only_learn_nothing() -> None:
    x = np.arange(12.0).reshape(4, 3) % 5
    scaling, learned = fitted(Row((3,), categories=(5, 5, 5)), x)
    assert learned == {}
    assert scaling.learned == ()
    np.testing.assert_array_equal(scaling.apply(learned, x), x)


@pytest.mark.parametrize("value", [-1, 3, 0.5])
def test_what_is_no_code_is_refused(value: float) -> None:
    x = np.column_stack([X[:, 0], np.arange(20) % 3])
    scaling, learned = fitted(Row((2,), ("price", "site"), categories=(0, 3)), x)
    with pytest.raises(InvalidData, match=rf"^column 'site': expected a category, .* from 0 to 2; got {value:g}\. "):
        scaling.apply(learned, np.array([[0.0, value]]))


def test_a_code_that_training_has_not_seen_is_refused() -> None:
    x = np.column_stack([X[:, 0], np.arange(20) % 2])
    scaling, learned = fitted(Row((2,), categories=(0, 3)), x, known={1: (0, 1)})
    scaling.apply(learned, x)
    with pytest.raises(
        InvalidData, match=r"^column 1: expected a category of the training rows \(0, 1\); got 2\. Fit "
    ):
        scaling.apply(learned, np.array([[0.0, 2.0]]))
