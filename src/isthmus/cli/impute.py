"""`isthmus impute`: a table with its missing cells filled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import isthmus
from isthmus.cli import output, screen, table
from isthmus.cli.use import columns_of, load_kind

if TYPE_CHECKING:
    from isthmus import Imputer

Out = Annotated[
    Path,
    typer.Option(help="The file to write: .csv, .tsv, .parquet or .npy; - for standard output.", show_default=False),
]
Known = Annotated[
    Path | None, typer.Option("--model", help="An imputer that was saved; else one is trained.", show_default=False)
]
SaveModel = Annotated[
    Path | None, typer.Option("--save-model", help="Where to keep the imputer, .safetensors.", show_default=False)
]


def impute(
    data: screen.Data,
    out: Out,
    model: Known = None,
    save_model: SaveModel = None,
    columns: table.Keep = None,
    drop: table.Drop = None,
    label_column: table.Label = None,
    kind: table.Kinds = None,
    max_epochs: table.MaxEpochs = None,
    device: table.Device = None,
    random_state: table.Seed = None,
    safe_csv: output.SafeCsv = False,
    quiet: screen.Quiet = False,
    *,
    reading: table.Reading,
) -> None:
    """Write a table with its missing cells filled, numbers and categories; no cell that is there is touched.

    Without --model an imputer is trained on the table itself.
    """
    inputs = [data] if model is None else [data, model]
    output.check(out, list(output.FORMATS), *inputs)
    if save_model is not None:
        output.check(save_model, output.MODELS, *inputs, out)
    chosen = {"columns": columns, "drop": drop, "label_column": label_column, "kind": kind}
    training: dict[str, Any] = {"max_epochs": max_epochs, "device": device, "random_state": random_state}
    table.refuse_unused(model, "an imputer", chosen | training)
    with screen.silence(quiet), screen.reading(quiet):
        ignored = [] if label_column is None else [f"{label_column}=ignored"]  # it is written as it is
        X = table.choose(reading.open(data, [*(kind or ()), *ignored]), columns or (), drop or ())[0]
        output.check_values(out, X)
        imputer = _train(X, **training) if model is None else load_kind(model, isthmus.Imputer)
        if save_model is not None:
            imputer.save(save_model)
        filled, is_missing = imputer.transform(X), imputer.missing(X)
        names, source = columns_of(imputer), imputer.autoencoder_.open_rows(X)
        if not output.write_like(out, source, filled, is_missing, is_safe=safe_csv):
            output.write(out, source.fill(filled, is_missing), names, is_safe=safe_csv)
    if output.is_told(out, quiet):
        filling = _count_filled(dict(zip(names, is_missing.sum(axis=0).tolist(), strict=True)))
        results = {"rows": f"{len(filled):,}", "filled": filling, "file": f"{out} ({screen.size_of(out)})"}
        results |= {} if save_model is None else {"imputer": f"{save_model} ({screen.size_of(save_model)})"}
        screen.show(screen.facts(results))


def _train(X: Any, max_epochs: int | None, device: str | None, random_state: int | None) -> Imputer:
    from isthmus import Imputer

    seed, network = random_state or 0, None
    if max_epochs is not None or device is not None:
        network = Imputer.default_autoencoder(X.n_rows, seed, max_epochs).set_params(device=device)
    return Imputer(network, random_state=seed).fit(X)


def _count_filled(gaps: dict[str, int]) -> str:
    """Return how many cells were filled, and in which columns."""
    filled = {name: count for name, count in gaps.items() if count}
    if not filled:
        return "nothing: no cell is missing"
    return f"{sum(filled.values()):,} cells: " + ", ".join(f"{name} {count:,}" for name, count in filled.items())
