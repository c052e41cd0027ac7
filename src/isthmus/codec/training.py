"""How the network of a codec learns: in floats, before it is rounded to whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from isthmus.core.programs import compiled, drop_programs

BATCH = 256
ROUND = 100  # steps in one compiled call
RATE = 0.01
WIDEST = 4.0  # what a hidden unit can be at most


class Weights(NamedTuple):
    """The weights of a network, in floats."""

    inputs: Any  # [features, hidden]: what each feature adds to the hidden units
    hidden_bias: Any  # [columns, hidden]
    outputs: Any  # [symbols, hidden]
    output_bias: Any  # [symbols]


def train(
    features: np.ndarray,
    before: np.ndarray,
    symbols: np.ndarray,
    sizes: Sequence[int],
    n_features: int,
    hidden: int,
    steps: int,
    seed: int,
) -> Weights:
    """Return the weights of a network that predicts the symbols of each column from the columns before it.

    Parameters
    ----------
    features : [n, columns, 2] int32, places among the inputs, of what is known once a column is; `n_features` for none.
    before : [n, any] int32, places among the inputs, of what is known before the first column; likewise.
    symbols : [n, columns] int32, to be predicted.
    sizes : of the alphabets.
    """
    drop_programs()
    random = np.random.Generator(np.random.Philox([seed, 17]))
    starts = np.cumsum([0, *sizes])
    counts = np.concatenate([np.bincount(symbols[:, j], minlength=size) for j, size in enumerate(sizes)])
    weights = Weights(
        jnp.asarray(random.normal(0, 0.2, (n_features, hidden)), jnp.float32),
        jnp.asarray(random.uniform(0, 1, (len(sizes), hidden)), jnp.float32),
        jnp.asarray(random.normal(0, 0.05, (starts[-1], hidden)), jnp.float32),
        jnp.asarray(np.log(counts + 0.05), jnp.float32),
    )
    optimizer = optax.adam(optax.cosine_decay_schedule(RATE, steps))
    buckets = bucketed(sizes)
    data = [jnp.asarray(array) for array in (features, before, symbols)]

    def loss_of(weights: Weights, batch: Any) -> Any:
        features, before, symbols = batch
        return -log_likelihood(weights, features, before, symbols, starts, buckets).sum(axis=1).mean()

    def step(state: Any, key: Any) -> Any:
        weights, memory = state
        chosen = jax.random.randint(key, (BATCH,), 0, len(symbols))
        loss, slope = jax.value_and_grad(loss_of)(weights, [array[chosen] for array in data])
        change, memory = optimizer.update(slope, memory, weights)
        return (optax.apply_updates(weights, change), memory), loss

    def run(state: Any, key: Any) -> Any:
        return jax.lax.scan(step, state, jax.random.split(key, ROUND))

    program = compiled(run)
    state, key = (weights, optimizer.init(weights)), jax.random.key(seed)
    for place in range(-(-steps // ROUND)):
        state, _ = program(state, jax.random.fold_in(key, place))
    return jax.tree.map(np.asarray, state[0])


def bucketed(sizes: Sequence[int]) -> list[list[int]]:
    """Return the columns in groups of about the same size of alphabet: each group is one product."""
    groups: dict[int, list[int]] = {}
    for column, size in enumerate(sizes):
        groups.setdefault(max(int(size - 1).bit_length(), 3), []).append(column)
    return list(groups.values())


def log_likelihood(weights: Weights, features: Any, before: Any, symbols: Any, starts: Any, buckets: Any) -> Any:
    """Return the log-probability of each symbol, [n, columns], in nats."""
    inputs = jnp.pad(weights.inputs, ((0, 1), (0, 0)))
    known = inputs[features].sum(axis=2)  # [n, columns, hidden]
    total = jnp.cumsum(known, axis=1) - known + inputs[before].sum(axis=1)[:, None]
    h = jnp.clip(total + weights.hidden_bias, 0, WIDEST)
    answer = jnp.zeros(symbols.shape, h.dtype)
    sizes = np.diff(starts)
    for group in buckets:
        columns, most = np.array(group), max(sizes[group])
        places = starts[columns][:, None] + np.minimum(np.arange(most), sizes[columns][:, None] - 1)
        is_padding = np.arange(most) >= sizes[columns][:, None]
        logits = jnp.einsum("ngh,gkh->ngk", h[:, columns], weights.outputs[places]) + weights.output_bias[places]
        logits = jax.nn.log_softmax(jnp.where(is_padding, -1e9, logits))
        chosen = jnp.take_along_axis(logits, symbols[:, columns, None], axis=2)[..., 0]
        answer = answer.at[:, columns].set(chosen)
    return answer
