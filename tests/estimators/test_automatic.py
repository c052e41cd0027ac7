"""Images are brought to [0, 1] and explained as such, unless the parameters say otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

import isthmus
from isthmus import AnomalyDetector, Autoencoder, InvalidPart, NetworkClassifier, StackedAutoencoder
from isthmus.parts.likelihoods import Bernoulli, SquaredError
from isthmus.parts.scalings import Normal, Pixels, Standard
from tiny import autoencoder

BYTES = (np.random.default_rng(0).random((40, 1, 4, 4)) * 256).astype(np.uint8)
Y = np.arange(40) % 2

TABLES: dict[str, tuple[Any, float | None]] = {
    "bytes": (BYTES, 255),
    "gray bytes": (BYTES[:, 0], 255),
    "whole numbers": (BYTES.astype(float), 255),
    "from 0 to 1": (BYTES / 255, 1),
    "channels last": (np.moveaxis(BYTES, 1, -1).repeat(3, axis=-1), 255),
    "beyond 255": (BYTES * 2.0, None),
    "below 0": (BYTES / 255 - 0.5, None),
    "sequences": (BYTES[:, 0] / 255, None),
    "flat bytes": (BYTES.reshape(40, 16), None),
}


def taken(model: Any) -> tuple[Any, Any]:
    """Return the scaling and the likelihood of the fit."""
    parts = model.resolve_parts()
    return parts.scaling, parts.likelihood


@pytest.mark.parametrize("case", TABLES)
def test_what_images_are(case: str) -> None:
    table, limit = TABLES[case]
    model = autoencoder().fit(table)
    assert taken(model) == ((Standard(), SquaredError()) if limit is None else (Pixels(limit), Bernoulli()))
    back = model.reconstruct(table)
    if limit is not None:
        assert 0 <= back.min() <= back.max() <= limit


def test_it_is_the_same_as_saying_so(tmp_path: Path) -> None:
    model = autoencoder().fit(BYTES)
    said = autoencoder(scaling="pixels", likelihood="bernoulli").fit(BYTES)
    np.testing.assert_array_equal(model.transform(BYTES), said.transform(BYTES))
    model.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.reconstruct(BYTES), said.reconstruct(BYTES))
    assert taken(loaded) == (Pixels(), Bernoulli())
    assert (model.scaling, model.likelihood) == ("auto", "auto")  # parameters stay as they were


def test_what_is_said_is_taken() -> None:
    assert taken(autoencoder(scaling="standard").fit(BYTES)) == (Standard(), SquaredError())
    assert taken(autoencoder(likelihood="squared_error").fit(BYTES)) == (Pixels(), SquaredError())
    against = isthmus.generalized(2, case="margin", encoder=(4,), max_epochs=1).fit(BYTES, Y)
    assert taken(against) == (Pixels(), SquaredError())  # where rows count negatively, bits have no bound


def test_another_fit_asks_its_own_table_and_more_training_keeps_what_was_taken() -> None:
    model = autoencoder().fit(BYTES)
    assert taken(model.partial_fit(BYTES / 255)) == (Pixels(), Bernoulli())
    assert taken(model.fit(BYTES * 2.0)) == (Standard(), SquaredError())
    assert taken(clone(model)) == (Standard(), SquaredError())
    warm = autoencoder(warm_start=True).fit(BYTES)
    assert taken(warm.fit(BYTES)) == (Pixels(), Bernoulli())


@pytest.mark.parametrize("is_fitted", [False, True])
def test_a_classifier_explains_rows_as_its_autoencoder(is_fitted: bool, tmp_path: Path) -> None:
    base = autoencoder().fit(BYTES) if is_fitted else autoencoder()
    model = NetworkClassifier(pretrained=base, reconstruction=0.5, max_epochs=1).fit(BYTES, Y)
    said = autoencoder(scaling="pixels", likelihood="bernoulli")
    said = NetworkClassifier(pretrained=said, reconstruction=0.5, max_epochs=1).fit(BYTES, Y)
    np.testing.assert_array_equal(model.predict_proba(BYTES), said.predict_proba(BYTES))
    model.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict_proba(BYTES), model.predict_proba(BYTES))
    assert taken(loaded.pretrained) == (Pixels(), Bernoulli())


def test_detectors_and_stacks_stay_as_they_were() -> None:
    detector = AnomalyDetector().fit(BYTES[:, 0])
    assert taken(detector.models_[0]) == (Normal(), SquaredError())
    stack = StackedAutoencoder([autoencoder(bottleneck=3), autoencoder()], max_epochs=1).fit(BYTES[:, 0])
    assert stack.resolve_parts().scaling == Standard()


def test_settings_inside_are_those_of_tables() -> None:
    model = Autoencoder()
    assert model.get_params()["likelihood__output"] == SquaredError().output
    assert model.set_params(likelihood__output="sigmoid").part("likelihood") == SquaredError("sigmoid")


def test_a_variational_code_explains_images_by_what_fits_them_and_all_else_by_its_own() -> None:
    model = isthmus.variational(2, max_epochs=1)
    assert model.likelihood == "auto(gaussian)"
    assert taken(clone(model).fit(BYTES)) == (Pixels(), Bernoulli())
    assert str(taken(model.fit(BYTES.reshape(40, 16) * 2.0))[1]) == "gaussian"
    assert str(taken(isthmus.variational(2, likelihood="gaussian", max_epochs=1).fit(BYTES))[1]) == "gaussian"
    with pytest.raises(InvalidPart, match=r"no likelihood is called 'gausian'\. Did you mean 'gaussian'"):
        autoencoder(likelihood="auto(gausian)").fit(BYTES)


def test_words_of_texts_are_explained_as_such() -> None:
    texts = ["the ship left the port", "a ship came to port", "wheat and corn fell", "corn and wheat rose"] * 5
    model = autoencoder(encoder="text((4,))").fit(texts)
    assert str(taken(model)[1]) == "codes"
    assert str(taken(autoencoder().fit(texts))[1]) == "squared_error"  # of tf-idf
