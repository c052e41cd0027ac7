"""Anomaly detection: rows scored by an autoencoder, flagged by a threshold, explained by column."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike
from sklearn.base import clone

from isthmus.anomaly.reasons import explained
from isthmus.anomaly.row_hash import choose_rows, fold_equal_rows, row_hashes
from isthmus.anomaly.scores import (
    LEAST,
    LEAST_SPREAD,
    TENSORS,
    NeighborScore,
    fit_scores,
    score_shapes,
    stored_length,
    stored_model,
)
from isthmus.anomaly.tables import contributions, open_each, total_scores
from isthmus.anomaly.thresholds import THRESHOLDS, ThresholdName, ValidationScores, p_values, quantile
from isthmus.core.coercion import short
from isthmus.core.constraints import AnyOf, Choice, Constraint, Interval, Seed, Whole
from isthmus.data.arrow import ColumnSource
from isthmus.data.source import Source, is_made_by
from isthmus.data.sources import is_path
from isthmus.data.table_source import TableSource
from isthmus.data.text_table import TextTable
from isthmus.data.validation import check_weight
from isthmus.errors import ModelFileError
from isthmus.estimators._encoder import learn_reader
from isthmus.estimators._estimator import MOST_ESTIMATORS, Estimator, Estimators
from isthmus.estimators._reconstructor import Reconstructor
from isthmus.estimators._seeds import seed_of
from isthmus.estimators._sklearn import OutlierMixin
from isthmus.estimators._validation import check_size
from isthmus.estimators.autoencoder import Autoencoder
from isthmus.storage.container import Opened
from isthmus.storage.state import Shapes, State, compare_shapes, header_field, read_tensors
from isthmus.training.checkpoint import checkpoint_paths

FEW = 10  # distinct rows: with fewer none are kept for validation
MOST_VALIDATION = 20_000  # rows
MOST_COPIES = 100  # of each autoencoder
MOST_MODELS = MOST_COPIES * MOST_ESTIMATORS
BATCH, STEPS = 128, 15_000  # of the training of a detector that is given no autoencoder


@dataclass(frozen=True)
class FittedDetector:
    """What a fit leaves of a detector."""

    settings: dict[str, Any]  # the parameters of the fit as JSON
    scores: tuple[NeighborScore, ...]  # of each model
    validation: ValidationScores
    offset: float

    @property
    def is_own(self) -> bool:
        """Say whether the rows that are scored may be those of the fit."""
        return self.settings["contamination"] != "auto"

    @property
    def of_nothing(self) -> float:
        """The score of a row without any cell: beyond those of all validation rows."""
        return max(float(self.validation.score.max()), -self.offset) + 1

    def contributions(self, sources: Sequence[Source]) -> np.ndarray:
        """Return what columns add to scores, [n, d]."""
        blocks = contributions(self.scores, sources, is_own=self.is_own, of_nothing=self.of_nothing)
        return np.concatenate(list(blocks))


def default_autoencoder(rows: int) -> Autoencoder:
    """Return the autoencoder of a detector that is given none, for a table of so many rows.

    It goes through them 60 times; where that would be more than some 15,000 steps, less often, but 5 times at least.
    """
    return Autoencoder(
        128,
        encoder=(128,),
        likelihood="squared_error",
        scaling="standard",
        corruption="gaussian(0.2)",
        optimizer="adam(0.003)",
        batch_size=BATCH,
        max_epochs=min(max(round(STEPS * BATCH / max(rows, 1)), 5), 60),
    )


@dataclass(kw_only=True, eq=False, repr=False)
class AnomalyDetector(OutlierMixin, Estimator[FittedDetector]):
    """Anomalous rows, by how far they are from usual ones and from what an autoencoder makes of them.

    The autoencoder learns from usual rows. The score of a row is its squared distance to the nearest of them plus its
    squared reconstruction error, each column in units of its spread, and each of the two sums divided by its mean over
    validation rows; so usual rows score about 1. As squares add up over columns, so do scores: `explain` says which
    column adds what. Columns of categories have no distance, and their error is −log p in place of
    a square. A category that the fit has not had adds more than any row scores that has none. A row whose cells are all
    missing is an outlier: its score is 1 above those of all validation rows and the threshold.

    The default autoencoder removes a little noise, and its code is wide: it need not compress, it pulls a row towards
    where usual rows are dense, and what it changes is anomalous; so one column is enough for it. The error of a narrow
    code alone is a weaker score.

    Parameters
    ----------
    autoencoder : an autoencoder, or a list of some; copies are fitted. None takes one that removes noise, with 128
        numbers, a hidden layer of 128 units, `corruption="gaussian(0.2)"`, and 5 to 60 epochs, the fewer the more rows.
    neighbors : over how many of the nearest usual rows the distance is averaged: more where usual rows may not all be
        so; 0 takes the reconstruction error alone.
    n_models : how many copies of each autoencoder, with other seeds; scores are averaged.
    contamination : `"auto"` where the rows of `fit` are usual ones: the threshold comes from validation rows, at
        `alpha`. Or the share of the rows of `fit` that shall be flagged, in (0, 0.5], as scikit-learn has it: then
        those rows are judged themselves, so a row that is among the neighbors does not vouch for itself.
    threshold : where `contamination="auto"`: `"quantile"` of the validation scores; `"conformal"`, so that a usual row
        is flagged with a probability of at most `alpha`, whatever the scores are; `"pareto"`, a generalised Pareto
        distribution fitted to the highest tenth of them, for an `alpha` smaller than one over their number.
    alpha : the share of usual rows that may be flagged, in (0, 1).
    dirty : share of the rows of `fit` that are taken to be outliers, in [0, 0.5): after a first fit so many of the
        most anomalous are left out, and all is learned again from the others.
    calibration_fraction : share of distinct rows kept for validation, which the threshold comes from, in (0, 0.5];
        equal rows are kept together. The neighbors have them back afterwards, by which no score rises.
    reference : usual rows kept as neighbors at most; they are in the model file.
    random_state : seed of the validation rows and of the autoencoders, in place of their own.

    Attributes
    ----------
    offset_ : `decision_function` is `score_samples` minus this; below 0 a row is an outlier.
    models_ : the fitted autoencoders.
    n_features_in_, feature_names_in_ : columns of the table of `fit`, the names only where they are all text.

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

    autoencoder: Reconstructor | Sequence[Reconstructor] | None = field(default=None, kw_only=False)
    neighbors: int = 1
    n_models: int = 1
    contamination: float | str = "auto"
    threshold: str = "quantile"
    alpha: float = 0.05
    dirty: float = 0.0
    calibration_fraction: float = 0.2
    reference: int = 20_000
    random_state: int | np.random.RandomState | None = 0

    default_autoencoder = staticmethod(default_autoencoder)
    constraints: ClassVar[Mapping[str, Constraint]] = {
        "autoencoder": Estimators(Reconstructor, "an autoencoder, a list of some, or None", "either", optional=True),
        "neighbors": Whole(0),
        "n_models": Whole(1, at_most=MOST_COPIES),
        "reference": Whole(2),
        "contamination": AnyOf((Choice(("auto",)), Interval(0, 0.5, closed="high"))),
        "threshold": ThresholdName(),
        "alpha": Interval(0, 1, closed="neither"),
        "dirty": Interval(0, 0.5, closed="low"),
        "calibration_fraction": Interval(0, 0.5, closed="high"),
        "random_state": Seed(),
    }

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Learn what is usual.

        Parameters
        ----------
        X : a table, as in `Autoencoder.fit`.
        y : not used.
        sample_weight : [n], at least 0; a row of weight 2 counts as the row twice.
        checkpoint : a file to keep the progress in, from which a killed fit goes on; for each further network one more,
            with .1, .2, … behind its name.

        Raises
        ------
        InvalidPart
            If a parameter is not allowed.
        InvalidData
            If the table cannot be used as it is, or has too few rows for the threshold.
        """
        self.check_parameters()
        seed, paths = seed_of(self.random_state), checkpoint_paths(checkpoint, self.random_state)
        _, source = learn_reader(X, self._templates()[0].table_options())
        weight = check_weight(sample_weight, source.n_rows)
        check_size(source, weight, 1)
        table, hashes = _table(X, source), row_hashes(source, seed)
        chosen = counting = np.flatnonzero(weight)
        if self.dirty:
            scores, _ = self._learn(table, chosen, weight, hashes, seed, paths)
            score = total_scores(scores, _take(table, chosen), is_own=True)
            chosen = chosen[score <= quantile(score, weight[chosen], 1 - self.dirty)]
        scores, validation = self._learn(table, chosen, weight, hashes, seed, paths)
        if isinstance(self.contamination, str):  # "auto"
            level = THRESHOLDS[self.threshold](validation, float(self.alpha))
        else:
            score = total_scores(scores, _take(table, counting), is_own=True)
            level = quantile(score, weight[counting], 1 - self.contamination)
        self._fitted = FittedDetector(self.to_json(), scores, validation, -level)
        return self

    @property
    def offset_(self) -> float:
        """What `decision_function` subtracts from `score_samples`; below 0 a row is an outlier."""
        return self.fitted_.offset

    @property
    def models_(self) -> list[Reconstructor]:
        """The fitted autoencoders."""
        return [score.model for score in self.fitted_.scores]

    @property
    def n_features_in_(self) -> int:
        """How many columns a row has."""
        return self.models_[0].n_features_in_

    @property
    def feature_names_in_(self) -> np.ndarray:
        """The names of the columns, where all of them are text."""
        return self.models_[0].feature_names_in_

    def anomaly_score(self, X: Any, per_feature: bool = False) -> np.ndarray:
        """Return the anomaly score of each row, about 1 for a usual one: higher is more anomalous.

        Parameters
        ----------
        X : a table.
        per_feature : return what each column adds to it, [n, d]; else the sum over columns, [n].
        """
        fitted = self.fitted_
        added = fitted.contributions(open_each(fitted.scores, X))
        return added if per_feature else added.sum(axis=1)

    def score_samples(self, X: Any) -> np.ndarray:
        """Return minus `anomaly_score`, [n]: higher is more usual."""
        return -self.anomaly_score(X)

    def decision_function(self, X: Any) -> np.ndarray:
        """Return `score_samples` minus `offset_`, [n]: below 0 a row is an outlier."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """Return 1 for usual rows and -1 for outliers, [n]."""
        return np.where(self.decision_function(X) >= 0, 1, -1)

    def p_values(self, X: Any) -> np.ndarray:
        """Return conformal p-values of rows, [n]: (1 + validation rows that score as high) / (1 + validation rows).

        A usual row, drawn as those of `fit` were, has one of at most α with a probability of at most α.
        """
        return p_values(self.fitted_.validation, self.anomaly_score(X))

    def explain(self, X: Any, *, with_scores: bool = False) -> Any:
        """Return which columns make a row odd, and what the others expect there, a frame.

        Its columns are `("contribution", name)`, which add up to `anomaly_score`, and `("expected", name)`, what the
        other columns of the row expect (see `NeighborScore.expected`), within what the column can hold.

        Each column gets a share of the score by how far it falls when that column alone is as expected: a single wrong
        cell is blamed itself, and not the columns that the model gets wrong because of it. Where no column alone lowers
        the score, the shares are what the columns add to it, as in `anomaly_score(X, per_feature=True)`.

        Parameters
        ----------
        X : a table.
        with_scores : also `("score", "anomaly_score")`, `("score", "p_value")`, and `("score", "is_odd")`, True where
            a row is flagged: the rows are scored once for all of it.
        """
        import pandas as pd

        fitted = self.fitted_
        sources = open_each(fitted.scores, X)
        first, source = fitted.scores[0].model.fitted_, sources[0]
        score, added, usual = explained(fitted.scores, sources, is_own=fitted.is_own, of_nothing=fitted.of_nothing)
        rows = first.reader.unscale(usual.astype(source.dtype))
        index = source.index if isinstance(source.index, pd.Index) else None
        expected = first.reader.restore_frame(first.reader.within(rows), index)
        learned = first.reader.is_learned
        frames = {"contribution": pd.DataFrame(added[:, learned], columns=expected.columns, index=expected.index)}
        frames["expected"] = expected
        if with_scores:
            columns = {"anomaly_score": score, "p_value": p_values(fitted.validation, score)}
            frames["score"] = pd.DataFrame(columns | {"is_odd": -score < fitted.offset}, index=expected.index)
        return pd.concat(frames, axis=1)

    def check_combination(self) -> None:
        """Nothing forbids any combination of the parameters."""

    def to_state(self) -> State:
        """Return all that a file must hold of this estimator."""
        fitted, rarity = self.fitted_, self.fitted_.scores[0].rarity
        state = State(
            {"parameters": fitted.settings, "offset": fitted.offset, "models": len(fitted.scores), "rarity": rarity},
            {f"held_out.{name}": array for name, array in fitted.validation._asdict().items()},
        )
        for i, score in enumerate(fitted.scores):
            state |= score.to_state(str(i))
        return state

    @classmethod
    def from_state(cls, stored: Opened) -> Self:
        """Return the fitted estimator of a file, which may hold anything."""
        detector = cls.from_json(header_field(stored, "parameters", dict))
        detector.check_parameters()
        count, offset = header_field(stored, "models", int), stored.header.get("offset")
        if not 1 <= count <= MOST_MODELS:
            raise ModelFileError(f"{stored.path} is damaged: expected 1 to {MOST_MODELS} models; got {count}.")
        if type(offset) is not float:
            raise ModelFileError(f"{stored.path} is damaged: its offset is {short(offset)}.")
        models = [stored_model(stored, str(i)) for i in range(count)]
        inner = tuple(f"model{i}." for i in range(count))
        own = {name: described for name, described in stored.tensors.items() if not name.startswith(inner)}
        rows = max(stored_length(stored, "held_out.score"), 1)
        shapes: Shapes = {f"held_out.{name}": ("F64", (rows,)) for name in ValidationScores._fields}
        for i, model in enumerate(models):
            shapes |= score_shapes(stored, str(i), model.fitted_.row.size)
        compare_shapes(Opened(stored.path, stored.header, own), shapes)
        tensors = read_tensors(stored, dict(stored.tensors))
        validation = ValidationScores(tensors["held_out.score"], tensors["held_out.weight"])
        rarity = stored.header.get("rarity", float(validation.score.max()))  # which earlier files do not hold
        if type(rarity) is not float or not 0 <= rarity < np.inf:
            raise ModelFileError(f"{stored.path} is damaged: its rarity is {short(rarity)}.")
        scores = []
        for i, model in enumerate(models):
            arrays = {name: tensors[f"oddness{i}.{name}"] for name in TENSORS}
            scores.append(NeighborScore(model, neighbors=int(detector.neighbors), rarity=rarity, **arrays))
        _check_values(stored, scores, validation)
        detector._fitted = FittedDetector(detector.to_json(), tuple(scores), validation, offset)
        return detector

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        known = [template for template in self._templates() if isinstance(template, Reconstructor)]
        tags.input_tags.allow_nan = all(template.__sklearn_tags__().input_tags.allow_nan for template in known)
        return tags

    def _templates(self, rows: int = 0) -> list[Reconstructor]:
        """Return the autoencoders that copies are fitted of, to so many rows."""
        if self.autoencoder is None:
            return [default_autoencoder(rows)]
        given: Any = self.autoencoder
        return list(given) if isinstance(given, list | tuple) else [given]

    def _learn(
        self, table: Any, chosen: np.ndarray, weight: np.ndarray, hashes: np.ndarray, seed: int, paths: Iterator[Any]
    ) -> tuple[tuple[NeighborScore, ...], ValidationScores]:
        """Return what is learned of the rows at the places `chosen`, and the scores of the validation rows."""
        numbers = hashes[chosen]
        distinct = len(np.unique(numbers))
        is_own = distinct < FEW
        share = 1.0 if is_own else min(float(self.calibration_fraction), MOST_VALIDATION / distinct)
        is_out = choose_rows(numbers, share)
        out, own = chosen[is_out], chosen if is_own else chosen[~is_out]
        places, mass = fold_equal_rows(hashes[own], weight[own], int(self.reference))
        spare, spare_mass = fold_equal_rows(hashes[out], weight[out], len(out))
        near, training, validation = _take(table, own[places]), _take(table, own), _take(table, out)
        templates = self._templates(len(own))
        seeds = np.random.SeedSequence(seed).generate_state(len(templates) * int(self.n_models)).tolist()
        scores, added, unseen = [], [], []
        for i, start in enumerate(seeds):
            model = clone(templates[i % len(templates)]).set_params(random_state=start)
            model.fit(training, sample_weight=weight[own], checkpoint=next(paths))
            rows, is_unseen = model.marked_rows(validation)
            near_rows, others = (model.scaled_rows(near), mass), (rows, is_unseen, weight[out])
            score = fit_scores(model, near_rows, others, int(self.neighbors), is_own=is_own)
            added.append(score.contributions(rows, is_unseen, is_own=is_own))
            unseen.append(is_unseen)
            scores.append(score if is_own else score.with_neighbors(rows[spare], spare_mass, int(self.reference)))
        total, count = np.mean(added, axis=0).sum(axis=1), np.mean(unseen, axis=0).sum(axis=1)
        # With it a row of an unseen category scores above all others: so rare is what none of them has.
        rarity = float(total[count == 0].max(initial=0))
        validated = ValidationScores(total + rarity * count, weight[out])
        return tuple(replace(score, rarity=rarity) for score in scores), validated


def _table(X: Any, source: Source) -> Any:
    """Return a table whose rows can be taken by their places: what a path or a source leads to is read."""
    inner = source.inner if isinstance(source, TableSource) else source
    if isinstance(inner, TextTable):
        return inner
    if is_path(X) or isinstance(X, Source) or isinstance(source, TableSource | ColumnSource):
        return source.whole()
    if source.row.is_sequence and isinstance(X, list | tuple):
        return list(X)
    table: Any = np.asarray(X) if getattr(X, "shape", None) is None else X  # a list, or what gives an array if asked
    return table.tocsr() if scipy.sparse.issparse(table) else table


def _take(table: Any, places: np.ndarray) -> Any:
    """Return the rows of a table at places, in its own form."""
    if isinstance(table, list):
        return [table[place] for place in places]
    if isinstance(table, TextTable):
        return table.take(places)
    if is_made_by(table, "pandas"):
        return table.iloc[places]
    return table.take(places) if is_made_by(table, "pyarrow") else table[places]


def _check_values(stored: Opened, scores: Sequence[NeighborScore], validation: ValidationScores) -> None:
    """Raise `ModelFileError` where spreads, weights or means are not those of a fit."""
    wrong = (validation.weight <= 0).any() or any(
        (score.spread < LEAST_SPREAD).any()
        or (score.weight <= 0).any()
        or ((score.means < LEAST) & (score.means != 0)).any()
        for score in scores
    )
    sizes = {score.model.fitted_.row.size for score in scores}
    if wrong or len(sizes) > 1:
        raise ModelFileError(f"{stored.path} is damaged: its detector cannot be what a fit leaves.")
