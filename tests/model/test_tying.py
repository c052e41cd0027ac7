"""Tied weights: the decoder's matrices are the encoder's, transposed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import isthmus
from isthmus import Autoencoder, InvalidPart
from isthmus.contracts import Batch, Row
from isthmus.core.parameter_specs import assemble, draw_weights, fill_specs, parameter_specs
from isthmus.parts.optimizers import Sgd
from isthmus.training.objective import Plan, loss
from tiny import weight_arrays

X = np.random.default_rng(0).normal(size=(60, 5))


def fitted(**settings: Any) -> Autoencoder:
    own = {"bottleneck": 2, "encoder": "mlp((4, 3), activation=tanh)", "tied": True, "max_epochs": 4}
    return Autoencoder(**(own | settings)).fit(X)


def skeleton_of(columns: int, bottleneck: Any, encoder: str) -> Any:
    """Return the network of tied weights before it has any."""
    return Autoencoder(bottleneck, encoder=encoder, tied=True).resolve_parts().build(Row((columns,)))


def test_the_matrices_up_are_those_down_transposed() -> None:
    ae = fitted()
    model: Any = ae.model_
    down = [layer.affine.matrix for layer in model.encoder.layers] + [model.neck.affine.matrix]
    up = [layer.affine.matrix for layer in model.decoder.layers] + [model.head.affine.matrix]
    assert [matrix.shape for matrix in down] == [(5, 4), (4, 3), (3, 2)]
    for one, other in zip(reversed(down), up, strict=True):
        np.testing.assert_array_equal(one.T, other)
    free = fitted(tied=False)
    count = [sum(array.size for array in weight_arrays(each).values()) for each in (free, ae)]
    assert count[0] - count[1] == 5 * 4 + 4 * 3 + 3 * 2


def test_a_matrix_starts_between_the_sizes_that_each_way_asks_for() -> None:
    skeleton = skeleton_of(5, "deterministic(2, activation=sigmoid)", "mlp(())")
    # Down it would start within 4 sqrt(6 / 7), before a sigmoid, and up within sqrt(6 / 7).
    assert parameter_specs(skeleton)["neck.affine.matrix"].limit == pytest.approx(2 * np.sqrt(6 / 7))


def test_the_gradient_is_the_sum_of_both_ways() -> None:
    skeleton = skeleton_of(5, 2, "mlp((4,), activation=tanh)")
    plan, batch = Plan(None, (), Sgd()), Batch(jnp.array(X), jnp.ones(60))
    with jax.enable_x64(True):
        weights = draw_weights(skeleton, 0).astype(np.float64)

        @jax.jit
        def total(flat: Any) -> Any:
            return loss(assemble(skeleton, flat), plan, batch, jnp.int32(0), None)[0]

        gradient = np.asarray(jax.grad(total)(weights))
        nudges = 1e-6 * np.eye(len(weights))
        slope = [(total(weights + nudge) - total(weights - nudge)) / 2e-6 for nudge in nudges]
    np.testing.assert_allclose(gradient, slope, rtol=1e-5, atol=1e-7)


def test_a_saved_model_holds_each_matrix_once(tmp_path: Path) -> None:
    ae = fitted()
    ae.save(tmp_path / "m.safetensors")
    again = isthmus.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.reconstruct(X), ae.reconstruct(X))
    assert not any("decoder" in path and "matrix" in path for path in weight_arrays(ae))


def test_filling_turns_a_mirror() -> None:
    skeleton = skeleton_of(3, 2, "mlp(())")
    arrays = [jnp.arange(6.0).reshape(3, 2), jnp.zeros(2), jnp.ones(3)]
    model = fill_specs(skeleton, arrays)
    np.testing.assert_array_equal(model.head.affine.matrix, [[0, 2, 4], [1, 3, 5]])
    np.testing.assert_array_equal(model.head.affine.bias, [1, 1, 1])


@pytest.mark.parametrize(
    "settings",
    [{"decoder": "mlp((6,))"}, {"bottleneck": "variational(2)"}, {"decoder": "mlp(())"}],
)
def test_roads_that_do_not_mirror_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidPart, match=r"tied weights need a decoder that mirrors the encoder, matrix by matrix"):
        fitted(**settings)


def test_holes_are_refused() -> None:
    with pytest.raises(
        InvalidPart, match=r"^tied weights need rows of numbers, none of them NaN \(missing\): use tied=F"
    ):
        Autoencoder(2, tied=True).fit(np.where(X > 2, np.nan, X))
