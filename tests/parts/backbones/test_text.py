"""The backbone for texts: convolutions by hand and by NumPy, ends of texts, and what is refused."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus import InvalidPart
from isthmus.contracts import Row
from isthmus.core.parameter_specs import draw_weights, with_values
from isthmus.layers.recurrence.windows import window
from isthmus.parts.backbones import Text
from tiny import assembled

ROW = Row((6,), categories=(9,) * 6, may_be_missing=True)
NAN = np.nan
X = np.array([[3, 4, 0, NAN, NAN, NAN], [5, 2, 8, 7, 1, 0]], np.float32)
ROADS = [{"road": "conv"}, {"road": "recurrent"}, {"road": "recurrent", "bidirectional": True}]

every_road = pytest.mark.parametrize("settings", ROADS, ids=["conv", "recurrent", "both ways"])


def built(road: tuple[Any, int], seed: int = 0) -> Any:
    return assembled(road[0], draw_weights(road[0], seed))


def test_a_convolution_is_that_of_numpy() -> None:
    layer = assembled(skeleton := window(3, 2, 4, Text().activation), draw_weights(skeleton, 0))
    x = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    kernel = np.asarray(layer.affine.matrix).reshape(3, 2, 4)
    wide = np.stack([sum(np.convolve(x[:, i], kernel[::-1, i, o], "same") for i in range(2)) for o in range(4)], axis=1)
    np.testing.assert_allclose(layer(jnp.array(x[None]))[0], np.tanh(wide), rtol=1e-5, atol=1e-6)


def test_an_even_kernel_sees_one_step_more_ahead() -> None:
    skeleton = window(2, 1, 1, Text(activation="identity").activation)
    weights = with_values(skeleton, draw_weights(skeleton, 0), {"affine.matrix": np.array([[1.0], [10.0]])})
    found = assembled(skeleton, weights)(jnp.array([[[1.0], [2.0], [3.0]]]))
    assert found.ravel().tolist() == [21.0, 32.0, 3.0]


def test_the_largest_of_each_unit_by_hand() -> None:
    part = Text((2,), embedding=1, kernel=1, activation="identity")
    skeleton, width = part.encoder(Row((3,), categories=(4,) * 3, may_be_missing=True))
    values = {"vectors": np.array([[0.5], [-1.0], [2.0], [-3.0]]), "layers.layers.0.affine.matrix": [[1.0, -1.0]]}
    module = assembled(skeleton, with_values(skeleton, draw_weights(skeleton, 0), values))
    assert width == 2
    assert module(jnp.array([[2.0, 1.0, 3.0], [3.0, 1.0, NAN]]), None).tolist() == [[2.0, 3.0], [-1.0, 3.0]]


@every_road
@pytest.mark.parametrize("pooling", ["max", "mean", "last"])
def test_what_lies_behind_the_end_changes_nothing(settings: dict[str, Any], pooling: str) -> None:
    part = Text((4, 3), embedding=5, pooling=pooling, **settings)
    long = built(part.encoder(ROW))
    short = built(part.encoder(Row((3,), categories=(9,) * 3, may_be_missing=True)))
    np.testing.assert_allclose(long(jnp.array(X), None)[0], short(jnp.array(X[:1, :3]), None)[0], rtol=1e-6, atol=1e-7)
    assert long.reads_missing


@every_road
def test_every_weight_learns(settings: dict[str, Any]) -> None:
    part = Text((4, 3), embedding=5, pooling="mean", **settings)
    for road, x in ((part.encoder(ROW), jnp.array(X)), (part.decoder(ROW, 2), jnp.array([[0.3, -1.0]]))):
        skeleton = road[0]
        weights = jnp.array(draw_weights(skeleton, 0))
        slope = jax.grad(lambda w, s=skeleton, x=x: jnp.sum(jnp.sin(3 * assembled(s, w)(x, None))))(weights)
        assert np.isfinite(slope).all()
        unseen = np.isin(np.arange(9), X[np.isfinite(X)].astype(int), invert=True).sum() * 5
        assert (np.asarray(slope) == 0).sum() <= (unseen if x.shape[1] == 6 else 0)


@every_road
def test_the_order_of_words_counts_where_all_steps_are_kept(settings: dict[str, Any]) -> None:
    part = Text((3,), embedding=4, pooling="none", **settings)
    skeleton, width = part.encoder(ROW)
    ways = 2 if settings.get("bidirectional") else 1
    assert width == 6 * 3 * ways
    found = built((skeleton, width))(jnp.array(X), None).reshape(2, 6, -1)
    assert not found[0, 3:].any()
    assert found[0, :3].all()


def test_dropout_is_for_training_only() -> None:
    module = built(Text((50,), dropout=0.5, pooling="none").encoder(ROW))
    still = np.asarray(module(jnp.array(X[1:]), None))
    noisy = np.asarray(module(jnp.array(X[1:]), jax.random.key(0)))
    assert 0.35 < (noisy == 0).mean() < 0.65
    np.testing.assert_allclose(noisy[noisy != 0], 2 * still[noisy != 0], rtol=1e-5)


def test_one_output_layer_serves_all_steps() -> None:
    part = Text((4,), embedding=3)
    skeleton = part.output_layer(ROW, part.decoder(ROW, 2)[1], 9 * 6)
    output_layer = assembled(skeleton, draw_weights(skeleton, 0))
    features = np.random.default_rng(0).normal(size=(2, 24)).astype(np.float32)
    found = output_layer(jnp.array(features)).reshape(2, 9, 6)
    expected = features.reshape(2, 6, 4) @ np.asarray(output_layer.affine.matrix)
    np.testing.assert_allclose(found, expected.transpose(0, 2, 1), rtol=1e-5, atol=1e-6)
    with pytest.raises(
        InvalidPart, match=r"^the output of Text must be a multiple of the 6 tokens of a row\. Got 7\.$"
    ):
        part.output_layer(ROW, 24, 7)


@pytest.mark.parametrize("row", [Row((6,)), Row((2,), categories=(3, 0)), Row((2, 3), categories=(3,) * 6)])
def test_rows_that_are_no_tokens_are_refused(row: Row) -> None:
    for road in (lambda: Text().encoder(row), lambda: Text().decoder(row, 2)):
        with pytest.raises(InvalidPart, match=r"^Text reads tokens in order, and these rows hold no such: pass texts"):
            road()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hidden": ()}, r"^Text\.hidden must be 1 to 100 widths of at least 1\. Got \(\)\.$"),
        ({"hidden": (0,)}, r"^Text\.hidden must be"),
        ({"embedding": 0}, r"^Text\.embedding must be at least 1\. Got 0\.$"),
        ({"kernel": 0}, r"^Text\.kernel must be at least 1\. Got 0\.$"),
        ({"dropout": 1.0}, r"^Text\.dropout must be in \[0, 1\)\. Got 1\.0\.$"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidPart, match=said):
        Text(**settings)
