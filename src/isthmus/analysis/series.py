"""Long series through an autoencoder: cut into windows, cleaned or scored, and put together again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from isthmus.anomaly.calibration import Means
from isthmus.anomaly.detector import AnomalyDetector
from isthmus.anomaly.scores import PARTS, NeighborScore
from isthmus.anomaly.tables import marked_blocks, open_sources
from isthmus.data.rows import finite_blocks
from isthmus.data.source import Source
from isthmus.data.sources import open_numbers, open_table
from isthmus.data.windows import Windows, channel_places
from isthmus.errors import InvalidData, InvalidPart, require, short
from isthmus.estimators._reconstructor import Reconstructor

CELLS = 2**22  # of windows at a time
ERROR = 1  # its place among the parts of a score
MOST_STEPS, LEAST_STEPS, MOST_NUMBERS = 50, 10, 1000  # of a window whose size is "auto"
ODD, MOST_ODD = 2.0, 0.5  # times as many windows of the fit as are flagged are not expected, and at most such a share
SHARE = 10  # windows that such a series is long, at least


def windows(series: Any, size: int | str, step: int = 1) -> Any:
    """Return windows over a series, as rows to fit an autoencoder on: sequences [size, channels].

    They begin at 0, step, 2 step, …; where the last of these ends before the series does, one more ends with it, so
    that every time step is in a window. Each channel is scaled alike at all steps of a window. A model that is fitted
    on them knows the names of the channels, and takes those of another series by name. The windows are cut
    when they are read and take no memory; `numpy.asarray` gives them as an array [n, size, channels].

    Parameters
    ----------
    series : an array [steps] or [steps, channels], a pandas or polars frame, or the path of a file: one row a step.
    size : steps of a window, at least 1 and at most as many as the series has. `"auto"` takes 50, of many channels
        fewer, so that a window holds at most 1,000 numbers, but at least 10; of a short series at most a tenth.
    step : from one window to the next, from 1 to `size`.

    Raises
    ------
    InvalidData
        If the series is shorter than a window, or holds what is no number; the message names the channel.

    Examples
    --------
    >>> np.asarray(windows(np.arange(6.0), size=3, step=2))[:, :, 0].tolist()
    [[0.0, 1.0, 2.0], [2.0, 3.0, 4.0], [3.0, 4.0, 5.0]]
    """
    values, source = _read(series)
    if isinstance(size, str):
        require(size == "auto", "size", "a whole number of at least 1, or 'auto'", size)
        size = _automatic_size(*values.shape)
    return _cut(values, size, step, tuple(source.names) or None)


def join_windows(pieces: Any, length: int, step: int = 1) -> np.ndarray:
    """Return the series [length, channels] of `windows` [n, size, channels]: at each step the mean over its windows.

    Parameters
    ----------
    pieces : windows, or what has become of them, in their order.
    length : steps of the series.
    step : that of `windows`.

    Examples
    --------
    >>> join_windows([[[1.0], [3.0]], [[5.0], [7.0]]], length=3).tolist()
    [[1.0], [4.0], [7.0]]
    """
    values = np.asarray(pieces)
    if values.ndim != 3:
        raise InvalidData(f"expected windows of three dimensions, [n, size, channels]; got {values.ndim}.")
    _check_sizes(values.shape[1], step, length)
    starts = _starts(length, values.shape[1], step)
    if len(starts) != len(values):
        raise InvalidData(f"expected {len(starts)} windows of a series of {length} steps; got {len(values)}.")
    total, count = np.zeros((length, values.shape[2])), np.zeros((length, 1))
    _add(total, count, starts, values)
    return total / count


def clean_series(model: Reconstructor, series: Any, step: int = 1) -> Any:
    """Return a series as a model of its windows sees it, in the form of `series`, without the noise.

    Each step is the mean of its reconstructions over the windows that hold it.

    Parameters
    ----------
    model : an autoencoder fitted on `windows(…, size)`.
    series : as in `windows`, of the same channels.
    step : from one window to the next, from 1 to the size of a window: 1 averages over the most windows.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> series = np.sin(np.arange(300) / 5)
    >>> ae = Autoencoder(2, max_epochs=5).fit(windows(series, size=16))
    >>> clean_series(ae, series).shape
    (300,)
    """
    _reconstructor(model, "an autoencoder")
    values, source = _read(series, model)
    clean = _over_windows(model, values, step, model.reconstruct).astype(values.dtype)
    if _is_single_channel(series):
        channel = clean[:, 0]
        is_pandas = type(series).__module__.startswith("pandas")
        return type(series)(channel, series.index, name=series.name) if is_pandas else channel
    return type(source).frame(clean, source.labels() or [f"x{i}" for i in range(clean.shape[1])], source.index)


def series_error(
    model: Reconstructor | AnomalyDetector | Sequence[Reconstructor | AnomalyDetector],
    series: Any,
    step: int = 1,
    by_channel: bool = False,
) -> np.ndarray:
    """Return how odd a series is, step by step, by a model of its windows: higher is more anomalous.

    Of a detector it is an anomaly score, about 1 for a usual step, of four parts. Distance, error and density are the
    means over the windows that hold the step, as an odd stretch makes all of a window odd; the fourth is the error of
    the step alone, times the size of a window. Each counts as it does in the score of a window, and the score is their
    mean; where errors do not count (see `AnomalyDetector`), there is no fourth. Of an autoencoder it is the squared
    difference of the step alone from what becomes of it, in scaled units, the mean over the windows that hold it.

    Parameters
    ----------
    model : an autoencoder, or an anomaly detector, fitted on `windows(…, size)`; or a list of detectors, of windows of
        several sizes: the mean over them.
    series, step : as in `clean_series`.
    by_channel : return it for each channel, [steps, channels]; else their sum, [steps].

    Examples
    --------
    >>> from isthmus import AnomalyDetector, Autoencoder
    >>> series = np.random.default_rng(0).normal(size=(300, 3))
    >>> ae = Autoencoder(2, max_epochs=5).fit(windows(series, size=8))
    >>> series_error(ae, series).shape, series_error(ae, series, by_channel=True).shape
    ((300,), (300, 3))
    >>> detectors = [AnomalyDetector(ae, neighbors=0).fit(windows(series, size)) for size in (4, 16)]
    >>> series_error(detectors, series).shape
    (300,)
    """
    if isinstance(model, list | tuple):
        are_detectors = len(model) > 0 and all(isinstance(detector, AnomalyDetector) for detector in model)
        require(are_detectors, "model", "a list of at least one anomaly detector", model)
        values, _ = _read(series, model[0])
        error = np.mean([_detector_score(detector, values, step) for detector in model], axis=0)
    elif isinstance(model, AnomalyDetector):
        values, _ = _read(series, model)
        error = _detector_score(model, values, step)
    else:
        network = _reconstructor(model, "an autoencoder, or an anomaly detector")
        values, _ = _read(series, network)
        error = _over_windows(network, values, step, partial(network.reconstruction_error, per_feature=True))
    return error if by_channel else error.sum(axis=1)


def expected_series(detector: AnomalyDetector, series: Any, step: int = 1) -> np.ndarray:
    """Return what a detector of windows expects at each step of a series, [steps, channels], in its units.

    It is the mean over the windows that hold the step of the usual windows that are nearest to them. Of a detector that
    was fitted on the series itself (`contamination`), twice the share of the windows that it flags is not among these,
    those that are furthest from others: else an odd stretch would find its own like, a step earlier or later. One that
    is longer than this share of the series still partly expects itself.

    Parameters
    ----------
    detector : an anomaly detector fitted on `windows(…, size)`.
    series, step : as in `clean_series`.

    Examples
    --------
    >>> from isthmus import AnomalyDetector, Autoencoder
    >>> wave = np.sin(np.arange(300) / 5)
    >>> detector = AnomalyDetector(Autoencoder(2, max_epochs=5)).fit(windows(wave, size=20))
    >>> odd = wave.copy()
    >>> odd[100:104] = 3
    >>> bool(np.abs(expected_series(detector, odd)[:, 0] - wave).max() < 0.3)
    True
    """
    require(isinstance(detector, AnomalyDetector), "detector", "an anomaly detector", detector)
    check_is_fitted(detector)
    values, _ = _read(series, detector)
    is_own = detector.fitted_.is_own

    def usual(score: NeighborScore, pieces: Windows) -> np.ndarray:
        blocks = marked_blocks([score], open_sources([score], pieces))
        scaled = np.concatenate([score.nearest_usual(rows, is_own=is_own) for ((rows, _),) in blocks])
        return score.model.fitted_.reader.unscale(scaled)

    scores = detector.fitted_.scores
    if is_own:
        odd = min(ODD * float(detector.fitted_.settings["contamination"]), MOST_ODD)
        scores = tuple(score.without_furthest(odd) for score in scores)
    return np.mean([_over_windows(score.model, values, step, partial(usual, score)) for score in scores], axis=0)


def _detector_score(detector: AnomalyDetector, values: np.ndarray, step: int) -> np.ndarray:
    """Return what channels add to the score of each step, [steps, channels]: the mean over the models."""
    check_is_fitted(detector)
    is_own = detector.fitted_.is_own
    return np.mean([_step_score(score, values, step, is_own) for score in detector.fitted_.scores], axis=0)


def _step_score(score: NeighborScore, values: np.ndarray, step: int, is_own: bool) -> np.ndarray:
    """Return what channels add to the score of each step by one of the models, [steps, channels]."""
    channels = values.shape[1]

    def parts(pieces: Windows) -> np.ndarray:
        blocks = marked_blocks([score], open_sources([score], pieces))
        by_column = np.concatenate([score.parts(*marked, is_own=is_own) for (marked,) in blocks], axis=1)
        by_step = by_column.reshape(len(by_column), len(pieces), -1, channels)  # [parts, n, size, channels]
        whole = np.broadcast_to(by_step.sum(axis=2, keepdims=True), by_step.shape)
        return np.moveaxis(np.concatenate([whole, by_step[[ERROR]] * by_step.shape[2]]), 0, 2)

    joined = _over_windows(score.model, values, step, parts, (PARTS + 1) * channels)
    joined = joined.reshape(len(values), PARTS + 1, channels)
    size = joined.sum(axis=2).T  # [parts + 1, steps]
    calibration, used = score.calibration, np.count_nonzero(score.calibration.is_used)
    worth = calibration.worth(size[:PARTS])
    if calibration.is_used[ERROR] and not isinstance(calibration, Means):
        alone = size[:PARTS].copy()
        alone[ERROR] = size[PARTS]
        worth = np.concatenate([worth, calibration.worth(alone)[[ERROR]]]) * used / (used + 1)
    factor = worth / np.where(size > 0, size, 1)[: len(worth)]
    return np.einsum("pn,npc->nc", factor, joined[:, : len(worth)])


def _reconstructor(model: object, allowed: str) -> Reconstructor:
    """Return a model that is a fitted autoencoder; else raise."""
    if not isinstance(model, Reconstructor):
        raise InvalidPart(f"model must be {allowed}. Got {short(model)}.")
    check_is_fitted(model)
    return model


def _is_single_channel(series: Any) -> bool:
    """Say whether a series is of one channel, [steps]."""
    return not isinstance(series, str | Path) and np.ndim(series) == 1


def _read(series: Any, model: Any = None) -> tuple[np.ndarray, Source]:
    """Return a series as numbers [steps, channels], and its source; of a fitted model, the channels of its fit."""
    table = open_table(np.asanyarray(series)[:, None] if _is_single_channel(series) else series)
    if model is not None:
        check_is_fitted(model)
        first = model.models_[0] if isinstance(model, AnomalyDetector) else model
        channels = first.fitted_.row.channels
        if channels is not None and table.names:
            channel_places(_name(table), table.names, channels)
            table = table.select(channels)
    source = open_numbers(table)
    if len(source.row.shape) != 1:
        raise InvalidData(f"expected a series [steps, channels]; got rows of shape {source.row.shape}.")
    if not source.n_rows:
        raise InvalidData("the series has no steps.")
    return np.concatenate(list(finite_blocks(source))), source


def _automatic_size(length: int, channels: int) -> int:
    """Return how many steps windows of a series of so many steps and channels have, where nobody says it."""
    fitting = min(max(MOST_NUMBERS // channels, LEAST_STEPS), MOST_STEPS)
    return max(min(fitting, length // SHARE), 1)


def _cut(values: np.ndarray, size: int, step: int, channels: tuple[str, ...] | None = None) -> Windows:
    _check_sizes(size, step, len(values))
    return Windows(values, int(size), _starts(len(values), int(size), int(step)), channels)


def _name(source: Source) -> str:
    """Return what a series is called in a message."""
    return source.name if source.is_file else "the series"


def _check_sizes(size: Any, step: Any, length: int) -> None:
    for name, value in (("size", size), ("step", step)):
        is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        require(is_whole and value >= 1, name, "a whole number of at least 1", value)
    if size > length:
        raise InvalidData(f"expected a series of at least {size} steps, the size of a window; got {length}.")
    require(step <= size, "step", f"at most the size of a window, {size}", step)


def _starts(length: int, size: int, step: int) -> np.ndarray:
    """Return where windows begin, so that the last one ends with the series."""
    return np.unique([*range(0, length - size + 1, step), length - size])


def _over_windows(
    model: Reconstructor, values: np.ndarray, step: int, function: Callable[[Any], Any], width: int | None = None
) -> np.ndarray:
    """Return the mean, at each step, of a function of windows that answers [n, size, width], [steps, width].

    Its width is the number of channels where nothing is said.
    """
    row = model.fitted_.row
    channels = values.shape[1]
    steps, rest = divmod(model.n_features_in_, channels)
    if rest or (row.is_sequence and row.shape[1] != channels):
        raise InvalidPart(
            f"the series has {channels} channel{'s' * (channels > 1)}, and the model was fitted on rows of {row.shape}"
            ": fit it on windows(series, size)."
        )
    pieces = _cut(values, steps, step)
    total, count = np.zeros((len(values), width or channels)), np.zeros((len(values), 1))
    at_once = max(CELLS // model.n_features_in_, 512)
    for start in range(0, len(pieces), at_once):
        batch = pieces[start : start + at_once]
        _add(total, count, batch.starts, np.asarray(function(batch)).reshape(len(batch), steps, -1))
    return total / count


def _add(total: np.ndarray, count: np.ndarray, starts: np.ndarray, values: np.ndarray) -> None:
    """Add windows [n, size, channels] to the sums at their steps, and 1 to the counts; no two begin together."""
    for offset in range(values.shape[1]):
        total[starts + offset] += values[:, offset]
        count[starts + offset] += 1
