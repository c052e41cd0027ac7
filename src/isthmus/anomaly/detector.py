"""Anomaly detection: rows scored by an autoencoder, flagged by a threshold, explained by column."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from isthmus.anomaly import thresholds
from isthmus.anomaly.calibration import Means
from isthmus.anomaly.copies import fitted_copies, see_alike
from isthmus.anomaly.default import default_autoencoder
from isthmus.anomaly.fitted import FittedDetector
from isthmus.anomaly.graphs import add_detector, detector_answers
from isthmus.anomaly.reasons import explained
from isthmus.anomaly.row_hash import RowHashes, fold_equal_rows, row_hashes
from isthmus.anomaly.scores import (
    NeighborScore,
    calibration_kind,
    fit_scores,
    score_shapes,
    stored_length,
    stored_model,
    stored_score,
)
from isthmus.anomaly.tables import open_sources, take_rows, takeable, total_scores
from isthmus.anomaly.thresholds import ThresholdName, ValidationScores
from isthmus.core.coercion import short
from isthmus.core.constraints import AnyOf, Choice, Constraint, Interval, Seed, Whole
from isthmus.data.reader import Reader
from isthmus.data.source import Source
from isthmus.data.validation import check_weight
from isthmus.errors import ModelFileError, require
from isthmus.estimators._encoder import learn_reader
from isthmus.estimators._estimator import MOST_ESTIMATORS, Estimator, Estimators
from isthmus.estimators._reconstructor import Reconstructor
from isthmus.estimators._seeds import seed_of
from isthmus.estimators._shown import Shown
from isthmus.estimators._sklearn import OutlierMixin
from isthmus.estimators._validation import check_size
from isthmus.onnx.graph import Graph
from isthmus.storage.container import Opened
from isthmus.storage.state import Shapes, State, compare_shapes, header_field, read_tensors
from isthmus.training.callbacks import Callback, Callbacks, check_callbacks
from isthmus.training.checkpoint import checkpoint_paths

FEW = 10  # distinct rows: with fewer none are kept for validation
MOST_VALIDATION = 20_000  # rows
MOST_COPIES = 100  # of each autoencoder
MOST_MODELS = MOST_COPIES * MOST_ESTIMATORS
MOST_NEIGHBORS = 2**31
FEW_NEIGHBORS, MANY_NEIGHBORS = 3, 100  # of usual rows, and of rows that may not all be so


@dataclass(kw_only=True, eq=False, repr=False)
class AnomalyDetector(Shown, OutlierMixin, Estimator[FittedDetector]):
    """Anomalous rows, by how far they are from usual ones and from what an autoencoder makes of them.

    The autoencoder learns from usual rows. A row is odd by three parts: how far it is from the nearest usual rows, how
    far for a place where usual rows lie so dense, and what the autoencoder errs by, each column in units of its spread.
    Each part counts as the −log of the share of usual rows in which it is as large, and the score is their mean:
    usual rows score about 1, a row as odd in all parts as one in a thousand about 7. As the parts are sums over
    columns, so is the score: `explain` says which column adds what. Columns of categories have no distance, and their
    error is −log p in place of a square. A category that the fit has not had adds more than any row scores that has
    none. A row whose cells are all missing is an outlier: its score is 1 above those of all validation rows and the
    threshold. `NeighborScore` in `isthmus.anomaly.scores` has the formulas.

    The default autoencoder sees skewed columns by their ranks (`scaling="normal"`) and removes noise; its code is wide:
    it need not compress, it pulls a row towards where usual rows are dense, and what it changes is anomalous; so one
    column is enough for it. The error of a narrow code alone is a weaker score.

    Parameters
    ----------
    autoencoder : an autoencoder, or a list of some; copies are fitted. None takes one that removes noise, with 128
        numbers, a hidden layer of 128 units, `scaling="normal"` (of windows of series `"standard"`, as what is beyond
        their usual values is what is looked for), `corruption="gaussian(0.5)"`, 500 to 2,000 steps, twice as many of
        windows; where rows of the fit may be odd themselves, 8 numbers, 32 units and `corruption="swap(0.5)"`.
    neighbors : over how many of the nearest usual rows the distance is averaged; `"auto"` takes 3, and a tenth of
        the rows, at most 100, where these may be odd themselves (`contamination` or `dirty` given): then neither
        density counts nor the error of numbers, which is small for an odd row that was learned. 0 takes the
        reconstruction error alone.
    n_models : how many copies of each autoencoder, with other seeds; their errors are averaged.
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
        equal rows are kept together, and seldom a category whole. They are neighbors of others, but not of themselves.
        Where `contamination` is a share, all rows are learned from and judged, and none is kept.
    reference : usual rows kept as neighbors at most; they are in the model file. 0 keeps none, as `neighbors=0`.
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
    learn from the data-generating distribution: the error of a denoiser is the slope of the log-density. Breunig et al.
    (2000), LOF: identifying density-based local outliers. Fisher (1925), Statistical methods for research workers.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(300, 2)) @ np.ones((2, 4))
    >>> detector = AnomalyDetector(Autoencoder(1, max_epochs=20)).fit(X)
    >>> detector.predict([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, -9.0, 1.0]]).tolist()
    [1, -1]
    >>> detector.explain([[1.0, 1.0, -9.0, 1.0]])["contribution"].idxmax(axis=1).tolist()
    ['x2']
    """

    autoencoder: Reconstructor | Sequence[Reconstructor] | None = field(default=None, kw_only=False)
    neighbors: int | str = "auto"
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
        "neighbors": AnyOf((Choice(("auto",)), Whole(0))),
        "n_models": Whole(1, at_most=MOST_COPIES),
        "reference": Whole(0),
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
        *,
        callbacks: Callbacks = None,
    ) -> Self:
        """Learn what is usual.

        Parameters
        ----------
        X : a table, as in `Autoencoder.fit`; y is not used.
        sample_weight : [n], at least 0; a row of weight 2 counts as the row twice.
        checkpoint : a file to keep the progress in, from which a killed fit goes on; for each further network one more,
            with .1, .2, … behind its name.
        callbacks : as in `Autoencoder.fit`, of each network in turn.

        Raises
        ------
        InvalidPart
            If a parameter is not allowed.
        InvalidData
            If the table cannot be used as it is, or has too few rows for the threshold.
        """
        self.check_parameters()
        listed = check_callbacks(callbacks)
        seed, paths = seed_of(self.random_state), checkpoint_paths(checkpoint, self.random_state)
        _, source = learn_reader(X, self._templates()[0].table_options())
        weight = check_weight(sample_weight, source.n_rows)
        check_size(source, weight, 1)
        table, hashes = takeable(X, source), row_hashes(source, seed)
        chosen = counting = np.flatnonzero(weight)
        if self.dirty:
            scores, _ = self._learn(table, source, hashes, chosen, weight, seed, paths, listed)
            score = total_scores(scores, take_rows(table, chosen), is_own=True)
            chosen = chosen[score <= thresholds.quantile(score, weight[chosen], 1 - self.dirty)]
        scores, validation = self._learn(table, source, hashes, chosen, weight, seed, paths, listed)
        if isinstance(self.contamination, str):  # "auto"
            level = thresholds.THRESHOLDS[self.threshold](validation, float(self.alpha))
        else:
            score = total_scores(scores, take_rows(table, counting), is_own=True)
            level = thresholds.quantile(score, weight[counting], 1 - self.contamination)
        self._fitted = FittedDetector(self.to_json(), scores, validation, -level)
        return self

    @property
    def offset_(self) -> float:
        """What `decision_function` subtracts from `score_samples`; below 0 a row is an outlier."""
        return self.fitted_.offset

    @property
    def models_(self) -> list[Reconstructor]:
        """The fitted autoencoders."""
        return [model for score in self.fitted_.scores for model in score.models]

    def networks(self) -> dict[str, Reconstructor]:
        """Return the fitted autoencoders by number."""
        return {str(number): model for number, model in enumerate(self.models_)}

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
        added = fitted.contributions(open_sources(fitted.scores, X))
        return added if per_feature else added.sum(axis=1)

    def score_samples(self, X: Any) -> np.ndarray:
        """Return minus `anomaly_score`, [n]: higher is more usual."""
        return -self.anomaly_score(X)

    def decision_function(self, X: Any) -> np.ndarray:
        """Return `score_samples` minus `offset_`, [n]: below 0 a row is an outlier."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any, false_discovery_rate: float | None = None) -> np.ndarray:
        """Return 1 for usual rows and -1 for outliers, [n].

        Parameters
        ----------
        X : a table.
        false_discovery_rate : in (0, 1): flag so many of these rows that at most this share of those flagged is usual,
            on average, by the p-values of all rows together; None flags a row by its own score (see `threshold`).
        """
        return np.where(self.fitted_.is_odd(self.anomaly_score(X), false_discovery_rate), -1, 1)

    def p_values(self, X: Any) -> np.ndarray:
        """Return conformal p-values of rows, [n]: (1 + validation rows that score as high) / (1 + validation rows).

        A usual row, drawn as those of `fit` were, has one of at most α with a probability of at most α.
        """
        return thresholds.p_values(self.fitted_.validation, self.anomaly_score(X))

    def explain(self, X: Any, *, with_scores: bool = False, false_discovery_rate: float | None = None) -> Any:
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
            a row is flagged, as by `predict`: the rows are scored once for all of it.
        false_discovery_rate : how `"is_odd"` flags, as in `predict`.
        """
        import pandas as pd

        fitted = self.fitted_
        sources = open_sources(fitted.scores, X)
        first, source = fitted.scores[0].model.fitted_, sources[0]
        score, added, usual = explained(fitted.scores, sources, is_own=fitted.is_own, of_nothing=fitted.of_nothing)
        rows = first.reader.unscale(usual.astype(source.dtype))
        index = source.index if isinstance(source.index, pd.Index) else None
        expected = first.reader.restore_frame(first.reader.within(rows), index)
        learned = first.reader.is_learned
        frames = {"contribution": pd.DataFrame(added[:, learned], columns=expected.columns, index=expected.index)}
        frames["expected"] = expected
        if with_scores:
            columns = {"anomaly_score": score, "p_value": thresholds.p_values(fitted.validation, score)}
            columns["is_odd"] = fitted.is_odd(score, false_discovery_rate)
            frames["score"] = pd.DataFrame(columns, index=expected.index)
        return pd.concat(frames, axis=1)

    def add_to_graph(self, graph: Graph) -> Reader:
        """Add the model to a graph, and return what is known of its tables."""
        return add_detector(graph, self.fitted_)

    def graph_answers(self, X: Any) -> dict[str, np.ndarray]:
        """Return what the methods answer, by the names of the outputs of the graph."""
        return detector_answers(self.fitted_, self.anomaly_score(X, per_feature=True))

    def check_combination(self) -> None:
        """Refuse what no parameter forbids by itself: a single row to compare with."""
        require(self.reference != 1, "reference", "0, or a whole number of at least 2", self.reference)

    def to_state(self) -> State:
        """Return all that a file must hold of this estimator."""
        fitted, first = self.fitted_, self.fitted_.scores[0]
        header = {
            "parameters": fitted.settings,
            "offset": fitted.offset,
            "models": len(fitted.scores),
            "copies": len(first.models),
            "calibration": "means" if isinstance(first.calibration, Means) else "surprise",
            "neighbors": first.usual.neighbors,
            "rarity": first.rarity,
        }
        state = State(header, {f"held_out.{name}": array for name, array in fitted.validation._asdict().items()})
        for i, score in enumerate(fitted.scores):
            state |= score.to_state(str(i), i * len(first.models))
        return state

    @classmethod
    def from_state(cls, stored: Opened) -> Self:
        """Return the fitted estimator of a file, which may hold anything."""
        detector = cls.from_json(header_field(stored, "parameters", dict))
        detector.check_parameters()
        count, offset = header_field(stored, "models", int), stored.header.get("offset")
        copies = header_field(stored, "copies", int) if "copies" in stored.header else 1
        if not 1 <= count <= MOST_MODELS or not 1 <= copies <= MOST_COPIES:
            raise ModelFileError(
                f"{stored.path} is damaged: expected 1 to {MOST_MODELS} models; got {count} x {copies}."
            )
        if type(offset) is not float:
            raise ModelFileError(f"{stored.path} is damaged: its offset is {short(offset)}.")
        neighbors = stored.header.get("neighbors", detector.neighbors)  # which earlier files say there only
        if type(neighbors) is not int or not 0 <= neighbors <= MOST_NEIGHBORS:
            raise ModelFileError(f"{stored.path} is damaged: its neighbors are {short(neighbors)}.")
        calibration_kind(stored)
        models = [stored_model(stored, str(i)) for i in range(count * copies)]
        inner = tuple(f"model{i}." for i in range(count * copies))
        own = {name: described for name, described in stored.tensors.items() if not name.startswith(inner)}
        rows = max(stored_length(stored, "held_out.score"), 1)
        shapes: Shapes = {f"held_out.{name}": ("F64", (rows,)) for name in ValidationScores._fields}
        groups = [tuple(models[i * copies : (i + 1) * copies]) for i in range(count)]
        for i, group in enumerate(groups):
            shapes |= score_shapes(stored, str(i), group[0].fitted_.row.size)
        compare_shapes(Opened(stored.path, stored.header, own), shapes)
        tensors = read_tensors(stored, dict(stored.tensors))
        validation = ValidationScores(tensors["held_out.score"], tensors["held_out.weight"])
        rarity = stored.header.get("rarity", float(validation.score.max()))  # which earlier files do not hold
        if type(rarity) is not float or not 0 <= rarity < np.inf:
            raise ModelFileError(f"{stored.path} is damaged: its rarity is {short(rarity)}.")
        scores = tuple(
            replace(stored_score(stored, tensors, str(i), group, neighbors), rarity=rarity)
            for i, group in enumerate(groups)
        )
        sizes = {model.fitted_.row.size for model in models}
        alike = all(see_alike(group[0], other) for group in groups for other in group[1:])
        if (validation.weight <= 0).any() or len(sizes) > 1 or not alike:
            raise ModelFileError(f"{stored.path} is damaged: its detector cannot be what a fit leaves.")
        detector._fitted = FittedDetector(detector.to_json(), scores, validation, offset)
        return detector

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        known = [template for template in self._templates() if isinstance(template, Reconstructor)]
        tags.input_tags.allow_nan = all(template.__sklearn_tags__().input_tags.allow_nan for template in known)
        return tags

    def _templates(self, rows: int = 0, is_series: bool = False) -> list[Reconstructor]:
        """Return the autoencoders that copies are fitted of, to so many rows."""
        if self.autoencoder is None:
            return [default_autoencoder(rows, is_series, may_be_odd=self._may_be_odd)]
        given: Any = self.autoencoder
        return list(given) if isinstance(given, list | tuple) else [given]

    def _learn(
        self,
        table: Any,
        source: Source,
        hashes: RowHashes,
        chosen: np.ndarray,
        weight: np.ndarray,
        seed: int,
        paths: Iterator[Any],
        callbacks: Sequence[Callback],
    ) -> tuple[tuple[NeighborScore, ...], ValidationScores]:
        """Return what is learned of the rows at the places `chosen`, and the scores of the validation rows."""
        distinct = len(np.unique(hashes.numbers[chosen]))
        # Where the rows are judged themselves, all are learned from: one held out would err more than the others.
        is_own = distinct < FEW or self.contamination != "auto"
        share = min(1.0 if is_own else float(self.calibration_fraction), MOST_VALIDATION / distinct)
        is_out = hashes.take(chosen).held_out(share)
        out, own = chosen[is_out], chosen if is_own else chosen[~is_out]
        most = int(self.reference) or type(self).reference  # without rows to keep, deviations come from as many
        places, mass = fold_equal_rows(hashes.numbers[own], weight[own], most)
        spare, spare_mass = fold_equal_rows(hashes.numbers[out], weight[out], len(out))
        training, validation = take_rows(table, own), take_rows(table, out)
        near, held_out = take_rows(table, own[places]), slice(0, most - len(places))
        scores, added, unseen, neighbors = [], [], [], self._count_neighbors(distinct)
        templates = self._templates(len(own), source.row.is_sequence)
        count = int(self.n_models)
        for models in fitted_copies(templates, count, training, weight[own], seed, paths, callbacks):
            rows, is_unseen = models[0].marked_rows(validation)
            usual = models[0].scaled_rows(near), mass
            if not is_own:  # the validation rows are neighbors too, but not of themselves
                usual = np.concatenate([usual[0], rows[spare][held_out]]), np.concatenate([mass, spare_mass[held_out]])
            is_clean = not self._may_be_odd
            score = fit_scores(models, usual, (rows, weight[out]), neighbors, is_clean=is_clean)
            scores.append(score)
            added.append(score.contributions(rows, is_unseen, is_own=True))
            unseen.append(is_unseen)
        total, count = np.mean(added, axis=0).sum(axis=1), np.mean(unseen, axis=0).sum(axis=1)
        # With it a row of an unseen category scores above all others: so rare is what none of them has.
        rarity = float(total[count == 0].max(initial=0))
        validated = ValidationScores(total + rarity * count, weight[out])
        return tuple(replace(score, rarity=rarity) for score in scores), validated

    @property
    def _may_be_odd(self) -> bool:
        """Say whether rows of the fit may be odd themselves."""
        return self.contamination != "auto" or self.dirty > 0

    def _count_neighbors(self, rows: int) -> int:
        """Return over how many of so many rows the distance is averaged."""
        if self.neighbors != "auto" or not self.reference:
            return int(self.neighbors) if self.reference else 0
        return min(MANY_NEIGHBORS, max(rows // 10, FEW_NEIGHBORS)) if self._may_be_odd else FEW_NEIGHBORS
