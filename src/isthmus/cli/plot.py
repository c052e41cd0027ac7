"""`isthmus plot`: a figure of a model, and of what it makes of a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import isthmus
from isthmus.cli import output, screen, table
from isthmus.cli.use import columns_of
from isthmus.errors import IsthmusError, suggestion

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".pdf", ".svg")

Table = Annotated[Path | None, typer.Argument(help="A table, for all figures but history.", show_default=False)]
Out = Annotated[Path, typer.Option(help="The file to write: .png, .pdf or .svg.", show_default=False)]
What = Annotated[
    str | None,
    typer.Option(
        help="history, codes, compare, columns, worst or scores; history by default, scores with a table.",
        show_default=False,
    ),
]


def plot(
    model: screen.Model,
    data: Table = None,
    *,
    out: Out,
    figure: What = None,
    label_column: table.Label = None,
    quiet: screen.Quiet = False,
    reading: table.Reading,
) -> None:
    """Draw a figure of a model.

    history: losses over epochs. codes: the codes of two or three numbers. compare: codes of two numbers beside PCA,
    t-SNE and, where it is installed, UMAP, of at most 2,000 rows. columns: where errors are.
    worst: the rows with the largest errors. scores: how usual rows are, for a detector their anomaly scores, with its
    threshold. Codes are coloured by --label-column.
    """
    output.check(out, FORMATS, model, *([] if data is None else [data]))
    name = figure or ("history" if data is None else "scores")
    if name not in FIGURES:
        known = ", ".join(FIGURES)
        raise IsthmusError(f"no figure is called {name!r}.{suggestion(name, FIGURES)} There are: {known}.")
    if data is None and name != "history":
        raise IsthmusError(f"the figure {name} needs a table: isthmus plot {model} TABLE --figure {name} --out {out}.")
    if label_column is not None and name not in COLOURED:
        raise IsthmusError(f"--label-column is for the figures {' and '.join(COLOURED)}, not for {name}: leave it out.")
    with screen.silence(quiet):
        source = None if data is None else reading.open(data)
        labels = None if label_column is None else table.labels_of(source, label_column)
        drawn = FIGURES[name](isthmus.load(model), source, labels)
        isthmus.write_file(out, lambda file: drawn.savefig(file, format=out.suffix[1:].lower()))
    if not quiet:
        typer.echo(f"{out}: {name} ({screen.size_of(out)})")


def _network(model: Any) -> Any:
    """Return the network of a model: that of a detector or an imputer is inside."""
    inside = [*getattr(model, "models_", ()), getattr(model, "autoencoder_", None)]
    network = next((inner for inner in inside if inner is not None), model)
    if getattr(network, "history_", None) is None:
        raise IsthmusError(f"expected a model with a network to draw; got {type(model).__name__}.")
    return network


def _history(model: Any, *_: Any) -> Figure:
    from isthmus import plots

    return plots.history(_network(model).history_)


def _codes(model: Any, data: Any, labels: Any) -> Figure:
    from isthmus import plots

    codes = _network(model).transform(data)
    if codes.shape[1] not in (2, 3):
        raise IsthmusError(f"codes of {codes.shape[1]} numbers cannot be drawn: train with --bottleneck 2 or 3.")
    return plots.codes(codes, labels)


def _compare(model: Any, data: Any, labels: Any) -> Figure:
    return isthmus.compare_codes(_network(model), data, labels).plot()


def _columns(model: Any, data: Any, _: Any) -> Figure:
    from isthmus import plots

    network = _network(model)
    return plots.error_by_column(network.reconstruction_error(data, per_feature=True), columns_of(network))


def _worst(model: Any, data: Any, _: Any) -> Figure:
    from isthmus import plots

    network = _network(model)
    return plots.worst_rows(network.reconstruction_error(data, per_feature=True), names=columns_of(network))


def _scores(model: Any, data: Any, _: Any) -> Figure:
    from isthmus import plots

    if getattr(model, "offset_", None) is not None:
        return plots.score_histogram(model.anomaly_score(data), threshold=-model.offset_)
    return plots.score_histogram(_network(model).score_samples(data))


FIGURES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "history": _history,
    "codes": _codes,
    "compare": _compare,
    "columns": _columns,
    "worst": _worst,
    "scores": _scores,
}
COLOURED = ("codes", "compare")  # by label
