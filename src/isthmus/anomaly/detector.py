"""Odd rows: found by an autoencoder, flagged by a threshold from rows held out, explained column by column."""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import scipy.sparse
from sklearn.base import OutlierMixin, clone
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

from isthmus.anomaly import _storage as nesting
from isthmus.anomaly.row_hash import choose_rows, fold_equal_rows, row_hashes
from isthmus.anomaly.scores import NeighborScore, fit_scores
from isthmus.anomaly.thresholds import THRESHOLDS, ValidationScores, p_values, quantile
from isthmus.data.source import Source
from isthmus.data.validation import check_weight
from isthmus.errors import require, suggestion
from isthmus.estimators._kept import Kept, field
from isthmus.estimators._reconstructor import Reconstructor
from isthmus.estimators._seeds import check_seed, seed_of
from isthmus.estimators._validation import check_size
from isthmus.estimators.autoencoder import Autoencoder
from isthmus.storage.container import Opened

FEW = 10  # distinct rows: with fewer none are held out
MOST_HELD_OUT = 20_000  # rows
AT_ONCE = 2**16  # rows scored
BATCH, STEPS = 128, 15_000  # of the training of a detector that is given no autoencoder


class AnomalyDetector(OutlierMixin, Kept):
    """Odd rows, by how far they are from usual ones and from what an autoencoder makes of them.

    The autoencoder learns from usual rows. The score of a row is its squared distance to the nearest of them plus its
    squared reconstruction error, each column in units of its spread, and each of the two sums divided by its mean over
    rows held out; so usual rows score about 1. As squares add up over columns, so do scores: `explain` says which
    column adds what. Columns of codes, as those of categories, have no distance, and their error is −log p in place of
    a square.

    The default autoencoder removes a little noise, and its code is wide: it need not compress, it pulls a row towards
    where usual rows are dense, and what it changes is odd. An error of a narrow code alone tells far less.

    Parameters
    ----------
    autoencoder : an autoencoder, or a list of some; copies are fitted. None takes one that removes noise, with 128
        numbers, a hidden layer of 128 units, `corruption="gaussian(0.2)"`, and 5 to 60 epochs, the fewer the more rows.
    neighbors : over how many of the nearest usual rows the distance is averaged: more where usual rows may not all be
        so; 0 takes the reconstruction error alone.
    n_models : how many copies of each autoencoder, with other seeds; scores are averaged.
    contamination : `"auto"` where the rows of `fit` are usual ones: the threshold comes from those held out, at
        `alpha`. Or the share of the rows of `fit` that shall be flagged, in (0, 0.5], as scikit-learn has it: then
        those rows are judged themselves, so a row that is among the neighbors does not vouch for itself.
    threshold : where `contamination="auto"`: `"quantile"` of the scores held out; `"conformal"`, so that a usual row
        is flagged with a probability of at most `alpha`, whatever the scores are; `"pareto"`, a generalised Pareto
        distribution fitted to the highest tenth of them, for an `alpha` smaller than one over their number.
    alpha : the share of usual rows that may be flagged, in (0, 1).
    dirty : share of the rows of `fit` that are taken to be odd, in [0, 0.5): after a first fit so many of the oddest
        are left out, and all is learned anew from the others.
    calibration_fraction : share of distinct rows held out for the threshold, in (0, 0.5]; equal rows are held out
        together. The neighbors have them back afterwards, by which no score rises.
    reference : usual rows kept as neighbors at most; they are in the model file.
    random_state : seed of what is held out and of the autoencoders, in place of their own.

    Attributes
    ----------
    offset_ : `decision_function` is `score_samples` minus this; below 0 a row is odd.
    models_ : the fitted autoencoders.
    n_features_in_, feature_names_in_ : columns seen in `fit`, the names only where they are all text.

    References
    ----------
    Ramaswamy, Rastogi and Shim (2000), Efficient algorithms for mining outliers from large data sets. Livernoche et
    al. (2024), On diffusion modeling for anomaly detection. Alain and Bengio (2014), What regularized auto-encoders
    learn from the data-generating distribution: the error of a denoiser is the slope of the log-density.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(300, 2)) @ np.ones((2, 4))
    >>> detector = AnomalyDetector(Autoencoder(1, max_epochs=20)).fit(X)
    >>> detector.predict([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, -9.0, 1.0]]).tolist()
    [1, -1]
    >>> detector.explain([[1.0, 1.0, -9.0, 1.0]])["contribution"].idxmax(axis=1).tolist()
    ['x2']
    """

    def __init__(
        self,
        autoencoder: Reconstructor | Sequence[Reconstructor] | None = None,
        *,
        neighbors: int = 1,
        n_models: int = 1,
        contamination: Any = "auto",
        threshold: str = "quantile",
        alpha: float = 0.05,
        dirty: float = 0.0,
        calibration_fraction: float = 0.2,
        reference: int = 20_000,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.autoencoder = autoencoder
        self.neighbors = neighbors
        self.n_models = n_models
        self.contamination = contamination
        self.threshold = threshold
        self.alpha = alpha
        self.dirty = dirty
        self.calibration_fraction = calibration_fraction
        self.reference = reference
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn what is usual.

        Parameters
        ----------
        X : a table, as in `Autoencoder.fit`.
        y : not used.
        sample_weight : [n], at least 0; a row of weight 2 counts as the row twice.

        Raises
        ------
        InvalidPart
            If a parameter is not allowed.
        InvalidData
            If the table cannot be used as it is, or has too few rows for the threshold.
        """
        self._check_settings()
        self._seed = seed_of(self.random_state)
        opener = clone(self._templates()[0])
        source = opener._open(X, reset=True)
        weight = check_weight(sample_weight, source.n_rows)
        check_size(source, weight, opener.least_columns)
        table = _table(X, source)
        print_of = row_hashes(source, self._seed)
        is_judged = self.contamination != "auto"
        chosen = counting = np.flatnonzero(weight)
        if self.dirty:
            found, _ = self._learned(table, chosen, weight, print_of)
            score = _scores(found, table, chosen, is_own=True)
            chosen = chosen[score <= quantile(score, weight[chosen], 1 - self.dirty)]
        found, held_out = self._learned(table, chosen, weight, print_of)
        if is_judged:
            score = _scores(found, table, counting, is_own=True)
            level = quantile(score, weight[counting], 1 - self.contamination)
        else:
            level = THRESHOLDS[self.threshold](held_out, float(self.alpha))
        self._set(found, held_out, -level)
        return self

    def _set(self, found: list[NeighborScore], held_out: ValidationScores, offset: float) -> None:
        """Keep what a fit, or a file, gives."""
        self._oddness, self._held_out, self.offset_ = found, held_out, offset
        self._settings = self.to_json()
        self.models_ = [one.model for one in found]
        self.n_features_in_ = self.models_[0].n_features_in_
        if "feature_names_in_" in vars(self.models_[0]):
            self.feature_names_in_ = self.models_[0].feature_names_in_

    def _templates(self, rows: int = 0) -> list[Reconstructor]:
        """Return the autoencoders that copies are fitted of, to so many rows."""
        if self.autoencoder is None:
            return [default_autoencoder(rows)]
        given: Any = self.autoencoder
        return list(given) if isinstance(given, list | tuple) else [given]

    def _learned(
        self, table: Any, chosen: np.ndarray, weight: np.ndarray, print_of: np.ndarray
    ) -> tuple[list[NeighborScore], ValidationScores]:
        """Return what is learned of the rows at the places `chosen`, and the scores of those held out."""
        numbers_of = print_of[chosen]
        distinct = len(np.unique(numbers_of))
        is_own = distinct < FEW
        share = 1.0 if is_own else min(float(self.calibration_fraction), MOST_HELD_OUT / distinct)
        is_out = choose_rows(numbers_of, share)
        out, own = chosen[is_out], chosen if is_own else chosen[~is_out]
        places, mass = fold_equal_rows(print_of[own], weight[own], int(self.reference))
        near = _safe_indexing(table, own[places]), mass
        held_out = _safe_indexing(table, out), weight[out]
        found = []
        templates = self._templates(len(own))
        seeds = np.random.SeedSequence(self._seed).generate_state(len(templates) * int(self.n_models)).tolist()
        for i, start in enumerate(seeds):
            model = clone(templates[i % len(templates)]).set_params(random_state=start)
            model.fit(_safe_indexing(table, own), sample_weight=weight[own])
            found.append(fit_scores(model, near, held_out, int(self.neighbors), is_own=is_own))
        scores = ValidationScores(_scores(found, table, out, is_own=is_own), weight[out])
        if not is_own:
            places, mass = fold_equal_rows(print_of[out], weight[out], len(out))
            more = _safe_indexing(table, out[places])
            found = [one.beside(more, mass, int(self.reference)) for one in found]
        return found, scores

    def anomaly_score(self, X: Any, per_feature: bool = False) -> np.ndarray:
        """Return how odd each row is, about 1 for a usual one: higher is odder.

        Parameters
        ----------
        X : a table.
        per_feature : return what each column adds to it, [n, d]; else the sum over columns, [n].
        """
        return np.concatenate([block if per_feature else block.sum(axis=1) for block in self._contributions(X)])

    def score_samples(self, X: Any) -> np.ndarray:
        """Return minus `anomaly_score`, [n]: higher is more usual."""
        return -self.anomaly_score(X)

    def decision_function(self, X: Any) -> np.ndarray:
        """Return `score_samples` minus `offset_`, [n]: below 0 a row is odd."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """Return 1 for usual rows and -1 for odd ones, [n]."""
        return np.where(self.decision_function(X) >= 0, 1, -1)

    def p_values(self, X: Any) -> np.ndarray:
        """Return conformal p-values of rows, [n]: (1 + held-out rows at least as odd) / (1 + rows held out).

        A usual row, drawn as those of `fit` were, has one of at most α with a probability of at most α.
        """
        score = self.anomaly_score(X)
        return p_values(self._held_out, score)

    def explain(self, X: Any) -> Any:
        """Return what each column adds to the score of each row, and what the model expected there, a frame.

        Its columns are `("contribution", name)`, which add up to `anomaly_score`, and `("expected", name)`, the
        reconstruction of the first model.
        """
        import pandas as pd

        added = self.anomaly_score(X, per_feature=True)
        source = self.models_[0]._open(X, reset=False)
        names = self.models_[0]._labels or [f"x{i}" for i in range(added.shape[1])]
        expected = self.models_[0].reconstruct(X)
        if not isinstance(expected, pd.DataFrame):
            expected = pd.DataFrame(np.asarray(expected).reshape(len(added), -1), columns=names)
        expected.index = pd.RangeIndex(len(added)) if source.index is None else source.index
        contribution = pd.DataFrame(added, columns=expected.columns, index=expected.index)
        return pd.concat({"contribution": contribution, "expected": expected}, axis=1)

    def _told(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        header, tensors = nesting.told(self._oddness, self._held_out)
        return {"parameters": self._settings, "offset": self.offset_} | header, tensors

    @classmethod
    def _taken(cls, opened: Opened) -> Self:
        made = cls.from_json(field(opened, "parameters", dict))
        made._check_settings()
        made._set(*nesting.taken(opened, int(made.neighbors)), nesting.offset(opened))
        return made

    def __sklearn_is_fitted__(self) -> bool:
        return "offset_" in vars(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        known = [one for one in self._templates() if isinstance(one, Reconstructor)]
        tags.input_tags.allow_nan = all(one.__sklearn_tags__().input_tags.allow_nan for one in known)
        return tags

    def _contributions(self, X: Any) -> Iterator[np.ndarray]:
        """Yield what columns add to scores, [rows, d] float64, the mean over models."""
        check_is_fitted(self)
        source = self.models_[0]._open(X, reset=False)
        table, places = _table(X, source), np.arange(source.n_rows)
        yield from _blocks(self._oddness, table, places, is_own=self._settings["contamination"] != "auto")

    def _check_settings(self) -> None:
        templates = self._templates()
        is_list = len(templates) > 0 and all(isinstance(one, Reconstructor) for one in templates)
        require(is_list, "autoencoder", "an autoencoder, a list of some, or None", self.autoencoder)
        for template in templates:
            template._check_settings()
        for name, lowest in {"neighbors": 0, "n_models": 1, "reference": 2}.items():
            value = getattr(self, name)
            is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
            require(is_whole and value >= lowest, name, f"a whole number of at least {lowest}", value)
        is_share = _is_number(self.contamination) and 0 < self.contamination <= 0.5
        is_auto = isinstance(self.contamination, str) and self.contamination == "auto"
        require(is_share or is_auto, "contamination", "'auto' or in (0, 0.5]", self.contamination)
        known = isinstance(self.threshold, str) and self.threshold in THRESHOLDS
        names = f"one of {', '.join(map(repr, THRESHOLDS))}"
        require(known, "threshold", names + suggestion(str(self.threshold), THRESHOLDS).rstrip("?"), self.threshold)
        require(_is_number(self.alpha) and 0 < self.alpha < 1, "alpha", "in (0, 1)", self.alpha)
        require(_is_number(self.dirty) and 0 <= self.dirty < 0.5, "dirty", "in [0, 0.5)", self.dirty)
        share = self.calibration_fraction
        require(_is_number(share) and 0 < share <= 0.5, "calibration_fraction", "in (0, 0.5]", share)
        check_seed(self.random_state)


def default_autoencoder(rows: int) -> Autoencoder:
    """Return the autoencoder of a detector that is given none, for a table of so many rows.

    It goes through them 60 times; where that would be more than some 15,000 steps, less often, but 5 times at least.
    """
    return Autoencoder(
        128,
        encoder=(128,),
        corruption="gaussian(0.2)",
        optimizer="adam(0.003)",
        batch_size=BATCH,
        max_epochs=min(max(round(STEPS * BATCH / max(rows, 1)), 5), 60),
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)


def _table(X: Any, source: Source) -> Any:
    """Return a table whose rows can be taken by their places: what a path or a source leads to is read."""
    if isinstance(X, str | Path | Source):
        return source.whole()
    table: Any = np.asarray(X) if getattr(X, "shape", None) is None else X  # a list, or what gives an array if asked
    return table.tocsr() if scipy.sparse.issparse(table) else table


def _blocks(found: list[NeighborScore], table: Any, places: np.ndarray, *, is_own: bool) -> Iterator[np.ndarray]:
    """Yield what columns add to the scores of rows, [rows, d] float64, the mean over models."""
    for start in range(0, len(places), AT_ONCE):
        block = _safe_indexing(table, places[start : start + AT_ONCE])
        yield np.mean([one.contributions(block, is_own=is_own) for one in found], axis=0)


def _scores(found: list[NeighborScore], table: Any, places: np.ndarray, *, is_own: bool) -> np.ndarray:
    return np.concatenate([block.sum(axis=1) for block in _blocks(found, table, places, is_own=is_own)])
