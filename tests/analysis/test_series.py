"""Series through windows: cut and joined by hand, cleaned nearer to the truth than by PCA or a moving average."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

import isthmus
from isthmus import (
    AnomalyDetector,
    Autoencoder,
    InvalidData,
    InvalidPart,
    ModelFileError,
    clean_series,
    expected_series,
    join_windows,
    series_error,
    windows,
)
from tiny import forged, header_of, scaling_of

GENERATOR = np.random.default_rng(0)
SERIES = GENERATOR.normal(size=(50, 3)) * [1, 10, 100]


@pytest.fixture(scope="module")
def small() -> Autoencoder:
    return Autoencoder(2, encoder=(8,), max_epochs=2).fit(windows(SERIES, 8))


def test_windows_by_hand() -> None:
    series = np.arange(14.0).reshape(7, 2)
    np.testing.assert_array_equal(np.asarray(windows(series, 3, 2)), [series[0:3], series[2:5], series[4:7]])
    np.testing.assert_array_equal(np.asarray(windows(series, 3, 3)), [series[0:3], series[3:6], series[4:7]])
    np.testing.assert_array_equal(np.asarray(windows(series, 7)), [series])
    assert np.asarray(windows(series.astype(np.float32), 3)).dtype == np.float32
    assert len(windows(series, 3)) == 5


@pytest.mark.parametrize(
    ("steps", "channels", "size"),
    [(1000, 1, 50), (1000, 25, 40), (5000, 38, 26), (900, 200, 10), (80, 3, 8), (5, 1, 1)],
)
def test_a_size_that_nobody_says_fits_the_series(steps: int, channels: int, size: int) -> None:
    """50 steps, at most 1,000 numbers unless that were fewer than 10 steps, and at most a tenth of the series."""
    assert windows(np.zeros((steps, channels)), "auto").shape[1:] == (size, channels)


def test_joining_is_the_mean_over_the_windows_of_a_step() -> None:
    pieces = np.array([[[1.0], [2.0], [3.0]], [[4.0], [5.0], [6.0]], [[7.0], [8.0], [9.0]]])
    # Three windows of 3 steps over 6: they begin at 0, 2 and 3.
    due = [1, 2, (3 + 4) / 2, (5 + 7) / 2, (6 + 8) / 2, 9]
    np.testing.assert_allclose(join_windows(pieces, length=6, step=2)[:, 0], due)


@pytest.mark.parametrize(("size", "step"), [(1, 1), (4, 1), (5, 3), (7, 7), (50, 2)])
def test_windows_joined_are_the_series(size: int, step: int) -> None:
    np.testing.assert_allclose(join_windows(windows(SERIES, size, step), 50, step), SERIES, rtol=1e-12)


def test_every_form_of_a_series_is_read(tmp_path: Path) -> None:
    frame = pd.DataFrame(SERIES, columns=list("abc"))
    frame.to_parquet(tmp_path / "s.parquet")
    for form in (frame, pl.DataFrame(frame), tmp_path / "s.parquet", str(tmp_path / "s.parquet"), SERIES.tolist()):
        np.testing.assert_array_equal(np.asarray(windows(form, 4)), np.asarray(windows(SERIES, 4)))


def test_channels_are_scaled_alike_at_all_steps(small: Autoencoder) -> None:
    covered = np.asarray(windows(SERIES, 8)).reshape(-1, 3)
    np.testing.assert_allclose(scaling_of(small)["mean"].ravel(), covered.mean(axis=0))


def test_a_series_comes_back_as_it_came(small: Autoencoder) -> None:
    frame = pd.DataFrame(SERIES, columns=list("abc"), index=pd.date_range("2026-01-01", periods=50))
    by_hand = join_windows(small.reconstruct(windows(SERIES, 8, 3)), 50, 3)
    cleaned = clean_series(small, frame, step=3)
    np.testing.assert_allclose(cleaned, by_hand, rtol=1e-6)
    assert cleaned.index.equals(frame.index)
    assert cleaned.columns.tolist() == list("abc")
    assert clean_series(small, pl.DataFrame(frame.reset_index(drop=True))).columns == list("abc")
    assert clean_series(small, SERIES.astype(np.float32)).dtype == np.float32
    one = Autoencoder(1, encoder=(4,), max_epochs=1).fit(windows(SERIES[:, 0], 4))
    assert clean_series(one, SERIES[:, 0]).shape == (50,)
    series = pd.Series(SERIES[:, 0], index=frame.index)
    pd.testing.assert_series_equal(clean_series(one, series), pd.Series(clean_series(one, SERIES[:, 0]), frame.index))


def test_errors_by_step_and_channel_by_hand(small: Autoencoder) -> None:
    pieces = np.asarray(windows(SERIES, 8, 5))
    scale = scaling_of(small)["deviation"].ravel()
    squares = ((small.reconstruct(pieces) - pieces) / scale) ** 2
    by_channel = series_error(small, SERIES, step=5, by_channel=True)
    np.testing.assert_allclose(by_channel, join_windows(squares, 50, 5), rtol=1e-4)
    np.testing.assert_allclose(series_error(small, SERIES, step=5), by_channel.sum(axis=1))


def test_the_odd_step_and_channel_stand_out() -> None:
    steps = np.arange(400)
    series = np.column_stack([np.sin(steps / 4), np.cos(steps / 4)]) + 0.05 * GENERATOR.normal(size=(400, 2))
    ae = Autoencoder(2, encoder=(32,), max_epochs=40).fit(windows(series, 12))
    series[200, 1] += 2
    error = series_error(ae, series, by_channel=True)
    assert np.unravel_index(error.argmax(), error.shape) == (200, 1)


@functools.cache
def detector() -> AnomalyDetector:
    return AnomalyDetector(Autoencoder(2, encoder=(8,), max_epochs=2)).fit(windows(SERIES, 8))


def test_a_step_scores_by_the_windows_that_hold_it_and_by_its_own_error() -> None:
    series = SERIES.copy()
    series[20, 1] += 100
    both = AnomalyDetector(Autoencoder(2, encoder=(8,), max_epochs=2), n_models=2).fit(windows(SERIES, 8))
    (score,) = both.fitted_.scores
    rows = score.model.scaled_rows(windows(series, 8, 3))
    parts = score.parts(rows, is_own=False).reshape(3, -1, 8, 3)  # distance, error, density; windows, steps, channels
    by_part = [join_windows(np.repeat(part.sum(axis=1, keepdims=True), 8, axis=1), 50, 3) for part in parts]
    by_part.append(8 * join_windows(parts[1], 50, 3))
    due = np.zeros((50, 3))
    for place, by_channel in enumerate(by_part):
        size = np.zeros((3, 50))
        level = 1 if place == 3 else place  # the error of a step counts as that of a window
        size[level] = by_channel.sum(axis=1)
        worth = 3 * score.calibration.worth(size)[level]  # it is a mean over three parts
        due += worth[:, None] * by_channel / by_channel.sum(axis=1, keepdims=True) / 4
    by_channel = series_error(both, series, step=3, by_channel=True)
    np.testing.assert_allclose(by_channel, due, rtol=1e-5)
    np.testing.assert_allclose(series_error(both, series, step=3), by_channel.sum(axis=1))
    error = series_error(both, series, by_channel=True)
    assert np.unravel_index(error.argmax(), error.shape) == (20, 1)  # its own error is the largest


def test_a_step_scores_the_mean_distance_of_its_windows_where_errors_do_not_count() -> None:
    both = AnomalyDetector(Autoencoder(2, encoder=(8,), max_epochs=2), contamination=0.1).fit(windows(SERIES, 8))
    score = both.anomaly_score(windows(SERIES[:48], 8, 8))  # six windows, apart
    np.testing.assert_allclose(series_error(both, SERIES[:48], step=8), np.repeat(score, 8), rtol=1e-6)


def test_at_an_odd_step_the_nearest_usual_windows_are_expected() -> None:
    """Of a wave that repeats itself they are the wave, wherever few steps of a window are odd."""
    phase = np.arange(120) * 2 * np.pi / 10
    wave = np.stack([np.sin(phase), 5 + 3 * np.cos(phase)], axis=1)
    detector = AnomalyDetector(Autoencoder(1, encoder=(8,), max_epochs=1), neighbors=2).fit(windows(wave, 8))
    odd = wave.copy()
    odd[60:62, 1] += 2
    np.testing.assert_allclose(expected_series(detector, odd), wave, atol=1e-4)
    alone = AnomalyDetector(Autoencoder(1, encoder=(8,), max_epochs=1), neighbors=0).fit(windows(wave, 8))
    np.testing.assert_allclose(expected_series(alone, odd), clean_series(alone.models_[0], odd), atol=1e-4)
    with pytest.raises(InvalidPart, match="detector must be an anomaly detector"):
        expected_series(detector.models_[0], odd)  # type: ignore[arg-type]


def test_a_long_odd_stretch_of_the_fit_does_not_expect_itself() -> None:
    """Its 12 steps are in 19 windows of 8, of 233; with a share of 0.05 so are twice 0.05 · 233 = 23 left out."""
    wave = np.sin(np.arange(240) * 2 * np.pi / 10)
    odd = wave.copy()
    odd[100:112] += 4
    settings = {"encoder": (8,), "max_epochs": 1}
    detector = AnomalyDetector(Autoencoder(1, **settings), contamination=0.05, neighbors=2).fit(windows(odd, 8))
    expected = expected_series(detector, odd)[:, 0]
    assert np.abs(expected).max() < 1.1
    np.testing.assert_allclose(np.delete(expected, slice(92, 120)), np.delete(wave, slice(92, 120)), atol=0.05)


SETTINGS: dict[str, Any] = {"encoder": (8,), "max_epochs": 2}
NAMES = ["flow", "heat", "load"]


@pytest.mark.parametrize("kind", ["autoencoder", "detector", "loaded"])
def test_channels_are_taken_by_name(kind: str, tmp_path: Path) -> None:
    """A frame with its channels in another order, and more of them, has the answers of the frame of the fit."""
    frame = pd.DataFrame(SERIES, columns=NAMES)
    model: Any = Autoencoder(2, **SETTINGS).fit(windows(frame, 8))
    if kind != "autoencoder":
        model = AnomalyDetector(Autoencoder(2, **SETTINGS)).fit(windows(frame, 8))
    if kind == "loaded":
        model.save(tmp_path / "model.safetensors")
        model = isthmus.load(tmp_path / "model.safetensors")
    due = series_error(model, frame, by_channel=True)
    turned = frame.assign(site="north")[["load", "heat", "site", "flow"]]
    np.testing.assert_array_equal(series_error(model, turned, by_channel=True), due)
    np.testing.assert_array_equal(series_error(model, SERIES, by_channel=True), due)  # an array has no names
    pieces = windows(frame[["heat", "load", "flow"]], 8)
    np.testing.assert_array_equal(model.score_samples(pieces), model.score_samples(windows(frame, 8)))
    np.testing.assert_array_equal(model.score_samples(pieces[:3]), model.score_samples(windows(frame, 8)[:3]))
    if kind == "autoencoder":
        pd.testing.assert_frame_equal(clean_series(model, turned), clean_series(model, frame))
    message = (
        "the series has no channel 'heat', and the model was fitted on windows of flow, heat, load. Did you mean 'heap'"
    )
    with pytest.raises(InvalidData, match=message):
        series_error(model, frame.rename(columns={"heat": "heap"}))
    with pytest.raises(InvalidData, match="X has no channel 'heat'"):
        model.score_samples(windows(frame.set_axis(["flow", "pressure", "load"], axis=1), 8))


@pytest.mark.parametrize("channels", [["a"], ["a", "a", "b"], [1, 2, 3], "abc", {"a": 1, "b": 2, "c": 3}])
def test_channels_of_a_file_are_names_of_its_features(channels: Any) -> None:
    model = Autoencoder(2, **SETTINGS).fit(windows(pd.DataFrame(SERIES, columns=NAMES), 8))
    row = header_of(model)["row"]
    assert row["channels"] == NAMES
    with pytest.raises(ModelFileError, match="its channels are"):
        forged(model, {}, {"row": row | {"channels": channels}})


def test_detectors_of_several_sizes_are_averaged() -> None:
    detectors = [detector(), AnomalyDetector(Autoencoder(2, encoder=(8,), max_epochs=2)).fit(windows(SERIES, 5))]
    each = [series_error(one, SERIES, by_channel=True) for one in detectors]
    np.testing.assert_allclose(series_error(detectors, SERIES, by_channel=True), (each[0] + each[1]) / 2)
    np.testing.assert_allclose(series_error(detectors, SERIES), (each[0] + each[1]).sum(axis=1) / 2)


def test_windows_are_split_as_rows_are() -> None:
    pieces = windows(SERIES, 4)
    some, others = train_test_split(pieces, random_state=0)
    due = train_test_split(np.asarray(pieces), random_state=0)
    np.testing.assert_array_equal(np.asarray(some), due[0])
    np.testing.assert_array_equal(np.asarray(others), due[1])
    assert pieces.shape == (47, 4, 3)
    np.testing.assert_array_equal(pieces[-1], SERIES[46:])
    assert len(list(pieces)) == 47
    with pytest.raises(IndexError, match=r"^windows are taken as wholes: numpy.asarray gives an array"):
        pieces[:2, 0]


def test_many_windows_are_taken_some_at_a_time(small: Autoencoder, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = clean_series(small, np.tile(SERIES, (30, 1)))
    monkeypatch.setattr("isthmus.analysis.series.CELLS", 1)
    np.testing.assert_allclose(clean_series(small, np.tile(SERIES, (30, 1))), whole, rtol=1e-12)


def test_a_model_of_windows_is_saved(small: Autoencoder, tmp_path: Path) -> None:
    small.save(tmp_path / "m.safetensors")
    again = isthmus.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(series_error(again, SERIES), series_error(small, SERIES))
    assert small.sample(2).shape == (2, 8, 3)


def squared(found: Any, truth: np.ndarray) -> float:
    return float(np.mean((np.asarray(found) - truth) ** 2))


def test_a_noisy_sine_comes_nearer_to_the_truth_than_by_pca_or_a_moving_average() -> None:
    """Windows of 32 steps of one phase: a code of one number. PCA of any size and averages of any width are worse."""
    truth = np.sin(2 * np.pi * np.arange(1500) / 25)
    noisy = truth + 0.5 * np.random.default_rng(0).normal(size=1500)
    pieces = windows(noisy, 32)
    ae = Autoencoder(1, encoder=(64, 32), max_epochs=60, stops=None, validation_fraction=0).fit(pieces)
    ours = squared(clean_series(ae, noisy), truth)
    flat = np.asarray(pieces)[:, :, 0]
    theirs = [PCA(k).fit(flat) for k in range(1, 6)]
    by_pca = [
        squared(join_windows(p.inverse_transform(p.transform(flat))[..., None], 1500)[:, 0], truth) for p in theirs
    ]
    by_average = [
        squared(np.convolve(np.pad(noisy, width // 2, mode="edge"), np.ones(width) / width, "valid"), truth)
        for width in range(1, 26, 2)
    ]
    assert squared(noisy, truth) == pytest.approx(0.25, rel=0.1)
    assert ours < 0.8 * min(by_pca)
    assert ours < 0.2 * min(by_average)
    assert ours < 0.1 * by_pca[0]  # of as small a code


def test_noisy_images_come_nearer_to_the_truth_than_by_pca() -> None:
    """Trained on clean digits; new digits with noise of variance 0.09, by the best of all sizes of PCA 0.033."""
    x = np.random.default_rng(0).permutation(load_digits().images / 16)
    train, truth = x[:1200], x[1200:]
    noisy = truth + 0.3 * np.random.default_rng(1).normal(size=truth.shape)
    ae = isthmus.denoising(
        16, noise="gaussian(0.3)", encoder=(128,), scaling=None, max_epochs=30, stops=None, validation_fraction=0
    ).fit(train)
    theirs = [PCA(k).fit(train.reshape(-1, 64)) for k in (4, 8, 12, 16, 24)]
    flat = noisy.reshape(-1, 64)
    by_pca = [squared(p.inverse_transform(p.transform(flat)).reshape(truth.shape), truth) for p in theirs]
    assert squared(noisy, truth) == pytest.approx(0.09, rel=0.05)
    assert squared(ae.reconstruct(noisy), truth) < 0.85 * min(by_pca)


def test_a_noisy_table_comes_nearer_to_the_truth_than_by_pca() -> None:
    """Rows on a closed curve in 6 columns, noise in all of them; fitted on the noisy rows themselves."""
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 1000)
    truth = np.column_stack([f(k * angle) for k in (1, 2, 3) for f in (np.cos, np.sin)])
    noisy = truth + 0.3 * np.random.default_rng(1).normal(size=truth.shape)
    ae = Autoencoder(2, encoder=(64, 32), max_epochs=60, stops=None, validation_fraction=0).fit(noisy)
    theirs = [PCA(k).fit(noisy) for k in range(1, 7)]
    by_pca = [squared(p.inverse_transform(p.transform(noisy)), truth) for p in theirs]
    assert min(by_pca) == pytest.approx(0.09, rel=0.1)  # no direction is free of rows: the noise stays
    assert squared(ae.reconstruct(noisy), truth) < 0.8 * min(by_pca)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ae: windows(SERIES, 0), "size must be a whole number of at least 1. Got 0."),
        (lambda ae: windows(SERIES, "all"), "size must be a whole number of at least 1, or 'auto'. Got 'all'."),
        (lambda ae: windows(SERIES, 2.0), "size must be a whole number of at least 1. Got 2.0."),
        (lambda ae: windows(SERIES, 51), "expected a series of at least 51 steps, the size of a window; got 50."),
        (lambda ae: windows(SERIES, 4, 0), "step must be a whole number of at least 1. Got 0."),
        (lambda ae: windows(SERIES, 4, 5), "step must be at most the size of a window, 4. Got 5."),
        (lambda ae: windows(np.zeros((4, 3, 2)), 2), "expected a series [steps, channels]; got rows of"),
        (lambda ae: windows(SERIES[:0], 2), "the series has no steps."),
        (
            lambda ae: windows(pd.DataFrame({"a": [1.0, np.nan], "b": 1.0}), 2),
            "column 'a' holds NaN (missing) in 1 row",
        ),
        (
            lambda ae: join_windows(np.zeros((4, 3)), 6),
            "expected windows of three dimensions, [n, size, channels]; got 2.",
        ),
        (lambda ae: join_windows(np.zeros((4, 3, 1)), 7), "expected 5 windows of a series of 7 steps; got 4."),
        (
            lambda ae: clean_series(ae, SERIES[:, :2]),
            "the series has 2 channels, and the model was fitted on rows of (8, 3)",
        ),
        (lambda ae: clean_series(ae, SERIES, step=9), "step must be at most the size of a window, 8. Got 9."),
        (
            lambda ae: series_error(ae, SERIES[:7]),
            "expected a series of at least 8 steps, the size of a window; got 7.",
        ),
        (
            lambda ae: series_error(detector(), SERIES[:7]),
            "expected a series of at least 8 steps, the size of a window; got 7.",
        ),
        (lambda ae: series_error(detector(), SERIES[:, :2]), "the series has 2 channels, and the model was fitted on"),
        (lambda ae: clean_series(detector(), SERIES), "model must be an autoencoder. Got AnomalyDetector("),
        (lambda ae: series_error([], SERIES), "model must be a list of at least one anomaly detector. Got []."),
        (
            lambda ae: series_error([detector(), ae], SERIES),
            "model must be a list of at least one anomaly detector. Got [AnomalyDetector(",
        ),
        (lambda ae: series_error(PCA(), SERIES), "model must be an autoencoder, or an anomaly detector. Got PCA()."),
    ],
)
def test_what_cannot_be_is_refused(small: Autoencoder, call: Any, message: str) -> None:
    with pytest.raises((InvalidPart, InvalidData)) as caught:
        call(small)
    assert message in str(caught.value)
