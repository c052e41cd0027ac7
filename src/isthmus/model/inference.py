"""The compiled steps of use: encode, decode, explain, in blocks of one size.

Every row is computed by the same program whatever its company, so a row alone, in a batch or in another order
gives the same number to the bit, and another number of rows compiles nothing. Of a narrow network the program goes
through a block by few rows at a time, as far as there are any: a row alone does not take the time of a whole block.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import Outcome, TrainedNetwork
from isthmus.core.parameter_specs import assemble
from isthmus.core.programs import compiled
from isthmus.model.model import Model

BLOCK = 512  # rows
FEW = 128  # rows that a narrow network computes at a time
NARROW = 200_000  # weights at most: a wide one is faster by whole blocks, on several cores

_by_rows: set[Any] = set()  # the programs that go through a block by few rows


def by_rows(arrays: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile a function of weights, a model and `arrays` arrays of rows [n, ...]; what follows is for all rows.

    Given how many rows count, `count`, the program computes no more than those, filled up to `FEW`.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def whole(weights: Array, model: Model, *arguments: Array, count: Array | None = None) -> Any:
            rows, rest = arguments[:arrays], arguments[arrays:]
            if count is None or not _is_narrow(weights):
                return function(weights, model, *arguments)

            def few(i: Array) -> Any:
                own = [jax.lax.dynamic_slice_in_dim(array, i * FEW, FEW) for array in rows]
                return function(weights, model, *own, *rest)

            def put(i: Array, answer: Any) -> Any:
                return jax.tree.map(
                    lambda all_, some: jax.lax.dynamic_update_slice_in_dim(all_, some, i * FEW, axis=0), answer, few(i)
                )

            empty = jax.tree.map(
                lambda part: jnp.zeros((BLOCK, *part.shape[1:]), part.dtype), jax.eval_shape(few, jnp.int32(0))
            )
            return jax.lax.fori_loop(0, (count + FEW - 1) // FEW, put, empty)

        program = compiled(whole)
        _by_rows.add(program)
        return program

    return decorate


def runs(function: Callable[..., Any], weights: Array | np.ndarray, rows: float) -> float:
    """Return how many times a program, or the loop that it is, is run through for so many rows."""
    return rows / (FEW if function in _by_rows and _is_narrow(weights) else BLOCK)


def _is_narrow(weights: Array | np.ndarray) -> bool:
    return weights.size <= NARROW


@by_rows(1)
def encode(weights: Array, model: Model, x: Array) -> Array:
    """Return the point code of `x` [n, d], followed by what the decoder must know beside it, [n, size + c]."""
    code = assemble(model, weights).encode(x)
    return code.point if code.condition is None else jnp.concatenate([code.point, code.condition], axis=1)


@compiled
def encode_with_noise(weights: Array, model: Model, x: Array, key: Array) -> Array:
    """Return a draw of the code of `x` [n, d], followed by what the decoder must know beside it, [n, size + c]."""
    code = assemble(model, weights).encode(x, key, has_layer_noise=False)
    return code.draws[0] if code.condition is None else jnp.concatenate([code.draws[0], code.condition], axis=1)


@by_rows(1)
def decode(weights: Array, model: Model, code: Array) -> Array:
    """Return the expected rows [n, d] of `code` [n, size + c]."""
    network, condition = assemble(model, weights), code[:, model.size :] if model.condition else None
    return network.decode(network.neck.decoded(code[:, : model.size])[None], None, condition).mean()[0]


@compiled
def draw(weights: Array, model: Model, code: Array, key: Array) -> Array:
    """Return rows [n, d] drawn from p(x | z) for each of `code` [n, size + c]."""
    condition = code[:, model.size :] if model.condition else None
    return assemble(model, weights).decode(code[None, :, : model.size], None, condition).sample(key)[0]


@by_rows(1)
def reconstruct(weights: Array, model: Model, x: Array) -> Array:
    """Return the expected rows [n, d] of `x` [n, d]."""
    return _outcome(assemble(model, weights), x).mean()[0]


@by_rows(1)
def answer(weights: Array, model: Model, x: Array) -> Outcome:
    """Return the outcome of the targets of `x` [n, d], its arrays [n, t]."""
    network = assemble(model, weights)
    code = network.encode(x)
    return jax.tree.map(lambda array: array[0], network.answer(code.draws, code.condition))


@by_rows(1)
def expect(weights: Array, model: Model, x: Array) -> Array:
    """Return the expected targets [n, t] of `x` [n, d]."""
    return answer(weights, model, x).mean()


@by_rows(1)
def explain(weights: Array, model: Model, x: Array) -> Array:
    """Return minus the loss of `x` [n, d] by column, as it is trained, [n, d]; 0 where a value is missing."""
    outcome = _outcome(assemble(model, weights), x)
    return outcome.log_prob_by_column(x, ~jnp.isnan(x) if model.may_be_missing else None)[0]


@by_rows(1)
def log_density(weights: Array, model: Model, x: Array) -> Array:
    """Return the log-density of `x` [n, d] by column, [n, d]; 0 where a value is missing."""
    outcome = _outcome(assemble(model, weights), x)
    return outcome.log_density_by_column(x, ~jnp.isnan(x) if model.may_be_missing else None)[0]


@by_rows(2)
def log_density_as(weights: Array, model: Model, x: Array, cells: Array) -> Array:
    """Return the log-density of `cells` [n, d] given the code of `x` [n, d], by column; 0 where one is NaN."""
    outcome = _outcome(assemble(model, weights), x)
    return outcome.log_density_by_column(cells, ~jnp.isnan(cells))[0]


@by_rows(2)
def explain_as(weights: Array, model: Model, x: Array, cells: Array) -> Array:
    """Return minus the loss of `cells` [n, d] given the code of `x` [n, d], by column; 0 where one is NaN."""
    outcome = _outcome(assemble(model, weights), x)
    return outcome.log_prob_by_column(cells, ~jnp.isnan(cells))[0]


@by_rows(2)
def log_density_toward(weights: Array, model: Model, x: Array, cells: Array, trust: Array, log_shares: Array) -> Array:
    """Return `log_density_as` with categories pulled towards their shares, as `expectation_and_uncertainty` has it."""
    outcome = _outcome(assemble(model, weights), x).toward_shares(trust, log_shares)
    return outcome.log_density_by_column(cells, ~jnp.isnan(cells))[0]


@compiled
def expectation_and_uncertainty(
    weights: Array, model: Model, x: Array, key: Array, trust: Array, log_shares: Array
) -> tuple[Array, Array, Array]:
    """Return the expected rows of `x` [n, d], how uncertain each entry is (1 where that is not known), and a draw.

    An entry that is not there is expected given those that are, where the likelihood has columns go together; those are
    themselves. The other two are of each column by itself. Probabilities of categories are pulled towards their shares
    (see `Outcome.toward_shares`).
    """
    outcome = _outcome(assemble(model, weights), x).toward_shares(trust, log_shares)
    mean, uncertainty = outcome.conditional_mean(x, ~jnp.isnan(x))[0], outcome.uncertainty()
    uncertainty = (
        jnp.ones_like(mean) if uncertainty is None else jnp.where(jnp.isnan(uncertainty[0]), 1, uncertainty[0])
    )
    return mean, uncertainty, outcome.sample(key)[0]


@by_rows(1)
def error(weights: Array, model: Model, x: Array) -> Array:
    """Return the squared difference between `x` [n, d] and its expected rows, [n, d]; 0 where a value is missing."""
    difference = reconstruct(weights, model, x) - x
    return (jnp.nan_to_num(difference) if model.may_be_missing else difference) ** 2


def _outcome(network: Model, x: Array) -> Outcome:
    code = network.encode(x)
    return network.decode(code.draws, None, code.condition)


def trained_network(
    bind: Callable[[Callable[..., Any]], Callable[..., Any]],
    weights: np.ndarray,
    model: Model,
    rows: np.ndarray,
    sample: np.ndarray,
) -> TrainedNetwork:
    """Return what a bottleneck may ask of a model after training.

    Parameters
    ----------
    bind : gives a function of this module the weights and the model.
    weights, model : the model's, and its skeleton.
    rows : training rows [n, d], scaled.
    sample : some of them [m, d], for what is computed more than once.
    """

    def by_block(compute: Callable[..., Array], rows: np.ndarray) -> Iterator[np.ndarray]:
        return blockwise(bind(compute), iter([rows]))

    def baseline(codes: np.ndarray) -> np.ndarray:
        return np.asarray(assemble(model, weights).neck.baseline(jnp.asarray(codes[:, : model.size])))

    return TrainedNetwork(
        codes=lambda: by_block(encode, rows),
        sample=sample,
        encode=lambda rows: np.concatenate(list(by_block(encode, rows))),
        decode=lambda codes: np.concatenate(list(by_block(decode, codes))),
        baseline=baseline,
        is_number=np.ones(rows.shape[1], bool) if model.counts is None else np.array(model.counts) == 0,
    )


def blockwise_with_noise(
    function: Callable[..., Any], blocks: Iterator[np.ndarray], key: Array, numbers: Iterator[int] | None = None
) -> Iterator[Any]:
    """Yield `function` of the rows as `blockwise` does, each block with noise of its own: a key made of its number."""
    numbers = itertools.count() if numbers is None else numbers

    def of_block(block: np.ndarray, count: np.int32) -> Any:  # noqa: ARG001 -- the noise is that of a whole block
        return function(block, jax.random.fold_in(key, next(numbers)))

    return blockwise(of_block, blocks)


def blockwise(function: Callable[..., Any], blocks: Iterator[np.ndarray]) -> Iterator[Any]:
    """Yield `function` of the rows, an array or a tree of such, `BLOCK` at a time, the last ones filled up and cut.

    It is told as `count` how many of them are real.
    """
    for rows in blocks:
        for start in range(0, len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            count = len(block)
            if count < BLOCK:
                block = np.concatenate([block, np.zeros((BLOCK - count, *block.shape[1:]), block.dtype)])
            answer = function(block, count=np.int32(count))
            yield jax.tree.map(lambda array, count=count: np.asarray(array)[:count], answer)
