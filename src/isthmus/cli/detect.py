"""`isthmus detect`: the anomalous rows of a table, and the columns that make them so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import isthmus
from isthmus.cli import output, screen, table
from isthmus.cli.use import load_kind

if TYPE_CHECKING:
    import pandas as pd

    from isthmus import AnomalyDetector

SHOWN = 10  # rows
REASONS = 3  # columns of each row
FLAGGED = 0.05  # share of the rows

Known = Annotated[
    Path | None, typer.Option("--model", help="A detector that was saved; else one is trained.", show_default=False)
]
Out = Annotated[
    Path | None,
    typer.Option(help="The file to write: .csv, .tsv or .parquet; - for standard output.", show_default=False),
]
SaveModel = Annotated[
    Path | None, typer.Option("--save-model", help="Where to keep the detector, .safetensors.", show_default=False)
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


def detect(
    data: screen.Data,
    model: Known = None,
    out: Out = None,
    save_model: SaveModel = None,
    contamination: Share = None,
    threshold: Threshold = None,
    alpha: Alpha = None,
    dirty: Dirty = None,
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
    """Find the anomalous rows of a table, and say which columns make them so.

    Without --model a detector is trained on the table itself, and no row vouches for itself. For each row: its
    anomaly score, about 1 for a usual one; a p-value; whether it is flagged; and the columns that add most to it.
    """
    given = locals()
    names = ("contamination", "threshold", "alpha", "dirty", "random_state")
    settings = {name: given[name] for name in names if given[name] is not None}
    training = {"max_epochs": max_epochs, "device": device}
    chosen = {"columns": columns, "drop": drop, "label_column": label_column, "kind": kind}
    table.refuse_unused(model, "a detector", settings | chosen | training)
    inputs = [data] if model is None else [data, model]
    if out is not None:
        output.check(out, [suffix for suffix in output.FORMATS if suffix != ".npy"], *inputs)
    if save_model is not None:
        output.check(save_model, output.MODELS, *inputs, *([] if out is None else [out]))
    with screen.silence(quiet), screen.reading(quiet):
        X = table.choose(reading.open(data, kind or ()), columns or (), drop or (), None, label_column)[0]
        detector = _train(X, settings, training) if model is None else load_kind(model, isthmus.AnomalyDetector)
        rows = report(detector, X)
        if save_model is not None:
            detector.save(save_model)
    if out is not None:
        output.write(out, rows, list(rows.columns), is_safe=safe_csv)
    if output.is_told(out, quiet):
        _show(rows, out, save_model)


def report(detector: AnomalyDetector, X: Any) -> pd.DataFrame:
    """Return for each row its number, score, p-value, flag, and the columns that add most to the score."""
    import numpy as np
    import pandas as pd

    explained = detector.explain(X, with_scores=True)
    added = explained["contribution"]
    scores = explained["score"].reset_index(drop=True)
    score = scores["anomaly_score"].to_numpy()
    rows = pd.concat([pd.DataFrame({"row": np.arange(len(score))}), scores], axis=1)
    order = np.argsort(-added.to_numpy(), axis=1, kind="stable")
    names = np.asarray(added.columns, dtype=object).astype(str)
    for place in range(min(REASONS, len(names))):
        rows[f"column_{place + 1}"] = names[order[:, place]]
        rows[f"share_{place + 1}"] = np.take_along_axis(added.to_numpy(), order, axis=1)[:, place] / score
    return rows


def _train(X: Any, settings: dict[str, Any], training: dict[str, Any]) -> AnomalyDetector:
    from isthmus import AnomalyDetector

    given = {name: value for name, value in training.items() if value is not None}
    if given:
        settings = settings | {"autoencoder": AnomalyDetector.default_autoencoder(X.n_rows).set_params(**given)}
    is_usual = "threshold" in settings or "alpha" in settings  # then these rows are usual ones
    return AnomalyDetector(**({} if is_usual else {"contamination": FLAGGED}) | settings).fit(X)


def _show(rows: pd.DataFrame, out: Path | None, model: Path | None) -> None:
    flagged = int(rows["is_odd"].sum())
    results = {"rows": f"{len(rows):,}", "odd": f"{flagged:,} ({flagged / len(rows):.1%})"}
    results |= {} if out is None else {"file": f"{out} ({screen.size_of(out)})"}
    results |= {} if model is None else {"detector": f"{model} ({screen.size_of(model)})"}
    top = screen.plain()
    for name in ("row", "score", "p"):
        top.add_column(name, justify="right")
    top.add_column("odd")
    top.add_column("because of", overflow="fold")
    for _, row in rows.nlargest(SHOWN, "anomaly_score").iterrows():
        places = range(1, REASONS + 1)
        reasons = [f"{row[f'column_{i}']} {row[f'share_{i}']:.0%}" for i in places if f"column_{i}" in row]
        score, p = f"{row['anomaly_score']:.4g}", f"{row['p_value']:.2g}"
        top.add_row(str(row["row"]), score, p, "yes" if row["is_odd"] else "no", ", ".join(reasons))
    screen.show(screen.facts(results), "\nthe most anomalous rows, counted from 0:", top)
