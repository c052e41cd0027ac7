"""The input of norm 1 that excites a unit most: no other excites it as much."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus import Autoencoder, InvalidPart, exciting_inputs
from tiny import with_weights

X = np.random.default_rng(0).normal(size=(60, 9))


@pytest.mark.parametrize("encoder", [(), (5,)])
def test_no_input_of_norm_one_excites_more(encoder: tuple[int, ...]) -> None:
    ae = Autoencoder(3, encoder=encoder, max_epochs=2).fit(X)
    found = exciting_inputs(ae)
    layer = ae.model_.encoder.layers[0].affine if encoder else ae.model_.neck.affine
    matrix = np.asarray(layer.matrix, np.float64)
    assert found.shape == (5 if encoder else 3, 9)
    np.testing.assert_allclose(found, (matrix / np.sqrt((matrix**2).sum(axis=0))).T, rtol=1e-6)
    others = np.random.default_rng(1).normal(size=(2000, 9))
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    assert ((others @ matrix).max(axis=0) < (found @ matrix).diagonal()).all()
    assert (others @ matrix).max() > 0.5 * (found @ matrix).max()


def test_images_give_images_and_a_unit_without_weights_none() -> None:
    ae = Autoencoder(2, encoder=(4,), max_epochs=1).fit(X.reshape(60, 3, 3))
    assert exciting_inputs(ae).shape == (4, 3, 3)
    ae = with_weights(ae, {"encoder.layers.0.affine.matrix": np.zeros((9, 4))})
    np.testing.assert_array_equal(exciting_inputs(ae), np.zeros((4, 3, 3)))


def test_other_first_layers_are_refused() -> None:
    ae = Autoencoder(2, encoder="conv((2,), shape=(3, 3))", max_epochs=0).fit(X)
    with pytest.raises(InvalidPart, match="the first layer of this encoder is not affine over the whole row: use enc"):
        exciting_inputs(ae)
    with pytest.raises(InvalidPart, match=r"^estimator must be an autoencoder\. Got 3\.$"):
        exciting_inputs(3)
