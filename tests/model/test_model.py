"""The model: rows down to codes and up to outcomes, each row for itself."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.contracts import BackboneModule, Row
from isthmus.core.parameter_specs import assemble, draw_weights, parameter_specs
from isthmus.errors import InvalidPart
from isthmus.model.model import build
from isthmus.parts.backbones import MLP
from isthmus.parts.bottlenecks import Deterministic, TopK
from isthmus.parts.likelihoods import Bernoulli, SquaredError

COLUMNS, SIZE = 4, 3
X = np.random.default_rng(0).normal(size=(5, COLUMNS))


def shape_of(skeleton: Any, name: str) -> tuple[int, ...]:
    return parameter_specs(skeleton)[name].shape


def test_a_linear_model_by_hand() -> None:
    skeleton = build(Row((COLUMNS,)), MLP(()), Deterministic(SIZE), MLP(()), SquaredError())
    random = np.random.default_rng(1)
    down, offset = random.normal(size=(COLUMNS, SIZE)), random.normal(size=SIZE)
    up, center = random.normal(size=(SIZE, COLUMNS)), random.normal(size=COLUMNS)
    with jax.enable_x64(True):
        model = assemble(skeleton, np.concatenate([down.ravel(), offset, up.ravel(), center]))
        code = model.encode(jnp.array(X))
        np.testing.assert_allclose(code.point, X @ down + offset, rtol=1e-12)
        expected = (X @ down + offset) @ up + center
        outcome = model.decode(code.draws)
        np.testing.assert_allclose(outcome.mean(), expected[None], rtol=1e-12)
        np.testing.assert_allclose(outcome.log_prob(X), -((X - expected) ** 2).sum(axis=1)[None], rtol=1e-12)


def test_what_is_not_explained_is_not_answered() -> None:
    skeleton = build(Row((COLUMNS,)), MLP(()), Deterministic(SIZE), MLP(()), SquaredError())
    draws = np.zeros((1, 2, SIZE), np.float32)
    with pytest.raises(InvalidPart, match=r"^this network explains no target\.$"):
        assemble(skeleton, draw_weights(skeleton, 0)).answer(draws)
    headless = dataclasses.replace(skeleton, decoder=None, head=None)
    with pytest.raises(InvalidPart, match=r"^this network explains a target only: it reconstructs no rows\.$"):
        assemble(headless, draw_weights(headless, 0)).decode(draws)


def test_draws_of_a_code_are_decoded_side_by_side() -> None:
    skeleton = build(Row((COLUMNS,)), MLP((6,)), Deterministic(SIZE), MLP((6,), activation="tanh"), Bernoulli())
    model = assemble(skeleton, draw_weights(skeleton, 0))
    draws = np.random.default_rng(2).normal(size=(2, 5, SIZE)).astype(np.float32)
    together = model.decode(jnp.array(draws))
    assert together.mean().shape == (2, 5, COLUMNS)
    for k in range(2):
        np.testing.assert_allclose(together.mean()[k], model.decode(draws[k : k + 1]).mean()[0], rtol=1e-6)


def test_the_roads_may_differ() -> None:
    skeleton = build(Row((COLUMNS,)), MLP((7, 6)), TopK(9, k=2), MLP((5,)), SquaredError())
    assert shape_of(skeleton, "encoder.layers.1.affine.matrix") == (7, 6)
    assert shape_of(skeleton, "neck.affine.matrix") == (6, 9)
    assert shape_of(skeleton, "decoder.layers.0.affine.matrix") == (9, 5)
    assert shape_of(skeleton, "head.affine.matrix") == (5, COLUMNS)


@pytest.mark.parametrize("key", [None, 0])
def test_without_a_key_nothing_is_drawn(key: int | None) -> None:
    road = MLP((50,), activation="tanh", dropout=0.5)
    skeleton = build(Row((COLUMNS,)), road, Deterministic(SIZE), road, SquaredError())
    model = assemble(skeleton, draw_weights(skeleton, 0))

    @jax.jit
    def through(x: Any, key: Any) -> Any:
        return model.decode(model.encode(x, key).draws, key).mean()

    x = jnp.array(X, jnp.float32)
    keys = [None, None] if key is None else [jax.random.key(key), jax.random.key(key + 1)]
    first, second = (np.asarray(through(x, k)) for k in keys)
    assert (first == second).all() == (key is None)


def test_the_two_roads_draw_their_own_noise() -> None:
    road = MLP((200,), activation="softplus", dropout=0.5)
    skeleton = build(Row((200,)), road, Deterministic(200), road, SquaredError())
    model = assemble(skeleton, draw_weights(skeleton, 0))

    class Road(BackboneModule):
        """A road that tells its key instead of walking."""

        def __call__(self, x: Any, key: Any) -> Any:
            keys.append(key)
            return x

    keys: list[Any] = []
    told = dataclasses.replace(model, encoder=Road(), decoder=Road())
    told.decode(told.encode(jnp.ones((1, 200)), jax.random.key(0)).draws, jax.random.key(0))
    assert len({tuple(jax.random.key_data(key).tolist()) for key in keys}) == 2
