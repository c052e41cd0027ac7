"""A column of one value comes back as that value, and one that only looks constant is learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import isthmus
from isthmus import Imputer, ModelFileError, NetworkRegressor, StackedAutoencoder
from tiny import X, autoencoder, forged, header_of, tensors_of

FLAT = np.insert(X[:, :4], 2, 1e-6, axis=1)


@pytest.mark.parametrize("scaling", ["standard", "minmax", "quantile", "center", None])
def test_it_comes_back_in_reconstructions_and_samples(scaling: Any, tmp_path: Path) -> None:
    model = autoencoder(scaling=scaling).fit(FLAT)
    for rows in (
        model.reconstruct(FLAT),
        model.sample(5),
        model.similar(FLAT[:2]),
        model.interpolate(FLAT[0], FLAT[1]),
    ):
        assert set(rows[:, 2]) == {1e-6}
        assert len(np.unique(np.delete(rows, 2, axis=1))) > 1
    model.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(isthmus.load(tmp_path / "model.safetensors").sample(5), model.sample(5))


def test_its_missing_cells_are_filled_with_it() -> None:
    lacking = FLAT.copy()
    lacking[::3, 2] = lacking[::4, 1] = np.nan
    imputer = Imputer(autoencoder(corruption="varied_masking")).fit(lacking)
    for filled in (imputer.transform(lacking), *imputer.impute(lacking, 2)):
        assert set(filled[:, 2]) == {1e-6}
    assert (imputer.uncertainty(lacking)[:, 2] == 0).all()


def test_it_does_in_frames_stacks_and_images() -> None:
    frame = pd.DataFrame(FLAT, columns=list("abcde")).assign(t=["x", "y"] * 30, n=0)
    assert set(autoencoder().fit(frame).reconstruct(frame)["c"]) == {1e-6}
    stack = StackedAutoencoder([autoencoder(bottleneck=3), autoencoder()], max_epochs=1).fit(FLAT)
    assert set(stack.reconstruct(FLAT)[:, 2]) == {1e-6}
    images = np.pad(X[:, :4].reshape(60, 2, 2), ((0, 0), (1, 1), (1, 1)), constant_values=255)
    border = autoencoder().fit(images).reconstruct(images)[:, [0, -1]]
    assert set(border.ravel()) == {255}


def test_a_table_without_one_keeps_its_file() -> None:
    assert set(tensors_of(autoencoder().fit(X), "scaling.")) == {"mean", "deviation", "ranges"}


def test_it_is_forgotten_where_training_goes_on_with_other_values() -> None:
    two = np.insert(FLAT, 0, 7.0, axis=1)
    model = autoencoder().fit(two)
    two[5, 3] = 2e-6
    back = model.partial_fit(two).reconstruct(two)
    assert set(back[:, 0]) == {7.0}
    assert len(set(back[:, 3])) > 1
    two[5, 0] = 8.0
    assert len(set(model.partial_fit(two).reconstruct(two)[:, 0])) > 1


def test_a_column_of_tiny_numbers_is_none() -> None:
    tiny = X * 1e-200
    model = autoencoder().fit(tiny)
    np.testing.assert_allclose(model.transform(tiny), autoencoder().fit(X).transform(X), rtol=1e-4, atol=1e-5)
    y = X @ np.arange(5.0)
    settings: dict[str, Any] = {"encoder": (4,), "max_epochs": 60, "optimizer": "adam(0.02)", "stops": None}
    small, usual = (NetworkRegressor(**settings).fit(X, y * unit) for unit in (1e-200, 1.0))
    np.testing.assert_allclose(small.predict(X) * 1e200, usual.predict(X), rtol=1e-4, atol=1e-4)
    assert small.score(X, y * 1e-200) == pytest.approx(usual.score(X, y), abs=1e-4)
    assert usual.score(X, y) > 0.5


def test_a_file_with_a_wrong_table_of_them_is_refused() -> None:
    from isthmus.errors import ModelFileError

    model = autoencoder().fit(FLAT)
    assert "constants" not in header_of(model)
    with pytest.raises(ModelFileError, match=r"scaling\.constants holds values that are not finite"):
        forged(model, {"scaling.constants": np.full((2, 5), np.nan)}, {})


def test_ranges_that_no_fit_leaves_are_refused() -> None:
    model = autoencoder().fit(X)
    ranges = tensors_of(model, "scaling.")["ranges"]
    np.testing.assert_array_equal(ranges, [X.min(axis=0), X.max(axis=0), [-1] * 5])
    with pytest.raises(ModelFileError, match="is damaged: its ranges of the columns are none that a fit leaves"):
        forged(model, {"scaling.ranges": ranges[[1, 0, 2]]}, {})
