"""Salt, pepper and dark blocks are the lowest and the highest values of the data, however rows are scaled."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest

from isthmus.core.parameter_specs import assemble
from isthmus.estimators._dry_run import dry_run
from isthmus.training.objective import _corrupted
from tiny import X, autoencoder, scaled

UNIT = (X - X.min()) / (X.max() - X.min())  # in [0, 1], its columns not from end to end


def corrupted(table: Any, corruption: str, **settings: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the scaled rows of a training table, and what they become by noise."""
    ae = autoencoder(corruption=corruption, **settings)
    (stage,) = dry_run(ae, table, None, {})
    job, rows = stage.job, int(stage.job.table.rows)
    model, x = assemble(job.model, np.asarray(stage.start.state.weights[0])), np.asarray(job.table.x)[:rows]
    observed = ~np.isnan(x) if model.may_be_missing else None
    clean = x if observed is None else np.nan_to_num(x)
    return x, np.asarray(_corrupted(model, job.plan, clean, observed, jax.random.key(0)))


@pytest.mark.parametrize("scaling", ["standard", "minmax", "center", "none"])
def test_salt_and_pepper_are_the_ends_of_each_column(scaling: str) -> None:
    x, noisy = corrupted(X, "salt_and_pepper(1.0)", scaling=scaling)
    low, high = x.min(axis=0), x.max(axis=0)
    assert (np.isclose(noisy, low) | np.isclose(noisy, high)).all()
    assert 0.3 < np.isclose(noisy, low).mean() < 0.7


@pytest.mark.parametrize("scaling", ["standard", "none"])
def test_rows_in_the_unit_interval_go_from_0_to_1(scaling: str) -> None:
    _, noisy = corrupted(UNIT, "salt_and_pepper(1.0)", scaling=scaling)
    ae = autoencoder(scaling=scaling, max_epochs=0).fit(UNIT)
    zero, one = scaled(ae, np.zeros((1, 5))), scaled(ae, np.ones((1, 5)))
    assert (np.isclose(noisy, zero, atol=1e-5) | np.isclose(noisy, one, atol=1e-5)).all()
    assert np.isclose(noisy, one, atol=1e-5).any()


def test_what_is_not_struck_stays_to_the_bit() -> None:
    x, noisy = corrupted(X, "salt_and_pepper(0.3)")
    assert 0.6 < (noisy == x).mean() < 0.8


@pytest.mark.parametrize(("value", "end"), [(0.0, "min"), (1.0, "max")])
def test_a_block_of_an_image_is_as_dark_or_bright_as_any_pixel(value: float, end: str) -> None:
    images = 255 * np.random.default_rng(0).random((20, 4, 4))
    images[:, 0, 0] = 100.0  # a pixel that is never dark
    x, noisy = corrupted(images, f"block(0.25, value={value})", encoder="mlp((4,))")
    ae = autoencoder(encoder="mlp((4,))", max_epochs=0).fit(images)
    due = scaled(ae, np.full((1, 16), getattr(images, end)()))
    is_struck = noisy != x
    assert is_struck.sum(axis=1).max() == 4
    np.testing.assert_allclose(noisy[is_struck], np.broadcast_to(due, noisy.shape)[is_struck], rtol=1e-4)


def test_categories_and_missing_cells_of_a_table_are_left() -> None:
    frame = pd.DataFrame({"x": X[:, 0], "c": np.array(list("abc"))[np.arange(60) % 3], "y": X[:, 1]})
    frame.loc[3, "x"] = np.nan
    x, noisy = corrupted(frame, "salt_and_pepper(1.0)")
    np.testing.assert_array_equal(noisy[:, 1], x[:, 1])
    np.testing.assert_array_equal(np.isnan(noisy), np.isnan(x))
    for column in (0, 2):
        ends = np.nanmin(x[:, column]), np.nanmax(x[:, column])
        there = noisy[:, column][~np.isnan(noisy[:, column])]
        assert (np.isclose(there, ends[0]) | np.isclose(there, ends[1])).all()


def test_other_noise_knows_no_limits() -> None:
    (stage,) = dry_run(autoencoder(corruption="masking(0.5)"), X, None, {})
    assert stage.job.plan.limits is None
