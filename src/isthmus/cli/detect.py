"""`isthmus detect`: the anomalous rows of a table, and the columns that make them so."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import isthmus
from isthmus.cli import output, screen, series, table
from isthmus.cli.manual import option
from isthmus.cli.steps import read_steps
from isthmus.cli.use import load_kind
from isthmus.errors import IsthmusError

if TYPE_CHECKING:
    import pandas as pd

    from isthmus import AnomalyDetector

SHOWN = 10  # rows
REASONS = 3  # columns of each row
WIDTH = 30  # characters of a cell that are shown
LONG, DIGITS = 10, 6  # characters of a number that is shown with fewer digits, and how many
FLAGGED = 0.05  # share of the rows

Out = Annotated[
    Path | None,
    option("--out", says="The file to write: .csv, .tsv or .parquet; - for standard output."),
]
Share = Annotated[
    float | None,
    option("--contamination", says="Share of the rows to flag where a detector is trained on them.", default="0.05"),
]
Threshold = Annotated[
    str | None,
    option(
        "--threshold",
        says="The rows are usual ones: how the threshold comes from validation rows, by quantile, conformal or pareto.",
        default="rows are not known to be usual",
    ),
]
Alpha = Annotated[
    float | None,
    option(
        "--alpha", says="The rows are usual ones: share of such that may be flagged.", default="0.05 with --threshold"
    ),
]
Dirty = Annotated[
    float | None, option("--dirty", says="Share of rows to leave out of training as outliers.", default="0")
]
FalseDiscoveries = Annotated[
    float | None,
    option("--false-discovery-rate", says="Flag rows so that at most this share of them is usual, on average."),
]
Models = Annotated[
    int | None,
    option(
        "--n-models",
        says="How many copies of the network to train, with other seeds; their errors are averaged.",
        panel=table.TRAINING,
        default="1",
    ),
]
Window = Annotated[
    str | None,
    option(
        "--window",
        says="The rows are steps of a series: learn windows of so many of them; auto chooses how many.",
        metavar="STEPS",
    ),
]


def detect(
    data: screen.Data,
    out: Out = None,
    window: Window = None,
    text: table.Text = None,
    contamination: Share = None,
    threshold: Threshold = None,
    alpha: Alpha = None,
    dirty: Dirty = None,
    false_discovery_rate: FalseDiscoveries = None,
    n_models: Models = None,
    safe_csv: output.SafeCsv = False,
    force: output.Force = False,
    quiet: screen.Quiet = False,
    *,
    learning: table.Learning,
    reading: table.Reading,
) -> None:
    """Find the anomalous rows of a table, and say which columns make them so.

    Without --model a detector is trained on the table itself; no row is its own neighbor. The most anomalous row stands
    first. For each: its number in the table, counted from 0, and its id where the table has some; its anomaly score,
    about 1 for a usual one; a p-value; whether it is flagged; and the columns that add most to the score, with their
    value and the one that the others expect.

    With --window, or a detector that was trained with it, the rows are the steps of a series, in their order. A step
    scores by the windows that hold it. Flagged is a share of the steps, too, or with --threshold, --alpha or
    --model what scores above the threshold of windows. Dates, texts, and whole numbers that rise at every step are not
    learned.

    Examples
    --------
    isthmus detect orders.csv --out odd.csv
    isthmus detect orders.csv --id order --contamination 0.01 --n-models 3 --save-model detector.safetensors
    isthmus detect new.csv --model detector.safetensors --out odd.csv
    isthmus detect reviews.csv --text review --id order --out odd.csv
    isthmus detect flow.csv --window auto --out steps.csv
    cat orders.csv | isthmus detect - --out - | head
    """
    given = locals()
    names = ("contamination", "threshold", "alpha", "dirty", "n_models")
    settings = {name: given[name] for name in names if given[name] is not None}
    formats = [suffix for suffix in output.FORMATS if suffix != ".npy"]
    learning.check(data, out, formats, "a detector", settings | {"window": window}, force=force)
    if quiet and out is None and learning.save_model is None:
        raise IsthmusError("--quiet without --out or --save-model would leave nothing: name an output.")
    label = learning.label_column
    with screen.silence(quiet), screen.reading(quiet or window is not None):
        saved = None if learning.model is None else load_kind(learning.model, isthmus.AnomalyDetector)
        source = reading.open(data, learning.kind or ())
        ids = table.ids_of(source, learning.ids)
        own = () if saved is not None else tuple(ids)  # what the detector needs of a table it knows
        chosen = table.choose(source, learning.columns or (), learning.drop or (), None, label, own)
        is_series = window is not None or (saved is not None and series.is_of_windows(saved))
        X, labels = chosen.table, {} if label is None else {label: chosen.label}
        if is_series:
            series.refuse_rate(false_discovery_rate)
            steps = read_steps(X, ids | labels, series.channels_of(saved))
            pieces, words = series.cut(steps, window, saved)
            if not quiet:
                screen.say(f"read {steps.describe()}; {words}.")
            detector = _train(pieces, settings, learning, quiet, is_series=True) if saved is None else saved
            rows = series.report(detector, steps, is_own=saved is None)
        else:
            X = table.rows_of(source, text) if text else X
            detector = _train(X, settings, learning, quiet) if saved is None else saved
            rows = report(detector, X, ids, labels, false_discovery_rate)
            rows = rows.sort_values("anomaly_score", ascending=False, kind="stable", ignore_index=True)
        rows = _short_numbers(rows, ["expected"] if text is None else ["expected", "value"])
        if learning.save_model is not None:
            detector.save(learning.save_model)
    if out is not None:
        output.write(out, rows, list(rows.columns), is_safe=safe_csv)
    if output.shows_results(out, quiet):
        show = series.show_stretches if is_series else _show_rows
        show(rows, _facts(rows, "steps" if is_series else "rows", out, learning.save_model))


def report(
    detector: AnomalyDetector,
    X: Any,
    ids: dict[str, Any],
    label: dict[str, Any],
    false_discovery_rate: float | None = None,
) -> pd.DataFrame:
    """Return what is said of each row of a table, a frame.

    Its number; its `ids` [n], other columns that are not learned, and its `label` [n]; its score, p-value and flag;
    and of the columns that add most to the score their names, shares, values and expected values, these as texts.
    """
    read: Any = detector.models_[0].open_rows(X)
    rows = isthmus.odd_rows(detector, X, reasons=REASONS, false_discovery_rate=false_discovery_rate)
    ignored = {} if not read.row.ignored else read.ignored().to_pandas().to_dict("series")
    for place, (name, values) in enumerate((ids | ignored | label).items(), 1):
        rows.insert(place, f"{name}_of_table" if name in (*rows, *series.WHY) else name, values)
    return rows


def _short_numbers(rows: pd.DataFrame, cells: Sequence[str]) -> pd.DataFrame:
    """Return what is said of rows with six digits in each number, in `cells` too; values of a table stay whole."""
    places = range(1, REASONS + 1)
    for name in ("anomaly_score", "threshold", "p_value", *(f"share_{i}" for i in places)):
        if name in rows:
            rows[name] = [float(f"{value:.{DIGITS}g}") for value in rows[name]]
    for name in (f"{what}_{i}" for what in cells for i in places):
        if name in rows and rows[name].dtype == object:
            rows[name] = rows[name].map(_short_number)
    return rows


def _train(
    X: Any, settings: dict[str, Any], learning: table.Learning, quiet: bool, *, is_series: bool = False
) -> AnomalyDetector:
    from isthmus import AnomalyDetector

    is_usual = "threshold" in settings or "alpha" in settings  # then these rows are usual ones
    if learning.max_epochs is not None or learning.device is not None:
        may_be_odd = not is_usual or "dirty" in settings
        count = len(X) if isinstance(X, list) else X.n_rows
        learned = round(count * (1 - AnomalyDetector().calibration_fraction)) if is_usual else count
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
    for _, row in rows.head(SHOWN).iterrows():
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
    """Return a cell as it is shown."""
    return "missing" if cell is None else textwrap.shorten(_short_number(cell), WIDTH, placeholder="…")


def _short_number(cell: Any) -> Any:
    """Return a cell, a number of many digits with six of them."""
    is_long = isinstance(cell, str) and len(cell) > LONG and "." in cell and output.is_number(cell)
    return f"{float(cell):.{DIGITS}g}" if is_long else cell
