"""`isthmus plot`: a figure of a model, and of what it makes of a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import isthmus
from isthmus.cli import output, screen, table
from isthmus.errors import IsthmusError, suggestion

FORMATS = (".png", ".pdf", ".svg")
FIGURES = ("history", "codes", "compare", "columns", "worst", "scores")
COLOURED = ("codes", "compare")  # by label

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
    force: output.Force = False,
    quiet: screen.Quiet = False,
    reading: table.Reading,
) -> None:
    """Draw a figure of a model.

    history: losses over epochs. codes: the codes of two or three numbers. compare: codes of two numbers beside PCA,
    t-SNE and, where it is installed, UMAP, of at most 2,000 rows. columns: where errors are.
    worst: the rows with the largest errors. scores: how usual rows are, for a detector their anomaly scores, with its
    threshold. Codes are coloured by --label-column.

    Examples
    --------
    isthmus plot model.safetensors --out loss.png
    isthmus plot model.safetensors sales.csv --figure codes --label-column kind --out codes.png
    isthmus plot detector.safetensors sales.csv --out scores.png
    """
    output.check(out, FORMATS, model, *([] if data is None else [data]), force=force)
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
        drawn = isthmus.plots.of_model(isthmus.load(model), source, name, labels)
        isthmus.write_file(out, lambda file: drawn.savefig(file, format=out.suffix[1:].lower()))
    if not quiet:
        typer.echo(f"{out}: {name} ({screen.size_of(out)})")
