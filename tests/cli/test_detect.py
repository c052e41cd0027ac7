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
    assert rows["anomaly_score"].idxmax() == ODD
    assert rows.loc[ODD, "is_odd"]
    assert rows.loc[ODD, "column_1"] == "c"
    shares = rows[["share_1", "share_2", "share_3"]].to_numpy()
    assert (np.diff(shares, axis=1) <= 0).all()
    assert ((shares.sum(axis=1) > 0) & (shares.sum(axis=1) <= 1 + 1e-9)).all()
    assert call("detect", path, "--model", "detector.safetensors", "--out", "again.csv", "--quiet").output == ""
    pd.testing.assert_frame_equal(pd.read_csv("again.csv"), rows)
    detector = isthmus.load("detector.safetensors")
    np.testing.assert_allclose(detector.anomaly_score(path), rows["anomaly_score"], rtol=1e-12)
    assert call("plot", "detector.safetensors", path, "--out", "scores.png").exit_code == 0


def test_settings_are_those_of_the_detector(call, path):
    words = ("--threshold", "conformal", "--alpha", 0.1, "--drop", "kind", "--save-model", "detector.safetensors")
    assert call("detect", path, *words, "--random-state", 3).exit_code == 0
    detector = isthmus.load("detector.safetensors")
    assert type(detector) is AnomalyDetector
    assert (detector.threshold, detector.alpha, detector.contamination) == ("conformal", 0.1, "auto")
    assert detector.feature_names_in_.tolist() == list("abcd")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--contamination", 2], "contamination must be 'auto' or in (0, 0.5]. Got 2.0."),
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
