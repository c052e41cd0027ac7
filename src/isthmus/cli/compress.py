"""`isthmus compress` and `decompress`: a table as a stream of few bytes, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import isthmus
from isthmus.cli import output, screen, table
from isthmus.cli.manual import option
from isthmus.cli.use import load_kind
from isthmus.errors import IsthmusError

if TYPE_CHECKING:
    from isthmus import Codec

STREAMS = (".isth",)
TABLES = (".parquet", ".csv", ".tsv", ".npy")

Out = Annotated[Path, typer.Option(help="The file to write, .isth.", show_default=False)]
Model = Annotated[
    Path | None,
    typer.Option("--model", help="What --save-model wrote; else one is trained on the table.", show_default=False),
]
SaveModel = Annotated[
    Path | None,
    typer.Option(
        "--save-model", help="Where to keep the model, .safetensors; else the stream holds it.", show_default=False
    ),
]
ErrorBound = Annotated[
    float | None, option("--error", says="The largest error in columns of floats.", default="0: lossless")
]
RelativeTo = Annotated[
    Literal["range", "value"] | None,
    option(
        "--relative-to",
        says="What the error is relative to: the range of the column, or each value.",
        default="neither: it is in the units of the column",
    ),
]
Alone = Annotated[bool, typer.Option("--alone", help="Learn no order of the rows, so that each can stand alone.")]
Grid = Annotated[
    bool | None,
    typer.Option(
        "--grid/--no-grid", help="Take an array as images or fields, or as a table; else by its axes, from three on."
    ),
]
Effort = Annotated[
    Literal["network", "contexts", "fast"],
    typer.Option("--effort", help="Learn a network; learn nothing, and mix contexts; or neither, which is fastest."),
]
Report = Annotated[bool, typer.Option("--report", help="Show by column how it was written, and what was lost.")]


def compress(
    data: screen.Data,
    out: Out,
    model: Model = None,
    save_model: SaveModel = None,
    error: ErrorBound = None,
    relative_to: RelativeTo = None,
    alone: Alone = False,
    grid: Grid = None,
    effort: Effort = "network",
    report: Report = False,
    random_state: table.Seed = None,
    force: output.Force = False,
    quiet: screen.Quiet = False,
    *,
    reading: table.Reading,
) -> None:
    """Write a table as a stream of few bytes, lossless or within an error that is never exceeded.

    Without --model a codec is trained on the table itself.

    Examples
    --------
    isthmus compress sensors.parquet --error 0.001 --report --out sensors.isth
    isthmus compress sensors.parquet --save-model codec.safetensors --out sensors.isth
    isthmus compress later.parquet --model codec.safetensors --out later.isth
    """
    inputs = [data] if model is None else [data, model]
    output.check(out, STREAMS, *inputs, force=force)
    if save_model is not None:
        output.check(save_model, output.MODELS, *inputs, out, force=force)
    with screen.silence(quiet), screen.reading(quiet):
        source = reading.open(data)
        if model is None:
            settings: dict[str, Any] = {"history": False if alone else None, "embed": save_model is None}
            settings |= {"grid": grid, "effort": effort}
            codec = isthmus.Codec(error=error, relative_to=relative_to, random_state=random_state or 0, **settings).fit(
                source
            )
        else:
            _refuse_training(
                model, {"--save-model": save_model, "--alone": alone or None, "--grid": grid, "--seed": random_state}
            )
            codec = load_kind(model, isthmus.Codec)
            _check_error(codec, model, error, relative_to)
        if save_model is not None:
            codec.save(save_model)
        codec.compress_to(source, out)
    if not quiet:
        rows = codec.open(out).n_rows
        each = f"{out.stat().st_size / max(rows, 1):.2f} bytes a row"
        results = {"rows": f"{rows:,}", "file": f"{out} ({screen.size_of(out)}, {each})"}
        results |= {} if save_model is None else {"codec": f"{save_model} ({screen.size_of(save_model)})"}
        screen.show(screen.facts(results), *([_columns(codec, source)] if report else []))


def decompress(
    stream: Annotated[Path, typer.Argument(help="A file that isthmus compress wrote.", show_default=False)],
    out: Annotated[
        Path,
        typer.Option(
            help="The file to write: .parquet, .csv, .tsv or .npy; - for standard output.", show_default=False
        ),
    ],
    model: Annotated[
        Path | None, typer.Option("--model", help="The codec that wrote it, where the stream does not hold it.")
    ] = None,
    force: output.Force = False,
    quiet: screen.Quiet = False,
) -> None:
    """Write the table of a stream that `isthmus compress` wrote.

    Examples
    --------
    isthmus decompress sensors.isth --out sensors.parquet
    isthmus decompress later.isth --model codec.safetensors --out - | head
    """
    output.check(out, TABLES, *([stream] if model is None else [stream, model]), force=force)
    with screen.silence(quiet):
        codec = isthmus.Codec() if model is None else load_kind(model, isthmus.Codec)
        try:
            reader = codec.open(stream)
        except ValueError as error:
            if model is None and "not fitted" in str(error):
                raise IsthmusError(f"{stream} does not hold its model: name it by --model.") from error
            raise
        if out.suffix.lower() == ".npy":
            if not reader.form.is_array:
                raise IsthmusError(f"{stream} holds a table with names of columns: write .parquet or .csv.")
            values = reader.form.restore(list(reader.blocks()))
            output.fill(out, lambda file: output.FORMATS[".npy"](file, values, ()))
        elif reader.form.is_grid:
            raise IsthmusError(f"{stream} holds images or fields: write .npy.")
        else:
            output.fill(out, lambda file: _write_batches(out, file, reader))
    if output.shows_results(out, quiet):
        form = reader.form
        each = f" of {' x '.join(map(str, form.shape))}" if form.is_grid else f", {len(form.schema):,} columns"
        screen.tell(f"{out}: {reader.n_rows:,} rows{each}")


def _write_batches(out: Path, file: Any, reader: Any) -> None:
    """Write the blocks of a table to a file, one by one."""
    schema = reader.form.schema
    if out.suffix.lower() == ".parquet":
        import pyarrow.parquet as pq

        with pq.ParquetWriter(file, schema) as writer:
            for block in reader.blocks():
                writer.write_batch(reader.form.batch(block))
        return
    import pyarrow.csv as pc

    separator = "\t" if out.suffix.lower() == ".tsv" else ","
    with pc.CSVWriter(file, _plain(schema), write_options=pc.WriteOptions(delimiter=separator)) as writer:
        for block in reader.blocks():
            writer.write_batch(reader.form.batch(block).cast(_plain(schema)))


def _plain(schema: Any) -> Any:
    """Return the columns with the texts of categories in their place."""
    import pyarrow as pa

    return pa.schema([(c.name, c.type.value_type if pa.types.is_dictionary(c.type) else c.type) for c in schema])


def _refuse_training(model: Path, given: dict[str, Any]) -> None:
    named = [name for name, value in given.items() if value is not None]
    if named:
        raise IsthmusError(f"{', '.join(named)} is for a codec that is trained, and {model} is: leave out one of them.")


def _check_error(codec: Codec, model: Path, error: float | None, relative_to: str | None) -> None:
    """Refuse an error that is not that of the codec, whose columns were learned for it."""
    if error is None and relative_to is None:
        return
    if (codec.error, codec.relative_to) != (error, relative_to):
        unit = "" if codec.relative_to is None else f" of the {codec.relative_to}"
        kept = "lossless" if codec.error is None else f"for an error of {codec.error}{unit}"
        raise IsthmusError(f"--error: {model} is {kept}: leave it out, or leave out --model to train another codec.")


def _columns(codec: Codec, source: Any) -> Any:
    """Return a table by column: its method, its bytes, its greatest error."""
    shown = screen.plain()
    for name in ("column", "method", "bytes", "times smaller", "greatest error"):
        shown.add_column(name, justify="left" if name in ("column", "method") else "right", overflow="fold")
    for row in codec.report(source).itertuples(index=False):
        times = f"{row.original / row.bytes:,.1f}" if row.bytes else "-"
        shown.add_row(row.column, row.method, f"{row.bytes:,.0f}", times, f"{row.greatest_error:.3g}")
    return shown
