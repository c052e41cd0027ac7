"""What an autoencoder's fit goes through: a table is read, its network built and started, and what it leaves kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from isthmus.contracts import KnownCategories
from isthmus.core.parameter_specs import draw_weights
from isthmus.data.reader import Reader
from isthmus.data.rows import Rows, support_of
from isthmus.data.source import Source
from isthmus.data.split import ValidationSplit
from isthmus.data.validation import check_weight
from isthmus.errors import InvalidPart, require
from isthmus.estimators._automatic import warn_of_copying
from isthmus.estimators._code_sampler import sampler_of_training
from isthmus.estimators._encoder import learn_reader
from isthmus.estimators._fitted_autoencoder import FittedAutoencoder, category_mask
from isthmus.estimators._network_parts import AutoencoderParts
from isthmus.estimators._run import TrainingResult
from isthmus.estimators._seeds import seed_of
from isthmus.estimators._training import (
    build_job,
    check_same_network,
    known_categories,
    start_from_rows,
    validation_share,
)
from isthmus.estimators._validation import check_categories, check_part_labels, check_size
from isthmus.estimators._validation_data import ValidationData
from isthmus.model import inference
from isthmus.model.identity_init import identity_weights
from isthmus.model.model import Model
from isthmus.model.ordered_code import cut_code
from isthmus.model.pca_init import pca_weights
from isthmus.training.epoch import Job

if TYPE_CHECKING:
    from isthmus.estimators.autoencoder import Autoencoder

NO_VALIDATION = (
    "None or 0 with a neighborhood or an adversarial code: the validation loss does not show which weights are "
    "best there"
)
LEAST_COLUMNS = 2  # with one there is nothing to compress, only noise to remove
VALIDATION_FROM = 1000  # rows: below, every row is needed for training


@dataclass(frozen=True)
class AutoencoderTraining:
    """A table that has been read, and the network for it, before training and after."""

    estimator: Autoencoder
    parts: AutoencoderParts
    reader: Reader
    source: Source
    rows: Rows
    y: Any
    skeleton: Model
    known: KnownCategories  # the categories of the training rows of earlier fits
    former: FittedAutoencoder | None
    validation: Rows | None

    @classmethod
    def prepare(
        cls,
        estimator: Autoencoder,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None,
        former: FittedAutoencoder | None,
        *,
        expects_missing: bool = False,
        validation: ValidationData | None = None,
    ) -> AutoencoderTraining:
        """Read a table as `former` has read its own, or as a new one, and build the network for it."""
        parts = estimator.resolve_parts()
        known: KnownCategories = {}
        if former is None:
            reader, source = learn_reader(X, estimator.table_options()._replace(expects_missing=expects_missing))
            parts = estimator.parts_for(source)
        else:
            reader, source = former.reader, estimator.open_rows(X)
        weight = check_weight(sample_weight, source.n_rows)
        check_size(source, weight, LEAST_COLUMNS if parts.corruption is None else 1)
        labelled = estimator.labelled_parts()
        rows = Rows(source, weight, check_part_labels(labelled, y, source.n_rows))
        if former is None:
            reader = reader.with_categories(parts.read_categories(reader.row))
            check_categories(reader.row, parts.row_likelihood(reader.row))
            reader = reader.fit_scaling(parts.scaling, rows, source.dtype)
        else:
            known = former.reader.fitted_scaling.known
            reader = reader.with_known({}).having_seen(rows, source.dtype)  # new categories are accepted
        skeleton = parts.build(reader.row)
        if former is not None:
            check_same_network(skeleton, former)
        else:
            warn_of_copying(parts, reader.row)
        apart = None if validation is None else validation.rows(reader, labelled, y)
        return cls(estimator, parts, reader, source, rows, y, skeleton, known, former, apart)

    def validation_share(self) -> float:
        """Return the share of rows kept for validation."""
        # The validation loss does not show which weights are best where rows explain others, or beside a discriminator.
        parts, fraction = self.parts, self.estimator.validation_fraction
        if parts.neighborhood is not None or parts.bottleneck.discriminator_optimizer is not None:
            require(not fraction, "validation_fraction", NO_VALIDATION, fraction)
            require(self.validation is None, "validation_data", NO_VALIDATION, "a table")
            return 0.0
        return validation_share(fraction, self.rows, VALIDATION_FROM)

    def job(self, share: float) -> Job:
        """Return what the loop needs; a share of the rows is kept for validation, unless they are a table apart."""
        parts, reader, estimator = self.parts, self.reader, self.estimator
        return build_job(
            self.skeleton,
            parts.plan(),
            self.rows,
            reader,
            parts.row_likelihood(reader.row),
            estimator,
            ValidationSplit(share, seed_of(estimator.random_state)),
            n_starts=estimator.n_starts,
            stops=parts.stops,
            known=self.known,
            neighborhood=parts.neighborhood,
            learns=parts.learns,
            validation=self.validation,
        )

    def first_weights(self, job: Job) -> np.ndarray:
        """Return the weights to start from, [starts, weights]: those of the last fit, near PCA, or drawn."""
        skeleton, row, parts = self.skeleton, self.reader.row, self.parts
        if self.former is not None:
            return np.repeat(self.former.weights[None], len(job.seeds), axis=0)
        if self.estimator.init is None:
            weights = np.stack([draw_weights(skeleton, seed) for seed in job.seeds])
        elif self.estimator.init == "identity":
            weights = np.stack([identity_weights(skeleton, seed) for seed in job.seeds])
        elif row.is_table or row.may_be_missing or row.categories:
            raise InvalidPart("init='pca' needs numbers, and none missing: use init=None for this table.")
        else:
            x, weight = (np.asarray(array)[: int(job.table.rows)] for array in (job.table.x, job.table.weight))
            weights = np.stack([pca_weights(skeleton, x, weight, parts.likelihood, seed) for seed in job.seeds])
        return start_from_rows(skeleton, job, row, parts.row_likelihood(row), weights)

    def finish(self, job: Job, result: TrainingResult) -> FittedAutoencoder:
        """Return the fitted state that a training leaves."""
        parts, row = self.parts, self.reader.row
        fitted = FittedAutoencoder(
            settings=self.estimator.settings_of(parts),
            reader=self.reader.with_known(known_categories(job, list(parts.read_categories(row)))),
            skeleton=self.skeleton,
            weights=result.weights,
            history=result.history,
            stop_reason=result.stop_reason,
            n_samples=self.source.n_rows,
            progress=result.progress,
            sampler=sampler_of_training(self.rows, self.y, job, self.reader),
            is_category=category_mask(parts, row),
            support=support_of(parts.row_likelihood(row), row),
        )
        if result.is_dry:
            return fitted
        sketch, rows = fitted.sampler.sketch, np.asarray(job.table.x)[: int(job.table.rows)]
        assert sketch is not None  # noqa: S101 -- it has just been drawn
        network = inference.trained_network(fitted.bind, fitted.weights, fitted.skeleton, rows, sketch.rows)
        facts, bottleneck = parts.bottleneck.finish(network)
        fitted = replace(fitted, findings=facts)
        if bottleneck == parts.bottleneck:
            return fitted
        short = parts.build(row, bottleneck)
        return replace(
            fitted,
            settings=fitted.settings | {"bottleneck": bottleneck.to_json()},
            skeleton=short,
            weights=cut_code(fitted.skeleton, fitted.weights, short),
            progress=None,
        )
