"""The autoencoder as a scikit-learn transformer."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from isthmus import inference, loop
from isthmus.contracts import Scaling
from isthmus.errors import InvalidData
from isthmus.estimators.network import Network, on_device
from isthmus.model import Model
from isthmus.parts import resolve
from isthmus.reading import checked_weight, kind_called, open_source, scaled_blocks
from isthmus.weights import assemble


class Autoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Network):
    """An autoencoder: encoder, code, decoder, trained so that each row can be told from its code.

    Any parameter that is a part may be given as the part, as its spelling (`"top_k(256, k=16)"`), or as what
    stands for one (`8` for `deterministic(8)`, `(64, 32)` for `mlp((64, 32))`).

    Parameters
    ----------
    bottleneck : the code: a size, or a part of `isthmus.bottlenecks`.
    encoder : the road down, of `isthmus.backbones`.
    decoder : the road up; None mirrors the encoder.
    likelihood : how a row is explained, of `isthmus.likelihoods`.
    corruption : noise on the input in training, of `isthmus.corruptions`; None for none.
    penalties : terms beside the reconstruction, a list of `isthmus.penalties`.
    scaling : of the columns, of `isthmus.scalings`; undone in `inverse_transform` and `reconstruct`.
    optimizer : of `isthmus.optimizers`.
    batch_size : rows in a step; None takes a 32nd of the rows, within 32 and 256.
    max_epochs : how often to go through the rows at most.
    stops : when to stop earlier, a list of `isthmus.stops`.
    validation_fraction : share of rows held out, in [0, 1); None holds out a tenth from 1,000 rows on.
        Where rows are held out, the weights of the epoch with the lowest held-out loss are kept.
    n_starts : how many seeds to train at once; the one with the lowest loss, held out where rows are, is kept.
    random_state : seed of weights, batches and noise; None draws a new one. The global generators are not touched.
    device : `"cpu"`, `"gpu"`, or None for JAX's default.
    verbose : 1 shows a progress bar on a terminal.

    Attributes
    ----------
    n_components_ : size of the code.
    n_features_in_, feature_names_in_ : columns seen in `fit`, the names only where they are all text.
    n_samples_ : rows seen in `fit`.
    history_ : one record an epoch: `epoch`, `loss`, every term by name, `held_out_loss`, `weight_change`
        (‖w − w₀‖ / ‖w₀‖), `seconds` since the start. Losses are means over rows of sums over columns, scaled.
    stop_reason_ : why training ended.
    n_iter_ : epochs taken.
    model_ : the trained `isthmus.model.Model`, an Equinox module.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(200, 2)) @ np.ones((2, 6))
    >>> ae = Autoencoder(1, max_epochs=50).fit(X)
    >>> ae.transform(X).shape, ae.reconstruct(X).shape
    ((200, 1), (200, 6))
    """

    def __init__(
        self,
        bottleneck: Any = 2,
        *,
        encoder: Any = "mlp",
        decoder: Any = None,
        likelihood: Any = "squared_error",
        corruption: Any = None,
        penalties: Any = (),
        scaling: Any = "standard",
        optimizer: Any = "adam",
        batch_size: int | None = None,
        max_epochs: int = 100,
        stops: Any = "patience(10)",
        validation_fraction: float | None = None,
        n_starts: int = 1,
        random_state: int | np.random.RandomState | None = 0,
        device: str | None = None,
        verbose: int = 0,
    ) -> None:
        self.bottleneck = bottleneck
        self.encoder = encoder
        self.decoder = decoder
        self.likelihood = likelihood
        self.corruption = corruption
        self.penalties = penalties
        self.scaling = scaling
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.stops = stops
        self.validation_fraction = validation_fraction
        self.n_starts = n_starts
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    @on_device
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Train on a table.

        Parameters
        ----------
        X : array [n, d], nested lists, SciPy sparse matrix, pandas or polars frame, or the path of a CSV, Parquet,
            NPY or NPZ file. Of a file, `transform` and the others take the columns they need by name.
        y : not used.
        sample_weight : [n], at least 0; a row of weight 2 counts as the row twice.
        checkpoint : a file to keep the progress in. Where it is there already, training goes on from it, bit for
            bit as if it had not been interrupted.

        Raises
        ------
        InvalidPart
            If a parameter is not allowed.
        InvalidData
            If the table cannot be used as it is; the message names the place.
        Diverged
            If the loss leaves the numbers and smaller steps do not help.

        Notes
        -----
        Ctrl-C ends training and keeps what was learned.
        """
        self._check_settings()
        source = self._open(X, reset=True)
        job = self._job(self._begin(source, sample_weight), self._share_held_out(source))
        self._train(job, loop.start(job), checkpoint)
        return self

    @on_device
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train for one more epoch, on the rows given.

        The first call fits the scaling and draws the weights; later ones keep both, and the optimizer's memory.
        No rows are held out, and stops are not asked.
        """
        self._check_settings()
        is_first = not self.__sklearn_is_fitted__()
        source = self._open(X, reset=is_first)
        job = self._job((self._begin if is_first else self._rows)(source, sample_weight), 0.0)
        weights = None if self._weights is None else np.repeat(self._weights[None], len(job.seeds), axis=0)
        start = self._last_progress() or loop.start(job, weights)
        job = replace(job, max_epochs=start.epoch + 1, stops=())
        self._train(job, replace(start, reasons=(None,) * len(job.seeds)), None)
        return self

    @on_device
    def transform(self, X: Any) -> np.ndarray:
        """Return the code of each row, [n, n_components_], without noise."""
        source = self._open(X, reset=False)
        return self._apply(inference.encode, source, self.n_components_)

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
        if source.row.size != self.n_components_:
            raise InvalidData(
                f"the codes have {source.row.size} columns, and those of this model have {self.n_components_}."
            )
        codes = scaled_blocks(source, resolve(Scaling, "none"), {})
        rows = self._unscaled(self._run(inference.decode, codes, source, self.n_features_in_))
        kind = type(source) if source.row.columns else kind_called(self._form)
        return self._framed(kind, rows, source)

    @on_device
    def reconstruct(self, X: Any) -> Any:
        """Return what the model makes of each row, [n, d], in the units, names and frame of `X`."""
        source = self._open(X, reset=False)
        rows = self._unscaled(self._apply(inference.reconstruct, source, self.n_features_in_))
        return self._framed(type(source), rows, source)

    @on_device
    def score_samples(self, X: Any) -> np.ndarray:
        """Return the log-likelihood of each row, [n]: higher is more usual.

        It is the sum over columns, in scaled units, without noise; for `squared_error` minus the squared distance
        to the reconstruction.
        """
        source = self._open(X, reset=False)
        return self._apply(inference.explain, source, self.n_features_in_).sum(axis=1)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the weighted mean of `score_samples`: higher is better."""
        scores = self.score_samples(X)
        return float(np.average(scores, weights=checked_weight(sample_weight, len(scores))))

    @on_device
    def reconstruction_error(self, X: Any, per_feature: bool = False) -> np.ndarray:
        """Return the squared difference between rows and reconstructions in scaled units: higher is odder.

        Parameters
        ----------
        X : a table.
        per_feature : return it for each column, [n, d]; else the sum over columns, [n].
        """
        source = self._open(X, reset=False)
        error = self._apply(inference.error, source, self.n_features_in_)
        return error if per_feature else error.sum(axis=1)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one safetensors file, at once or not at all; `isthmus.load` reads it.

        Raises
        ------
        ModelFileError
            If it cannot be written.
        """
        check_is_fitted(self)
        from isthmus.estimators.storing import save  # it knows the estimators

        save(self, path)

    @property
    def model_(self) -> Model:
        """The trained model, an Equinox module."""
        check_is_fitted(self)
        return assemble(self._skeleton, self._weights)

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
