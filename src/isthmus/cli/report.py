"""`isthmus report`: one page that says what a model makes of a table."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

import isthmus
from isthmus.cli import output, screen, table

Out = Annotated[Path, typer.Option(help="The file to write: .html.")]
Title = Annotated[str | None, typer.Option(help="Of the page; else it names the model.", show_default=False)]
Language = Annotated[str, typer.Option(help="en or ru.")]


def report(
    model: screen.Model,
    data: screen.Data,
    out: Out = Path("report.html"),
    label_column: table.Label = None,
    title: Title = None,
    language: Language = "en",
    force: output.Force = False,
    quiet: screen.Quiet = False,
    *,
    reading: table.Reading,
) -> None:
    """Write a page that says what a model makes of a table: one HTML file, to be read, printed or mailed.

    It says what the table holds and lacks, how training went, where errors are, and shows codes in the plane; of a
    detector the oddest rows, with the columns that make them so, and of an imputer the filled cells with their
    intervals. The page asks for nothing from anywhere.

    Examples
    --------
    isthmus report detector.safetensors orders.csv --out report.html
    isthmus report imputer.safetensors people.csv --language ru --title "Q3" --out report.html
    """
    output.check(out, (".html", ".htm"), model, data, force=force)
    with screen.silence(quiet), screen.reading(quiet):
        source = reading.open(data)
        labels = None if label_column is None else table.labels_of(source, label_column)
        isthmus.report(
            isthmus.load(model),
            source,
            out,
            labels=labels,
            title=title,
            language=language,
            commands=shlex.join(["isthmus", "report", str(model), str(data), "--out", str(out)]),
        )
    if not quiet:
        typer.echo(f"{out}: {source.n_rows:,} rows ({screen.size_of(out)})")
