"""`Autoencoder`, a scikit-learn transformer."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Self

import equinox as eqx
import numpy as np
from numpy.typing import ArrayLike

from isthmus.contracts import (
    Backbone,
    Bottleneck,
    Corruption,
    Likelihood,
    Neighborhood,
    OwnFunction,
    Part,
    Penalty,
    Scaling,
    Text,
)
from isthmus.core.constraints import AUTO, Choice, Constraint, Flag, ManyParts, OnePart, is_auto
from isthmus.data.reader import TableOptions
from isthmus.data.schema import ColumnKinds
from isthmus.data.source import Source
from isthmus.errors import InvalidPart
from isthmus.estimators._autoencoder_training import AutoencoderTraining
from isthmus.estimators._automatic import parts_for_images, parts_for_words
from isthmus.estimators._device import each_on_device, on_device
from isthmus.estimators._dry_run import fresh
from isthmus.estimators._network_parts import AutoencoderParts
from isthmus.estimators._reconstructor import Reconstructor
from isthmus.estimators._run import FitOptions, Training, TrainingResult, run_training
from isthmus.estimators._training import (
    REPEATED_TRAINING,
    RepeatedTrainingParameters,
    last_progress,
    warn_of_schedules,
)
from isthmus.estimators._validation import check_slopes
from isthmus.estimators._validation_data import ValidationData
from isthmus.training import loop
from isthmus.training.callbacks import Callbacks, Epoch, check_callbacks
from isthmus.training.epoch import Job

STEP_BY_STEP = (
    "an adversarial code needs an optimizer that goes step by step, as 'adam': the discriminator learns in turn."
)


@dataclass(kw_only=True, eq=False, repr=False)
class Autoencoder(Reconstructor, RepeatedTrainingParameters):
    """An autoencoder: encoder, code, decoder, trained so that each row can be reconstructed from its code.

    Any parameter that is a part may be given as the part, as its spelling (`"top_k(256, k=16)"`), or as what
    stands for one (`8` for `deterministic(8)`, `64` or `(64, 32)` for `mlp((64, 32))`).

    Parameters
    ----------
    bottleneck : the code: a size, or a part of `isthmus.bottlenecks`.
    encoder : from a row to the code, of `isthmus.backbones`.
    decoder : from the code to a row; None takes the encoder's layers in reverse.
    likelihood : how a row is explained, of `isthmus.likelihoods`; `"auto"` takes `"bernoulli"` for images that are
        scaled by `pixels`, `"codes"` for words of texts, `"squared_error"` for all else; `"auto(gaussian)"` that one
        for all else.
    corruption : noise on the input in training, of `isthmus.corruptions`; None for none.
    penalties : terms beside the reconstruction, a list of `isthmus.penalties`.
    neighborhood : which rows each row must explain, of `isthmus.neighborhoods`; None for itself.
    tied : whether the matrices of the decoder are those of the encoder, transposed.
    init : `"pca"` starts the last layer of encoder and decoder where the code comes near the principal components and
        the output near the row; `"identity"` starts them as they give what they are given, where encoder and decoder
        have come with weights whose ends are the code and the row; None draws them.
    scaling : of the columns, of `isthmus.scalings`; None for none; `"auto"` takes `"pixels"`, from 0 to 1, for images
        (arrays of bytes of three or four axes, channels of numbers from 0 to 1 or of whole numbers from 0 to 255, and
        pictures), `"standard"` for all else. It is undone in `inverse_transform` and `reconstruct`.
    text : where `X` is texts, how they become rows, of `isthmus.texts`; None takes `"tokens"` for the encoder `text`,
        `"tfidf"` for others. `inverse_transform` and `reconstruct` then answer texts. Tokens are explained by
        `likelihood="codes"`.
    columns : what columns of a frame or a file hold, by name, where their type does not say it: `"numeric"`,
        `"categorical"`, `"boolean"`, `"datetime"` (of texts also their format, `"datetime:m/d/y"` or
        `"datetime:%d.%m.%Y"`), `"ordinal"`, `"ignored"`, or the values of an ordinal column, in order. Ids and free
        text, where nearly every row has a value of its own, are left out unless they are named here. With categories
        among the columns rows are explained by `columns`, its numbers by `likelihood`.
    optimizer : of `isthmus.optimizers`.
    batch_size : rows in a step; None takes a 32nd of the rows, within 32 and 256.
    max_epochs : how often to go through the rows at most.
    stops : when to stop earlier, a list of `isthmus.stops`.
    validation_fraction : share of rows kept for validation, in [0, 1); None keeps a tenth from 1,000 rows on. They are
        judged by what is trained: under the noise of `corruption` and code, the same after each epoch, with every
        schedule at its end. The weights of the epoch of the lowest loss are kept, of validation rows where there are
        some, else in training; those of the last one where that does not show which is best: under noise, with a
        neighborhood, an adversarial code, `dead_units`. Epochs are compared, by stops too, once every schedule has
        ended.
    n_starts : how many seeds to train at once; the one with the lowest loss, of validation rows if any, is kept.
    warm_start : whether `fit` goes on from the weights of the last fit, with its columns and scaling.
    random_state : seed of weights, batches and noise; None draws a new one. The global generators are not touched.
    device : `"cpu"`, `"gpu"`, or None for JAX's default.
    verbose : 1 shows a progress bar on a terminal.

    Attributes
    ----------
    n_components_ : size of the code.
    n_features_in_, feature_names_in_ : columns of the table of `fit`, the names only where they are all text.
    n_samples_ : rows of the table of `fit`.
    history_ : one record an epoch: `epoch`, `loss`, every term by name, `validation_loss`, `weight_change`
        (‖w − w₀‖ / ‖w₀‖), `seconds` since the start. Losses are means over rows of sums over columns, scaled.
        The last one holds `stop` too, the name of what ended training: of a stop, as `patience`, or `max_epochs`,
        `settled`, `interrupted`, `diverged`; and `kept`, the number of the epoch whose weights are kept.
    stop_reason_ : why training ended, a sentence.
    n_iter_ : epochs taken.
    dead_units_ : of a sparse code as `top_k`, the units that are zero in every training row.
    explained_variance_ratio_ : of a code in order as `nested`, what each unit adds: see
        `isthmus.explained_variance_ratio`. Of at most 2,048 training rows.
    model_ : the trained `isthmus.model.Model`, an Equinox module.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(200, 2)) @ np.ones((2, 6))
    >>> ae = Autoencoder(1, max_epochs=50).fit(X)
    >>> ae.transform(X).shape, ae.reconstruct(X).shape
    ((200, 1), (200, 6))
    """

    bottleneck: int | str | Bottleneck = field(default=2, kw_only=False)
    encoder: str | int | Sequence[int] | Backbone | eqx.Module = "mlp"
    decoder: str | int | Sequence[int] | Backbone | eqx.Module | None = None
    likelihood: str | Likelihood = AUTO
    corruption: str | Corruption | None = None
    penalties: str | Penalty | OwnFunction | Sequence[str | Penalty | OwnFunction] | None = ()
    neighborhood: str | Neighborhood | None = None
    tied: bool = False
    init: str | None = None
    scaling: str | Scaling | None = AUTO
    text: str | Text | None = None
    columns: dict[str, Any] | None = None

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "bottleneck": OnePart(Bottleneck),
        "encoder": OnePart(Backbone),
        "decoder": OnePart(Backbone, optional=True),
        "likelihood": OnePart(Likelihood, automatic="squared_error"),
        "corruption": OnePart(Corruption, optional=True),
        "neighborhood": OnePart(Neighborhood, optional=True),
        "scaling": OnePart(Scaling, optional=True, automatic="standard"),
        "text": OnePart(Text, optional=True),
        "penalties": ManyParts(Penalty),
        "columns": ColumnKinds(),
        **REPEATED_TRAINING,
        "tied": Flag(),
        "init": Choice((None, "pca", "identity")),
    }

    @on_device
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        *,
        validation_data: Any = None,
        callbacks: Callbacks = None,
        expects_missing: bool = False,
    ) -> Self:
        """Train on a table.

        Parameters
        ----------
        X : array [n, d], nested lists, SciPy sparse matrix, pandas or polars frame, or the path of a CSV, Parquet,
            NPY or NPZ file. Of a file, `transform` and the others take the columns they need by name. A frame or a
            file may hold categories, dates and booleans too, and cells may be missing: the encoder sees that they are,
            and they add nothing to the loss. Or texts: a list, an array or a series of them, or a frame of one column.
        y : labels [n], where a part needs them; -1 marks a row without one. Else they are only the classes of `sample`.
        sample_weight : [n], at least 0; a row of weight 2 counts as the row twice.
        checkpoint : a file to keep the progress in. Where it is there already, training goes on from it, bit for
            bit as if it had not been interrupted; with another learning rate, by that.
        validation_data : rows that are judged in place of some kept from `X`: a table, `(X, y)`, or
            `(X, y, sample_weight)`.
        callbacks : a function of an `isthmus.Epoch`, or a list of such, called after each epoch; one that answers True,
            or a text that says why, ends training. They are no part of the model.
        expects_missing : later rows will lack cells, whatever these do: the encoder is given a missing-value
            indicator of each cell. Without it that depends on the rows of the fit.

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
        listed = check_callbacks(callbacks)
        training, job = self._training(X, y, sample_weight, expects_missing=expects_missing, validation=validation_data)
        start, finish = loop.start(job, training.first_weights(job)), partial(self._finished, training, job)
        options = FitOptions(checkpoint, listed)
        settings = self.settings_of(training.parts)
        result = run_training(job, start, training.reader.row, settings, self, options, finish)
        self._fitted = training.finish(job, result)
        return self

    def fit_epochs(
        self,
        X: Any,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        *,
        validation_data: Any = None,
    ) -> Generator[Epoch, None, None]:
        """Train on a table epoch by epoch: the loop that `fit` runs, of which each `next` takes one epoch.

        At its end, or when it is left by `break` or `close()`, the estimator is fitted with what was learned. Until
        then it is as it was: `epoch.estimator()` gives a fitted copy at any epoch.

        Parameters
        ----------
        X, y, sample_weight, checkpoint, validation_data : as in `fit`.

        Examples
        --------
        >>> X = np.random.default_rng(0).normal(size=(60, 4))
        >>> ae = Autoencoder(1, max_epochs=9)
        >>> for epoch in ae.fit_epochs(X):
        ...     if epoch.number == 3:
        ...         break
        >>> ae.n_iter_
        3
        """
        training, job = on_device(type(self)._training)(self, X, y, sample_weight, validation=validation_data)
        begin = on_device(lambda _: loop.start(job, training.first_weights(job)))
        finish = partial(self._finished, training, job)
        settings, row = self.settings_of(training.parts), training.reader.row
        run = Training(job, begin(self), row, settings, self, checkpoint, finish)
        try:
            yield from each_on_device(self, iter(run))
        except GeneratorExit:
            if run.result.history:
                self._fitted = training.finish(job, run.result)
            raise
        self._fitted = training.finish(job, run.result)

    @on_device
    def partial_fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Train for one more epoch, on the rows given.

        The first call fits the scaling and draws the weights; later ones keep both, and the optimizer's memory.
        No rows are kept for validation, and stops are not asked.
        """
        self.check_parameters()
        former = self._fitted
        training = AutoencoderTraining.prepare(self, X, y, sample_weight, former)
        job, settings = training.job(share=0.0), self.settings_of(training.parts)
        check_slopes(job.model)
        start = None if former is None else last_progress(former, settings, job)
        start = start or loop.start(job, training.first_weights(job))
        job = replace(job, max_epochs=start.epoch + 1, stops=(), compares=False)
        start = replace(start, reasons=(None,) * len(job.seeds))
        result = run_training(job, start, training.reader.row, settings, self)
        self._fitted = training.finish(job, result)
        return self

    def _training(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None,
        *,
        expects_missing: bool = False,
        validation: Any = None,
    ) -> tuple[AutoencoderTraining, Job]:
        """Return a table that has been read, and what the loop needs."""
        self.check_parameters()
        training = AutoencoderTraining.prepare(
            self,
            X,
            y,
            sample_weight,
            self._fitted if self.warm_start else None,
            expects_missing=expects_missing,
            validation=ValidationData.of(validation, self.validation_fraction),
        )
        job = training.job(training.validation_share())
        warn_of_schedules(job)
        return training, job

    def _finished(self, training: AutoencoderTraining, job: Job, result: TrainingResult) -> Self:
        """Return a copy of the estimator, fitted as a training leaves it."""
        copy = fresh(self)
        copy._fitted = training.finish(job, result)
        finished: Self = copy
        return finished

    def resolve_parts(self) -> AutoencoderParts:
        """Return what the parameters describe, every part resolved."""
        return AutoencoderParts(
            bottleneck=self.part("bottleneck"),
            encoder=self.part("encoder"),
            decoder=self.part("decoder"),
            likelihood=self._part_of_fit("likelihood"),
            corruption=self.part("corruption"),
            penalties=self.part("penalties"),
            neighborhood=self.part("neighborhood"),
            tied=bool(self.tied),
            scaling=self._part_of_fit("scaling"),
            text=self.part("text"),
            optimizer=self.part("optimizer"),
            stops=self.part("stops"),
        )

    def _part_of_fit(self, name: str) -> Any:
        """Return the part of a parameter; of one that is `"auto"` what the last fit has taken, if there was one."""
        if self._fitted is None or not is_auto(getattr(self, name)):
            return self.part(name)
        part: Any = self.constraints[name].from_json(name, self._fitted.settings[name])
        return part

    def parts_for(self, source: Source) -> AutoencoderParts:
        """Return the parts for a table that is new."""
        parts = replace(self.resolve_parts(), scaling=self.part("scaling"), likelihood=self.part("likelihood"))
        automatic = {name for name in ("scaling", "likelihood") if is_auto(getattr(self, name))}
        return parts_for_images(parts_for_words(parts, source, automatic), source, automatic)

    def settings_of(self, parts: AutoencoderParts) -> dict[str, Any]:
        """Return the parameters as JSON, with the parts that stand for `"auto"`."""
        scaling = None if parts.scaling is None else parts.scaling.to_json()
        return self.to_json() | {"likelihood": parts.likelihood.to_json(), "scaling": scaling}

    def check_combination(self) -> None:
        """Raise `InvalidPart` for parts that do not go together."""
        parts = self.resolve_parts()
        likelihood, neighborhood = parts.likelihood, parts.neighborhood
        if likelihood.explains == "order":
            raise InvalidPart(
                f"the likelihood {likelihood.name} explains the order of rows and no row: use "
                "likelihood='squared_error'."
            )
        if neighborhood is not None and neighborhood.repels and not likelihood.is_bounded_below:
            raise InvalidPart(
                f"the neighborhood {neighborhood.name} counts some rows negatively, and the loss of the likelihood "
                f"{likelihood.name} then has no lower bound: use likelihood='squared_error'."
            )
        if parts.bottleneck.discriminator_optimizer is not None and parts.optimizer.full_batch:
            raise InvalidPart(STEP_BY_STEP)
        for penalty in parts.penalties:
            if penalty.step_by_step and parts.optimizer.full_batch:
                raise InvalidPart(f"the penalty {penalty.name} needs an optimizer that goes step by step, as 'adam'.")

    @property
    def dead_units_(self) -> np.ndarray:
        """The units of a sparse code that are zero in every training row."""
        return self._finding("dead_units")

    @property
    def explained_variance_ratio_(self) -> np.ndarray:
        """The share of the variance that each unit of an ordered code explains beyond those before it."""
        return self._finding("explained_variance_ratio")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = not self.tied
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _finding(self, name: str) -> np.ndarray:
        findings = self.fitted_.findings
        if name not in findings:
            raise AttributeError(f"{type(self).__name__} has no {name}_: its bottleneck learns no such value.")
        return findings[name]

    def labelled_parts(self) -> list[Part | None]:
        """Return the parts that may need labels."""
        parts = self.resolve_parts()
        return [
            *(parts.bottleneck, parts.encoder, parts.decoder, parts.likelihood, parts.corruption),
            *(parts.neighborhood, *parts.penalties),
        ]

    def table_options(self) -> TableOptions:
        """Return what the parameters say of tables."""
        parts = self.resolve_parts()
        return TableOptions(self.columns, parts.text, parts.default_text)
