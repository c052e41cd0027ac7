"""The figures of a model: each by its name, from the model and a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.errors import InvalidPart, suggestion
from isthmus.plots.codes import codes
from isthmus.plots.error_by_column import error_by_column
from isthmus.plots.history import history
from isthmus.plots.score_histogram import score_histogram
from isthmus.plots.worst_rows import worst_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURED = ("codes", "compare")


def of_model(model: Any, X: Any = None, figure: str | None = None, color: Any = None, title: str | None = None) -> Any:
    """Return a figure of a fitted model, as its method `plot` does.

    Parameters
    ----------
    model : a fitted autoencoder, stack, network, detector, imputer or word vectors.
    X : a table; None for `"history"`.
    figure : `"history"`, `"codes"`, `"compare"`, `"columns"`, `"worst"` or `"scores"`; None takes one that fits.
    color : of codes, a column of `X` by its name, or a class or a number for each row.
    title : above the figure; None names the model and the figure.

    Raises
    ------
    InvalidPart
        If there is no such figure, it needs a table, it has no colours, or codes cannot be drawn.

    Examples
    --------
    >>> import isthmus
    >>> ae = isthmus.Autoencoder(2, encoder=(4,), max_epochs=1).fit(np.eye(5))
    >>> of_model(ae, np.eye(5), color=[0, 0, 1, 1, 1]).axes[0].get_xlabel()
    'first number'
    """
    network = _network(model)
    name = figure or _usual(model, network, X)
    if name not in FIGURES:
        raise InvalidPart(f"no figure is called {name!r}.{suggestion(name, FIGURES)} There are: {', '.join(FIGURES)}.")
    if X is None and name != "history":
        raise InvalidPart(f"the figure {name} needs a table: call plot(X, {name!r}).")
    if color is not None and name not in COLOURED:
        raise InvalidPart(f"the figure {name} has no colours to choose: leave out color, or draw 'codes'.")
    heading = f"{type(model).__name__}: {name}" if title is None else title
    return FIGURES[name](model, network, *_colored(X, color), heading)


def _network(model: Any) -> Any:
    """Return the network of a model: that of a detector or an imputer is inside."""
    networks = getattr(model, "networks", None)
    if networks is None:
        raise InvalidPart(f"expected a model with a network to draw; got {type(model).__name__}.")
    return next(iter(networks().values()))


def _usual(model: Any, network: Any, X: Any) -> str:
    """Return the figure that fits a model."""
    if X is None:
        return "history"
    if getattr(model, "offset_", None) is not None:
        return "scores"
    return "codes" if network.n_components_ in (2, 3) else "columns"


def _colored(X: Any, color: Any) -> tuple[Any, Any]:
    """Return a table and the labels of its rows, taken from a column where it is named."""
    if not isinstance(color, str):
        return X, color
    if color not in getattr(X, "columns", ()):
        raise InvalidPart(f"color={color!r} names no column of X: pass a frame, or a class for each row.")
    return X, np.asarray(X[color])


def _history(_: Any, network: Any, *rest: Any) -> Figure:
    return history(network.history_, title=rest[-1])


def _codes(_: Any, network: Any, X: Any, labels: Any, title: str) -> Figure:
    points = network.transform(X)
    if np.shape(points)[1] not in (2, 3):
        raise InvalidPart(
            f"codes of {np.shape(points)[1]} numbers cannot be drawn as points: train with bottleneck=2 or 3 "
            "(--bottleneck), or draw 'columns'."
        )
    return codes(points, labels, title)


def _compare(_: Any, network: Any, X: Any, labels: Any, title: str) -> Figure:
    import isthmus

    return isthmus.compare_codes(network, X, labels).plot(title)


def _columns(_: Any, network: Any, X: Any, __: Any, title: str) -> Figure:
    errors = network.reconstruction_error(X, per_feature=True)
    return error_by_column(errors, _names(network), title=title)


def _worst(_: Any, network: Any, X: Any, __: Any, title: str) -> Figure:
    errors = network.reconstruction_error(X, per_feature=True)
    return worst_rows(errors, names=_names(network), title=title)


def _scores(model: Any, network: Any, X: Any, _: Any, title: str) -> Figure:
    if getattr(model, "offset_", None) is not None:
        return score_histogram(model.anomaly_score(X), threshold=-model.offset_, title=title)
    return score_histogram(network.score_samples(X), title=title)


def _names(network: Any) -> list[str]:
    return list(getattr(network, "feature_names_in_", [f"x{i}" for i in range(network.n_features_in_)]))


FIGURES: dict[str, Callable[..., Any]] = {
    "history": _history,
    "codes": _codes,
    "compare": _compare,
    "columns": _columns,
    "worst": _worst,
    "scores": _scores,
}
