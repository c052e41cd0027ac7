"""`detect` finds the odd rows of a file, says which columns make them so, and keeps what it has learned."""

import numpy as np
import pandas as pd
import pytest

import isthmus
from isthmus import AnomalyDetector

RANDOM = np.random.default_rng(0)
ROWS = np.concatenate([RANDOM.normal(size=(120, 1)) @ np.ones((1, 4)), [[0.0, 0.0, 6.0, 0.0]]])
ODD = 120


@pytest.fixture
def path(tmp_path):
    frame = pd.DataFrame(ROWS + 0.05 * RANDOM.normal(size=ROWS.shape), columns=list("abcd"))
    frame.assign(kind=np.where(frame["a"] > 0, "up", "down")).to_parquet(tmp_path / "data.parquet")
    return tmp_path / "data.parquet"


def test_the_odd_row_and_its_column_are_named(call, told, path):
    found = told("detect", path, "--out", "odd.csv", "--save-model", "detector.safetensors", "--contamination", 0.01)
    assert found["rows"] == "121"
    assert found["odd"] == "1 (0.8%)"
    rows = pd.read_csv("odd.csv")
    assert list(rows)[:4] == ["row", "anomaly_score", "p_value", "is_odd"]
    assert sorted(rows["row"]) == list(range(len(ROWS)))
    assert rows["anomaly_score"].is_monotonic_decreasing
    assert (rows.loc[0, "row"], rows.loc[0, "column_1"]) == (ODD, "c")
    assert rows.loc[0, "is_odd"]
    shares = rows[["share_1", "share_2", "share_3"]].to_numpy()
    assert (np.diff(shares, axis=1) <= 0).all()
    assert ((shares.sum(axis=1) > 0) & (shares.sum(axis=1) <= 1 + 1e-5)).all()
    numbers = rows[["anomaly_score", "p_value", "share_1", "share_2", "share_3"]]
    assert all(len(f"{cell!r}") <= 12 for cell in numbers.to_numpy().ravel().tolist())
    assert call("detect", path, "--model", "detector.safetensors", "--out", "again.csv", "--quiet").output == ""
    pd.testing.assert_frame_equal(pd.read_csv("again.csv"), rows)
    detector = isthmus.load("detector.safetensors")
    np.testing.assert_allclose(detector.anomaly_score(path)[rows["row"]], rows["anomaly_score"], rtol=1e-5)
    assert call("plot", "detector.safetensors", path, "--out", "scores.png").exit_code == 0


def test_rows_are_flagged_at_a_rate_of_false_discoveries(call, path):
    words = ("--alpha", 0.1, "--max-epochs", 2, "--save-model", "usual.safetensors")
    assert call("detect", path, *words).exit_code == 0
    table = pd.read_parquet(path).drop(index=ODD).reset_index(drop=True)
    table.loc[:59, list("abcd")] += 50  # half of the rows are far off
    table.to_parquet("later.parquet")
    words = (
        "detect",
        "later.parquet",
        "--model",
        "usual.safetensors",
        "--out",
        "odd.csv",
        "--force",
        "--false-discovery-rate",
    )
    flagged = []
    for rate in (0.01, 0.1):
        result = call(*words, rate)
        assert result.exit_code == 0
        assert ("flags no row: with 24 validation rows no p-value is below 0.04, so none" in result.stderr) == (
            rate == 0.01
        )
        rows = pd.read_csv("odd.csv")
        # Benjamini and Hochberg: the k lowest p-values, where the k-th is at most rate · k / n.
        p = np.sort(rows["p_value"].to_numpy())
        below = np.flatnonzero(p <= rate * np.arange(1, len(p) + 1) / len(p))
        assert rows["is_odd"].sum() == (below[-1] + 1 if len(below) else 0)
        flagged.append(rows["is_odd"].sum())
    assert flagged[0] == 0
    assert flagged[1] >= 60
    assert "in (0, 1)" in call(*words, 1.5).output


def test_settings_are_those_of_the_detector(call, path):
    words = (
        "--threshold",
        "conformal",
        "--alpha",
        0.1,
        "--max-epochs",
        2,
        "--drop",
        "kind",
        "--save-model",
        "detector.safetensors",
    )
    assert call("detect", path, *words, "--random-state", 3).exit_code == 0
    detector = isthmus.load("detector.safetensors")
    assert type(detector) is AnomalyDetector
    assert (detector.threshold, detector.alpha, detector.contamination) == ("conformal", 0.1, "auto")
    assert detector.feature_names_in_.tolist() == list("abcd")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--contamination", 5], "contamination must be 'auto' or in (0, 0.5]. Got 5.0. 5 % is 0.05."),
        (["--contamination", 90], "contamination must be 'auto' or in (0, 0.5]. Got 90.0."),  # nor is 0.9
        (["--alpha", 1], "alpha must be in (0, 1). Got 1.0. 1 % is 0.01."),
        (["--threshold", "pareto2"], "threshold must be one of"),
        (["--out", "odd.npy"], "the output odd.npy has an unsupported suffix."),
        (["--model", "none.safetensors"], "none.safetensors"),
        (["--drop", "e"], "'e'"),
    ],
)
def test_wrong_settings_are_one_sentence(refused, path, words, message):
    assert message in refused("detect", path, *words)


def test_a_model_that_is_no_detector_is_refused(refused, path, trained):
    assert "holds Autoencoder; expected AnomalyDetector." in refused("detect", path, "--model", trained)
    message = refused("detect", path, "--model", trained, "--alpha", 0.1)
    assert message.startswith("--alpha is for a detector that is trained, and ")


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr("isthmus.anomaly.default.LEAST_STEPS", 10)
    monkeypatch.setattr("isthmus.anomaly.default.MOST_STEPS", 10)


def orders():
    """Return a table with ids, a label and a wrong price in row 50."""
    random = np.random.default_rng(1)
    count = random.integers(1, 9, 90)
    frame = pd.DataFrame({"order": [f"A-{i:05d}" for i in range(90)], "count": count, "price": count * 2.5})
    frame["day"] = pd.date_range("2024-01-01", periods=90).strftime("%Y-%m-%d")
    frame.loc[50, "price"] = 990.25
    return frame.assign(score=np.where(count > 4, "much", "little"))


def test_a_row_is_written_with_its_ids_and_reasons_with_value_and_expected_value(call, short):
    frame = orders()
    frame.to_csv("orders.csv", index=False)
    words = ("--label-column", "score", "--out", "odd.csv", "--save-model", "d.safetensors")
    result = call("detect", "orders.csv", *words)
    assert result.exit_code == 0, result.stderr
    rows = pd.read_csv("odd.csv")
    assert list(rows)[:6] == ["row", "order", "score", "anomaly_score", "p_value", "is_odd"]
    assert list(rows)[6:10] == ["column_1", "share_1", "value_1", "expected_1"]
    assert rows["order"].tolist() == frame["order"][rows["row"]].tolist()
    assert rows["score"].tolist() == frame["score"][rows["row"]].tolist()
    worst = rows.loc[0]
    assert (worst["row"], worst["order"], worst["column_1"]) == (50, "A-00050", "price")
    assert float(worst["value_1"]) == 990.25
    explained = isthmus.load("d.safetensors").explain("orders.csv")
    assert float(worst["expected_1"]) == explained[("expected", "price")].iloc[50] < 990.25
    assert "price" in result.stdout
    assert f"(990.25; expected {worst['expected_1']})" in result.stdout
    days = rows.loc[rows["column_1"] == "day", ["row", "value_1"]]
    assert len(days)
    assert days["value_1"].tolist() == frame["day"][days["row"]].tolist()


def test_ids_called_as_a_column_of_the_report_are_told_apart(call, short):
    orders().rename(columns={"order": "row"}).to_csv("orders.csv", index=False)
    assert call("detect", "orders.csv", "--out", "odd.csv").exit_code == 0
    rows = pd.read_csv("odd.csv")
    assert rows["row_of_table"].tolist() == orders()["order"][rows["row"]].tolist()


def test_rows_of_an_array_have_values_too(call, short):
    np.save("rows.npy", ROWS)
    assert call("detect", "rows.npy", "--out", "odd.csv").exit_code == 0
    rows = pd.read_csv("odd.csv")
    places = rows["column_1"].str.removeprefix("x").astype(int).to_numpy()
    np.testing.assert_allclose(rows["value_1"], ROWS[rows["row"], places], rtol=1e-12)


def test_one_column_is_enough(call, short):
    values = np.random.default_rng(0).normal(size=90).round(3)
    values[17] = 40
    pd.DataFrame({"pressure": values}).to_csv("data.csv", index=False)
    result = call("detect", "data.csv", "--out", "odd.csv", "--contamination", 0.02)
    assert result.exit_code == 0, result.stderr
    rows = pd.read_csv("odd.csv")
    assert rows.loc[0, "is_odd"]
    assert (rows.loc[0, "row"], rows.loc[0, "column_1"], rows.loc[0, "value_1"]) == (17, "pressure", 40)


def test_ids_that_are_named_are_written_and_not_learned(call, refused, short, frame):
    frame.assign(day=np.arange(60) // 2).to_csv("t.csv", index=False)
    words = ("--id", "day", "--max-epochs", 1, "--n-models", 2, "--save-model", "d.safetensors")
    assert call("detect", "t.csv", *words, "--out", "odd.csv").exit_code == 0
    detector = isthmus.load("d.safetensors")
    assert detector.feature_names_in_.tolist() == list("abcde")
    assert len(detector.models_[0].fitted_.row.ignored) == 0
    assert detector.n_models == 2
    rows = pd.read_csv("odd.csv")
    assert (rows["day"] == rows["row"] // 2).all()
    later = ("detect", "t.csv", "--model", "d.safetensors", "--out", "later.csv", "--id", "day")
    assert call(*later).exit_code == 0
    pd.testing.assert_frame_equal(pd.read_csv("later.csv")[["row", "day"]], rows[["row", "day"]])
    assert refused(*later, "--n-models", 3, "--force").startswith("--n-models is for a detector that is trained")


def test_quiet_with_nothing_to_write_is_refused(refused, table):
    message = "--quiet without --out or --save-model would leave nothing: name an output."
    assert refused("detect", table, "--quiet") == message


@pytest.mark.parametrize("command", ["detect", "impute"])
def test_a_training_goes_on_from_its_checkpoint(call, refused, table, command, tmp_path):
    words = (command, table, "--out", "out.csv", "--force", "--checkpoint", "progress")
    assert call(*words, "--max-epochs", 3).exit_code == 0
    assert (tmp_path / "progress").stat().st_size
    assert call(*words, "--max-epochs", 3, "--save-model", "on.safetensors").exit_code == 0
    whole = (command, table, "--out", "whole.csv", "--max-epochs", 3, "--save-model", "whole.safetensors")
    assert call(*whole).exit_code == 0
    on, at_once = (isthmus.load(f"{name}.safetensors") for name in ("on", "whole"))
    first, second = (getattr(model, "models_", None) or [model.autoencoder_] for model in (on, at_once))
    np.testing.assert_array_equal(first[0].transform(table), second[0].transform(table))
    (tmp_path / "progress").write_bytes(b"no checkpoint")
    assert "progress" in refused(*words)
    message = refused(*words[:-1], tmp_path / "none" / "progress")
    assert "there is no folder" in message
    message = refused(command, table, "--out", "more.csv", "--model", "on.safetensors", "--checkpoint", "progress")
    assert message.startswith("--checkpoint is for")


@pytest.mark.parametrize("command", ["detect", "impute"])
def test_a_model_is_kept_though_the_table_cannot_be_written(refused, table, command, tmp_path, monkeypatch, short):
    def fail(*_, **__):
        raise OSError(28, "No space left on device", "out.csv")

    monkeypatch.setattr("isthmus.cli.output._write", fail)
    monkeypatch.setattr("isthmus.estimators.imputer.STEPS", 100)
    message = refused(command, table, "--out", "out.csv", "--save-model", "kept.safetensors")
    assert message == "out.csv: No space left on device."
    isthmus.load(tmp_path / "kept.safetensors")


def test_rows_that_score_nothing_have_shares_of_nothing(call, short):
    pd.DataFrame({"a": [1.0] * 30, "b": [2.0] * 30}).to_csv("data.csv", index=False)
    result = call("detect", "data.csv", "--out", "odd.csv")
    assert result.exit_code == 0, result.stderr
    assert "nan" not in result.stdout
    assert (pd.read_csv("odd.csv")["share_1"] == 0).all()


def test_a_label_called_as_what_is_said_of_rows_keeps_its_values(call, path):
    pd.read_parquet(path).rename(columns={"kind": "share_1"}).to_parquet("t.parquet")
    assert call("detect", "t.parquet", "--label-column", "share_1", "--max-epochs", 1, "--out", "o.csv").exit_code == 0
    rows = pd.read_csv("o.csv")
    assert set(rows["share_1_of_table"]) == {"up", "down"}
    assert rows["share_1"].between(0, 1 + 1e-9).all()
