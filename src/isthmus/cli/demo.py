"""`isthmus demo`: the main job, from a table to a picture, on handwritten digits."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

import isthmus
from isthmus.cli import output, screen
from isthmus.errors import IsthmusError, ModelFileError

if TYPE_CHECKING:
    import numpy as np

SIDE = 8  # pixels
TABLES, MODEL, PICTURE = ("digits.parquet", "held_out.parquet"), "model.safetensors", "digits.png"
SIZES = (8, 2)  # numbers in a code; that of two can be drawn


@dataclass(frozen=True)
class Digits:
    """Training pictures and validation pictures, as tables on disk and in memory."""

    files: tuple[Path, Path]
    rows: tuple[np.ndarray, np.ndarray]  # [n, pixels] each
    labels: np.ndarray  # [n], of the validation pictures


@dataclass(frozen=True)
class Trial:
    """A fitted model, and what it makes of the validation pictures."""

    name: str
    model: Any
    seconds: float
    codes: np.ndarray  # [n, size]
    rows: np.ndarray  # [n, pixels]


def demo(
    out: Annotated[Path, typer.Option(help="The folder for the files; it is made if need be.")] = Path("demo"),
    force: output.Force = False,
    quiet: screen.Quiet = False,
) -> None:
    """Run the main job on handwritten digits: train, use, save and load, and compare with PCA.

    Run again, it writes its files again.

    Examples
    --------
    isthmus demo --out demo
    """
    from isthmus import plots  # says what is missing before any work

    if out.exists() and not out.is_dir():
        raise IsthmusError(f"{out} is a file: name a folder for what the demo writes.")
    out.mkdir(parents=True, exist_ok=True)
    is_own = (out / TABLES[0]).exists()  # an earlier run has made the folder
    for name in (*TABLES, MODEL, PICTURE):
        output.check(out / name, (), force=force or is_own)
    digits = _write_digits(out)
    trials = [trial for size in SIZES for trial in (_autoencoder(digits, size, quiet), _pca(digits, size))]
    model, picture = out / MODEL, out / PICTURE
    _save(trials[0], model, digits)
    drawn = {"digits": digits.rows[1]} | {f"{trial.name},\n{SIZES[0]} numbers": trial.rows for trial in trials[:2]}
    first = [int((digits.labels == label).argmax()) for label in range(10)]
    figure = plots.reconstructions(
        {name: rows[first].reshape(-1, SIDE, SIDE) for name, rows in drawn.items()},
        {f"{trial.name}: codes of {SIZES[1]} numbers": trial.codes for trial in trials[2:]},
        digits.labels,
        "Digits kept for validation",
    )
    isthmus.write_file(picture, lambda file: figure.savefig(file, format="png"))
    if not quiet:
        _show(digits, trials, [*digits.files, model, picture])


def _write_digits(folder: Path) -> Digits:
    """Return scikit-learn's digits, a fifth of them kept for validation, written to two Parquet files."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    train, validation, _, labels = train_test_split(pixels, labels, test_size=0.2, random_state=0, stratify=labels)
    files = folder / TABLES[0], folder / TABLES[1]
    names = [f"pixel_{row}_{column}" for row in range(SIDE) for column in range(SIDE)]
    for file, rows in zip(files, (train, validation), strict=True):
        output.write(file, rows, names)
    return Digits(files, (train, validation), labels)


def _autoencoder(digits: Digits, size: int, quiet: bool) -> Trial:
    from isthmus import Autoencoder

    train, validation = digits.files
    began = time.perf_counter()
    model = Autoencoder(size, scaling="minmax", verbose=int(not quiet)).fit(train)
    seconds = time.perf_counter() - began
    return Trial("autoencoder", model, seconds, model.transform(validation), model.reconstruct(validation).to_numpy())


def _pca(digits: Digits, size: int) -> Trial:
    from sklearn.decomposition import PCA

    train, validation = digits.rows
    began = time.perf_counter()
    model = PCA(size, random_state=0).fit(train)
    seconds = time.perf_counter() - began
    codes = model.transform(validation)
    return Trial("PCA", model, seconds, codes, model.inverse_transform(codes))


def _save(trial: Trial, path: Path, digits: Digits) -> None:
    """Save the model, and load it again: the codes must be the same."""
    trial.model.save(path)
    if (isthmus.load(path).transform(digits.files[1]) != trial.codes).any():
        raise ModelFileError(
            f"{path}, loaded again, gives other codes than the model that was saved: please report it."
        )


def _show(digits: Digits, trials: list[Trial], files: list[Path]) -> None:
    scores = trials[0].model.score_samples(digits.files[1])
    results = {
        "loaded": f"{files[2]} gives the same codes as the model that was saved",
        "score": f"{scores.mean():.3g} on average; {scores.min():.3g} for the least usual digit, row {scores.argmin()}",
        "wrote": "\n".join(map(str, files)),
    }
    heading = f"{len(digits.labels)} digits kept for validation, {SIDE} x {SIDE} pixels from 0 to 16:"
    screen.show(heading, _compare(digits, trials), "", screen.facts(results), "\nto go on with:")
    typer.echo("\n".join(f"  {command}" for command in _next(files)))  # unfolded, to be copied


def _compare(digits: Digits, trials: list[Trial]) -> Table:
    validation = digits.rows[1]
    table = screen.plain()
    table.add_column("model")
    for name in ("numbers in the code", "squared error of a pixel", "seconds to train"):
        table.add_column(name, justify="right")
    for trial in trials:
        error = ((trial.rows - validation) ** 2).mean()
        table.add_row(trial.name, f"{trial.codes.shape[1]}", f"{error:.2f}", f"{trial.seconds:.2f}")
    return table


def _next(files: list[Path]) -> list[str]:
    """Return commands to go on with."""
    train, validation, model, _ = (shlex.quote(str(file)) for file in files)
    codes, sparse = (shlex.quote(str(files[0].parent / name)) for name in ("codes.csv", "sparse.safetensors"))
    return [
        f"isthmus inspect {model}",
        f"isthmus transform {model} {validation} --out {codes}",
        f"isthmus score {model} {validation} --per-feature",
        f"isthmus fit {train} --bottleneck 'top_k(64, k=8)' --scaling minmax --out {sparse}",
    ]
