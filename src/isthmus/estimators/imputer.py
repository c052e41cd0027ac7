"""`Imputer`: missing cells of a table filled, as a scikit-learn transformer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import OneToOneFeatureMixin, clone

from isthmus.core.constraints import Constraint, Interval, Seed, Whole, is_finite, is_number, is_whole
from isthmus.core.memory import require_memory
from isthmus.data.reader import Reader
from isthmus.data.source import Source
from isthmus.data.sources import open_table
from isthmus.data.tokens import are_texts
from isthmus.data.validation import check_weight
from isthmus.errors import InvalidData, ModelFileError
from isthmus.estimators._cell_predictions import predict_cells
from isthmus.estimators._device import on_device
from isthmus.estimators._estimator import Estimator, Estimators
from isthmus.estimators._fill_calibration import FillCalibration, calibration_shapes, stored_calibration
from isthmus.estimators._fill_judge import Judge, judge_fills
from isthmus.estimators._graphs import add_imputer
from isthmus.estimators._hidden_cells import RANKS
from isthmus.estimators._seeds import seed_of
from isthmus.estimators._shown import Shown
from isthmus.estimators._sklearn import TransformerMixin
from isthmus.estimators.autoencoder import Autoencoder
from isthmus.onnx.graph import Graph
from isthmus.onnx.parity import as_answers
from isthmus.storage.container import Opened
from isthmus.storage.state import State, compare_shapes, header_field, load_state, named_state
from isthmus.training.callbacks import Callbacks, check_callbacks
from isthmus.training.checkpoint import checkpoint_paths

LEAST_ROWS = 500  # from which on a tenth of the rows is kept apart from training, to judge fillings on
FEW_ROWS = 20  # with fewer, fillings are judged on the rows of the training
FEW_APART = 3  # one of so many of fewer rows is kept apart from a second training
MOST_ROWS = 5000  # that fillings are judged on
NO_CELLS = "X: expected a table of columns, whose cells can be filled; got texts, images or sequences."
DECAY = 100.0  # of the weights by rows: what weights are thought to be counts the less, the more rows there are
STEPS = 3000  # of the training of an imputer that is given no autoencoder
MOST_SWEEPS = 1000


@dataclass(frozen=True)
class FittedImputer:
    """What a fit leaves of an imputer."""

    settings: dict[str, Any]  # the parameters of the fit as JSON
    autoencoder: Autoencoder
    residuals: np.ndarray  # [ranks, d]: quantiles of (x − x̂) / σ̂ of cells that were hidden
    calibration: FillCalibration

    @property
    def is_category(self) -> np.ndarray:
        """Say of each column whether it holds categories, [d]."""
        return np.array(self.autoencoder.model_.categories) > 0


class Bounds(Constraint):
    """Two ends by column, None for no end."""

    @property
    def allowed(self) -> str:
        return "a dict from columns to (least, most), each a number or None"

    def holds(self, value: Any) -> bool:
        if value is None:
            return True
        is_dict = isinstance(value, Mapping) and all(isinstance(key, str) or is_whole(key) for key in value)
        return is_dict and all(map(_are_ends, value.values()))

    def to_json(self, value: Any) -> Any:
        if value is None:
            return None
        return {str(column): [None if end is None else float(end) for end in pair] for column, pair in value.items()}

    def from_json(self, name: str, data: Any) -> Any:
        return data  # `check` looks at it


def _are_ends(pair: Any) -> bool:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        return False
    are_numbers = all(end is None or (is_number(end) and is_finite(end)) for end in pair)
    return are_numbers and (None in pair or pair[0] <= pair[1])


def default_autoencoder(rows: int, random_state: Any = 0, max_epochs: int | None = None) -> Autoencoder:
    """Return the autoencoder of an imputer that is given none, for a table of so many rows.

    It goes through them `max_epochs` times, or as often as gives some 3,000 steps, within 10 and 300 times. Steps
    that begin long and end short, along a cosine, learn in these what others learn in three times as many. Each number
    comes with its rank, and the weights decay by 100 / rows.
    """
    batch = min(max(rows // 32, 32), 256)
    batches = max(-(-rows // batch), 1)
    epochs = min(max(round(STEPS / batches), 10), 300) if max_epochs is None else max_epochs
    return Autoencoder(
        64,
        encoder="mlp((256, 128), ranks=32)",
        likelihood="squared_error",
        scaling="standard",
        corruption="varied_masking(0, 0.5)",
        optimizer=f"adam(cosine(0.005, {max(epochs * batches, 1)}), weight_decay={min(DECAY / max(rows, 1), 1):.3g})",
        batch_size=batch,
        max_epochs=epochs,
        stops=None,
        validation_fraction=0.0,  # the loss of whole validation rows does not show how well missing cells are filled
        random_state=random_state,
    )


@dataclass(kw_only=True, eq=False, repr=False)
class Imputer(Shown, OneToOneFeatureMixin, TransformerMixin, Estimator[FittedImputer]):
    """Fill the missing cells of a table, numbers and categories, with what an autoencoder makes of the others.

    The autoencoder learns from rows of which more cells are hidden at random, so it knows any pattern of missing cells,
    and new rows are filled without another fit. A number is filled with its expectation, a category with the most
    probable one. Filled numbers stay within what the fit has seen of their column, and have its decimals. All other
    cells stay as they are, to the bit.

    Fillings are judged on cells that were hidden in rows kept apart: a tenth of them, from 500 rows on; of fewer, a
    third that a second network does not learn from; of fewer than 20 the rows of the fit. First, how far predictions
    are followed (see `FillCalibration`): a number is pulled towards the mean of its column, the probabilities of
    categories towards their shares, as far as it lowers the error; so a network that has learned its rows by heart
    fills no worse than means and modes. Where half of a column is one value, as 0, what is near enough to it is filled
    with it. Second, how far off they are: quantiles by column of (x − x̂) / σ̂, σ̂ the standard deviation of the model
    where its likelihood has one. For these, cells are hidden at random and by value, the larger the likelier or the
    smaller, since cells may be missing for what they hold. Draws and intervals are made with these.

    Parameters
    ----------
    autoencoder : an `Autoencoder`, cloned and fitted; None takes one of 64 numbers, hidden layers of 256 and 128
        units, ranks beside numbers, `corruption="varied_masking(0, 0.5)"`, AdamW, and 10 to 300 epochs, the fewer the
        more rows there are.
    n_imputations : how many tables `impute` draws.
    sweeps : how often `impute` draws half of the missing cells again, given the others, so that they go together.
    random_state : seed of the hidden cells and of the draws.
    bounds : by name of a column of numbers, or its place, the least and the most that is filled in, None for no end, as
        `{"age": (0, None)}`; of all others it is what the fit has seen.

    Attributes
    ----------
    autoencoder_ : the fitted autoencoder.
    n_features_in_, feature_names_in_ : as of the table of `fit`.

    References
    ----------
    Gondara and Wang (2018), MIDA: multiple imputation using denoising autoencoders.
    Lall and Robinson (2022), The MIDAS touch: accurate and scalable missing-data imputation with deep learning.
    Rezende, Mohamed and Wierstra (2014), Stochastic backpropagation: missing cells drawn in turn with the code.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(200, 1)) @ np.ones((1, 4))
    >>> is_missing = np.random.default_rng(1).random(X.shape) < 0.1
    >>> filled = Imputer(Autoencoder(2, encoder=(16,), corruption="varied_masking")).fit_transform(
    ...     np.where(is_missing, np.nan, X)
    ... )
    >>> bool((filled[~is_missing] == X[~is_missing]).all()), bool(np.isfinite(filled).all())
    (True, True)
    """

    autoencoder: Autoencoder | None = field(default=None, kw_only=False)
    n_imputations: int = 5
    sweeps: int = 2
    random_state: int | np.random.RandomState | None = 0
    bounds: Mapping[str | int, tuple[float | None, float | None]] | None = None

    default_autoencoder = staticmethod(default_autoencoder)
    constraints: ClassVar[Mapping[str, Constraint]] = {
        "autoencoder": Estimators(Autoencoder, "an Autoencoder, or None", optional=True),
        "n_imputations": Whole(1),
        "sweeps": Whole(0, at_most=MOST_SWEEPS),
        "random_state": Seed(),
        "bounds": Bounds(),
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
        """Train on a table, its missing cells NaN or null.

        Parameters
        ----------
        X : a table, as in `Autoencoder.fit`.
        y : not used.
        sample_weight : [n], at least 0.
        checkpoint : a file to keep the progress in, from which a killed fit goes on; for a second network, which judges
            fillings of few rows, one more, with .1 behind its name.
        callbacks : as in `Autoencoder.fit`, of each network in turn.

        Raises
        ------
        InvalidPart
            If a parameter is not allowed.
        InvalidData
            If the table cannot be used as it is; the message names the place.
        """
        self.check_parameters()
        listed = check_callbacks(callbacks)
        paths = checkpoint_paths(checkpoint, self.random_state)
        if are_texts(X):
            raise InvalidData(NO_CELLS)
        source = open_table(X)
        rows = source.n_rows
        template = default_autoencoder(rows, self.random_state) if self.autoencoder is None else self.autoencoder
        weight = check_weight(sample_weight, rows) if rows else np.ones(0)
        apart, training = self._rows_apart(weight)
        fit = partial(Autoencoder.fit, callbacks=listed, expects_missing=True)
        model = fit(clone(template), source, None, training, next(paths))
        if not model.fitted_.row.is_table:
            raise InvalidData(NO_CELLS)
        model._fitted = replace(model.fitted_, reader=model.fitted_.reader.with_bounds(self.bounds or {}))
        judging, is_calibrated = model, len(apart) > 0
        if is_calibrated and training[apart].any():  # it has learned from these rows: another one has not
            weight_of_others = training.copy()
            weight_of_others[apart] = 0
            judging = fit(clone(template), source, None, weight_of_others, next(paths))
        apart = apart if is_calibrated else np.arange(min(rows, MOST_ROWS))
        x = model.scaled_rows(source).astype(np.float64)
        calibration, residuals = judge_fills(
            Judge.of(judging, x, model, source, apart),
            x,
            weight,
            apart,
            model.fitted_.reader.is_learned,
            np.random.Generator(np.random.Philox([seed_of(self.random_state), 3])),
            is_calibrated=is_calibrated,
        )
        self._fitted = FittedImputer(self.to_json(), model, residuals, calibration)
        return self

    @on_device
    def transform(self, X: Any) -> Any:
        """Return the table with its missing cells filled, in the form of `X`.

        Raises
        ------
        InvalidData
            If it has other columns than that of the fit, or a cell that is infinite.
        """
        fitted, (source, x, is_missing) = self.fitted_, self._open(X)
        mean = predict_cells(fitted.autoencoder, x, fitted.calibration).mean
        filled = np.where(np.isnan(x), fitted.calibration.fill(mean), x)
        return self._complete(source, filled, is_missing)

    @on_device
    def impute(self, X: Any, n_imputations: int | None = None, random_state: Any = None) -> list[Any]:
        """Return several fillings of the table, each cell drawn by how probable its values are: for `isthmus.pool`.

        Parameters
        ----------
        X : a table.
        n_imputations : how many; None takes that of the constructor.
        random_state : seed of the draws; None takes that of the constructor.
        """
        count = self.n_imputations if n_imputations is None else n_imputations
        Whole(1).check("n_imputations", count)
        seed = self.random_state if random_state is None else random_state
        Seed().check("random_state", seed)
        source, x, is_missing = self._open(X)
        require_memory(8 * x.size * int(count), f"drawing {count:,} tables", "Ask for fewer.")
        random = np.random.Generator(np.random.Philox([seed_of(seed), 2]))
        return [self._complete(source, self._draw(x, random), is_missing) for _ in range(count)]

    @on_device
    def uncertainty(self, X: Any) -> np.ndarray:
        """Return how uncertain each filled cell is, [n, d] float64, 0 where a cell is not missing.

        Of a number it is half of what holds 68 % of the draws, in its units (a date's in seconds); of a category the
        chance that another one is true.
        """
        fitted, (_, x, is_missing) = self.fitted_, self._open(X)
        low, high = self._bounds(x, 0.6827)
        uncertainty = predict_cells(fitted.autoencoder, x, fitted.calibration).uncertainty
        return np.where(is_missing, np.where(fitted.is_category, uncertainty, (high - low) / 2), 0.0)

    @on_device
    def interval(self, X: Any, coverage: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """Return between which ends each missing number lies with the chance `coverage`, [n, d] float64 each.

        A number that is not missing is both ends; a column of categories is NaN, and so is a rank never seen.
        """
        Interval(0, 1, closed="neither").check("coverage", coverage)
        _, x, is_missing = self._open(X)
        low, high = self._bounds(x, coverage)
        is_none = self.fitted_.is_category | (np.isnan(x) & ~is_missing)
        return np.where(is_none, np.nan, low), np.where(is_none, np.nan, high)

    @on_device
    def missing(self, X: Any) -> np.ndarray:
        """Say of each cell whether it is missing and will be filled, [n, d].

        One of a category that the fit has not had is not missing, and one of a column that is left out is not filled.
        """
        return self._open(X)[2]

    def add_to_graph(self, graph: Graph) -> Reader:
        """Add the model to a graph, and return what is known of its tables."""
        add_imputer(graph, self.fitted_)
        return self.autoencoder_.fitted_.reader

    def graph_answers(self, X: Any) -> dict[str, np.ndarray]:
        """Return what the methods answer, by the names of the outputs of the graph."""
        filled = as_answers(self.autoencoder_.fitted_.reader, "filled", self.transform(X))
        return filled | {"is_missing": self.missing(X)}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def networks(self) -> dict[str, Autoencoder]:
        """Return the fitted autoencoder."""
        return {"": self.autoencoder_}

    @property
    def autoencoder_(self) -> Autoencoder:
        """The fitted autoencoder."""
        return self.fitted_.autoencoder

    @property
    def n_features_in_(self) -> int:
        """How many columns a row has."""
        return self.fitted_.autoencoder.n_features_in_

    @property
    def feature_names_in_(self) -> np.ndarray:
        """The names of the columns, where all of them are text."""
        return self.fitted_.autoencoder.feature_names_in_

    @property
    def device(self) -> str | None:
        """Where the autoencoder computes."""
        return self.autoencoder.device if isinstance(self.autoencoder, Autoencoder) else None

    def check_combination(self) -> None:
        """Nothing forbids any combination of the parameters."""

    def to_state(self) -> State:
        """Return all that a file must hold of this estimator."""
        fitted = self.fitted_
        tensors = {"residuals": fitted.residuals} | fitted.calibration.tensors()
        state = State({"parameters": fitted.settings}, tensors)
        return state | named_state(fitted.autoencoder).inside("model")

    @classmethod
    def from_state(cls, stored: Opened) -> Self:
        """Return the fitted estimator of a file, which may hold anything."""
        imputer = cls.from_json(header_field(stored, "parameters", dict))
        imputer.check_parameters()
        model = load_state(stored.inside("model"))
        if not isinstance(model, Autoencoder) or not model.fitted_.row.is_table:
            raise ModelFileError(f"{stored.path} is damaged: its model is not that of a table with missing values.")
        own = {name: described for name, described in stored.tensors.items() if not name.startswith("model.")}
        counts = model.model_.categories or ()
        shapes = {"residuals": ("F64", (len(RANKS), len(counts)))} | calibration_shapes(own, counts)
        compare_shapes(Opened(stored.path, stored.header, own), shapes)
        tensors = stored.read()
        for name in shapes:
            if not np.isfinite(tensors[name]).all():
                raise ModelFileError(f"{stored.path} is damaged: {name} holds values that are not finite.")
        calibration = stored_calibration(tensors, counts)
        imputer._fitted = FittedImputer(imputer.to_json(), model, tensors["residuals"], calibration)
        return imputer

    def _rows_apart(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that fillings are judged on, and the weights [n] of the training, 0 where it leaves them out.

        Of 500 rows and more a tenth is left out of it; of fewer a third is not, but of that of a second network that
        judges; of very few there are none.
        """
        usable = np.flatnonzero(weight)
        if len(usable) < FEW_ROWS:
            return np.empty(0, np.intp), weight
        random = np.random.Generator(np.random.Philox([seed_of(self.random_state), 1]))
        if len(weight) < LEAST_ROWS:
            return np.sort(random.permutation(usable)[: len(usable) // FEW_APART]), weight
        apart = np.sort(random.permutation(len(weight))[: min(len(weight) // 10, MOST_ROWS)])
        training = weight.copy()
        training[apart] = 0
        return (apart, training) if np.count_nonzero(training) >= 2 else (np.empty(0, np.intp), weight)

    def _open(self, X: Any) -> tuple[Source, np.ndarray, np.ndarray]:
        """Return the source of a table, its rows as the model sees them, [n, d], and which cells are missing, [n, d].

        A category that the fit has not had tells the model nothing, so it is NaN to it, but it is not missing.
        """
        model = self.fitted_.autoencoder
        source = model.open_rows(X)
        blocks, marks = zip(*model.fitted_.reader.scale_marked(source), strict=True)
        x = np.concatenate(blocks).astype(np.float64)
        return source, x, np.isnan(x) & ~np.concatenate(marks) & model.fitted_.reader.is_learned

    def _draw(self, x: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return scaled rows `x` [n, d] with missing values drawn: all of them, then half of them in each sweep."""
        is_missing = np.isnan(x)
        filled = np.where(is_missing, self._draw_cells(x, random), x)
        for _ in range(self.sweeps):
            is_hidden = is_missing & (random.random(x.shape) < 0.5)
            hidden = np.where(is_hidden, np.nan, filled)
            filled = np.where(is_hidden, self._draw_cells(hidden, random), filled)
        return filled

    def _draw_cells(self, x: np.ndarray, random: np.random.Generator) -> np.ndarray:
        fitted = self.fitted_
        cells = predict_cells(fitted.autoencoder, x, fitted.calibration, int(random.integers(2**31)))
        ranks = random.random(x.shape)
        columns = zip(ranks.T, fitted.residuals.T, strict=True)
        noise = np.stack([np.interp(rank, RANKS, quantiles) for rank, quantiles in columns], axis=1)
        return np.where(fitted.is_category, cells.draw, cells.mean + cells.uncertainty * noise)

    def _bounds(self, x: np.ndarray, coverage: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of the interval of every cell of scaled rows `x` [n, d], in its units, [n, d] each."""
        fitted = self.fitted_
        cells = predict_cells(fitted.autoencoder, x, fitted.calibration)
        filled, ends, reader = fitted.calibration.fill(cells.mean), [], fitted.autoencoder.fitted_.reader
        is_common = filled != cells.mean  # where half of a column's cells are alike, the filling is such a cell
        for rank, outer in (((1 - coverage) / 2, np.minimum), ((1 + coverage) / 2, np.maximum)):
            noise = np.array([np.interp(rank, RANKS, quantiles) for quantiles in fitted.residuals.T])
            end = cells.mean + cells.uncertainty * noise
            end = np.where(np.isnan(x), np.where(is_common, outer(end, filled), end), x)
            rows = np.asarray(reader.unscale(end))
            ends.append(np.where(np.isnan(x), reader.within(rows), rows))
        return ends[0], ends[1]

    def _complete(self, source: Source, filled: np.ndarray, is_missing: np.ndarray) -> Any:
        """Return the table with its missing cells [n, d] taken from scaled rows `filled` [n, d]."""
        reader = self.fitted_.autoencoder.fitted_.reader
        return source.complete(reader.restore(reader.within(reader.unscale(filled)), source), is_missing)
