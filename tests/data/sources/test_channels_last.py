"""Images whose channels stand last are read as images and come back so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import isthmus
from isthmus import AnomalyDetector, Autoencoder, InvalidData
from tiny import autoencoder

COLOR = (np.random.default_rng(0).random((20, 6, 5, 3)) * 256).astype(np.uint8)
FIRST = np.moveaxis(COLOR, -1, 1)


@pytest.fixture(scope="module")
def fitted() -> Autoencoder:
    return autoencoder(encoder="conv((4,))").fit(COLOR)


def test_channels_that_stand_last_are_channels(fitted: Autoencoder, tmp_path: Path) -> None:
    assert fitted.model_.shape == (3, 6, 5)
    first = autoencoder(encoder="conv((4,))").fit(FIRST)
    np.testing.assert_array_equal(fitted.transform(COLOR), first.transform(FIRST))
    fitted.save(tmp_path / "model.safetensors")
    for model in (fitted, isthmus.load(tmp_path / "model.safetensors")):
        back = model.reconstruct(COLOR)
        np.testing.assert_array_equal(back, np.moveaxis(first.reconstruct(FIRST), 1, -1))
        np.testing.assert_array_equal(model.reconstruct(FIRST), first.reconstruct(FIRST))  # each in its own form
        assert model.sample(2).shape == model.inverse_transform(model.transform(COLOR[:2])).shape == (2, 6, 5, 3)
    np.testing.assert_array_equal(fitted.transform(list(COLOR)), fitted.transform(COLOR))
    np.save(tmp_path / "x.npy", COLOR)
    np.testing.assert_array_equal(fitted.reconstruct(tmp_path / "x.npy"), fitted.reconstruct(COLOR))
    detector = AnomalyDetector(autoencoder()).fit(COLOR)
    np.testing.assert_array_equal(detector.anomaly_score(COLOR), detector.anomaly_score(FIRST))
    with pytest.raises(InvalidData, match=r"got one row, of shape \(6, 5, 3\)\. Pass X\.reshape\(1, 6, 5, 3\)\."):
        fitted.transform(COLOR[0])


def test_channels_that_stand_first_stay_there() -> None:
    narrow = FIRST[..., :3]  # [n, 3, 6, 3]
    assert autoencoder(max_epochs=0).fit(narrow).model_.shape == (3, 6, 3)
    assert autoencoder(max_epochs=0).fit(FIRST[:, :2]).model_.shape == (2, 6, 5)
