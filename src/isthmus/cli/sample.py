"""`isthmus sample`: new rows like those that a model was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isthmus.cli import images, output, screen, table
from isthmus.cli.use import columns_of, load_network
from isthmus.errors import IsthmusError

if TYPE_CHECKING:
    from isthmus import Autoencoder

Count = Annotated[int, typer.Option("--n", help="How many rows.")]
Out = Annotated[
    Path,
    typer.Option(
        help="The file to write: .csv, .tsv, .parquet or .npy; - for standard output; of images a folder, too.",
        show_default=False,
    ),
]
Label = Annotated[str | None, typer.Option(help="Rows of this label only.", show_default=False)]
Noise = Annotated[
    bool, typer.Option("--noise", help="Draw rows of the spread that rows have, not the expected rows of codes.")
]


def sample(
    model: screen.Model,
    out: Out,
    n: Count = 100,
    label: Label = None,
    noise: Noise = False,
    random_state: table.Seed = None,
    safe_csv: output.SafeCsv = False,
    force: output.Force = False,
    quiet: screen.Quiet = False,
) -> None:
    """Write new rows like those of the training, in its columns and units.

    Of images a folder is written, with a PNG for each.

    For rows most like real ones ask for --noise, of a model that is trained as isthmus.tabular trains it:
    isthmus fit TABLE --bottleneck "variational(16, beta=0.2, prior=fitted)" --scaling quantile --likelihood
    "columns(histogram(32, smoothing=0.0, margin=0.0), balanced=False)" --out MODEL

    Examples
    --------
    isthmus sample model.safetensors --n 1000 --noise --out new.csv
    isthmus sample model.safetensors --label yes --out -
    isthmus sample faces.safetensors --n 64 --out faces
    """
    images.check(out, model, force=force)
    with screen.silence(quiet):
        loaded = load_network(model)
        if label is not None and loaded.labels_ is None:
            raise IsthmusError(
                f"--label: {model} knows no labels: train it with isthmus fit TABLE --label-column NAME."
            )
        rows = loaded.sample(n, random_state or 0, label=_label(loaded, label), noise=noise)
        if images.is_folder(out):
            images.write(out, rows, loaded)
            images.tell(out, n, quiet)
            return
        rows = images.flat(rows, out)
        output.write(out, rows, columns_of(loaded), is_safe=safe_csv)
    if output.shows_results(out, quiet):
        screen.tell(f"{out}: {len(rows):,} rows, {rows.shape[1]:,} column{'s' * (rows.shape[1] > 1)}")


def _label(model: Autoencoder, text: str | None) -> Any:
    """Return the label as the training had it: a number where its labels were numbers."""
    known = [] if model.labels_ is None else model.labels_.tolist()
    return next((value for value in known if str(value) == text), text)
