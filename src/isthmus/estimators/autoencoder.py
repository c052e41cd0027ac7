"""The autoencoder as a scikit-learn transformer."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np

from isthmus.contracts import (
    Backbone,
    Bottleneck,
    Corruption,
    Likelihood,
    Neighborhood,
    Optimizer,
    Penalty,
    Row,
    Scaling,
    Stop,
    Text,
)
from isthmus.core.coercion import singular
from isthmus.core.part import Part
from isthmus.data.rows import Rows
from isthmus.data.source import Source
from isthmus.data.validation import check_labels
from isthmus.errors import InvalidData, InvalidPart, require
from isthmus.estimators._device import on_device
from isthmus.estimators._reconstructor import Reconstructor
from isthmus.estimators._tabling import with_categories
from isthmus.estimators._validation import check_slopes
from isthmus.model import inference
from isthmus.model.model import Model, build
from isthmus.model.ordered_code import cut_code
from isthmus.model.pca_init import pca_weights
from isthmus.model.tying import tie
from isthmus.training import loop
from isthmus.training.epoch import Job, Progress
from isthmus.training.objective import Plan

STEP_BY_STEP = "an adversarial code needs an optimizer that goes step by step, as 'adam': its two sides learn in turn."
BESIDE_A_RIVAL = (
    "None or 0 with a neighborhood or an adversarial code: the loss of rows held out does not tell which weights are "
    "best there"
)


class Autoencoder(Reconstructor):
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
    neighborhood : which rows each row must explain, of `isthmus.neighborhoods`; None for itself.
    tied : whether the matrices of the decoder are those of the encoder, transposed.
    init : `"pca"` starts the last layer of each road where the code comes near the principal components and the
        output near the row; None draws them.
    scaling : of the columns, of `isthmus.scalings`; undone in `inverse_transform` and `reconstruct`.
    text : where `X` is texts, how they become rows, of `isthmus.texts`; None takes `"tokens"` for the encoder `text`,
        `"tfidf"` for others. `inverse_transform` and `reconstruct` then answer texts. Tokens are explained by
        `likelihood="codes"`.
    columns : what columns of a frame or a file hold, by name, where their type does not say it: `"numeric"`,
        `"categorical"`, `"boolean"`, `"datetime"`, `"ordinal"`, or the values of an ordinal column, in order. With
        categories among them rows are explained by `columns`, its numbers by `likelihood`.
    optimizer : of `isthmus.optimizers`.
    batch_size : rows in a step; None takes a 32nd of the rows, within 32 and 256.
    max_epochs : how often to go through the rows at most.
    stops : when to stop earlier, a list of `isthmus.stops`.
    validation_fraction : share of rows held out, in [0, 1); None holds out a tenth from 1,000 rows on.
        Where rows are held out, the weights of the epoch with the lowest held-out loss are kept.
    n_starts : how many seeds to train at once; the one with the lowest loss, held out where rows are, is kept.
    warm_start : whether `fit` goes on from the weights of the last fit, with its columns and scaling.
    random_state : seed of weights, batches and noise; None draws a new one. The global generators are not touched.
    device : `"cpu"`, `"gpu"`, or None for JAX's default.
    verbose : 1 shows a progress bar on a terminal.

    Attributes
    ----------
    n_components_ : size of the code.
    n_features_in_, feature_names_in_ : columns seen in `fit`, the names only where they are all text.
    n_samples_ : rows seen in `fit`.
    history_ : one record an epoch: `epoch`, `loss`, every term by name, `validation_loss`, `weight_change`
        (‖w − w₀‖ / ‖w₀‖), `seconds` since the start. Losses are means over rows of sums over columns, scaled.
        The last one holds `stop` too, the name of what ended training: of a stop, as `patience`, or `max_epochs`,
        `settled`, `interrupted`, `diverged`.
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

    one_part: ClassVar[dict[str, type[Part]]] = {
        "bottleneck": Bottleneck,
        "encoder": Backbone,
        "decoder": Backbone,
        "likelihood": Likelihood,
        "corruption": Corruption,
        "neighborhood": Neighborhood,
        "scaling": Scaling,
        "text": Text,
        "optimizer": Optimizer,
    }
    many_parts: ClassVar[dict[str, type[Part]]] = {"penalties": Penalty, "stops": Stop}
    optional = frozenset({"decoder", "corruption", "neighborhood", "scaling", "text"})

    def __init__(
        self,
        bottleneck: Any = 2,
        *,
        encoder: Any = "mlp",
        decoder: Any = None,
        likelihood: Any = "squared_error",
        corruption: Any = None,
        penalties: Any = (),
        neighborhood: Any = None,
        tied: bool = False,
        init: str | None = None,
        scaling: Any = "standard",
        text: Any = None,
        columns: dict[str, Any] | None = None,
        optimizer: Any = "adam",
        batch_size: int | None = None,
        max_epochs: int = 100,
        stops: Any = "patience(10)",
        validation_fraction: float | None = None,
        n_starts: int = 1,
        warm_start: bool = False,
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
        self.neighborhood = neighborhood
        self.tied = tied
        self.init = init
        self.scaling = scaling
        self.text = text
        self.columns = columns
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.stops = stops
        self.validation_fraction = validation_fraction
        self.n_starts = n_starts
        self.warm_start = warm_start
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
            NPY or NPZ file. Of a file, `transform` and the others take the columns they need by name. A frame or a
            file may hold categories, dates and booleans too, and cells may be missing: the encoder sees that they are,
            and nothing is asked of them. Or texts: a list, an array or a series of them, or a frame of one column.
        y : labels [n], where a part needs them; -1 marks a row without one. Else they only tell `sample` the classes.
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
        source = self._open(X, reset=not self._continues)
        rows = (self._continue if self._continues else self._begin)(source, y, sample_weight)
        job = self._job(rows, self._validation_share(rows))
        self._train(job, loop.start(job, self._first_weights(job)), checkpoint)
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
        last = self._settings if not is_first else None
        job = self._job((self._begin if is_first else self._continue)(source, y, sample_weight), 0.0)
        check_slopes(job.model)
        start = self._last_progress(job, last) or loop.start(job, self._first_weights(job))
        job = replace(job, max_epochs=start.epoch + 1, stops=())
        self._train(job, replace(start, reasons=(None,) * len(job.seeds)), None)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = not self.tied
        return tags

    def _check_settings(self) -> None:
        super()._check_settings()
        neighborhood, likelihood, rival = (
            self.part("neighborhood"),
            self.part("likelihood"),
            self.part("bottleneck").discriminator_optimizer,
        )
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
        if rival is not None and self.part("optimizer").full_batch:
            raise InvalidPart(STEP_BY_STEP)
        for penalty in self.parts("penalties"):
            if penalty.step_by_step and self.part("optimizer").full_batch:
                raise InvalidPart(f"the penalty {penalty.name} needs an optimizer that goes step by step, as 'adam'.")
        require(isinstance(self.tied, bool | np.bool_), "tied", "True or False", self.tied)
        require(self.init in (None, "pca"), "init", "None or 'pca'", self.init)

    def _build(self, row: Row, bottleneck: Bottleneck | None = None) -> Model:
        if self.tied and row.is_table:
            raise InvalidPart("tied weights need rows of numbers, none of them NaN (missing): use tied=False.")
        encoder = self.part("encoder")
        decoder = self.part("decoder") or encoder
        model = build(row, encoder, bottleneck or self.part("bottleneck"), decoder, self._likelihood(row))
        return tie(model) if self.tied else model

    def _backbones(self) -> list[Backbone]:
        down, up = self.part("encoder"), self.part("decoder")
        return [down] if up is None else [down, up]

    def _plan(self) -> Plan:
        rival = self.part("bottleneck").discriminator_optimizer
        return Plan(self.part("corruption"), self.parts("penalties"), self.part("optimizer"), rival)

    def _row_likelihood(self) -> Likelihood | None:
        return self._likelihood(self._row)

    def _likelihood(self, row: Row) -> Likelihood:
        return with_categories(self.part("likelihood"), row)

    def _labels_of(self, y: Any, rows: int) -> np.ndarray | None:
        one = [self.part(name) for name in self.one_part]
        needs = [part for part in (*one, *self.parts("penalties")) if part is not None and part.needs_labels]
        if not needs:
            return None
        labels, classes = check_labels(y, rows, f"the {singular(needs[0].kind)} {needs[0].name}")
        for part in needs:
            if part.most_classes is not None and len(classes) > part.most_classes:
                raise InvalidData(
                    f"y holds {len(classes)} classes, and the {singular(part.kind)} {part.name} has places for "
                    f"{part.most_classes}."
                )
        return labels

    def _begin(self, source: Source, y: Any, sample_weight: Any) -> Rows:
        rows = super()._begin(source, y, sample_weight)
        bottleneck = self.part("bottleneck")
        # Numbers can be copied through, codes of many values cannot.
        is_bound = self._row.categories is None and bottleneck.can_copy(source.row.size) and not self.parts("penalties")
        if is_bound and self.part("corruption") is None and self.part("neighborhood") is None:
            warnings.warn(
                f"a code of {bottleneck.size} numbers for {source.row.size} columns leaves nothing to learn: the row "
                "can be copied. Use a smaller code, penalties, a corruption, or top_k.",
                stacklevel=4,
            )
        return rows

    def _keep(self, last: Progress, job: Job, reason: str | None) -> None:
        super()._keep(last, job, reason)
        if reason != "rehearsed":
            self._finish(self.part("bottleneck"), np.asarray(job.table.x)[: int(job.table.rows)])

    def _finish(self, bottleneck: Bottleneck, rows: np.ndarray) -> None:
        """Set what the bottleneck learns from the training rows [n, d], and cut the code where it says so."""
        sample = np.zeros((0, rows.shape[1]), rows.dtype) if self._sketch is None else self._sketch.rows
        facts, part = bottleneck.finish(inference.trained_network(self._weights, self._skeleton, rows, sample))
        for name, value in facts.items():
            setattr(self, f"{name}_", value)
        if part != bottleneck:
            model = self._build(self._row, part)
            self._weights = cut_code(self._skeleton, np.asarray(self._weights), model)
            self._skeleton, self._progress = model, None
            self._settings["bottleneck"] = part.to_json()
            self.n_components_ = part.size + len(model.condition)

    def _facts(self) -> dict[str, Any]:
        names = self.part("bottleneck").fact_names
        return super()._facts() | {name: getattr(self, f"{name}_").tolist() for name in names}

    def _take_facts(self, facts: dict[str, Any]) -> None:
        rest, bottleneck = dict(facts), self.part("bottleneck")
        own = bottleneck.check_facts({name: rest.pop(name, None) for name in bottleneck.fact_names})
        for name, value in own.items():
            setattr(self, f"{name}_", value)
        super()._take_facts(rest)

    def _job(self, rows: Rows, share: float) -> Job:
        return replace(super()._job(rows, share), neighborhood=self.part("neighborhood"))

    def _validation_share(self, rows: Rows) -> float:
        # The loss of rows held out does not tell which weights are best where rows explain others, or two sides play.
        is_other = self.part("neighborhood") is not None or self.part("bottleneck").discriminator_optimizer is not None
        if is_other:
            require(not self.validation_fraction, "validation_fraction", BESIDE_A_RIVAL, self.validation_fraction)
        return 0.0 if is_other else super()._validation_share(rows)

    def _first_weights(self, job: Job) -> np.ndarray:
        if self.init is None or self._weights is not None:
            return super()._first_weights(job)
        if self._row.is_table:
            raise InvalidPart("init='pca' needs numbers, and none missing: use init=None for this table.")
        x, weight = (np.asarray(array)[: int(job.table.rows)] for array in (job.table.x, job.table.weight))
        near = [pca_weights(self._skeleton, x, weight, self.part("likelihood"), seed) for seed in job.seeds]
        return self._seen_from(job, np.stack(near))
