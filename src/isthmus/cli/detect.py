"""`isthmus detect`: the anomalous rows of a table, and the columns that make them so."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import isthmus
from isthmus.cli import output, screen, series, table
from isthmus.cli.steps import read_steps
from isthmus.cli.use import load_kind

if TYPE_CHECKING:
    import pandas as pd

    from isthmus import AnomalyDetector

SHOWN = 10  # rows
REASONS = 3  # columns of each row
WIDTH = 30  # characters of a cell that are shown
DIGITS = 10  # of a number
FLAGGED = 0.05  # share of the rows

Out = Annotated[
    Path | None,
    typer.Option(help="The file to write: .csv, .tsv or .parquet; - for standard output.", show_default=False),
]
Share = Annotated[
    float | None,
    typer.Option(help="Share of the rows to flag where a detector is trained on them: 0.05.", show_default=False),
]
Threshold = Annotated[str | None, typer.Option(help="quantile, conformal or pareto.", show_default=False)]
Alpha = Annotated[float | None, typer.Option(help="Share of usual rows that may be flagged.", show_default=False)]
Dirty = Annotated[
    float | None, typer.Option(help="Share of rows to leave out of training as outliers.", show_default=False)
]
FalseDiscoveries = Annotated[
    float | None,
    typer.Option(help="Flag rows so that at most this share of them is usual, on average.", show_default=False),
]
Window = Annotated[
    str | None,
    typer.Option(
        help="The rows are steps of a series: learn windows of so many of them; auto chooses how many.",
        metavar="STEPS",
        show_default=False,
    ),
]


def detect(
    data: screen.Data,
    out: Out = None,
    window: Window = None,
    contamination: Share = None,
    threshold: Threshold = None,
    alpha: Alpha = None,
    dirty: Dirty = None,
    false_discovery_rate: FalseDiscoveries = None,
    safe_csv: output.SafeCsv = False,
    quiet: screen.Quiet = False,
    *,
    learning: table.Learning,
    reading: table.Reading,
) -> None:
    """Find the anomalous rows of a table, and say which columns make them so.

    Without --model a detector is trained on the table itself; no row is its own neighbor. For each row: its number,
    counted from 0, and its id where the table has some; its anomaly score, about 1 for a usual one; a p-value; whether
    it is flagged; and the columns that add most to the score, with their value and the one that the others expect.

    With --window, or a detector that was trained with it, the rows are the steps of a series, in their order. A step
    scores by the windows that hold it. Flagged is a share of the steps, too, or with --threshold, --alpha or
    --model what scores above the threshold of windows. Dates, texts, and whole numbers that rise at every step are not
    learned.
    """
    given = locals()
    names = ("contamination", "threshold", "alpha", "dirty")
    settings = {name: given[name] for name in names if given[name] is not None}
    formats = [suffix for suffix in output.FORMATS if suffix != ".npy"]
    learning.check(data, out, formats, "a detector", settings | {"window": window})
    label = learning.label_column
    with screen.silence(quiet), screen.reading(quiet or window is not None):
        saved = None if learning.model is None else load_kind(learning.model, isthmus.AnomalyDetector)
        source = reading.open(data, learning.kind or ())
        X, _, labels = table.choose(source, learning.columns or (), learning.drop or (), None, label)
        is_series = window is not None or (saved is not None and series.is_of_windows(saved))
        further = {} if label is None else {label: labels}
        if is_series:
            series.refuse_rate(false_discovery_rate)
            steps = read_steps(X, further, series.channels_of(saved))
            pieces, words = series.cut(steps, window, saved)
            if not quiet:
                screen.say(f"read {steps.describe()}; {words}.")
            detector = _train(pieces, settings, learning, quiet, is_series=True) if saved is None else saved
            rows = series.report(detector, steps, is_own=saved is None)
        else:
            detector = _train(X, settings, learning, quiet) if saved is None else saved
            rows = report(detector, X, further, false_discovery_rate)
        if learning.save_model is not None:
            detector.save(learning.save_model)
    if out is not None:
        output.write(out, rows, list(rows.columns), is_safe=safe_csv)
    if output.shows_results(out, quiet):
        show = series.show_stretches if is_series else _show_rows
        show(rows, _facts(rows, "steps" if is_series else "rows", out, learning.save_model))


def report(
    detector: AnomalyDetector, X: Any, further: dict[str, Any], false_discovery_rate: float | None = None
) -> pd.DataFrame:
    """Return what is said of each row of a table, a frame.

    Its number; columns that are not learned, as ids, and `further` ones [n]; its score, p-value and flag; and of the
    columns that add most to the score their names, shares, values and expected values, these as texts.
    """
    read: Any = detector.models_[0].open_rows(X)
    rows = isthmus.odd_rows(detector, X, reasons=REASONS, false_discovery_rate=false_discovery_rate)
    ids = {} if not read.row.ignored else read.ignored().to_pandas().to_dict("series")
    for place, (name, values) in enumerate((ids | further).items(), 1):
        rows.insert(place, f"{name}_of_table" if name in (*rows, *series.WHY) else name, values)
    return rows


def _train(
    X: Any, settings: dict[str, Any], learning: table.Learning, quiet: bool, *, is_series: bool = False
) -> AnomalyDetector:
    from isthmus import AnomalyDetector

    is_usual = "threshold" in settings or "alpha" in settings  # then these rows are usual ones
    if learning.max_epochs is not None or learning.device is not None:
        may_be_odd = not is_usual or "dirty" in settings
        learned = round(X.n_rows * (1 - AnomalyDetector().calibration_fraction)) if is_usual else X.n_rows
        default = AnomalyDetector.default_autoencoder(learned, is_series, learning.max_epochs, may_be_odd=may_be_odd)
        settings = settings | {"autoencoder": default.set_params(device=learning.device)}
    if learning.random_state is not None:
        settings = settings | {"random_state": learning.random_state}
    detector = AnomalyDetector(**({} if is_usual else {"contamination": FLAGGED}) | settings)
    with screen.progress("detect", quiet) as callbacks:
        return detector.fit(X, checkpoint=learning.checkpoint, callbacks=callbacks)


def _facts(rows: pd.DataFrame, what: str, out: Path | None, model: Path | None) -> dict[str, str]:
    """Return how many rows there are and how many are odd, and what was written."""
    flagged = int(rows["is_odd"].sum())
    facts = {what: f"{len(rows):,}", "odd": f"{flagged:,} ({flagged / len(rows):.1%})"}
    facts |= {} if out is None else {"file": f"{out} ({screen.size_of(out)})"}
    return facts | ({} if model is None else {"detector": f"{model} ({screen.size_of(model)})"})


def _show_rows(rows: pd.DataFrame, facts: dict[str, str]) -> None:
    top = screen.plain()
    for name in ("row", "score", "p"):
        top.add_column(name, justify="right")
    top.add_column("odd")
    top.add_column("because of", overflow="fold")
    for _, row in rows.nlargest(SHOWN, "anomaly_score").iterrows():
        places = range(1, REASONS + 1)
        reasons = [_reason(row, i) for i in places if f"column_{i}" in row]
        score, p = f"{row['anomaly_score']:.4g}", f"{row['p_value']:.2g}"
        top.add_row(str(row["row"]), score, p, "yes" if row["is_odd"] else "no", ", ".join(reasons))
    screen.show(screen.facts(facts), "\nthe most anomalous rows, counted from 0:", top)


def _reason(row: Any, i: int) -> str:
    """Return a column that adds to a score: its share, its value, and what was expected."""
    value, expected = (_short(row[f"{what}_{i}"]) for what in ("value", "expected"))
    return f"{row[f'column_{i}']} {row[f'share_{i}']:.0%} ({value}; expected {expected})"


def _short(cell: str | None) -> str:
    """Return a cell as it is shown: a number of many digits with six of them."""
    if cell is None:
        return "missing"
    is_long = len(cell) > DIGITS and "." in cell and output.is_number(cell)
    return f"{float(cell):.6g}" if is_long else textwrap.shorten(cell, WIDTH, placeholder="…")
