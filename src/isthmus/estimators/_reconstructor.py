"""The base of autoencoders: codes, reconstructions, scores, new rows, and the model file."""

from __future__ import annotations

import abc
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import jax
import numpy as np
from numpy.typing import ArrayLike

from isthmus.contracts import Row, Scaling
from isthmus.core.constraints import Flag, Seed, Whole
from isthmus.core.extras import is_made_by
from isthmus.core.memory import require_memory
from isthmus.core.spelling import resolve
from isthmus.data.reader import Reader, TableOptions
from isthmus.data.rows import scaled_blocks, support_of
from isthmus.data.sources import is_path, open_numbers
from isthmus.data.validation import check_weight
from isthmus.errors import InvalidData, require
from isthmus.estimators._code_sampler import CodeSampler, nearest_codes, sampler_of_rows
from isthmus.estimators._device import on_device
from isthmus.estimators._diagnosis import diagnose_code
from isthmus.estimators._encoder import Encoder
from isthmus.estimators._estimator import Estimator
from isthmus.estimators._fitted import network_shapes, stored_facts, stored_network
from isthmus.estimators._fitted_autoencoder import FittedAutoencoder, category_mask
from isthmus.estimators._graphs import add_reconstructor
from isthmus.estimators._network_parts import AutoencoderParts, StackParts
from isthmus.estimators._seeds import seed_of
from isthmus.model import inference
from isthmus.onnx.graph import Graph
from isthmus.onnx.parity import as_answers
from isthmus.storage.container import Opened
from isthmus.storage.state import State, header_field, read_tensors


class Reconstructor(Encoder, Estimator[FittedAutoencoder]):
    """A network that gives each row a code, and rows for codes."""

    if TYPE_CHECKING:  # both bases have it

        @property
        def fitted_(self) -> FittedAutoencoder: ...

    @abc.abstractmethod
    def resolve_parts(self) -> AutoencoderParts | StackParts:
        """Return what the parameters describe, every part resolved."""

    @abc.abstractmethod
    def table_options(self) -> TableOptions:
        """Return what the parameters say of tables."""

    @property
    def labels_(self) -> np.ndarray | None:
        """The classes that `sample` can draw rows of, in order; None where `fit` was given none."""
        return self.fitted_.sampler.classes

    @on_device
    def inverse_transform(self, X: Any) -> Any:
        """Return the rows that codes [n, n_components_] stand for, [n, d], in the units, names and frame of `fit`.

        Raises
        ------
        InvalidData
            If the codes are not of the model's size, or not finite.
        """
        fitted, source = self.fitted_, open_numbers(X)
        if source.row.shape != (fitted.n_components,):
            raise InvalidData(
                f"the codes have {source.row.size} columns, and those of this model have {fitted.n_components}."
            )
        codes = (block for block, _ in scaled_blocks(source, resolve(Scaling, "none"), {}))
        rows = fitted.reader.unscale(fitted.run(inference.decode, codes, source, fitted.row.size))
        if source.row.columns:
            return fitted.reader.restore(rows, source.with_row(Row((fitted.row.size,))))
        return fitted.reader.restore(rows, index=source.index)

    @on_device
    def reconstruct(self, X: Any) -> Any:
        """Return what the model makes of each row, [n, d], in the units, names and frame of `X`."""
        fitted, source = self.fitted_, self.open_rows(X)
        rows = fitted.reader.unscale(fitted.apply(inference.reconstruct, source, fitted.row.size))
        return fitted.reader.restore(rows, source)

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the log-density of each row given its code, [n]: higher is more usual.

        It is the sum over columns, in scaled units, without noise and without what training balances or smooths: of
        numbers a log-density, of categories and bits a log-probability, of `squared_error` and `absolute_error`, which
        leave out a constant, minus the distance to the reconstruction. Where the code is a distribution it is
        log p(x | mean code): `isthmus.log_likelihood` estimates log p(x).

        It is −inf for a row outside of what the likelihood explains (`fit` refuses such rows), as 1.5 for `bernoulli`,
        and for one whose cells are all missing, for which nothing speaks. A category that the fit has not had is at
        most as probable as the least probable one of its column, and as one row among those of the fit.
        """
        return self._scores(X)[0]

    def score(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Return the weighted mean of `score_samples`, over rows that hold something: higher is better."""
        scores, is_empty = self._scores(X)
        weight = check_weight(sample_weight, len(scores)) * ~is_empty
        return float(np.average(scores[weight > 0], weights=weight[weight > 0])) if weight.any() else -np.inf

    @on_device
    def _scores(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the log-densities of rows, −inf for those whose cells are all missing, and which these are, [n]."""
        fitted, source = self.fitted_, self.open_rows(X)
        scores, is_empty = [], []
        for rows, is_unseen in fitted.reader.scale_marked(source):
            is_empty.append((np.isnan(rows) & ~is_unseen).all(axis=1))
            log_density = fitted.column_log_density(rows, is_unseen).astype(source.dtype).sum(axis=1)
            scores.append(np.where(is_empty[-1], -np.inf, log_density))
        return np.concatenate(scores), np.concatenate(is_empty)

    @on_device
    def reconstruction_error(self, X: Any, per_feature: bool = False) -> np.ndarray:
        """Return the squared difference between rows and reconstructions in scaled units: higher is more anomalous.

        Of a column of categories it is 1 for each that is wrong, as one is that the fit has not had.

        Parameters
        ----------
        X : a table.
        per_feature : return it for each column, [n, d]; else the sum over columns, [n].
        """
        fitted, source = self.fitted_, self.open_rows(X)
        blocks = itertools.starmap(fitted.squared_error, fitted.reader.scale_marked(source))
        error = np.concatenate([block.astype(source.dtype) for block in blocks])
        return error if per_feature else error.sum(axis=1)

    def diagnose(self, X: Any) -> Any:
        """Return what each unit of the code does over the rows of `X`, a frame: see `isthmus.diagnose`."""
        return diagnose_code(self, X)

    @on_device
    def sample(self, n: int = 1, random_state: Any = 0, *, label: Any = None, noise: bool = False) -> Any:
        """Return `n` new rows, [n, d], in the units, names and frame of `fit`: expected rows of drawn codes.

        Expected rows vary less than rows do: what the code leaves open is missing in them. With `noise` each is a draw
        of p(x | z), of each column by itself where the likelihood has no more to say: numbers with their spread,
        categories as often as they are probable. Numbers of a table stay within what the fit has seen, and have the
        decimals of their column.

        Parameters
        ----------
        n : rows, at least 1.
        random_state : seed of the draws.
        label : a class, or one for each row, [n]: then rows are drawn of it. `fit` or `fit_density` must have been
            given labels.
        noise : whether rows are drawn from p(x | z), and are not its mean. Of `squared_error` that is a normal
            distribution of variance 1/2 in scaled units, whatever the data: of tables use `isthmus.tabular`, else
            `likelihood="gaussian"`.

        Raises
        ------
        InvalidPart
            If a label is unknown, or none were given.

        Examples
        --------
        >>> from isthmus import Autoencoder
        >>> X = np.random.default_rng(0).normal(size=(60, 4)) + np.repeat([[0], [9]], 30, axis=0)
        >>> ae = Autoencoder(1, max_epochs=20).fit(X, np.repeat(["low", "high"], 30))
        >>> ae.sample(3).shape, bool(ae.sample(1, label="low").mean() < ae.sample(1, label="high").mean())
        ((3, 4), True)
        """
        fitted = self.fitted_
        Whole(1).check("n", n)
        Seed().check("random_state", random_state)
        Flag().check("noise", noise)
        self._require_rows(int(n))
        place, seed = fitted.sampler.places_of(label, int(n)), seed_of(random_state)
        codes = fitted.sampler.draw(fitted, int(n), seed, place)
        rows = _decode_rows(fitted, nearest_codes(fitted, codes), seed if noise else None)
        return fitted.reader.restore(fitted.reader.within(fitted.reader.unscale(rows)))

    @on_device
    def similar(self, X: Any, n: int = 5, scale: float = 0.3, random_state: Any = 0) -> Any:
        """Return `n` rows like each row of `X`, [rows · n, d], those of one row together: draws around its code.

        Parameters
        ----------
        X : a table, or one row of it.
        n : rows for each, at least 1.
        scale : how far around, at least 0: the draws deviate by so many times as much as codes do, with their
            covariance. 0 gives the reconstruction, 1 hardly resembles the row any more.
        random_state : seed of the draws.

        Examples
        --------
        >>> from isthmus import Autoencoder
        >>> X = np.random.default_rng(0).normal(size=(60, 4))
        >>> Autoencoder(2, max_epochs=5).fit(X).similar(X[0], n=7).shape
        (7, 4)
        """
        fitted = self.fitted_
        Whole(1).check("n", n)
        require(np.ndim(scale) == 0 and 0 <= float(scale) < np.inf, "scale", "a number of at least 0", scale)
        Seed().check("random_state", random_state)
        generator = np.random.Generator(np.random.Philox(seed_of(random_state)))
        codes = self._encode_rows(X)
        self._require_rows(len(codes) * int(n))
        codes = np.repeat(codes, int(n), axis=0)
        spread, size = fitted.sampler.spread(fitted), fitted.skeleton.size
        around = scale * generator.standard_normal((len(codes), len(spread))) @ spread
        codes[:, :size] += around.astype(codes.dtype)
        return self._decode(codes)

    @on_device
    def interpolate(self, a: Any, b: Any, steps: int = 8) -> Any:
        """Return `steps` rows on the way from each row of `a` to that of `b`, [rows · steps, d]; pairs together.

        The codes lie evenly on the straight line between the two codes, so the first is what `reconstruct` makes of
        the row of `a`, the last of that of `b`.

        Parameters
        ----------
        a, b : tables of as many rows, or one row each.
        steps : at least 2.

        Examples
        --------
        >>> from isthmus import Autoencoder
        >>> X = np.random.default_rng(0).normal(size=(60, 4))
        >>> Autoencoder(2, max_epochs=5).fit(X).interpolate(X[0], X[1], steps=3).shape
        (3, 4)
        """
        size = self.fitted_.skeleton.size
        Whole(2).check("steps", steps)
        first, last = self._encode_rows(a), self._encode_rows(b)
        if len(first) != len(last):
            raise InvalidData(f"expected as many rows in b as in a; got {len(first)} in a and {len(last)} in b.")
        self._require_rows(len(first) * int(steps))
        share = np.linspace(0, 1, int(steps))[:, None]
        codes = ((1 - share) * first[:, None] + share * last[:, None]).astype(first.dtype)  # [rows, steps, size + c]
        codes[..., size:] = np.where(share < 0.5, first[:, None, size:], last[:, None, size:])
        return self._decode(codes.reshape(-1, codes.shape[-1]))

    @on_device
    def fit_density(self, X: Any, y: Any = None) -> Self:
        """Learn the density of codes from a table, in place of that of the training rows; `save` keeps it.

        Parameters
        ----------
        X : a table, as in `transform`.
        y : a class for each row, [n]; then `sample` can be asked for rows of a class.
        """
        fitted, source = self.fitted_, self.open_rows(X)
        sampler = sampler_of_rows(source, y, fitted.reader)
        sampler.density(fitted)
        self._fitted = replace(fitted, sampler=sampler)
        return self

    def add_to_graph(self, graph: Graph) -> Reader:
        """Add the model to a graph, and return what is known of its tables."""
        add_reconstructor(graph, self.fitted_)
        return self.fitted_.reader

    def graph_answers(self, X: Any) -> dict[str, np.ndarray]:
        """Return what the methods answer, by the names of the outputs of the graph."""
        by_column = self.reconstruction_error(X, per_feature=True)
        return {
            "code": self.transform(X),
            **as_answers(self.fitted_.reader, "reconstruction", self.reconstruct(X)),
            "score": self.score_samples(X),
            "error": by_column.sum(axis=1),
            "error_by_column": by_column,
        }

    def to_state(self) -> State:
        """Return all that a file must hold of this estimator."""
        return self.fitted_.to_state()

    @classmethod
    def from_state(cls, stored: Opened) -> Self:
        """Return the fitted estimator of a file, which may hold anything."""
        estimator = cls.from_json(header_field(stored, "parameters", dict))
        estimator.check_parameters()
        parts = estimator.resolve_parts()
        reader = Reader.from_header(stored, parts.scaling, parts.read_categories)
        facts = stored_facts(stored)
        findings = parts.check_facts({name: fact for name, fact in facts.items() if name != "labels"})
        skeleton = parts.build(reader.row)
        size, known = skeleton.size, len(skeleton.condition)
        shapes = network_shapes(skeleton, reader, stored) | CodeSampler.tensor_shapes(stored, size, known)
        tensors = read_tensors(stored, shapes)
        estimator._fitted = FittedAutoencoder(
            settings=estimator.to_json(),
            **stored_network(stored, reader, skeleton, tensors),
            sampler=CodeSampler.from_state(facts, tensors, size, known),
            findings=findings,
            is_category=category_mask(parts, reader.row),
            support=support_of(parts.row_likelihood(reader.row), reader.row),
        )
        return estimator

    def __getstate__(self) -> dict[str, Any]:
        if self._fitted is not None:  # a copy holds the density, and no row
            self._fitted.sampler.density(self._fitted)
        return super().__getstate__()

    def _encode_rows(self, X: Any) -> np.ndarray:
        """Return the codes of a table or of one row, [n, size + c]."""
        fitted = self.fitted_
        source = self.open_rows(_as_table(X, len(fitted.row.shape)))
        return nearest_codes(fitted, fitted.apply(inference.encode, source, fitted.n_components))

    def _require_rows(self, n: int) -> None:
        """Refuse to make more rows than there is memory for."""
        numbers = self.fitted_.row.size + self.fitted_.n_components
        require_memory(24 * n * numbers, f"making {n:,} rows", "Ask for fewer at a time.")

    def _decode(self, codes: np.ndarray) -> Any:
        """Return the rows of the nearest codes [n, size + c] that the neck can give."""
        return self.inverse_transform(nearest_codes(self.fitted_, codes))


def _decode_rows(fitted: FittedAutoencoder, codes: np.ndarray, seed: int | None) -> np.ndarray:
    """Return the expected row of each of the codes [n, size + c], or with a seed a draw of p(x | z), scaled [n, d]."""
    rows = iter([codes.astype(np.float32)])
    if seed is None:
        blocks = inference.blockwise(fitted.bind(inference.decode), rows)
    else:
        draw, key = fitted.bind(inference.draw), jax.random.key(seed)
        blocks = inference.blockwise_with_noise(draw, rows, key, itertools.count(1))
    return np.concatenate(list(blocks)).astype(np.float64)


def _as_table(X: Any, axes: int) -> Any:
    """Return a table of one row where `X` is a row: an array of so many axes, a series of a frame, a text."""
    if isinstance(X, str) and not is_path(X):
        return [X]
    if is_made_by(X, "pandas", "Series") and X.dtype.kind in "fiub":
        return X.to_frame().T
    return X[None] if isinstance(X, np.ndarray | jax.Array) and X.ndim == axes else X
