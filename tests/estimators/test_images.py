"""Arrays of images go in and come out as images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import isthmus
from isthmus import Autoencoder, InvalidData

X = np.random.default_rng(0).random((40, 1, 4, 4))


@pytest.fixture(scope="module")
def fitted() -> Autoencoder:
    return Autoencoder(3, encoder="conv((4,))", corruption="block", max_epochs=2).fit(X)


def test_what_comes_back_has_the_shape_that_went_in(fitted: Autoencoder, tmp_path: Path) -> None:
    codes = fitted.transform(X)
    assert codes.shape == (40, 3)
    assert fitted.reconstruct(X).shape == fitted.inverse_transform(codes).shape == X.shape
    assert fitted.n_features_in_ == 16
    assert fitted.reconstruction_error(X, per_feature=True).shape == (40, 16)
    fitted.save(tmp_path / "m.safetensors")
    again = isthmus.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.reconstruct(X), fitted.reconstruct(X))
    np.testing.assert_array_equal(again.inverse_transform(codes), fitted.inverse_transform(codes))


def test_flat_rows_are_taken_too_and_come_back_flat(fitted: Autoencoder) -> None:
    flat = X.reshape(40, 16)
    np.testing.assert_array_equal(fitted.transform(flat), fitted.transform(X))
    np.testing.assert_array_equal(fitted.reconstruct(flat), fitted.reconstruct(X).reshape(40, 16))


def test_one_image_is_no_stack_of_them(fitted: Autoencoder) -> None:
    codes = fitted.transform(X)
    for one in (X[0], X[0, 0]):
        with pytest.raises(InvalidData) as caught:
            fitted.transform(one)
        told = f"X: expected a table of rows; got one row, of shape {one.shape}. Pass X.reshape(1, 1, 4, 4)."
        assert str(caught.value) == told
        np.testing.assert_array_equal(fitted.transform(one.reshape(1, 1, 4, 4)), codes[:1])
    series = Autoencoder(2, encoder="recurrent((3,))", max_epochs=0).fit(X[:, 0])
    with pytest.raises(
        InvalidData, match=r"^X: expected a table of rows; got one row, .* Pass X\.reshape\(1, 4, 4\)\.$"
    ):
        series.transform(X[0, 0])


def test_images_of_another_shape_are_refused(fitted: Autoencoder) -> None:
    with pytest.raises(InvalidData, match=r"X holds images of \(2, 8\), and the model was fitted on \(1, 4, 4\)\."):
        fitted.transform(X.reshape(40, 2, 8))
    with pytest.raises(ValueError, match="X has 9 features, but Autoencoder is expecting 16 features"):
        fitted.transform(X[:, :, :3, :3].reshape(40, 9))
    with pytest.raises(ValueError, match="X has 9 features, but Autoencoder is expecting 16 features"):
        fitted.transform(X[:, :, :3, :3])
    with pytest.raises(InvalidData, match="the codes have 3 columns, and those of this model have 3"):
        fitted.inverse_transform(np.zeros((2, 3, 1)))


def test_pixels_may_be_missing_and_those_without_any_value_stay_so() -> None:
    """As the land of a field of seas: it tells nothing, costs nothing, and comes back as NaN."""
    images = X.copy()
    images[:, :, 0, :2] = np.nan  # in every image
    images[::3, :, 2, 2] = np.nan
    model = Autoencoder(3, encoder="conv((4,))", max_epochs=2).fit(images)
    back = model.reconstruct(images)
    np.testing.assert_array_equal(np.isnan(back), np.isnan(images) & np.isnan(images).all(axis=0))
    other = np.where(np.isnan(images), np.nan, images)
    np.testing.assert_array_equal(model.transform(other.reshape(40, 16)), model.transform(images))
    assert (model.reconstruction_error(images, per_feature=True)[np.isnan(images).reshape(40, 16)] == 0).all()
    assert np.isfinite(model.score_samples(images)).all()


def test_a_pixel_is_named_by_its_place(fitted: Autoencoder) -> None:
    images = X.copy()
    images[3, 0, 2, 1] = np.nan
    with pytest.raises(InvalidData, match=r"^value \(0, 2, 1\) of a row holds NaN \(missing\) in 1 row \(first: 3\)"):
        fitted.transform(images)
