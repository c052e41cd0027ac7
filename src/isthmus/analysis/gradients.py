"""A check of gradients: automatic differentiation against finite differences."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array

from isthmus.contracts import LAST_STEP
from isthmus.core.constraints import Seed, Whole, is_number
from isthmus.core.parameter_specs import parameter_specs, weight_range
from isthmus.core.programs import compiled
from isthmus.errors import InvalidData, require
from isthmus.estimators._device import on_device
from isthmus.estimators._dry_run import Stage, dry_run
from isthmus.estimators._encoder import Encoder
from isthmus.estimators._seeds import seed_of
from isthmus.training import step as steps
from isthmus.training.epoch import shuffled_batches

PRECISION = float(np.finfo(np.float64).eps)
STEPS = {"forward": PRECISION ** (1 / 2), "central": PRECISION ** (1 / 3)}
"""Where the error of the difference, O(ε) or O(ε²), meets that of rounding, O(precision / ε)."""


@dataclass(frozen=True, eq=False)
class GradientCheck:
    """The result of `check_gradients`; printed, it is a table.

    An error is |autodiff − difference| over the largest of |autodiff|, |difference| and the root mean square of the
    slopes checked: the difference of a slope far below the others is rounding.
    """

    weights: int  # K, of the model
    checked: int
    loss: float
    forward_error: float  # the largest
    central_error: float
    worst: str  # the weight of the largest central error, as "encoder.layers.0.affine.matrix[2, 0]"
    evaluations: Mapping[str, int]  # of the loss by method; "autodiff" takes one, of loss and gradient together
    seconds: Mapping[str, float]  # of those evaluations, compiled before
    slopes: pd.DataFrame = field(repr=False)  # autodiff, forward, central, error of each weight, the worst first

    def __str__(self) -> str:
        errors = {"autodiff": "", "forward": f"{self.forward_error:.1e}", "central": f"{self.central_error:.1e}"}
        lines = [
            f"{self.checked} of {self.weights} weights, loss {self.loss:.6g}",
            f"{'method':10}{'evaluations':>12}{'seconds':>10}{'largest error':>15}",
        ]
        for method, error in errors.items():
            lines.append(f"{method:10}{self.evaluations[method]:12}{self.seconds[method]:10.2g}{error:>15}".rstrip())
        if self.checked < self.weights:
            lines.append(f"all weights would take {self.weights + 1} and {2 * self.weights} evaluations")
        worst = ", ".join(f"{method} {float(self.slopes[method].iloc[0]):.6g}" for method in errors)
        return "\n".join([*lines, f"worst: {self.worst}: {worst}"])


def check_gradients(
    estimator: Encoder,
    X: Any,
    y: Any = None,
    *,
    most: Any = 500,
    step: Any = None,
    random_state: Any = 0,
    **fit_parameters: Any,
) -> GradientCheck:
    """Compare the gradient of training with finite differences of the loss, weight by weight, in float64.

    The objective is the one that `fit(X, y)` would minimise: the loss over all training rows with every term. Noise
    (corruption, dropout, draws of a code) is drawn once, by a fixed key, and is the same in every evaluation, so that
    the objective is a function of the weights alone. Of K weights, forward differences take K + 1 evaluations and
    central ones 2K, each O(K) long: O(K²), where automatic differentiation takes one evaluation of loss and gradient
    together, O(K).

    Parameters
    ----------
    estimator : an autoencoder, a stack, or a supervised network; it is not changed. A fitted one is checked at its
        weights, with schedules at their end; another at the weights that `fit` would draw, with schedules at their
        start. What is inside it (layers, a pretrained autoencoder) is not trained for the check.
    X, y : a table, and labels or targets where `fit` needs them; the scaling is learned from it, as in `fit`.
    most : weights to check; of more, so many are drawn without return.
    step : ε, above 0, times max(1, |w|). None takes 1.5e-8 for forward and 6e-6 for central differences.
    random_state : seed of that draw.
    fit_parameters : further arguments of `fit`, as `sample_weight`.

    Raises
    ------
    InvalidPart
        If a parameter is not allowed.
    InvalidData
        If the table cannot be used as it is, or is not one of the fitted model.

    Notes
    -----
    At a kink (`relu` at 0, a hinge, units that change places in `top_k`) there is no slope: the two sides differ, and
    so do the methods. And some gradients are not slopes on purpose: that of `importance_weighted` by
    default, and of penalties that hold a part of their input fixed (`dead_units`, `sparsity` with its
    memory). Nothing of this is hidden: `worst` and `slopes` name the weights.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> check = check_gradients(Autoencoder(2, encoder="mlp((4,), 'tanh')"), X)
    >>> check.checked, check.forward_error < 1e-6, check.central_error < 1e-8
    (53, True, True)
    >>> dict(check.evaluations)
    {'autodiff': 1, 'forward': 54, 'central': 106}
    """
    require(isinstance(estimator, Encoder), "estimator", "a network of isthmus, as Autoencoder(2)", estimator)
    Whole(1).check("most", most)
    is_step = step is None or (is_number(step) and 0 < step < 1)
    require(is_step, "step", "a number above 0 and below 1, or None", step)
    Seed().check("random_state", random_state)
    return _check(estimator, X, y, int(most), step, random_state, fit_parameters)


@on_device
def _check(
    estimator: Encoder, X: Any, y: Any, most: int, step: float | None, random_state: Any, fit_parameters: dict[str, Any]
) -> GradientCheck:
    is_fitted = estimator.__sklearn_is_fitted__()
    table = estimator.open_rows(X) if is_fitted else X
    stage = dry_run(estimator, table, y, fit_parameters)[-1]
    places = parameter_specs(stage.job.model)
    if is_fitted:
        own = {path: spec.shape for path, spec in parameter_specs(estimator.fitted_.skeleton).items()}
        if own != {path: spec.shape for path, spec in places.items()}:
            raise InvalidData("the model of these parameters and this table has other weights than the fitted one.")
    weights = np.asarray(estimator.fitted_.weights if is_fitted else stage.start.state.weights[0], np.float64)
    drawn = np.random.Generator(np.random.Philox(seed_of(random_state))).permutation(len(weights))[:most]
    names = [_name(places, place) for place in np.sort(drawn)]
    with jax.enable_x64(True):
        return _compare(
            _arguments(stage, weights, LAST_STEP if is_fitted else np.int32(0)), np.sort(drawn), names, step
        )


def _arguments(stage: Stage, weights: np.ndarray, step: Any) -> tuple[Any, ...]:
    """Return what `steps.gradient` takes, for the first start, in float64; the noise is that of epoch 0."""
    job, seed = stage.job, stage.job.seeds[0]
    state = jax.tree.map(lambda array: np.asarray(array)[0], stage.start.state)
    key = np.array([seed, 0], np.uint32)
    state = state._replace(weights=weights, step=step)
    # The rows too: a derivative by them, as a contractive penalty takes, has their precision.
    state, table = jax.tree.map(_to_double, (state, job.table))
    order = shuffled_batches(job, seed, 0)
    return state, order, key, job.model, job.plan, table, np.int32((order >= 0).any(axis=1).sum())


def _to_double(array: Any) -> np.ndarray:
    array = np.asarray(array)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _compare(arguments: tuple[Any, ...], places: np.ndarray, names: list[str], step: float | None) -> GradientCheck:
    weights, model = arguments[0].weights, arguments[3]
    (loss, _, gradient), seconds = _measure(steps.gradient, arguments, arguments)
    if not np.isfinite(loss):
        raise InvalidData(f"the loss of these rows at these weights is {loss}: it has no slope.")
    low, high = weight_range(model, steps.DISCRIMINATOR)
    player = ((places >= low) & (places < high)).astype(int)  # a discriminator's weights learn from its own terms
    slopes = {"autodiff": np.asarray(gradient)[places]}
    evaluations, took = {"autodiff": 1}, {"autodiff": seconds}
    for method, usual in STEPS.items():
        up = _steps_from(weights[places], usual if step is None else step)
        down = _steps_from(weights[places], -(usual if step is None else step)) if method == "central" else np.zeros(1)
        moved = np.concatenate([places, places if method == "central" else places[:1]])
        moves = np.concatenate([up, down])
        idle = (np.int32(0), *_pad_alike(moved, moves, len(places)), arguments)
        losses, took[method] = _measure(_losses, idle, (np.int32(len(moves)), *idle[1:]))
        above, below = losses[: len(places)], losses[len(places) : len(moves)]
        rows = np.arange(len(places))
        fall = above[rows, player] - (below[rows, player] if method == "central" else below[0, player])
        slopes[method] = fall / (up - down)
        evaluations[method] = len(moves)
    return _result(float(loss), len(weights), names, slopes, evaluations, took)


def _result(
    loss: float,
    count: int,
    names: list[str],
    slopes: dict[str, np.ndarray],
    evaluations: dict[str, int],
    seconds: dict[str, float],
) -> GradientCheck:
    usual = math.sqrt(np.mean(slopes["autodiff"] ** 2))
    forward, central = (_error(slopes["autodiff"], slopes[method], usual) for method in STEPS)
    frame = pd.DataFrame(slopes | {"error": central}, index=pd.Index(names, name="weight"))
    frame = frame.sort_values("error", ascending=False, kind="stable")
    return GradientCheck(
        weights=count,
        checked=len(names),
        loss=loss,
        forward_error=float(forward.max()),
        central_error=float(central.max()),
        worst=str(frame.index[0]),
        evaluations=evaluations,
        seconds=seconds,
        slopes=frame,
    )


@compiled
def _losses(count: Array, places: Array, moves: Array, arguments: tuple[Any, ...]) -> Array:
    """Return the losses with one weight moved, one after the other: [m, 2], of the model and of its discriminator."""
    state, *rest = arguments

    def evaluate(i: Array, losses: Array) -> Array:
        weights = state.weights + jnp.where(jnp.arange(len(state.weights)) == places[i], moves[i], 0)
        loss, terms, _ = steps.gradient(state._replace(weights=weights), *rest)  # the gradient is compiled away
        both = jnp.stack([loss, sum(terms.values(), start=jnp.zeros(())) - loss])
        return jax.lax.dynamic_update_index_in_dim(losses, both, i, 0)

    return jax.lax.fori_loop(0, count, evaluate, jnp.zeros((len(places), 2)))


def _measure(program: Callable[..., Any], idle: tuple[Any, ...], arguments: tuple[Any, ...]) -> tuple[Any, float]:
    """Return what a compiled program answers, and its seconds; called idly before, it is compiled by then."""
    jax.block_until_ready(program(*idle))
    began = time.perf_counter()
    answer = jax.device_get(program(*arguments))
    return answer, time.perf_counter() - began


def _steps_from(weights: np.ndarray, step: float) -> np.ndarray:
    """Return moves of about `step` times max(1, |w|) after which the weights are just so far from where they were."""
    return (weights + step * np.maximum(1, np.abs(weights))) - weights


def _pad_alike(places: np.ndarray, moves: np.ndarray, checked: int) -> tuple[np.ndarray, np.ndarray]:
    """Return both at one length, so that both kinds of differences run the same program."""
    fill = (0, 2 * checked - len(moves))
    return np.pad(places.astype(np.int32), fill), np.pad(moves, fill)


def _error(slope: np.ndarray, difference: np.ndarray, usual: float) -> np.ndarray:
    scale = np.maximum(np.maximum(np.abs(slope), np.abs(difference)), usual)
    return np.abs(slope - difference) / np.where(scale > 0, scale, 1)


def _name(places: Mapping[str, Any], place: int) -> str:
    """Return the name of a weight from its place in the flat vector, as "head.affine.matrix[2, 0]"."""
    for path, spec in places.items():
        if place < spec.size:
            return f"{path}[{', '.join(map(str, np.unravel_index(place, spec.shape)))}]"
        place -= spec.size
    raise IndexError(place)
