"""`isthmus transform`, `reconstruct` and `score`: a model file applied to a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import isthmus
from isthmus.cli import output, screen, table
from isthmus.errors import ModelFileError

if TYPE_CHECKING:
    import numpy as np

    from isthmus import Autoencoder

LEAST_USUAL = 5  # rows shown

Out = Annotated[
    Path,
    typer.Option(help="The file to write: .csv, .tsv, .parquet or .npy; - for standard output.", show_default=False),
]
MaybeOut = Annotated[Path | None, typer.Option(help="The file to write; else a summary is shown.", show_default=False)]
PerFeature = Annotated[bool, typer.Option("--per-feature", help="Add the squared error of each column, scaled.")]


def transform(
    model: screen.Model,
    data: screen.Data,
    out: Out,
    safe_csv: output.SafeCsv = False,
    quiet: screen.Quiet = False,
    *,
    reading: table.Reading,
) -> None:
    """Write the code of each row of a table."""
    output.check(out, list(output.FORMATS), model, data)
    with screen.silence(quiet):
        loaded = load_network(model)
        _write(out, loaded.transform(reading.open(data)), list(loaded.get_feature_names_out()), quiet, safe_csv)


def reconstruct(
    model: screen.Model,
    data: screen.Data,
    out: Out,
    safe_csv: output.SafeCsv = False,
    quiet: screen.Quiet = False,
    *,
    reading: table.Reading,
) -> None:
    """Write what the model makes of each row of a table, in the table's units."""
    import numpy as np

    output.check(out, list(output.FORMATS), model, data)
    with screen.silence(quiet):
        loaded = load_network(model)
        X = reading.open(data)
        rows, source = loaded.reconstruct(X), loaded.open_rows(X)
        is_new = np.ones(rows.shape, bool)
        if not output.write_like(out, source, rows, is_new, is_safe=safe_csv, is_rounded=False):
            output.write(out, rows, columns_of(loaded), is_safe=safe_csv)
        _tell(out, rows, quiet)


def score(
    model: screen.Model,
    data: screen.Data,
    out: MaybeOut = None,
    per_feature: PerFeature = False,
    safe_csv: output.SafeCsv = False,
    quiet: screen.Quiet = False,
    *,
    reading: table.Reading,
) -> None:
    """Write how usual each row of a table is: its log-likelihood, higher is more usual."""
    import numpy as np

    if out is not None:
        output.check(out, list(output.FORMATS), model, data)
    with screen.silence(quiet):
        loaded = load_network(model)
        source = reading.open(data)
        scores = loaded.score_samples(source)
        errors = loaded.reconstruction_error(source, per_feature=True) if per_feature else np.empty((len(scores), 0))
        columns = columns_of(loaded) if per_feature else []
        if out is not None:
            _write(
                out,
                np.column_stack([scores, errors]),
                ["score", *(f"error_{name}" for name in columns)],
                quiet,
                safe_csv,
            )
        elif not quiet:
            _show(scores, errors, columns)


def load_network(path: Path) -> Autoencoder:
    """Return the network of a model file."""
    autoencoders = (isthmus.Autoencoder, isthmus.StackedAutoencoder)
    supervised = (isthmus.NetworkClassifier, isthmus.NetworkRegressor, isthmus.NetworkRanker)
    model: Autoencoder = isthmus.load(path, kind=(*autoencoders, *supervised))
    return model


def load_kind(path: Path, kind: type) -> Any:
    """Return the estimator of a model file, of the kind that `--model` takes here."""
    try:
        return isthmus.load(path, kind=kind)
    except ModelFileError as error:
        if "; expected" not in str(error):
            raise
        raise ModelFileError(f"{error} Leave out --model to train one, and keep it with --save-model.") from error


def columns_of(model: Autoencoder) -> list[str]:
    """Return the names of the columns, `x0` and so on where the table of the fit had none."""
    return list(getattr(model, "feature_names_in_", [f"x{i}" for i in range(model.n_features_in_)]))


def _write(path: Path, values: Any, names: Sequence[str], quiet: bool, is_safe: bool) -> None:
    output.write(path, values, names, is_safe=is_safe)
    _tell(path, values, quiet)


def _tell(path: Path, values: Any, quiet: bool) -> None:
    if output.shows_results(path, quiet):
        rows, columns = values.shape
        screen.tell(f"{path}: {rows:,} rows, {columns:,} column{'s' * (columns > 1)}")


def _show(scores: np.ndarray, errors: np.ndarray, columns: Sequence[str]) -> None:
    import numpy as np

    results = {"rows": f"{len(scores):,}", "mean": f"{scores.mean():.4g}", "median": f"{np.median(scores):.4g}"}
    least = screen.plain()
    least.add_column("row", justify="right")
    least.add_column("score", justify="right")
    if columns:
        least.add_column("largest error in", overflow="fold")
    for row in np.argsort(scores, kind="stable")[:LEAST_USUAL]:
        worst = [columns[int(errors[row].argmax())]] if columns else []
        least.add_row(f"{row}", f"{scores[row]:.4g}", *worst)
    screen.show(screen.facts(results), "\nthe least usual rows, counted from 0:", least)
