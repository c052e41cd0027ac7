"""Filling what is missing in a table, as a scikit-learn transformer."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import jax
import numpy as np
from sklearn.base import OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from isthmus.core.parameter_specs import as_data
from isthmus.data.rows import scaled_blocks
from isthmus.data.source import Source
from isthmus.data.sources import find_source
from isthmus.data.tokens import are_texts
from isthmus.data.validation import check_weight
from isthmus.errors import InvalidData, ModelFileError, require
from isthmus.estimators._device import on_device
from isthmus.estimators._kept import Kept, compare_shapes, field
from isthmus.estimators._seeds import check_seed, seed_of
from isthmus.estimators._storing import loaded, nested
from isthmus.estimators.autoencoder import Autoencoder
from isthmus.model import inference
from isthmus.storage.container import Opened

RANKS = np.concatenate([[0.0025], np.linspace(0.005, 0.995, 199), [0.9975]])  # of the residuals that are kept
LEAST_CELLS = 40  # of a column whose residuals stand for themselves; of fewer, those of all columns do
LEAST_ROWS = 500  # from which on rows are kept apart to see how far fillings are off
MOST_ROWS = 5000  # kept apart, or looked at
NO_CELLS = "an imputer fills the cells of a table of columns, and X has none: texts, images and sequences are no such."
STEPS = 3000  # of the training of an imputer that is given no autoencoder
HIDINGS = 4  # times that cells of these rows are hidden


class Seen(NamedTuple):
    """What the model tells of every cell of scaled rows, [n, d] each."""

    mean: np.ndarray  # of a number its expectation, of a category its most probable code
    uncertainty: (
        np.ndarray
    )  # of a number its deviation (1 where the model tells none), of a category its chance to be wrong
    draw: np.ndarray  # of a category a code drawn by its probability


class Imputer(OneToOneFeatureMixin, TransformerMixin, Kept):
    """Fill the missing cells of a table, numbers and categories, with what an autoencoder makes of the others.

    The autoencoder learns from rows of which more cells are hidden at random, so it knows rows of any holes, and new
    rows are filled without another fit. A number is filled with its expectation, a category with the most probable one.
    Cells that are there stay as they are, to the bit.

    How far fillings are off is seen from cells that were hidden in rows kept apart (a tenth, from 500 rows on; else in
    the rows of the fit): quantiles by column of (x − x̂) / σ̂, σ̂ what the model says itself where its likelihood tells.
    Draws and intervals are made with these.

    Parameters
    ----------
    autoencoder : an `Autoencoder`, cloned and fitted; None takes one of 64 numbers, hidden layers of 256 and 128
        units, `corruption="varied_masking(0, 0.5)"`, and 10 to 300 epochs, the fewer the more rows there are.
    n_imputations : how many tables `impute` draws.
    sweeps : how often `impute` draws half of the missing cells anew, seeing the others, so that they go together.
    random_state : seed of the hidden cells and of the draws.

    Attributes
    ----------
    autoencoder_ : the fitted autoencoder.
    n_features_in_, feature_names_in_ : as it has seen them.

    References
    ----------
    Gondara and Wang (2018), MIDA: multiple imputation using denoising autoencoders.
    Lall and Robinson (2022), The MIDAS touch: accurate and scalable missing-data imputation with deep learning.
    Rezende, Mohamed and Wierstra (2014), Stochastic backpropagation: missing cells drawn in turn with the code.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(200, 1)) @ np.ones((1, 4))
    >>> holes = np.random.default_rng(1).random(X.shape) < 0.1
    >>> filled = Imputer(Autoencoder(2, encoder=(16,), corruption="varied_masking")).fit_transform(
    ...     np.where(holes, np.nan, X)
    ... )
    >>> bool((filled[~holes] == X[~holes]).all()), bool(np.isfinite(filled).all())
    (True, True)
    """

    def __init__(
        self,
        autoencoder: Any = None,
        *,
        n_imputations: int = 5,
        sweeps: int = 2,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.autoencoder = autoencoder
        self.n_imputations = n_imputations
        self.sweeps = sweeps
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train on a table, its missing cells NaN or null.

        Parameters
        ----------
        X : a table, as in `Autoencoder.fit`.
        y : not used.
        sample_weight : [n], at least 0.

        Raises
        ------
        InvalidPart
            If a parameter is not allowed.
        InvalidData
            If the table cannot be used as it is; the message names the place.
        """
        self._check_settings()
        if are_texts(X):
            raise InvalidData(NO_CELLS)
        given = self.autoencoder
        rows = find_source(X).n_rows
        model = default_autoencoder(rows, self.random_state) if given is None else clone(given)
        model.expects_missing = True
        weight = check_weight(sample_weight, rows) if rows else None
        apart = self._apart(rows)
        if weight is not None and len(apart) and (weight[np.setdiff1d(np.arange(rows), apart)] > 0).sum() >= 2:
            weight[apart] = 0
        else:
            apart = np.arange(min(rows, MOST_ROWS))
        model.fit(X, sample_weight=weight)
        if not model._row.is_table:
            raise InvalidData(NO_CELLS)
        self.autoencoder_ = model
        self._take_names()
        self._residuals, self._settings = self._residuals_of(X, apart), self.to_json()
        return self

    @on_device
    def transform(self, X: Any) -> Any:
        """Return the table with its missing cells filled, in the form of `X`.

        Raises
        ------
        InvalidData
            If it has other columns than that of the fit, or a cell that is infinite.
        """
        source, x = self._opened(X)
        filled = np.where(np.isnan(x), self._seen(x, None).mean, x)
        return self._completed(source, x, filled)

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
        _check_count(count)
        seed = self.random_state if random_state is None else random_state
        check_seed(seed)
        source, x = self._opened(X)
        random = np.random.Generator(np.random.Philox([seed_of(seed), 2]))
        return [self._completed(source, x, self._drawn(x, random)) for _ in range(count)]

    @on_device
    def uncertainty(self, X: Any) -> np.ndarray:
        """Return how uncertain each filled cell is, [n, d] float64, 0 where a cell was there.

        Of a number it is half of what holds 68 % of the draws, in its units (a date's in seconds); of a category the
        chance that another one is true.
        """
        low, high = self._bounds(X, 0.6827)
        _, x = self._opened(X)
        is_code = np.array(self.autoencoder_.model_.categories) > 0
        return np.where(np.isnan(x), np.where(is_code, self._seen(x, None).uncertainty, (high - low) / 2), 0.0)

    @on_device
    def interval(self, X: Any, coverage: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
        """Return between which ends each missing number lies with the chance `coverage`, [n, d] float64 each.

        A number that is there is both ends; a column of categories is NaN.
        """
        require(0 < coverage < 1, "coverage", "in (0, 1)", coverage)
        is_code = np.array(self._fitted.model_.categories) > 0
        low, high = self._bounds(X, coverage)
        return np.where(is_code, np.nan, low), np.where(is_code, np.nan, high)

    @on_device
    def missing(self, X: Any) -> np.ndarray:
        """Say of each cell whether it is missing, [n, d]."""
        return np.isnan(self._opened(X)[1])

    def _told(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        header, tensors = nested("model", self.autoencoder_)
        return {"parameters": self._settings} | header, tensors | {"residuals": self._residuals}

    @classmethod
    def _taken(cls, opened: Opened) -> Self:
        made = cls.from_json(field(opened, "parameters", dict))
        made._check_settings()
        model = loaded(opened.inside("model"))
        if not isinstance(model, Autoencoder) or not model._row.is_table:
            raise ModelFileError(f"{opened.path} is damaged: the model in it is none of a table with holes.")
        own = {name: is_ for name, is_ in opened.tensors.items() if not name.startswith("model.")}
        due = {"residuals": ("F64", (len(RANKS), model.n_features_in_))}
        compare_shapes(Opened(opened.path, opened.header, own), due)
        residuals = opened.read()["residuals"]
        if not np.isfinite(residuals).all():
            raise ModelFileError(f"{opened.path} is damaged: residuals holds values that are not finite.")
        made.autoencoder_, made._residuals, made._settings = model, residuals, made.to_json()
        made._take_names()
        return made

    def __sklearn_is_fitted__(self) -> bool:
        return "autoencoder_" in vars(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _check_settings(self) -> None:
        is_known = self.autoencoder is None or isinstance(self.autoencoder, Autoencoder)
        require(is_known, "autoencoder", "an Autoencoder, or None", self.autoencoder)
        _check_count(self.n_imputations)
        is_whole = isinstance(self.sweeps, int | np.integer) and not isinstance(self.sweeps, bool)
        require(is_whole and self.sweeps >= 0, "sweeps", "a whole number of at least 0", self.sweeps)
        check_seed(self.random_state)

    @property
    def _fitted(self) -> Autoencoder:
        check_is_fitted(self)
        return self.autoencoder_

    @property
    def device(self) -> str | None:
        """Where the autoencoder computes."""
        found: str | None = getattr(self.autoencoder, "device", None)
        return found

    def _take_names(self) -> None:
        self.n_features_in_ = self.autoencoder_.n_features_in_
        if "feature_names_in_" in vars(self.autoencoder_):
            self.feature_names_in_ = self.autoencoder_.feature_names_in_

    def _apart(self, rows: int) -> np.ndarray:
        """Return the rows that are kept apart from training, to see how far fillings are off."""
        if rows < LEAST_ROWS:
            return np.empty(0, np.intp)
        random = np.random.Generator(np.random.Philox([seed_of(self.random_state), 1]))
        return np.sort(random.permutation(rows)[: min(rows // 10, MOST_ROWS)])

    def _opened(self, X: Any) -> tuple[Source, np.ndarray]:
        """Return the source of a table and its rows as the model sees them, [n, d], NaN where nothing is."""
        model = self._fitted
        source = model._open(X, reset=False)
        blocks = list(scaled_blocks(source, model._scaling, model._learned))
        return source, np.concatenate(blocks).astype(np.float64)

    def _seen(self, x: np.ndarray, seed: int | None) -> Seen:
        """Return what the model tells of every cell of scaled rows `x` [n, d]; with a seed it draws categories."""
        weights = jax.device_put(self._fitted._weights)
        key, model, number = jax.random.key(seed or 0), as_data(self._fitted._skeleton), iter(range(2**31))

        def told(block: np.ndarray) -> Any:
            return inference.expectation_and_uncertainty(weights, model, block, jax.random.fold_in(key, next(number)))

        blocks = list(inference.blockwise(told, iter([x.astype(np.float32)])))
        return Seen(*(np.concatenate(each).astype(np.float64) for each in zip(*blocks, strict=True)))

    def _drawn(self, x: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return scaled rows `x` [n, d] with what is missing drawn: all at once, then half of it anew in each sweep."""
        is_missing = np.isnan(x)
        filled = np.where(is_missing, self._one_draw(x, random), x)
        for _ in range(self.sweeps):
            is_hidden = is_missing & (random.random(x.shape) < 0.5)
            hidden = np.where(is_hidden, np.nan, filled)
            filled = np.where(is_hidden, self._one_draw(hidden, random), filled)
        return filled

    def _one_draw(self, x: np.ndarray, random: np.random.Generator) -> np.ndarray:
        seen = self._seen(x, int(random.integers(2**31)))
        ranks = random.random(x.shape)
        noise = np.stack([np.interp(r, RANKS, q) for r, q in zip(ranks.T, self._residuals.T, strict=True)], axis=1)
        is_code = np.array(self._fitted.model_.categories) > 0
        return np.where(is_code, seen.draw, seen.mean + seen.uncertainty * noise)

    def _bounds(self, X: Any, coverage: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of the interval of every cell, in its units, [n, d] each."""
        _, x = self._opened(X)
        seen, found = self._seen(x, None), []
        for rank in ((1 - coverage) / 2, (1 + coverage) / 2):
            noise = np.array([np.interp(rank, RANKS, column) for column in self._residuals.T])
            end = np.where(np.isnan(x), seen.mean + seen.uncertainty * noise, x)
            found.append(np.asarray(self._fitted._unscaled(end)))
        return found[0], found[1]

    def _residuals_of(self, X: Any, chosen: np.ndarray) -> np.ndarray:
        """Return quantiles of (x − x̂) / σ̂ of cells hidden in the chosen rows, [ranks, d]."""
        _, x = self._opened(X)
        x = x[chosen]
        random = np.random.Generator(np.random.Philox([seed_of(self.random_state), 3]))
        share = max(float(np.isnan(x).mean()), 0.1)
        is_code = np.array(self._fitted.model_.categories) > 0
        found: list[list[np.ndarray]] = [[] for _ in range(x.shape[1])]
        for _ in range(HIDINGS):
            is_hidden = (random.random(x.shape) < share) & ~np.isnan(x)
            seen = self._seen(np.where(is_hidden, np.nan, x), None)
            ratio = (x - seen.mean) / np.where(is_code, 1.0, seen.uncertainty)
            for column, place in zip(found, range(x.shape[1]), strict=True):
                column.append(ratio[is_hidden[:, place], place])
        columns = [np.zeros(1) if code else np.concatenate(each) for each, code in zip(found, is_code, strict=True)]
        every = np.concatenate([np.zeros(0), *(c for c, code in zip(columns, is_code, strict=True) if not code)])
        every = every if len(every) else np.zeros(1)
        kept = [
            column if code or len(column) >= LEAST_CELLS else every
            for column, code in zip(columns, is_code, strict=True)
        ]
        return np.stack([np.quantile(column, RANKS) for column in kept], axis=1)

    def _completed(self, source: Source, x: np.ndarray, filled: np.ndarray) -> Any:
        """Return the table with its missing cells taken from scaled rows `filled` [n, d]."""
        model, is_missing = self._fitted, np.isnan(x)
        rows = model._unscaled(filled)
        return source.completed(model._framed(source.kind, rows, source, source.row.shape), is_missing)


def default_autoencoder(rows: int, random_state: Any) -> Autoencoder:
    """Return the autoencoder of an imputer that is given none, for a table of so many rows.

    It goes through them as often as gives some 3,000 steps, within 10 and 300 times. Steps that begin long and end
    short, along a cosine, learn in these what others learn in three times as many.
    """
    batch = min(max(rows // 32, 32), 256)
    in_one = max(-(-rows // batch), 1)
    epochs = min(max(round(STEPS / in_one), 10), 300)
    return Autoencoder(
        64,
        encoder=(256, 128),
        corruption="varied_masking(0, 0.5)",
        optimizer=f"adam(cosine(0.005, {epochs * in_one}))",
        batch_size=batch,
        max_epochs=epochs,
        stops=None,
        validation_fraction=0.0,  # the loss of whole rows held out does not tell how well holes are filled
        random_state=random_state,
    )


def _check_count(count: Any) -> None:
    is_whole = isinstance(count, int | np.integer) and not isinstance(count, bool)
    require(is_whole and count >= 1, "n_imputations", "a whole number of at least 1", count)
