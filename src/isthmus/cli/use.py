"""`isthmus transform`, `reconstruct` and `score`: a model file applied to a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import isthmus
from isthmus.cli import images, output, screen, table
from isthmus.errors import IsthmusError, ModelFileError

if TYPE_CHECKING:
    import numpy as np

    from isthmus import Autoencoder

LEAST_USUAL = 5  # rows shown
TAKEN_BY = {"AnomalyDetector": "detect TABLE", "Imputer": "impute TABLE", "Codec": "compress TABLE"}
"""The commands for models that are no network."""

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
    ids: table.Ids = None,
    text: table.Text = None,
    safe_csv: output.SafeCsv = False,
    force: output.Force = False,
    quiet: screen.Quiet = False,
    *,
    reading: table.Reading,
) -> None:
    """Write the code of each row of a table.

    Examples
    --------
    isthmus transform model.safetensors sensors.parquet --out codes.parquet
    isthmus transform model.safetensors sales.csv --id order --out codes.csv
    """
    output.check(out, list(output.FORMATS), model, data, force=force)
    with screen.silence(quiet):
        loaded = load_network(model)
        source = reading.open(data)
        codes, names = loaded.transform(table.rows_of(source, text)), list(loaded.get_feature_names_out())
        _write(out, *table.beside(codes, names, table.ids_of(source, ids)), quiet, safe_csv)


def reconstruct(
    model: screen.Model,
    data: screen.Data,
    out: Out,
    ids: table.Ids = None,
    safe_csv: output.SafeCsv = False,
    force: output.Force = False,
    quiet: screen.Quiet = False,
    *,
    reading: table.Reading,
) -> None:
    """Write what the model makes of each row of a table, in the table's units.

    Of images a folder is written, with a PNG for each.

    Examples
    --------
    isthmus reconstruct model.safetensors sensors.parquet --out clean.csv
    isthmus reconstruct faces.safetensors photos --out reconstructed
    """
    import numpy as np

    images.check(out, model, data, force=force)
    with screen.silence(quiet):
        loaded = load_network(model)
        X = reading.open(data)
        rows = loaded.reconstruct(X)
        if images.is_folder(out):
            images.write(out, rows, loaded, X.files)
            images.tell(out, len(rows), quiet)
            return
        rows, beside = images.flat(rows, out), table.ids_of(X, ids)
        is_new = np.ones(rows.shape, bool)
        source = loaded.open_rows(X)
        if beside or not output.write_like(out, source, rows, is_new, is_safe=safe_csv, is_rounded=False):
            output.write(out, *table.beside(rows, columns_of(loaded), beside), is_safe=safe_csv)
        _tell(out, rows, quiet)


def score(
    model: screen.Model,
    data: screen.Data,
    out: MaybeOut = None,
    per_feature: PerFeature = False,
    ids: table.Ids = None,
    text: table.Text = None,
    safe_csv: output.SafeCsv = False,
    force: output.Force = False,
    quiet: screen.Quiet = False,
    *,
    reading: table.Reading,
) -> None:
    """Write how usual each row of a table is: its log-likelihood, higher is more usual.

    Examples
    --------
    isthmus score model.safetensors sensors.parquet
    isthmus score model.safetensors sales.csv --id order --per-feature --out scores.csv
    """
    import numpy as np

    if out is not None:
        output.check(out, list(output.FORMATS), model, data, force=force)
    elif quiet:
        raise IsthmusError("--quiet without --out would leave nothing: name an output.")
    with screen.silence(quiet):
        loaded = load_network(model)
        source = reading.open(data)
        X = table.rows_of(source, text)
        scores = loaded.score_samples(X)
        errors = loaded.reconstruction_error(X, per_feature=True) if per_feature else np.empty((len(scores), 0))
        columns = columns_of(loaded) if per_feature else []
        if out is not None:
            names = ["score", *(f"error_{name}" for name in columns)]
            _write(
                out, *table.beside(np.column_stack([scores, errors]), names, table.ids_of(source, ids)), quiet, safe_csv
            )
        elif not quiet:
            _show(scores, errors, columns)


def load_network(path: Path) -> Autoencoder:
    """Return the network of a model file; of another model say which command takes it."""
    autoencoders = (isthmus.Autoencoder, isthmus.StackedAutoencoder)
    supervised = (isthmus.NetworkClassifier, isthmus.NetworkRegressor, isthmus.NetworkRanker)
    try:
        model: Autoencoder = isthmus.load(path, kind=(*autoencoders, *supervised))
    except ModelFileError as error:
        others = [command for name, command in TAKEN_BY.items() if f"holds {name};" in str(error)]
        if not others:
            raise
        raise ModelFileError(f"{error} Use isthmus {others[0]} --model {path}.") from error
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
