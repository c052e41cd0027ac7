"""`detect --window` finds the odd steps of a series, and says which channels make them so."""

import warnings

import numpy as np
import pandas as pd
import pytest

import isthmus
from isthmus import AnomalyDetector, expected_series, series_error
from isthmus.cli.series import stretches

STEPS = 120
ODD = slice(60, 65)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr("isthmus.anomaly.default.LEAST_STEPS", 10)
    monkeypatch.setattr("isthmus.anomaly.default.MOST_STEPS", 10)


def series():
    """Return a sine and a cosine by the hour; of the second five steps are wrong."""
    phase, random = np.arange(STEPS) / 4, np.random.default_rng(0)
    waves = np.column_stack([np.sin(phase), np.cos(phase)]) + 0.05 * random.normal(size=(STEPS, 2))
    waves[ODD, 1] += 9
    frame = pd.DataFrame(waves, columns=["flow", "heat"])
    frame.insert(0, "time", pd.date_range("2026-01-01", periods=STEPS, freq="h"))
    return frame.assign(count=np.arange(STEPS) + 1000, site="north", score=np.where(frame["flow"] > 0, "up", "down"))


def test_odd_steps_are_written_with_their_time_and_channels(call):
    series().to_csv("series.csv", index=False)
    words = ("--window", 4, "--label-column", "score", "--save-model", "d.safetensors", "--out", "odd.csv")
    result = call("detect", "series.csv", *words, "--contamination", 0.05)
    assert result.exit_code == 0, result.stderr
    read = "read 120 steps of 2 channels (flow, heat), not learned time, count, site, score"
    assert result.stderr == f"isthmus: {read}; windows of 4 steps.\n"
    rows = pd.read_csv("odd.csv")
    own = ["step", "time", "count", "site", "score", "anomaly_score", "threshold", "is_odd"]
    assert list(rows) == own + [f"{what}_{i}" for i in (1, 2) for what in ("column", "share", "value", "expected")]
    assert rows["step"].tolist() == list(range(STEPS))
    assert rows["score"].tolist() == series()["score"].tolist()
    assert pd.to_datetime(rows["time"]).tolist() == series()["time"].tolist()
    assert rows["is_odd"].sum() == 6  # 5 % of 120
    assert (rows["is_odd"] == (rows["anomaly_score"] > rows["threshold"])).all()
    assert rows.loc[rows["is_odd"], "step"].between(56, 68).all()  # windows of four steps that hold an odd one
    assert (rows["column_1"][ODD] == "heat").all()
    np.testing.assert_allclose(rows["share_1"] + rows["share_2"], 1, rtol=1e-5)

    detector, values = isthmus.load("d.safetensors"), series()[["flow", "heat"]]
    np.testing.assert_allclose(rows["anomaly_score"], series_error(detector, values.to_numpy()), rtol=1e-5)
    np.testing.assert_allclose(rows["value_1"][ODD], values["heat"][ODD], rtol=1e-5)
    expected = expected_series(detector, values)[:, 1]
    np.testing.assert_allclose(rows["expected_1"][ODD], expected[ODD], rtol=1e-5)

    assert detector.models_[0].get_params()["scaling"] == isthmus.scalings.Standard()
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["steps", "120"] in lines
    stretch = next(line for line in lines if "heat" in line)
    first, last = map(int, stretch[0].split("-"))
    assert rows.loc[first:last, "is_odd"].all()
    assert "2026-01-03 1" in result.stdout


def test_a_stretch_reaches_down_to_half_of_its_height_above_the_threshold():
    """Above a threshold of 2 the first is 3 high: it reaches down to 3.5; the second is of one step."""
    score = [1, 2.5, 3.4, 3.6, 5, 3.5, 3.4, 1, 1, 2.2, 1]
    rows = pd.DataFrame({"step": np.arange(11), "anomaly_score": score, "threshold": 2.0})
    odd = stretches(rows.assign(is_odd=rows["anomaly_score"] > 2))
    assert odd[["first", "last", "step"]].to_numpy().tolist() == [[3, 5, 4], [9, 9, 9]]


def test_a_saved_detector_of_windows_reads_a_later_series(call, refused):
    series().to_csv("series.csv", index=False)
    series().drop(columns=["flow"]).to_csv("other.csv", index=False)
    words = ("--threshold", "quantile", "--alpha", 0.1, "--random-state", 3)
    assert call("detect", "series.csv", "--window", "auto", *words, "--save-model", "d.safetensors").exit_code == 0
    detector = isthmus.load("d.safetensors")
    assert type(detector) is AnomalyDetector
    assert detector.models_[0].fitted_.row.shape == (12, 2)  # a tenth of the steps
    result = call("detect", "series.csv", "--model", "d.safetensors", "--out", "odd.csv")
    assert result.stderr.endswith("windows of 12 steps.\n")
    rows = pd.read_csv("odd.csv")
    np.testing.assert_allclose(rows["threshold"], -detector.offset_, rtol=1e-5)
    assert "--window is for a detector that is trained" in refused(
        "detect", "series.csv", "--model", "d.safetensors", "--window", 12
    )
    message = "other.csv has no channel 'flow', and the detector was trained on flow, heat."
    assert refused("detect", "other.csv", "--model", "d.safetensors") == message
    series()[["heat", "site", "flow"]].assign(more=1.5).to_csv("turned.csv", index=False)
    turned = call("detect", "turned.csv", "--model", "d.safetensors", "--out", "turned_odd.csv")
    assert "2 channels (flow, heat), not learned site, more" in turned.stderr
    np.testing.assert_array_equal(pd.read_csv("turned_odd.csv")["anomaly_score"], rows["anomaly_score"])


def test_columns_beside_may_be_called_as_what_is_said_of_steps(call):
    names = {"time": "first", "site": "share_1", "count": "threshold"}
    series().drop(columns="score").rename(columns=names).to_csv("series.csv", index=False)
    result = call("detect", "series.csv", "--window", 4, "--out", "odd.csv")
    assert result.exit_code == 0, result.stderr
    rows = pd.read_csv("odd.csv")
    assert (rows["share_1_of_table"] == "north").all()
    assert rows["threshold_of_table"].tolist() == list(range(1000, 1000 + STEPS))
    assert "first" in rows
    assert rows["share_1"].between(0, 1 + 1e-9).all()


def test_unsigned_numbers_that_fall_are_a_channel(call):
    frame = series()[["flow"]].assign(down=np.arange(STEPS, 0, -1).astype("uint8"))
    frame.to_parquet("series.parquet")
    assert "2 channels (flow, down)" in call("detect", "series.parquet", "--window", 4).stderr


def test_an_array_is_a_series_too(call):
    np.save("series.npy", series()[["flow", "heat"]].to_numpy())
    result = call("detect", "series.npy", "--window", 4, "--out", "-")
    assert result.exit_code == 0
    assert "read 120 steps of 2 channels (x0, x1); windows of 4 steps." in result.stderr
    assert call("detect", "series.npy", "--window", 4, "--out", "o.csv", "--quiet").output == ""


@pytest.mark.parametrize(
    ("columns", "window", "message"),
    [
        (["flow"], "ten", "--window: expected a number of steps, as 10, or auto; got 'ten'."),
        (["flow"], "-1", "--window: expected a number of steps, as 10, or auto; got '-1'."),
        (["flow"], "0", "size must be a whole number of at least 1. Got 0."),
        (["flow"], "121", "expected a series of at least 121 steps, the size of a window; got 120."),
        (
            ["time", "count", "site"],
            "4",
            "--window: expected a column of numbers that do not only count steps; series.csv",
        ),
    ],
)
def test_what_is_no_series_is_one_sentence(refused, columns, window, message):
    series()[columns].to_csv("series.csv", index=False)
    assert message in refused("detect", "series.csv", f"--window={window}")


def test_steps_have_no_p_values(refused):
    series().to_csv("series.csv", index=False)
    message = refused("detect", "series.csv", "--window", 4, "--false-discovery-rate", 0.1)
    assert message == (
        "--false-discovery-rate is for rows of a table; steps of a series have no p-values: leave it out."
    )


def test_cells_without_a_number_are_named_and_taken_between_their_neighbors(call):
    frame = series().assign(heat=lambda f: f["heat"].round(2).astype(object), flow=lambda f: f["flow"].round(3))
    frame.loc[7, "heat"] = "broken"
    frame.loc[[20, 21], "flow"] = np.nan
    frame["half"] = np.where(np.arange(STEPS) % 3, 1.5, np.nan).astype(object)
    frame.loc[::3, "half"] = "off"
    frame.to_csv("series.csv", index=False)
    result = call("detect", "series.csv", "--window", 4, "--out", "odd.csv")
    assert result.exit_code == 0, result.stderr
    between = "taken to be between the neighboring steps."
    assert f"heat has 1 cell without a number, the first at step 7: 'broken'; it is {between}" in result.stderr
    assert f"flow has 2 cells without a number, the first at step 20; they are {between}" in result.stderr
    assert "half is not learned: it has 40 cells without a number, the first at step 0: 'off'." in result.stderr
    assert "2 channels (flow, heat)" in result.stderr
    rows = pd.read_csv("odd.csv")
    places = {rows.loc[7, f"column_{place}"]: place for place in (1, 2)}
    assert np.isnan(rows.loc[7, f"value_{places['heat']}"])
    names, values = (rows[[f"{what}_1", f"{what}_2"]].to_numpy() for what in ("column", "value"))
    expected = rows[["expected_1", "expected_2"]].to_numpy()
    for name, decimals in (("heat", 2), ("flow", 3)):  # as the channel has
        np.testing.assert_array_equal(expected[names == name], expected[names == name].round(decimals))
        own = values[(names == name) & ~np.isnan(values)]
        np.testing.assert_array_equal(own, own.round(decimals))


def rows_of(frame, column):
    from isthmus.cli.steps import read_steps

    return read_steps(frame.assign(time=column), {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t, None),
        (
            lambda t: t.where(t.index < 40, t + pd.Timedelta(hours=5)),
            "time has 1 gap, the longest between 2026-01-02 15",
        ),
        (
            lambda t: t.where(t.index != 9, t.iloc[3]),
            "time goes back at 1 step, the first 9 (2026-01-01 03:00:00 after",
        ),
        (lambda t: t.where(t.index < 9, t - pd.Timedelta(hours=1)), "time stands still at 1 step, the first 9."),
        (lambda t: pd.Series(np.arange(STEPS) + 7 * (np.arange(STEPS) > 50)), "time has 1 gap, the longest between 50"),
        (lambda t: pd.Series(np.r_[np.arange(60), 3, np.arange(61, STEPS)]), "time goes back at 1 step, the first 60"),
    ],
)
def test_gaps_and_disorder_in_time_are_said(change, message):
    frame = series().drop(columns=["count"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        steps = rows_of(frame, change(frame["time"]))
    said = [str(warning.message) for warning in caught]
    assert said == [] if message is None else (len(said) == 1 and said[0].startswith(message)), said
    assert list(steps.channels) == ["flow", "heat"]


def test_the_hour_of_the_day_is_a_channel():
    frame = series()
    assert "time" in rows_of(frame.drop(columns="count"), pd.Series(np.arange(STEPS) % 24)).channels
