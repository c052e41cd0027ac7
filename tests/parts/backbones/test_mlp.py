"""The multilayer perceptron against the same layers in NumPy."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus import Autoencoder
from isthmus.contracts import Row
from isthmus.core.parameter_specs import assemble, draw_weights, parameter_specs
from isthmus.errors import InvalidPart
from isthmus.parts.backbones import MLP

X = np.random.default_rng(0).normal(size=(6, 5))


def shapes(module: Any) -> list[tuple[int, ...]]:
    return [spec.shape for name, spec in parameter_specs(module).items() if name.endswith("matrix")]


def filled(module: Any, seed: int = 0) -> tuple[Any, np.ndarray]:
    """Return the module with random weights, its biases too, and the weights."""
    flat = np.random.default_rng(seed).normal(size=sum(spec.size for spec in parameter_specs(module).values()))
    return assemble(module, flat), flat


def forward(x: np.ndarray, flat: np.ndarray, widths: tuple[int, ...]) -> np.ndarray:
    """Return tanh layers by hand: each takes its matrix, row by row, then its bias."""
    for width in widths:
        inputs = x.shape[1]
        matrix, bias, flat = np.split(flat, [inputs * width, (inputs + 1) * width])
        x = np.tanh(x @ matrix.reshape(inputs, width) + bias)
    assert not len(flat)
    return x


@pytest.mark.parametrize("hidden", [(7,), (7, 4), (8, 3, 6)], ids=str)
def test_both_roads_by_hand(hidden: tuple[int, ...]) -> None:
    part = MLP(hidden, activation="tanh")
    down, width = part.encoder(Row((5,)))
    up, end = part.decoder(Row((5,)), 2)
    assert (width, end) == (hidden[-1], hidden[0])
    with jax.enable_x64(True):
        module, flat = filled(down)
        np.testing.assert_allclose(jax.jit(lambda x: module(x, None))(X), forward(X, flat, hidden), rtol=1e-10)
        module, flat = filled(up)
        code = X[:, :2]
        np.testing.assert_allclose(jax.jit(lambda z: module(z, None))(code), forward(code, flat, hidden[::-1]), 1e-10)


def test_the_decoder_mirrors_the_encoder() -> None:
    part = MLP((64, 32, 16))
    assert shapes(part.encoder(Row((9,)))[0]) == [(9, 64), (64, 32), (32, 16)]
    assert shapes(part.decoder(Row((9,)), 4)[0]) == [(4, 16), (16, 32), (32, 64)]


def test_no_hidden_layer_is_the_row_as_it_is() -> None:
    down, width = MLP(()).encoder(Row((5,)))
    up, end = MLP(()).decoder(Row((5,)), 2)
    assert (width, end) == (5, 2)
    assert parameter_specs(down) == parameter_specs(up) == {}
    np.testing.assert_array_equal(down(X, jax.random.key(0)), X)


def test_a_row_of_several_axes_is_laid_flat() -> None:
    down, width = MLP(()).encoder(Row((2, 3)))
    assert width == 6
    np.testing.assert_array_equal(down(np.arange(12).reshape(2, 2, 3), None), np.arange(12).reshape(2, 6))


@pytest.mark.parametrize(
    ("columns", "widths"),
    # About four times the columns, a power of two within 64 and 512, then half.
    [(1, (64, 32)), (9, (64, 32)), (16, (64, 32)), (32, (128, 64)), (64, (256, 128)), (784, (512, 256))],
)
def test_the_widths_that_are_chosen(columns: int, widths: tuple[int, int]) -> None:
    assert shapes(MLP().encoder(Row((columns,)))[0]) == [(columns, widths[0]), widths]


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "identity"])
def test_weights_start_within_the_limit_of_their_activation(activation: str) -> None:
    part = MLP((40,), activation=activation)
    down, _ = part.encoder(Row((20,)))
    gain = {"sigmoid": 4.0, "tanh": 1.0, "relu": 2**0.5, "identity": 1.0}[activation]
    limit = gain * np.sqrt(6 / (20 + 40))
    flat = draw_weights(down, 0)
    matrix, bias = flat[:800], flat[800:]
    assert (bias == 0).all()
    assert np.abs(matrix).max() <= limit
    assert np.abs(matrix).max() > 0.98 * limit
    assert matrix.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)


def test_dropout_keeps_the_expectation_and_drops_its_share() -> None:
    dropout, rows, width = 0.25, 400, 50
    module = MLP((width,), activation="sigmoid", dropout=dropout).encoder(Row((5,)))[0]
    network, _ = filled(module)
    x = np.repeat(X[:1], rows, axis=0)
    plain = np.asarray(network(x, None))
    noisy = np.asarray(jax.jit(network.__call__)(x, jax.random.key(0)))
    is_dropped = noisy == 0
    assert abs(is_dropped.mean() - dropout) < 4 * np.sqrt(dropout * (1 - dropout) / is_dropped.size)
    np.testing.assert_allclose(noisy[~is_dropped], plain[~is_dropped] / (1 - dropout), rtol=1e-5)
    error = np.sqrt(dropout / (1 - dropout) / rows)  # of the mean of a unit, relative
    assert np.abs(noisy.mean(axis=0) / plain[0] - 1).max() < 4.5 * error


def test_dropout_is_drawn_anew_in_each_layer_for_each_row_and_key() -> None:
    network, _ = filled(MLP((30, 30), activation="softplus", dropout=0.5).encoder(Row((5,)))[0])
    compiled = jax.jit(network.__call__)
    one, other = (np.asarray(compiled(X, jax.random.key(seed))) == 0 for seed in (0, 1))
    assert (one != other).any()
    assert (one[0] != one[1]).any()
    # Both layers have 30 units: were they dropped alike, no unit would differ.
    alone, _ = filled(MLP((30,), activation="softplus", dropout=0.5).encoder(Row((5,)))[0])
    assert ((np.asarray(jax.jit(alone.__call__)(X, jax.random.key(0))) == 0) != one).any()


def test_inference_knows_no_dropout() -> None:
    plain, flat = filled(MLP((7,), activation="tanh").encoder(Row((5,)))[0])
    dropped = assemble(MLP((7,), activation="tanh", dropout=0.9).encoder(Row((5,)))[0], flat)
    np.testing.assert_array_equal(dropped(jnp.array(X), None), plain(jnp.array(X), None))
    np.testing.assert_array_equal(plain(jnp.array(X), jax.random.key(0)), plain(jnp.array(X), None))


def test_dropout_is_that_of_the_lecture_with_the_weights_above_divided() -> None:
    """There a dropped network computes (m a) V and inference (1 - p) a V; here V' = (1 - p) V stands above."""
    p, rows, above = 0.4, 300, np.random.default_rng(1).normal(size=(8, 3))
    network, flat = filled(MLP((8,), activation="sigmoid", dropout=p).encoder(Row((5,)))[0])
    x = np.repeat(X[:1], rows, axis=0)
    units = 1 / (1 + np.exp(-(x @ flat[:40].reshape(5, 8) + flat[40:])))
    noisy = np.asarray(network(jnp.array(x), jax.random.key(3)))
    mask = noisy > 0
    np.testing.assert_allclose(noisy @ ((1 - p) * above), (mask * units) @ above, rtol=1e-4, atol=1e-5)
    clean = np.asarray(network(jnp.array(x), None))
    np.testing.assert_allclose(clean @ ((1 - p) * above), (1 - p) * units @ above, rtol=1e-4, atol=1e-5)
    # E r = (1 - p) a + p · 0
    error = units[0] * np.sqrt(p * (1 - p) / rows)
    assert (np.abs((mask * units).mean(axis=0) - (1 - p) * units[0]) < 4 * error).all()


def test_a_rate_is_data_and_a_rate_of_zero_is_structure() -> None:
    plain, *dropping = (MLP((7,), dropconnect=p).encoder(Row((5,)))[0] for p in (0.0, 0.2, 0.5))
    assert jax.tree.structure(dropping[0]) == jax.tree.structure(dropping[1])
    assert jax.tree.structure(plain) != jax.tree.structure(dropping[0])
    network, _ = filled(plain)
    drawing = "random_bits"
    assert drawing not in str(jax.make_jaxpr(network.__call__)(X, jax.random.key(0)))
    network, _ = filled(dropping[0])
    assert drawing in str(jax.make_jaxpr(network.__call__)(X, jax.random.key(0)))
    assert drawing not in str(jax.make_jaxpr(lambda x: network(x, None))(X))


def test_inference_knows_no_dropconnect() -> None:
    plain, flat = filled(MLP((7,), activation="tanh").encoder(Row((5,)))[0])
    dropped = assemble(MLP((7,), activation="tanh", dropconnect=0.9).encoder(Row((5,)))[0], flat)
    np.testing.assert_array_equal(dropped(jnp.array(X), None), plain(jnp.array(X), None))


@pytest.mark.parametrize("setting", ["dropout", "dropconnect"])
def test_a_rate_reaches_training_and_not_inference(setting: str) -> None:
    common = {"bottleneck": 2, "max_epochs": 1, "batch_size": 6, "optimizer": "sgd(1e-30)"}
    plain, noisy, other = (
        Autoencoder(encoder=f"mlp((7,), {setting}={rate})", **common).fit(X) for rate in (0.0, 0.4, 0.8)
    )
    losses = [ae.history_[0]["loss"] for ae in (plain, noisy, other)]
    assert len(set(losses)) == 3
    # Steps of 1e-30 change nothing: the weights are the same, and so is what they compute without noise.
    np.testing.assert_array_equal(noisy.reconstruct(X), plain.reconstruct(X))
    clean = np.square(plain.reconstruct(X) - X) / X.var(axis=0)  # the loss is of scaled rows
    assert losses[0] == pytest.approx(clean.sum(axis=1).mean(), rel=1e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dropconnect": 1.0}, "MLP.dropconnect must be in [0, 1). Got 1.0."),
        ({"dropconnect": -0.1}, "MLP.dropconnect must be in [0, 1). Got -0.1."),
        ({"ranks": 1}, "MLP.ranks must be 0, or from 2 to 10000. Got 1."),
        ({"ranks": -1}, "MLP.ranks must be 0, or from 2 to 10000. Got -1."),
        ({"dropout": 1.0}, "MLP.dropout must be in [0, 1). Got 1.0."),
        ({"dropout": -0.1}, "MLP.dropout must be in [0, 1). Got -0.1."),
        ({"hidden": (8, 0)}, "MLP.hidden must be widths of at least 1. Got (8, 0)."),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        MLP(**settings)
    assert str(caught.value) == message
