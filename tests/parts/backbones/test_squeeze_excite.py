"""The weighing of channels by hand, and where it stands: on the branch, before the addition."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits

from isthmus import Autoencoder
from isthmus.contracts import Row
from isthmus.core.parameter_specs import draw_weights, parameter_specs
from isthmus.errors import InvalidPart
from isthmus.parts.backbones import Residual, SqueezeExcite
from tiny import assembled

RANDOM = np.random.default_rng(0)
PART, ROW = SqueezeExcite((4, 6), reduction=2, activation="tanh"), Row((1, 7, 9))


def filled(skeleton: Any, scale: float = 0.5) -> Any:
    size = sum(spec.size for spec in parameter_specs(skeleton).values())
    return assembled(skeleton, scale * np.random.default_rng(0).normal(size=size))


def test_channels_are_weighed_by_hand() -> None:
    gate = PART.encoder(ROW)[0].layers[1].gate
    u = RANDOM.normal(size=(3, 4, 5, 4))
    with jax.enable_x64(True):
        gate = filled(gate, 1.0)
        found = np.asarray(jax.jit(gate.__call__)(u))
    mean = u.mean(axis=(1, 2))
    hidden = np.maximum(mean @ gate.squeeze.matrix + gate.squeeze.bias, 0)
    share = 1 / (1 + np.exp(-(hidden @ gate.excite.matrix + gate.excite.bias)))
    assert hidden.shape == (3, 2)
    assert (hidden == 0).any()
    np.testing.assert_allclose(found, u * share[:, None, None, :], rtol=1e-12)


@pytest.mark.parametrize("road", ["down", "up"])
def test_the_branch_is_weighed_and_the_shortcut_is_not(road: str) -> None:
    skeleton = PART.encoder(ROW)[0] if road == "down" else PART.decoder(ROW, 3)[0]
    block = skeleton.layers[1]
    side, channels = ((7, 9), 4) if road == "down" else ((4, 5), 4)
    x = RANDOM.normal(size=(2, *side, channels))
    with jax.enable_x64(True):
        block = filled(block)
        whole, branch, shortcut = jax.jit(
            lambda x: (
                block(x),
                block.second(jnp.tanh(block.first(jnp.tanh(x)))),
                x if block.shortcut is None else block.shortcut(x),
            )
        )(x)
        np.testing.assert_allclose(whole, block.gate(branch) + shortcut, rtol=1e-9)
    assert np.abs(whole - branch - shortcut).max() > 0.1


@pytest.mark.parametrize(("channels", "reduction", "few"), [(8, 4, 2), (8, 1, 8), (8, 3, 2), (4, 16, 1)])
def test_the_reduction(channels: int, reduction: int, few: int) -> None:
    gate = SqueezeExcite((channels,), reduction=reduction).encoder(ROW)[0].layers[1].gate
    assert gate.squeeze.matrix.shape == (channels, few)
    assert gate.excite.matrix.shape == (few, channels)


def test_it_starts_as_the_residual_network_of_the_same_start() -> None:
    """For a block starts as its shortcut, whatever the weights of its branch."""
    x = RANDOM.normal(size=(2, 63)).astype(np.float32)
    gated, plain = PART.encoder(ROW), Residual((4, 6), activation="tanh").encoder(ROW)
    assert gated[1] == plain[1]
    arrays = {path: RANDOM.normal(size=spec.shape) * spec.limit for path, spec in parameter_specs(gated[0]).items()}
    ends = [
        np.asarray(assembled(road, np.concatenate([arrays[path].ravel() for path in parameter_specs(road)]))(x, None))
        for road, _ in (gated, plain)
    ]
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-5)


def test_every_weight_of_a_block_learns() -> None:
    skeleton = PART.encoder(ROW)[0]
    flat, x = draw_weights(skeleton, 0), RANDOM.normal(size=(5, 63)).astype(np.float32)
    start = parameter_specs(skeleton)

    @jax.jit
    @jax.grad
    def slope(flat: Any) -> Any:
        return jnp.sum(jnp.square(assembled(skeleton, flat)(x, None) - 1))

    for _ in range(3):
        flat = flat - 0.01 * np.asarray(slope(flat))
    moved = np.abs(flat - draw_weights(skeleton, 0))
    offset = 0
    for path, spec in start.items():
        assert moved[offset : offset + spec.size].any(), path
        offset += spec.size


def test_training_lowers_the_loss_on_digits() -> None:
    x = load_digits().data[:200] / 16
    part = "squeeze_excite((8,), shape=(1, 8, 8))"
    ae = Autoencoder(8, encoder=part, scaling="none", optimizer="adam(0.01)", max_epochs=15).fit(x)
    losses = [record["loss"] for record in ae.history_]
    assert losses[-1] < 0.4 * losses[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reduction": 0}, "SqueezeExcite.reduction must be at least 1. Got 0."),
        ({"blocks": 0}, "SqueezeExcite.blocks must be in 1 to 100. Got 0."),
        ({"channels": (0,)}, "SqueezeExcite.channels must be 1 to 100 numbers of at least 1. Got (0,)."),
        ({"shape": (28,)}, "SqueezeExcite.shape must be (height, width) or (channels, height, width). Got (28,)."),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        SqueezeExcite(**settings)
    assert str(caught.value) == message


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidPart, match=r"^SqueezeExcite needs images, and a row of shape \(6,\) does not say which"):
        SqueezeExcite().encoder(Row((6,)))
    with pytest.raises(InvalidPart, match=r"^the output of SqueezeExcite must be a multiple of the 16 numbers"):
        SqueezeExcite().output_layer(Row((1, 4, 4)), 256, 24)
