"""New rows: draws of codes, decoded; rows like a given one; rows between two."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.utils.validation import check_is_fitted

from isthmus.core.coercion import short
from isthmus.core.parameter_specs import as_data
from isthmus.data.rows import Rows, finite_blocks
from isthmus.data.source import Source
from isthmus.data.sources import is_path
from isthmus.data.validation import check_labels
from isthmus.errors import InvalidData, InvalidPart, ModelFileError, require
from isthmus.estimators._code_density import CodeDensity, fit_density, shapes
from isthmus.estimators._device import on_device
from isthmus.estimators._network import Network
from isthmus.estimators._seeds import check_seed, seed_of
from isthmus.model import inference
from isthmus.training.epoch import Job, Progress

MOST_ROWS = 2048  # that a density of codes is learned from
MOST_CLASSES = 100  # a target of more values is none of classes


class Sketch(NamedTuple):
    """Training rows, scaled, that a density of codes is learned from once it is asked for."""

    rows: np.ndarray  # [m, d] float32
    place: np.ndarray | None  # [m], of the class of each row in the classes, -1 for none


class Generative(Network):
    """A network from whose codes new rows can be made.

    Codes are drawn from the prior of the bottleneck where it has one, else from a mixture of few normals (Ghosh et
    al. 2020, From variational to deterministic autoencoders). That is learned from the codes of at most 2,048 training
    rows at the first call that needs it, or when the model is saved: the file holds the mixture, and no row.
    """

    _density: CodeDensity | None = None
    _sketch: Sketch | None = None
    _classes: np.ndarray | None = None  # of the labels that codes may be drawn by
    _given: tuple[Rows, Any] | None = None  # the table of a fit and what came with it, while it trains

    @on_device
    def sample(self, n: int = 1, random_state: Any = 0, *, label: Any = None) -> Any:
        """Return `n` new rows, [n, d], in the units, names and frame of `fit`: expected rows of codes drawn anew.

        Parameters
        ----------
        n : rows, at least 1.
        random_state : seed of the draws.
        label : a class, or one for each row, [n]: then rows are drawn of it. `fit` or `fit_density` must have been
            given labels.

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
        check_is_fitted(self)
        _check_count("n", n)
        check_seed(random_state)
        place, seed = self._places_of(label, int(n)), seed_of(random_state)
        given = None if place is None else jnp.asarray(place)
        drawn: Any = self.model_.neck.sample(jax.random.key(seed), int(n), given)
        generator = np.random.Generator(np.random.Philox(seed))
        if drawn is None:
            density = self._density_due()
            if place is not None and not np.isin(place, density.owner).all():
                raise InvalidPart(_NO_LABELS)
            drawn = density.draw(generator, int(n), place)
        beside = [self._density_due().conditions(generator, int(n))] if self._skeleton.condition else []
        return self._decoded(np.concatenate([np.asarray(drawn, np.float64), *beside], axis=1))

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
        check_is_fitted(self)
        _check_count("n", n)
        require(np.ndim(scale) == 0 and 0 <= float(scale) < np.inf, "scale", "a number of at least 0", scale)
        check_seed(random_state)
        generator = np.random.Generator(np.random.Philox(seed_of(random_state)))
        codes = np.repeat(self._codes_of_rows(X), int(n), axis=0)
        spread, size = self._spread(), self._skeleton.size
        around = scale * generator.standard_normal((len(codes), len(spread))) @ spread
        codes[:, :size] += around.astype(codes.dtype)
        return self._decoded(codes)

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
        check_is_fitted(self)
        _check_count("steps", steps, least=2)
        one, other = self._codes_of_rows(a), self._codes_of_rows(b)
        if len(one) != len(other):
            raise InvalidData(f"a has {len(one)} rows and b {len(other)}: one of b for each of a is due.")
        share = np.linspace(0, 1, int(steps))[:, None]
        codes = ((1 - share) * one[:, None] + share * other[:, None]).astype(one.dtype)  # [rows, steps, size + c]
        size = self._skeleton.size
        codes[..., size:] = np.where(share < 0.5, one[:, None, size:], other[:, None, size:])
        return self._decoded(codes.reshape(-1, codes.shape[-1]))

    @on_device
    def fit_density(self, X: Any, y: Any = None) -> Self:
        """Learn the density of codes from a table, in place of that of the training rows; `save` keeps it.

        Parameters
        ----------
        X : a table, as in `transform`.
        y : a class for each row, [n]; then `sample` can be asked for rows of a class.
        """
        source = self._open(X, reset=False)
        weight, label = np.ones(source.n_rows), None
        if y is not None:
            label, self._classes = check_labels(y, source.n_rows, "fit_density")
            weight = np.where(label >= 0, weight, 0)
        chosen = _spaced(weight)
        self._sketch = Sketch(self._rows_at(source, chosen), None if label is None else label[chosen])
        self._density = None
        self._known_density()
        return self

    def _rows(self, source: Source, y: Any, sample_weight: Any) -> Rows:
        self._classes = None
        rows = super()._rows(source, y, sample_weight)
        self._given = (rows, y)
        return rows

    def _keep(self, last: Progress, job: Job, reason: str | None) -> None:
        super()._keep(last, job, reason)
        self._density, self._sketch = None, self._sketched(job)
        self._given = None

    def _sketched(self, job: Job) -> Sketch:
        """Return some of the training rows, with their classes where the targets given are such."""
        if self._given is not None and self._given[1] is not None:
            rows, y = self._given
            chosen = _spaced(rows.weight)
            label = self._classes_at(y, chosen, rows.source.n_rows)
            if label is not None:
                return Sketch(self._rows_at(rows.source, chosen), label)
        count = int(job.table.rows)
        chosen = _spaced(np.asarray(job.table.weight)[:count].astype(np.float64))
        return Sketch(np.asarray(job.table.x)[chosen], None)

    def _classes_at(self, y: Any, chosen: np.ndarray, n: int) -> np.ndarray | None:
        """Return the places of the classes of some rows, or None where the targets are no classes."""
        if self._given is not None and self._given[0].label is not None:  # parts go by them: by those of all rows
            labels, self._classes = check_labels(y, n, "fit")
            return labels[chosen]
        try:
            labels, classes = check_labels(np.asarray(y)[chosen], len(chosen), "")
        except (InvalidData, IndexError, TypeError):
            return None
        if len(classes) > MOST_CLASSES:
            return None
        self._classes = classes
        return labels

    def _rows_at(self, source: Source, chosen: np.ndarray) -> np.ndarray:
        """Return scaled rows of a table, read anew, at places in order [m] that may come several times."""
        found, start = [], 0
        for block in finite_blocks(source):
            low, high = np.searchsorted(chosen, [start, start + len(block)])
            found.append(block[chosen[low:high] - start])
            start += len(block)
        return self._scaling.apply(self._learned, np.concatenate(found)).astype(np.float32)

    def _known_density(self) -> CodeDensity | None:
        """Return the density of codes, learned now if that is still to do; None where nothing is known of them."""
        if self._sketch is not None:
            size, known = self._skeleton.size, len(self._skeleton.condition)
            density = fit_density(self._encoded(self._sketch.rows), size, self._sketch.place)
            self._density = CodeDensity.taken(density.tensors(), size, known)  # as a file would give it back
            self._sketch = None
        return self._density

    def _density_due(self) -> CodeDensity:
        density = self._known_density()
        if density is None:
            raise InvalidPart(_NO_DENSITY)
        return density

    def _encoded(self, rows: np.ndarray) -> np.ndarray:
        """Return the codes of scaled rows, as they are decoded, [n, size + c] float64."""
        encode = partial(inference.encode, jax.device_put(self._weights), as_data(self._skeleton))
        codes = np.concatenate(list(inference.blockwise(encode, iter([rows]))))
        return self._nearest(codes.astype(np.float64))

    def _nearest(self, codes: np.ndarray) -> np.ndarray:
        """Return what the neck can give that is nearest to codes [n, size + c]."""
        size = self._skeleton.size
        near = self.model_.neck.nearest(jnp.asarray(codes[:, :size], jnp.float32))
        return np.concatenate([np.asarray(near, codes.dtype), codes[:, size:]], axis=1)

    def _codes_of_rows(self, X: Any) -> np.ndarray:
        """Return the codes of a table or of one row, [n, size + c]."""
        source = self._open(_as_table(X, len(self._row.shape)), reset=False)
        return self._nearest(self._apply(inference.encode, source, self.n_components_))

    def _decoded(self, codes: np.ndarray) -> Any:
        """Return the rows of the nearest codes [n, size + c] that the neck can give."""
        return self.inverse_transform(self._nearest(codes))

    def _spread(self) -> np.ndarray:
        """Return rows G [·, size] whose product GᵀG is the covariance of codes."""
        density = self._known_density()
        if density is not None:
            return density.spread()
        drawn = self.model_.neck.sample(jax.random.key(0), MOST_ROWS)
        if drawn is None:
            raise InvalidPart(_NO_DENSITY)
        return np.asarray(drawn - jnp.mean(drawn, axis=0), np.float64) / MOST_ROWS**0.5

    def _places_of(self, label: Any, n: int) -> np.ndarray | None:
        """Return the place of the label of each row in the classes, [n]."""
        if label is None:
            return None
        if self._classes is None:
            raise InvalidPart(_NO_LABELS)
        each = np.asarray(label)
        require(each.shape in ((), (n,)), "label", f"a class, or one for each of {n} rows", short(label))
        known = self._classes.tolist()
        for one in np.unique(each).tolist():
            if one not in known:
                there = ", ".join(map(repr, known[:12])) + (", …" if len(known) > 12 else "")
                raise InvalidPart(f"no row of fit has the label {one!r}. There are: {there}.")
        return np.broadcast_to(np.array([known.index(one) for one in each.ravel().tolist()]), n)

    def __getstate__(self) -> Any:
        if self._sketch is not None:  # a copy holds the density, and no row
            self._known_density()
        return super().__getstate__() | {"_given": None}

    def _more_tensors(self) -> dict[str, np.ndarray]:
        density = self._known_density()
        tensors = {} if density is None else density.tensors()
        return super()._more_tensors() | {f"density.{name}": tensor for name, tensor in tensors.items()}

    def _most_shapes(self) -> dict[str, tuple[int, ...]]:
        own = shapes(self._skeleton.size, len(self._skeleton.condition))
        return super()._most_shapes() | {f"density.{name}": shape for name, shape in own.items()}

    def _take_tensors(self, tensors: dict[str, np.ndarray]) -> None:
        own = {name.removeprefix("density."): t for name, t in tensors.items() if name.startswith("density.")}
        if own:
            self._density = CodeDensity.taken(own, self._skeleton.size, len(self._skeleton.condition))
            places = 0 if self._classes is None else len(self._classes)
            if self._density is None or self._density.owner.max() >= places:
                raise ModelFileError("the file is damaged: what it holds of the density of codes is none.")
        super()._take_tensors({name: t for name, t in tensors.items() if not name.startswith("density.")})

    def _facts(self) -> dict[str, Any]:
        return super()._facts() | ({} if self._classes is None else {"labels": self._classes.tolist()})

    def _take_facts(self, facts: dict[str, Any]) -> None:
        labels: Any = facts.get("labels", [])
        is_list = isinstance(labels, list) and {type(each) for each in labels} in (set(), {str}, {bool}, {int}, {float})
        require(is_list and sorted(set(labels)) == labels, "labels", "classes, in order", short(labels))
        self._classes = np.array(labels) if labels else None
        super()._take_facts({name: value for name, value in facts.items() if name != "labels"})


def _spaced(weight: np.ndarray) -> np.ndarray:
    """Return places of rows, in order, at most `MOST_ROWS` and as many as count: evenly along their weights [n].

    One is drawn at random from each of equal stretches of the weight. Equal weights of few rows give each of them once.
    """
    count = min(int(np.count_nonzero(weight)), MOST_ROWS)
    ends = np.cumsum(weight)
    random = np.random.Generator(np.random.Philox(0)).random(count)
    return np.minimum(np.searchsorted(ends, (np.arange(count) + random) / count * ends[-1], "right"), len(weight) - 1)


def _as_table(X: Any, axes: int) -> Any:
    """Return a table of one row where `X` is a row: an array of so many axes, a series of a frame, a text."""
    if isinstance(X, str) and not is_path(X):
        return [X]
    if type(X).__module__.startswith("pandas") and type(X).__name__ == "Series" and X.dtype.kind in "fiub":
        return X.to_frame().T
    return X[None] if isinstance(X, np.ndarray | jax.Array) and X.ndim == axes else X


def _check_count(name: str, value: Any, least: int = 1) -> None:
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    require(is_whole and value >= least, name, f"a whole number of at least {least}", value)


_NO_LABELS = (
    "no labels are known to draw by: give fit a class for each row, fit(X, y), or a fitted model, fit_density(X, y)."
)
_NO_DENSITY = (
    "the code of this model has no prior, and its file holds no density of codes: call fit_density(X) with rows like "
    "those of its training."
)
