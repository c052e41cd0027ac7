"""`NetworkRanker`: an encoder whose code gives each row a score."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import ndcg_score

from isthmus.contracts import Likelihood
from isthmus.core.constraints import Constraint
from isthmus.data.reader import Reader
from isthmus.data.validation import check_targets, check_weight, is_missing
from isthmus.errors import InvalidData, require
from isthmus.estimators._device import on_device
from isthmus.estimators._graphs import add_supervised
from isthmus.estimators._run import FitOptions
from isthmus.estimators._supervised import SUPERVISED, Supervised, Targets
from isthmus.estimators._targets import RankTarget, Target
from isthmus.onnx.graph import Graph
from isthmus.training.callbacks import Callbacks, check_callbacks


@dataclass(kw_only=True, eq=False, repr=False)
class NetworkRanker(Supervised):
    """An encoder whose code gives each row a score, so that in each group more relevant rows score higher.

    A batch holds whole groups, as far as they fit into it; larger ones are cut by chance at each epoch. Groups are kept
    for validation as a whole. With `pretrained`, training has three stages, as in `NetworkClassifier`.

    Parameters
    ----------
    encoder : from a row to the code, of `isthmus.backbones`; not used with `pretrained`.
    target : the loss, of `isthmus.likelihoods`: `"pairwise"` (of every pair in a group), `"listwise"` (of the whole).
    pretrained, frozen_epochs, corruption, scaling, text, columns : as in `NetworkClassifier`.
    reconstruction : weight of explaining the row beside its rank, at least 0.
    combine : what is made of several starts: `"best"`, or `"average"` of the scores of all.
    penalties, optimizer, batch_size, max_epochs, stops, validation_fraction, n_starts, warm_start, random_state,
    device, verbose : as in `Autoencoder`; a tenth of the rows is kept for validation from 200 on, and max_epochs counts
    the epochs in which all layers learn.

    Attributes
    ----------
    pretrained_ : the fitted autoencoder, where one was given; not kept in a model file.
    n_components_, n_features_in_, feature_names_in_, history_, n_iter_, stop_reason_, model_ : as in `Autoencoder`.

    References
    ----------
    Burges et al. (2005), Learning to rank using gradient descent. Cao et al. (2007), Learning to rank: from pairwise
    approach to listwise approach.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> relevance, groups = (X[:, 0] > 0).astype(int), np.arange(200) // 10
    >>> model = NetworkRanker(max_epochs=40).fit(X, relevance, groups)
    >>> model.predict(X).shape, model.score(X, relevance, groups) > 0.9
    ((200,), True)
    """

    target: str | Likelihood = "pairwise"

    target_type: ClassVar[type[Target]] = RankTarget
    constraints: ClassVar[Mapping[str, Constraint]] = SUPERVISED

    @on_device
    def fit(
        self,
        X: Any,
        y: Any,
        groups: Any = None,
        sample_weight: ArrayLike | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        *,
        validation_data: Any = None,
        callbacks: Callbacks = None,
    ) -> Self:
        """Train on a table and the relevance of its rows.

        Parameters
        ----------
        X : a table, as in `Autoencoder.fit`.
        y : relevance [n], numbers: higher comes first.
        groups : [n], numbers or texts: rows of one group, as the answers to one query, are ranked among each other, in
            any order in the table; None for one group. In a cross-validation scikit-learn hands groups on only where
            metadata routing is on and asked for: `set_fit_request(groups=True).set_score_request(groups=True)`.
        sample_weight : [n], at least 0; a pair counts as the product.
        checkpoint : a file to keep the progress of the last stage in.
        validation_data : rows that are judged in place of some kept from `X`: `(X, y)`, or `(X, y, groups)`.
        callbacks : as in `Autoencoder.fit`, of each stage.

        Raises
        ------
        InvalidPart
            If a parameter is not allowed.
        InvalidData
            If the table, the relevance or the groups cannot be used as they are; the message names the place.
        Diverged
            If the loss leaves the numbers and smaller steps do not help.
        """
        self.check_parameters()
        options = FitOptions(checkpoint, check_callbacks(callbacks))
        former = self._fitted if self.warm_start else None
        reader, source = self._open(X, former)
        relevance, place = _read_relevance(y, groups, source.n_rows)
        if np.bincount(place.astype(int)).max() < 2:
            count = source.n_rows
            reason = "X has 1 sample" if count == 1 else f"groups holds {count} groups of one row each"
            raise InvalidData(f"{reason}: nothing is ranked.")
        targets = Targets(np.column_stack([relevance, place]), np.ones(len(relevance)))
        target, validation = RankTarget(), None
        if (apart := self._open_validation(validation_data, reader)) is not None:
            data, own = apart
            judged = np.column_stack(_read_relevance(data.y, data.sample_weight, own.n_rows))  # the third are groups
            validation = data._replace(sample_weight=None), own, Targets(judged, np.ones(len(judged)))
        self._fitted = self._train(X, source, reader, target, targets, sample_weight, options, former, validation)
        return self

    @on_device
    def predict(self, X: Any) -> np.ndarray:
        """Return the score of each row, [n]: higher comes first; scores compare within a group."""
        fitted = self.fitted_
        return fitted.expect(self.open_rows(X), 1)[:, 0]

    def add_to_graph(self, graph: Graph) -> Reader:
        """Add the model to a graph, and return what is known of its tables."""
        _, expected = add_supervised(graph, self.fitted_)
        graph.output("prediction", expected[:, 0], "what `predict` returns")
        return self.fitted_.reader

    def graph_answers(self, X: Any) -> dict[str, np.ndarray]:
        """Return what the methods answer, by the names of the outputs of the graph."""
        return {"code": self.transform(X), "prediction": self.predict(X)}

    def score(self, X: Any, y: Any, groups: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the mean over groups of the normalised discounted cumulative gain, in [0, 1]: higher is better.

        Groups of one row do not count, and one in which nothing is relevant counts as 0. The gain of a row is its
        relevance, which must be at least 0 here. A group weighs as the mean of its rows does.

        References
        ----------
        Järvelin and Kekäläinen (2002), Cumulated gain-based evaluation of IR techniques.
        """
        scores = self.predict(X)
        relevance, place = _read_relevance(y, groups, len(scores))
        if relevance.min() < 0:
            raise InvalidData(f"y holds the relevance {relevance.min():g}, and score needs values of at least 0.")
        weight = check_weight(sample_weight, len(scores))
        gains, weights = [], []
        for group in np.unique(place):
            chosen = place == group
            if chosen.sum() > 1:
                gains.append(ndcg_score(relevance[None, chosen], scores[None, chosen]))
                weights.append(weight[chosen].mean())
        if not np.any(weights):
            raise InvalidData("no group has two rows that count: nothing is ranked.")
        return float(np.average(gains, weights=weights))

    def check_combination(self) -> None:
        """Raise `InvalidPart` for a target that does not explain orders."""
        require(self.part("target").explains == "order", "target", "'pairwise' or 'listwise'", self.target)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.target_tags.required = True
        return tags


def _read_relevance(y: Any, groups: Any, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return relevance and group number of each row, [n] both."""
    target = check_targets(y, rows, NetworkRanker.__name__)
    if target.shape[1] != 1:
        raise InvalidData(f"y has shape {np.asarray(y).shape}, expected ({rows},): one relevance for each row.")
    if groups is None:
        return target[:, 0], np.zeros(rows)
    array = np.asarray(groups)
    if array.shape != (rows,):
        raise InvalidData(f"groups has shape {array.shape}, expected ({rows},): one group for each row.")
    missing = is_missing(array)
    if missing.any():
        count, first = missing.sum(), np.flatnonzero(missing)[0]
        where = f"{count} row{'s' if count > 1 else ''} (first: {first})"
        raise InvalidData(f"groups: expected a group in every row; got none in {where}.")
    try:
        place = np.unique(array, return_inverse=True)[1]
    except TypeError as error:
        raise InvalidData("groups mixes values of several types: name all groups alike.") from error
    return target[:, 0], place.astype(np.float64)
