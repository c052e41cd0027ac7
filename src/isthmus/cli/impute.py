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
Mask = Annotated[
    Path | None,
    typer.Option(help="Where to write which cells were filled: a table of true and false.", show_default=False),
]


def impute(
    data: screen.Data,
    out: Out,
    mask: Mask = None,
    safe_csv: output.SafeCsv = False,
    force: output.Force = False,
    quiet: screen.Quiet = False,
    *,
    learning: table.Learning,
    reading: table.Reading,
) -> None:
    """Write a table with its missing cells filled, numbers and categories; no cell that is there is touched.

    Without --model an imputer is trained on the table itself. --mask keeps which cells were filled.

    Examples
    --------
    isthmus impute people.csv --out filled.csv --mask filled_cells.csv
    isthmus impute new.csv --model imputer.safetensors --out filled.csv
    cat people.csv | isthmus impute - --out - > filled.csv
    """
    learning.check(data, out, list(output.FORMATS), "an imputer", {}, force=force)
    if mask is not None:
        output.check(mask, list(output.FORMATS), data, out, force=force)
    save_model = learning.save_model
    with screen.silence(quiet), screen.reading(quiet):
        X, ids = _open(data, learning, reading)
        output.check_values(out, X)
        imputer = _train(X, learning, quiet) if learning.model is None else load_kind(learning.model, isthmus.Imputer)
        if save_model is not None:
            imputer.save(save_model)
        filled, is_missing = imputer.transform(X), imputer.missing(X)
        names, source = columns_of(imputer), imputer.autoencoder_.open_rows(X)
        ids = {name: cells for name, cells in ids.items() if name not in names}
        if ids or not output.write_like(out, source, filled, is_missing, is_safe=safe_csv):
            output.write(out, *table.beside(source.fill(filled, is_missing), names, ids), is_safe=safe_csv)
        if mask is not None:
            output.write(mask, is_missing, names)
    if output.shows_results(out, quiet):
        filling = _count_filled(dict(zip(names, is_missing.sum(axis=0).tolist(), strict=True)))
        results = {"rows": f"{len(filled):,}", "filled": filling, "file": f"{out} ({screen.size_of(out)})"}
        results |= {} if mask is None else {"mask": f"{mask} ({screen.size_of(mask)})"}
        results |= {} if save_model is None else {"imputer": f"{save_model} ({screen.size_of(save_model)})"}
        screen.show(screen.facts(results))


def _open(data: Path, learning: table.Learning, reading: table.Reading) -> tuple[Any, dict[str, Any]]:
    """Return the source of a table, and its columns of ids [rows]; these stay in it, to be written as they are."""
    source = reading.open(data)
    ids = table.ids_of(source, learning.ids)
    if learning.model is None:
        label = [] if learning.label_column is None else [learning.label_column]
        beside = dict.fromkeys((*ids, *label), "ignored")
        kinds = table.parse_kinds(learning.kind or ()) | beside
        source = isthmus.open_table(source, kinds) if kinds else source
    return table.choose(source, learning.columns or (), learning.drop or ()).table, ids


def _train(X: Any, learning: table.Learning, quiet: bool) -> Imputer:
    from isthmus import Imputer

    seed, epochs, device, network = learning.random_state or 0, learning.max_epochs, learning.device, None
    if epochs is not None or device is not None:
        network = Imputer.default_autoencoder(X.n_rows, seed, epochs).set_params(device=device)
    with screen.progress("impute", quiet) as callbacks:
        return Imputer(network, random_state=seed).fit(X, checkpoint=learning.checkpoint, callbacks=callbacks)


def _count_filled(gaps: dict[str, int]) -> str:
    """Return how many cells were filled, and in which columns."""
    filled = {name: count for name, count in gaps.items() if count}
    if not filled:
        return "nothing: no cell is missing"
    return f"{sum(filled.values()):,} cells: " + ", ".join(f"{name} {count:,}" for name, count in filled.items())
