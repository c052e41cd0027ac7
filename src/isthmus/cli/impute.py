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

Out = Annotated[Path, typer.Option(help="The file to write: .csv, .tsv, .parquet or .npy.", show_default=False)]
Known = Annotated[
    Path | None, typer.Option("--model", help="An imputer that was saved; else one is trained.", show_default=False)
]
SaveModel = Annotated[
    Path | None, typer.Option("--save-model", help="Where to keep the imputer, .safetensors.", show_default=False)
]
Keep = Annotated[list[str] | None, typer.Option("--columns", help="These columns only, as a,b.", show_default=False)]
Drop = Annotated[list[str] | None, typer.Option("--drop", help="All but these, as a,b.", show_default=False)]
Seed = Annotated[int | None, typer.Option(help="Seed of all that is drawn.", show_default=False)]


def impute(
    data: screen.Data,
    out: Out,
    model: Known = None,
    save_model: SaveModel = None,
    columns: Keep = None,
    drop: Drop = None,
    random_state: Seed = None,
    quiet: screen.Quiet = False,
) -> None:
    """Write a table with its missing cells filled, numbers and categories; no cell that is there is touched.

    Without --model an imputer is trained on the table itself.
    """
    inputs = [data] if model is None else [data, model]
    output.check(out, list(output.FORMATS), *inputs)
    if save_model is not None:
        output.check(save_model, output.MODELS, *inputs, out)
    with screen.silence(quiet):
        X: Any = data if model else table.choose(data, columns or (), drop or (), None, None)[0]
        imputer = _train(X, random_state) if model is None else load_kind(model, isthmus.Imputer)
        filled, gaps = imputer.transform(X), imputer.missing(X).sum(axis=0)
        names = columns_of(imputer)
        output.write(out, filled, names)
        if save_model is not None:
            imputer.save(save_model)
    if not quiet:
        filling = _count_filled(dict(zip(names, gaps.tolist(), strict=True)))
        results = {"rows": f"{len(filled):,}", "filled": filling, "file": f"{out} ({screen.size_of(out)})"}
        results |= {} if save_model is None else {"imputer": f"{save_model} ({screen.size_of(save_model)})"}
        screen.show(screen.facts(results))


def _train(X: Any, seed: int | None) -> Imputer:
    from isthmus import Imputer

    return Imputer(**({} if seed is None else {"random_state": seed})).fit(X)


def _count_filled(gaps: dict[str, int]) -> str:
    """Return how many cells were filled, and in which columns."""
    filled = {name: count for name, count in gaps.items() if count}
    if not filled:
        return "nothing: no cell is missing"
    return f"{sum(filled.values()):,} cells: " + ", ".join(f"{name} {count:,}" for name, count in filled.items())
