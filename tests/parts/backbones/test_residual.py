"""Residual blocks by hand, as identities at the start, and deep."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import correlate2d
from sklearn.datasets import load_digits

from isthmus import Autoencoder
from isthmus.contracts import Batch, Row
from isthmus.core.parameter_specs import assemble, draw_weights, fill_specs, parameter_specs, split_weights
from isthmus.errors import InvalidPart
from isthmus.model.model import build
from isthmus.parts.backbones import Residual
from isthmus.parts.bottlenecks import Deterministic
from isthmus.parts.likelihoods import SquaredError
from isthmus.parts.optimizers import Adam
from isthmus.training.objective import Plan, loss

RANDOM = np.random.default_rng(0)
SHAPES = ((1, 7, 9), (1, 28, 28), (2, 5, 5), (3, 64, 64))


def started(skeleton: Any) -> Any:
    """Return the module with starting weights in double precision."""
    return assemble(skeleton, draw_weights(skeleton, 0).astype(np.float64))


def filled(skeleton: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """Return the module with random weights, its biases too, and the weights by path."""
    flat = 0.5 * np.random.default_rng(0).normal(size=sum(spec.size for spec in parameter_specs(skeleton).values()))
    arrays = split_weights(skeleton, flat)
    return fill_specs(skeleton, arrays), dict(zip(parameter_specs(skeleton), arrays, strict=True))


def conv(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, stride: int = 1) -> np.ndarray:
    """Return the convolution of `x` [n, h, w, c], half padding, by SciPy."""
    side = round((kernel.shape[0] / x.shape[-1]) ** 0.5)
    weights = kernel.reshape(side, side, x.shape[-1], -1)
    planes = [
        [
            sum(correlate2d(image[:, :, c], weights[:, :, c, o], mode="same") for c in range(x.shape[-1]))
            for o in range(weights.shape[-1])
        ]
        for image in x
    ]
    return np.moveaxis(np.array(planes), 1, -1)[:, ::stride, ::stride] + bias


def test_the_encoder_by_hand() -> None:
    x = RANDOM.normal(size=(2, 2, 7, 9))
    road, width = Residual((3, 4), activation="tanh").encoder(Row((2, 7, 9)))
    with jax.enable_x64(True):
        module, w = filled(road)
        found = np.asarray(jax.jit(lambda x: module(x, None))(x.reshape(2, -1)))

    def layer(h: np.ndarray, name: str, stride: int = 1) -> np.ndarray:
        return conv(h, w[f"layers.{name}.kernel"], w[f"layers.{name}.bias"], stride)

    h = layer(np.moveaxis(x, 1, -1), "0")
    for block in (1, 2):
        branch = layer(np.tanh(layer(np.tanh(h), f"{block}.first", 2)), f"{block}.second")
        h = branch + layer(h, f"{block}.shortcut.convolution", 2)
    assert width == 2 * 3 * 4
    np.testing.assert_allclose(found, np.tanh(h).reshape(2, width), rtol=1e-9)


def test_the_shortcut_of_the_decoder_repeats_pixels() -> None:
    """At the start a block is its shortcut: each pixel four times, what is beyond the size cut off, and projected."""
    part, row = Residual((2, 3), activation="identity"), Row((1, 7, 9))
    road, end = part.decoder(row, 4)
    code = RANDOM.normal(size=(2, 4))
    with jax.enable_x64(True):
        module = started(road)
        found = np.asarray(jax.jit(lambda z: module(z, None))(code))
        h = (code @ module.affine.matrix).reshape(2, 2, 3, 3)
        for block, (high, wide) in zip(module.layers, [(4, 5), (7, 9)], strict=False):
            h = np.kron(h, np.ones((1, 2, 2, 1)))[:, :high, :wide] @ block.shortcut.convolution.kernel
    assert end == 7 * 9 * 2
    np.testing.assert_allclose(found, h.reshape(2, end), rtol=1e-9)


def test_a_block_that_keeps_the_shape_starts_as_the_identity() -> None:
    part = Residual((3,), blocks=2, stride=1, activation="tanh")
    down, up = part.encoder(Row((1, 7, 9)))[0], part.decoder(Row((1, 7, 9)), 5)[0]
    with jax.enable_x64(True):
        for skeleton in (down, up):
            module = started(skeleton)
            image = jnp.array(RANDOM.normal(size=(2, 7, 9, 3)))
            blocks = [layer for layer in module.layers if hasattr(layer, "shortcut")]
            assert len(blocks) == 2
            for block in blocks:
                assert block.shortcut is None
                assert np.any(block.first.kernel)
                np.testing.assert_array_equal(jax.jit(block.__call__)(image), image)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_way_up_goes_through_the_sizes_of_the_way_down(shape: tuple[int, ...], stride: int) -> None:
    part, row = Residual((2, 4), blocks=2, stride=stride), Row(shape)
    down, width = part.encoder(row)
    height, across = (len(range(0, len(range(0, side, stride)), stride)) for side in shape[1:])
    assert width == 4 * height * across
    up, end = part.decoder(row, 5)
    assert end == 2 * shape[1] * shape[2]
    for module, size, expected in ((down, row.size, width), (up, 5, end)):
        walk = assemble(module, draw_weights(module, 0))
        found = jax.eval_shape(lambda x, walk=walk: walk(x, None), jax.ShapeDtypeStruct((3, size), np.float32))
        assert found.shape == (3, expected)
    output_layer = part.output_layer(row, end, 2 * row.size)
    walk = assemble(output_layer, draw_weights(output_layer, 0))
    assert jax.eval_shape(walk.__call__, jax.ShapeDtypeStruct((3, end), np.float32)).shape == (3, 2 * row.size)


def test_the_gradient_is_the_slope() -> None:
    part = Residual((2, 3), activation="tanh")
    skeleton = build(Row((1, 7, 9)), part, Deterministic(3), part, SquaredError())
    x, count = RANDOM.normal(size=(3, 63)), sum(spec.size for spec in parameter_specs(skeleton).values())
    with jax.enable_x64(True):
        flat, batch = 0.3 * np.random.default_rng(1).normal(size=count), Batch(jnp.array(x), jnp.ones(3))

        @jax.jit
        @jax.value_and_grad
        def total(flat: Any) -> Any:
            return loss(assemble(skeleton, flat), Plan(None, (), Adam()), batch, jnp.int32(0), None)[0]

        gradient = total(flat)[1]
        for direction in np.random.default_rng(2).normal(size=(8, count)):
            slope = (total(flat + 1e-6 * direction)[0] - total(flat - 1e-6 * direction)[0]) / 2e-6
            np.testing.assert_allclose(gradient @ direction, slope, rtol=1e-6, atol=1e-6)


def test_a_deep_network_starts_with_the_signal_and_the_gradient_of_a_shallow_one() -> None:
    x = RANDOM.normal(size=(16, 64)).astype(np.float32)
    spread, slope = [], []
    for blocks in (1, 12):
        part = Residual((4,), blocks=blocks, stride=1)
        skeleton = part.encoder(Row((1, 8, 8)))[0]
        weights = draw_weights(skeleton, 0)
        value, gradient = jax.jit(jax.value_and_grad(lambda w, s=skeleton: jnp.sum(assemble(s, w)(x, None))))(weights)
        spread.append(float(value))
        slope.append(np.asarray(gradient)[: 9 * 4])  # of the first kernel
    assert spread[1] == pytest.approx(spread[0], rel=1e-5)
    np.testing.assert_allclose(slope[1], slope[0], rtol=1e-4, atol=1e-3)


def test_training_lowers_the_loss_on_digits() -> None:
    x = load_digits().data[:300] / 16
    part = "residual((8,), shape=(1, 8, 8))"
    ae = Autoencoder(8, encoder=part, scaling="none", optimizer="adam(0.01)", max_epochs=15).fit(x)
    losses = [record["loss"] for record in ae.history_]
    assert losses[-1] < 0.3 * losses[0]
    assert ae.reconstruction_error(x).mean() < 0.6 * np.square(x - x.mean(axis=0)).sum(axis=1).mean()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": ()}, "Residual.channels must be 1 to 100 numbers of at least 1. Got ()."),
        ({"blocks": 0}, "Residual.blocks must be in 1 to 100. Got 0."),
        ({"blocks": 101}, "Residual.blocks must be in 1 to 100. Got 101."),
        ({"kernel": 0}, "Residual.kernel must be in 1 to 31. Got 0."),
        ({"stride": 0}, "Residual.stride must be at least 1. Got 0."),
        ({"shape": (28,)}, "Residual.shape must be (height, width) or (channels, height, width). Got (28,)."),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        Residual(**settings)
    assert str(caught.value) == message


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidPart, match=r"^Residual needs images, and a row of shape \(784,\).*shape=\(1, 28, 28\)"):
        Residual().encoder(Row((784,)))
    with pytest.raises(InvalidPart) as caught:
        Residual().output_layer(Row((1, 4, 4)), 256, 24)
    assert str(caught.value) == "the output of Residual must be a multiple of the 16 numbers of a row. Got 24."
