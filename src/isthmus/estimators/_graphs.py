"""What fitted networks answer, as graphs: codes, reconstructions, scores, targets, filled cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.model.model import Model
from isthmus.onnx.columns import Table, output_columns
from isthmus.onnx.graph import Graph, Tensor, mean_of
from isthmus.onnx.network import compute, compute_among

if TYPE_CHECKING:
    from isthmus.estimators._fitted import Fitted
    from isthmus.estimators._fitted_autoencoder import FittedAutoencoder
    from isthmus.estimators._supervised import FittedSupervised
    from isthmus.estimators.imputer import FittedImputer

PARITY = "what `{}` returns"


def add_reconstructor(graph: Graph, fitted: FittedAutoencoder) -> None:
    """Add the inputs of an autoencoder to a graph, and its answers."""
    table = Table(graph, fitted.reader)
    rows, is_unseen = table.scaled(), table.is_unseen
    model = fitted.model

    def answers(x: Array) -> tuple[Array, ...]:
        code = model.encode(x)
        outcome = model.decode(code.draws, None, code.condition)
        log_density = outcome.log_density_by_column(x, _observed(model, x))[0]
        point = code.point if code.condition is None else jnp.concatenate([code.point, code.condition], axis=1)
        return point, outcome.mean()[0], log_density

    code, mean, log_density = compute(graph, answers, [rows])
    error = np.square(_present(model, mean - rows))
    error = np.where(fitted.is_category, np.sign(error), error)
    if is_unseen is not None:
        unseen = np.any(is_unseen, axis=1)
        error, log_density = among_unseen(graph, fitted, unseen, is_unseen, rows, (error, log_density))
    is_nothing = np.isnan(rows) if is_unseen is None else np.isnan(rows) & ~is_unseen
    is_outside = (rows < fitted.support[0]) | (rows > fitted.support[1])
    total = np.where(is_outside, 0.0, log_density.astype(np.float64)).sum(axis=1)
    is_impossible = np.any(is_outside, axis=1) | np.all(is_nothing, axis=1)
    error = error.astype(np.float64)
    graph.output("code", code, PARITY.format("transform"))
    restored = fitted.reader.unscale(mean.astype(np.float64))
    output_columns(graph, "reconstruction", table.restore(restored), PARITY.format("reconstruct"))
    graph.output("score", np.where(is_impossible, -np.inf, total), PARITY.format("score_samples"))
    graph.output("error", error.sum(axis=1), PARITY.format("reconstruction_error"))
    graph.output("error_by_column", error, "the same of each column")


def among_unseen(
    graph: Graph,
    fitted: FittedAutoencoder,
    is_chosen: Tensor,
    is_unseen: Tensor,
    rows: Tensor,
    others: tuple[Tensor, Tensor],
    *,
    is_error: bool = False,
) -> list[Tensor]:
    """Return errors and log-densities by column with those of rows of a category that the fit has not had.

    It is done for these rows alone: `FittedAutoencoder.squared_error` and `column_log_density` have the rule, or where
    `is_error` `column_error` for the errors.
    """
    model = fitted.model
    counts = np.array(fitted.row.unseen)
    places = np.arange(counts.max())[:, None]
    cells = np.where(counts > 0, np.minimum(places, counts - 1), np.nan)
    tried = fitted.reader.fitted_scaling.scale(fitted.reader.learned, cells).astype(np.float32)
    rarest = np.float32(np.log(fitted.n_samples + 1))

    def explain(x: Array, cells: Array) -> tuple[Array, Array]:
        code = model.encode(x)
        outcome = model.decode(code.draws, None, code.condition)
        return outcome.log_density_by_column(cells, ~jnp.isnan(cells))[0], outcome.mean()[0]

    def answers(x: Any, unseen: Any, error: Any, log_density: Any) -> list[Any]:
        cells = np.where(unseen[:, None], tried, np.nan).astype(np.float32)  # [chosen, categories, d]
        rows = x[:, None] + np.zeros_like(cells)
        flat = [each.reshape(-1, x.shape[1]) for each in (rows, cells)]
        density, mean = (each.reshape(-1, *tried.shape) for each in compute(graph, explain, flat))
        further = np.where(fitted.is_category, -density, np.square(np.nan_to_num(mean - cells)))
        most = np.maximum(np.max(further, axis=1), rarest)
        most = most if is_error else np.where(fitted.is_category, np.float32(1), most)
        least = -np.maximum(-np.min(density, axis=1), rarest)
        return [np.where(unseen, most, error), np.where(unseen, least, log_density)]

    return compute_among(graph, is_chosen, [rows, is_unseen], others, answers)


def add_supervised(graph: Graph, fitted: FittedSupervised) -> tuple[Table, Tensor]:
    """Add the inputs of a supervised network to a graph, and its code; return what it expects, [rows, t] float64."""
    table = Table(graph, fitted.reader)
    rows = table.scaled()
    models = [fitted.model] if fitted.others is None else [fitted.model, *map(fitted.model_of, fitted.others)]

    def answers(x: Array) -> tuple[Array, ...]:
        codes = [model.encode(x) for model in models]
        expected = [
            model.answer(code.draws, code.condition).mean()[0] for model, code in zip(models, codes, strict=True)
        ]
        first = codes[0]
        point = first.point if first.condition is None else jnp.concatenate([first.point, first.condition], axis=1)
        return point, *expected

    code, *expected = compute(graph, answers, [rows])
    graph.output("code", code, PARITY.format("transform"))
    return table, mean_of([each.astype(np.float64) for each in expected])


def add_imputer(graph: Graph, fitted: FittedImputer) -> None:
    """Add the inputs of an imputer to a graph, and the table with its missing cells filled."""
    network, calibration = fitted.autoencoder.fitted_, fitted.calibration
    reader = network.reader
    table = Table(graph, reader)
    rows = table.scaled()
    is_gap: Any = np.isnan(rows)
    is_missing = (
        is_gap & reader.is_learned if table.is_unseen is None else is_gap & ~table.is_unseen & reader.is_learned
    )
    mean: Any = calibration.toward_center(expect_cells(graph, network, rows, *calibration.as_float32()))
    filled: Any = np.where(is_gap, calibration.fill(mean), rows.astype(np.float64))
    restored: Any = reader.within(reader.unscale(filled))
    output_columns(graph, "filled", table.complete(restored, is_missing), PARITY.format("transform"))
    graph.output("is_missing", is_missing, PARITY.format("missing"))


def expect_cells(graph: Graph, fitted: Fitted, rows: Tensor, trust: np.ndarray, log_shares: np.ndarray) -> Tensor:
    """Return what each cell of scaled rows is expected to be, given those that are there, [rows, d] float64."""
    model = fitted.model

    def answers(x: Array) -> tuple[Array]:
        code = model.encode(x)
        outcome = model.decode(code.draws, None, code.condition).toward_shares(
            jnp.asarray(trust), jnp.asarray(log_shares)
        )
        return (outcome.conditional_mean(x, ~jnp.isnan(x))[0],)

    return compute(graph, answers, [rows])[0].astype(np.float64)


def _observed(model: Model, x: Array) -> Array | None:
    return ~jnp.isnan(x) if model.may_be_missing else None


def _present(model: Model, difference: Any) -> Any:
    return np.nan_to_num(difference) if model.may_be_missing else difference
