"""What every autoencoder answers once it is fitted: codes, rows, scores, its model, its file."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from isthmus.contracts import Scaling
from isthmus.core.spelling import resolve
from isthmus.data.rows import scaled_blocks
from isthmus.data.sources import open_source
from isthmus.data.validation import check_weight
from isthmus.errors import InvalidData
from isthmus.estimators._code_sampler import Generative
from isthmus.estimators._device import on_device
from isthmus.estimators._diagnosis import diagnosis
from isthmus.estimators._encoder import Encoder
from isthmus.model import inference


class Reconstructor(Encoder, Generative):
    """A network that gives each row a code, and rows for codes."""

    optional = frozenset({"decoder", "corruption", "neighborhood", "scaling", "text"})

    @on_device
    def inverse_transform(self, X: Any) -> Any:
        """Return the rows that codes [n, n_components_] stand for, [n, d], in the units, names and frame of `fit`.

        Raises
        ------
        InvalidData
            If the codes are not of the model's size, or not finite.
        """
        check_is_fitted(self)
        source = open_source(X)
        if source.row.shape != (self.n_components_,):
            raise InvalidData(
                f"the codes have {source.row.size} columns, and those of this model have {self.n_components_}."
            )
        codes = scaled_blocks(source, resolve(Scaling, "none"), {})
        rows = self._unscaled(self._run(inference.decode, codes, source, self.n_features_in_))
        if source.row.columns:
            return self._framed(source.kind, rows, source, (source.row.size,))
        return self._framed(self._kind, rows, source, self._row.shape)

    @on_device
    def reconstruct(self, X: Any) -> Any:
        """Return what the model makes of each row, [n, d], in the units, names and frame of `X`."""
        source = self._open(X, reset=False)
        rows = self._unscaled(self._apply(inference.reconstruct, source, self.n_features_in_))
        return self._framed(source.kind, rows, source, source.row.shape)

    @on_device
    def score_samples(self, X: Any) -> np.ndarray:
        """Return the log-likelihood of each row, [n]: higher is more usual.

        It is the sum over columns, in scaled units, without noise; for `squared_error` minus the squared distance
        to the reconstruction. Where the code is a distribution it is log p(x | mean code): `isthmus.log_likelihood`
        estimates log p(x).
        """
        source = self._open(X, reset=False)
        return self._apply(inference.explain, source, self.n_features_in_).sum(axis=1)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the weighted mean of `score_samples`: higher is better."""
        scores = self.score_samples(X)
        return float(np.average(scores, weights=check_weight(sample_weight, len(scores))))

    @on_device
    def reconstruction_error(self, X: Any, per_feature: bool = False) -> np.ndarray:
        """Return the squared difference between rows and reconstructions in scaled units: higher is odder.

        Of a column of codes, as those of words or categories, it is 1 for each that is wrong.

        Parameters
        ----------
        X : a table.
        per_feature : return it for each column, [n, d]; else the sum over columns, [n].
        """
        source = self._open(X, reset=False)
        error = self._apply(inference.error, source, self.n_features_in_)
        error = np.where(self._are_codes(), np.sign(error), error)
        return error if per_feature else error.sum(axis=1)

    @on_device
    def _column_error(self, X: Any) -> np.ndarray:
        """Return how far each entry is from what was expected, [n, d].

        It is the squared difference of a number, in scaled units, and −log p of a code, in units of what a balanced
        likelihood divides its column by.
        """
        source = self._open(X, reset=False)
        error, are_codes = self._apply(inference.error, source, self.n_features_in_), self._are_codes()
        if not are_codes.any():
            return error
        return np.where(are_codes, -self._apply(inference.explain, source, self.n_features_in_), error)

    def _are_codes(self) -> np.ndarray:
        """Say of each column whether it is explained as a code, [d]."""
        likelihood = self._row_likelihood()
        is_so = bool(self._row.categories) and likelihood is not None and likelihood.explains == "categories"
        return np.array(self._row.categories) > 0 if is_so else np.zeros(self.n_features_in_, bool)

    def diagnose(self, X: Any) -> Any:
        """Return what each unit of the code does over the rows of `X`, a frame: see `isthmus.diagnose`."""
        return diagnosis(self, X)
