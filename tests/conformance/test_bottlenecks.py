"""What every neck keeps: codes of its size, no noise at inference, and two steps of training lower its loss."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.contracts import Batch, ForwardPass, Row, TrainedNetwork
from isthmus.core.parameter_specs import assemble, draw_weights
from isthmus.core.registry import find_part, part_names
from isthmus.errors import InvalidPart
from isthmus.model.model import build
from isthmus.parts.backbones import MLP
from isthmus.parts.likelihoods import SquaredError
from isthmus.parts.optimizers import Sgd
from isthmus.training.objective import Plan, loss

ROWS, COLUMNS, WIDTH = 30, 6, 5
X = (np.random.default_rng(0).normal(size=(ROWS, 2)) @ np.ones((2, COLUMNS))).astype(np.float32)
RANDOM = np.random.default_rng(2)
HIDDEN = np.random.default_rng(1).normal(size=(ROWS, WIDTH)).astype(np.float32)

every = pytest.mark.parametrize("name", part_names("bottlenecks"))


@every
def test_codes_have_the_shapes_and_the_size_it_promises(name: str, example: Callable[[Any], Any]) -> None:
    part = example(find_part("bottlenecks", name))
    skeleton = part.build(WIDTH)
    neck = assemble(skeleton, draw_weights(skeleton, 0))
    for key in (None, jax.random.key(0)):
        code = jax.eval_shape(neck.__call__, HIDDEN, key)
        draws = code.draws.shape[0]
        assert code.draws.shape == (draws, ROWS, part.size)
        assert draws == 1 or key is not None
        assert code.point.shape == (ROWS, part.size)
        batch = Batch(X, np.ones(ROWS, np.float32), np.arange(ROWS, dtype=np.int32) % 2)

        def terms(code: Any, key: Any = key, batch: Any = batch) -> Any:
            forward = ForwardPass(batch, batch.x, code, None, None, jnp.int32(0), key)  # type: ignore[arg-type]
            return neck.terms(jnp.ones((code.draws.shape[0], ROWS)), forward), neck.discriminator_terms(
                forward
            ) if key is not None else {}

        for found in jax.eval_shape(terms, code):
            assert all(term.shape in ((), (ROWS,)) for term in found.values())


@every
def test_inference_is_without_noise(name: str, example: Callable[[Any], Any]) -> None:
    skeleton = example(find_part("bottlenecks", name)).build(WIDTH)
    neck = jax.jit(assemble(skeleton, draw_weights(skeleton, 0)).__call__)
    first, again = neck(HIDDEN, None), neck(HIDDEN, None)
    np.testing.assert_array_equal(first.point, again.point)
    np.testing.assert_array_equal(first.draws, again.draws)
    np.testing.assert_array_equal(neck(HIDDEN, jax.random.key(0)).point, first.point)


@every
def test_two_steps_lower_the_loss(name: str, example: Callable[[Any], Any]) -> None:
    part, road = example(find_part("bottlenecks", name)), MLP((WIDTH,), activation="tanh")
    skeleton = build(Row((COLUMNS,)), road, part, road, SquaredError())
    batch, plan = Batch(jnp.array(X), jnp.ones(ROWS)), Plan(None, (), Sgd())

    @jax.jit
    @jax.value_and_grad
    def evaluate(weights: Any) -> Any:
        return loss(assemble(skeleton, weights), plan, batch, jnp.int32(0), None)[0]

    weights = draw_weights(skeleton, 0)
    losses = []
    for _ in range(3):
        value, gradient = evaluate(weights)
        losses.append(float(value))
        weights = weights - 1e-3 * np.asarray(gradient)
    assert losses[2] < losses[1] < losses[0]


@every
def test_what_it_learns_after_training_passes_through_a_file(name: str, example: Callable[[Any], Any]) -> None:
    part = example(find_part("bottlenecks", name))
    codes = RANDOM.normal(size=(ROWS, part.size))
    codes[:, 0] = 0
    network = TrainedNetwork(
        codes=lambda: iter([codes[:10], codes[10:]]),
        sample=X,
        encode=lambda rows: codes,
        decode=lambda codes: np.resize(codes, X.shape),
        baseline=lambda codes: np.zeros(part.size),
    )
    facts, after = part.finish(network)
    assert tuple(facts) == part.fact_names
    assert after.size <= part.size
    stored = json.loads(json.dumps({fact: value.tolist() for fact, value in facts.items()}))
    again = after.check_facts(stored)
    assert list(again) == list(facts)
    for fact, value in facts.items():
        np.testing.assert_array_equal(again[fact], value)
        for wrong in (None, "x", [], {}, ["x"], [1e999]):
            if wrong != stored[fact] and not (fact == "dead_units" and wrong == []):
                with pytest.raises(InvalidPart, match=f"^{fact} must be "):
                    after.check_facts({fact: wrong})
