"""Codes of new rows: drawn from the prior of a bottleneck, else from a density learned from the codes of some rows."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np

from isthmus.core.coercion import short
from isthmus.data.reader import Reader
from isthmus.data.rows import Rows, finite_blocks
from isthmus.data.source import Source
from isthmus.data.validation import check_labels
from isthmus.errors import InvalidData, InvalidPart, ModelFileError, require
from isthmus.estimators._code_density import CodeDensity, density_shapes, fit_density
from isthmus.estimators._fitted import Fitted, shorter_shapes
from isthmus.model import inference
from isthmus.storage.container import Opened
from isthmus.storage.state import Shapes, State
from isthmus.training.epoch import Job

MOST_ROWS = 2048  # that a density of codes is learned from
DRAWS = 4  # of the code of each of them, where codes are random
MOST_CLASSES = 100  # a target of more values is not one of classes


class Sketch(NamedTuple):
    """Training rows, scaled, that a density of codes is learned from once it is asked for."""

    rows: np.ndarray  # [m, d] float32
    place: np.ndarray | None  # [m], of the class of each row in the classes, -1 for none


class CodeSampler:
    """Where the codes of new rows come from.

    Codes are drawn from the prior of the bottleneck where it has one, else from a mixture of few normals (Ghosh et
    al. 2020, From variational to deterministic autoencoders). That is learned from the codes of at most 2,048 training
    rows, from draws of them where codes are random, at the first call that needs it, or when the model is saved or
    copied: the file holds the mixture, and no row.
    """

    def __init__(
        self, sketch: Sketch | None, classes: np.ndarray | None = None, density: CodeDensity | None = None
    ) -> None:
        self.classes = classes  # of the labels that codes may be drawn by
        self.sketch = sketch
        self._density = density

    def density(self, fitted: Fitted) -> CodeDensity | None:
        """Return the density of codes, learned now if that is still to do; None where nothing is known of them."""
        if self.sketch is not None:
            size, known = fitted.skeleton.size, len(fitted.skeleton.condition)
            codes, place = _codes_of(fitted, self.sketch)
            learned = fit_density(codes, size, place)
            self._density = CodeDensity.from_tensors(learned.tensors(), size, known)  # as a file would give it back
            self.sketch = None
        return self._density

    def draw(self, fitted: Fitted, n: int, seed: int, place: np.ndarray | None) -> np.ndarray:
        """Return `n` codes [n, size + c]; with the places of classes [n], each from what belongs to its class."""
        given = None if place is None else jnp.asarray(place)
        drawn: Any = fitted.model.neck.sample(jax.random.key(seed), n, given)
        generator = np.random.Generator(np.random.Philox(seed))
        if drawn is None:
            density = self._require_density(fitted)
            if place is not None and not np.isin(place, density.owner).all():
                raise InvalidPart(_NO_LABELS)
            drawn = density.draw(generator, n, place)
        beside = [self._require_density(fitted).conditions(generator, n)] if fitted.skeleton.condition else []
        return np.concatenate([np.asarray(drawn, np.float64), *beside], axis=1)

    def spread(self, fitted: Fitted) -> np.ndarray:
        """Return rows G [·, size] whose product GᵀG is the covariance of codes."""
        density = self.density(fitted)
        if density is not None:
            return density.spread()
        drawn = fitted.model.neck.sample(jax.random.key(0), MOST_ROWS)
        if drawn is None:
            raise InvalidPart(_NO_DENSITY)
        return np.asarray(drawn - jnp.mean(drawn, axis=0), np.float64) / MOST_ROWS**0.5

    def places_of(self, label: Any, n: int) -> np.ndarray | None:
        """Return the place of the label of each row in the classes, [n]."""
        if label is None:
            return None
        if self.classes is None:
            raise InvalidPart(_NO_LABELS)
        labels = np.asarray(label)
        require(labels.shape in ((), (n,)), "label", f"a class, or one for each of {n} rows", short(label))
        known = self.classes.tolist()
        for value in np.unique(labels).tolist():
            if value not in known:
                there = ", ".join(map(repr, known[:12])) + (", …" if len(known) > 12 else "")
                raise InvalidPart(f"no row of fit has the label {value!r}. There are: {there}.")
        return np.broadcast_to(np.array([known.index(value) for value in labels.ravel().tolist()]), n)

    def _require_density(self, fitted: Fitted) -> CodeDensity:
        density = self.density(fitted)
        if density is None:
            raise InvalidPart(_NO_DENSITY)
        return density

    def facts(self) -> dict[str, Any]:
        """Return what a model file holds of it beside tensors, as JSON."""
        return {} if self.classes is None else {"labels": self.classes.tolist()}

    def to_state(self, fitted: Fitted) -> State:
        """Return what a model file holds of it, but the facts."""
        density = self.density(fitted)
        tensors = {} if density is None else density.tensors()
        return State({}, {f"density.{name}": tensor for name, tensor in tensors.items()})

    @classmethod
    def tensor_shapes(cls, stored: Opened, size: int, known: int) -> Shapes:
        """Return the types and shapes of the tensors that a file holds of it."""
        return shorter_shapes(stored, {f"density.{name}": shape for name, shape in density_shapes(size, known).items()})

    @classmethod
    def from_state(cls, facts: dict[str, Any], tensors: dict[str, np.ndarray], size: int, known: int) -> Self:
        """Return the sampler of a file, for codes of a size, followed by so many columns.

        Raises
        ------
        InvalidPart, ModelFileError
            If it does not describe one.
        """
        labels: Any = facts.get("labels", [])
        is_list = isinstance(labels, list) and {type(label) for label in labels} in (
            set(),
            {str},
            {bool},
            {int},
            {float},
        )
        require(is_list and sorted(set(labels)) == labels, "labels", "classes, in order", short(labels))
        own = {name.removeprefix("density."): t for name, t in tensors.items() if name.startswith("density.")}
        density = CodeDensity.from_tensors(own, size, known) if own else None
        if own and (density is None or density.owner.max() >= len(labels)):
            raise ModelFileError("the file is damaged: its density of codes is not one that a fit leaves.")
        return cls(None, np.array(labels) if labels else None, density)


def encode_rows(fitted: Fitted, rows: np.ndarray) -> np.ndarray:
    """Return the codes of scaled rows, as they are decoded, [n, size + c] float64."""
    codes = np.concatenate(list(inference.blockwise(fitted.bind(inference.encode), iter([rows]))))
    return nearest_codes(fitted, codes.astype(np.float64))


def _codes_of(fitted: Fitted, sketch: Sketch) -> tuple[np.ndarray, np.ndarray | None]:
    """Return what a density of codes is learned from, [n, size + c], and the place of the class of each, [n].

    Of codes that are random and have no prior it is several draws for each row: points vary less than what the decoder
    is given in training.
    """
    neck, key = fitted.model.neck, jax.random.key(0)
    if not neck.is_random or neck.sample(key, 1) is not None:
        return encode_rows(fitted, sketch.rows), sketch.place
    encode, rows = fitted.bind(inference.encode_with_noise), np.concatenate([sketch.rows] * DRAWS)
    codes = np.concatenate(list(inference.blockwise_with_noise(encode, iter([rows]), key))).astype(np.float64)
    return codes, None if sketch.place is None else np.tile(sketch.place, DRAWS)


def nearest_codes(fitted: Fitted, codes: np.ndarray) -> np.ndarray:
    """Return what the neck can give that is nearest to codes [n, size + c]."""
    size = fitted.skeleton.size
    near = fitted.model.neck.nearest(jnp.asarray(codes[:, :size], jnp.float32))
    return np.concatenate([np.asarray(near, codes.dtype), codes[:, size:]], axis=1)


def sampler_of_training(rows: Rows, y: Any, job: Job, reader: Reader) -> CodeSampler:
    """Return the sampler of a fit: some of its rows, with their classes where the targets are classes."""
    if y is not None:
        chosen = spaced_rows(rows.weight)
        label, classes = _classes_at(rows, y, chosen)
        if label is not None:
            return CodeSampler(Sketch(rows_at(reader, rows.source, chosen), label), classes)
    count = int(job.table.rows)
    chosen = spaced_rows(np.asarray(job.table.weight)[:count].astype(np.float64))
    return CodeSampler(Sketch(np.asarray(job.table.x)[chosen], None))


def sampler_of_rows(source: Source, y: Any, reader: Reader) -> CodeSampler:
    """Return a sampler that learns from the rows of a table, and their classes where they are given."""
    weight, label, classes = np.ones(source.n_rows), None, None
    if y is not None:
        label, classes = check_labels(y, source.n_rows, "fit_density")
        weight = np.where(label >= 0, weight, 0)
    chosen = spaced_rows(weight)
    return CodeSampler(Sketch(rows_at(reader, source, chosen), None if label is None else label[chosen]), classes)


def _classes_at(rows: Rows, y: Any, chosen: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return the places of the classes of some rows and the classes, or None where the targets are not classes."""
    if rows.label is not None:  # parts go by them: by those of all rows
        labels, classes = check_labels(y, rows.source.n_rows, "fit")
        return labels[chosen], classes
    try:
        labels, classes = check_labels(np.asanyarray(y)[chosen], len(chosen), "")
    except (InvalidData, IndexError, TypeError):
        return None, None
    return (labels, classes) if len(classes) <= MOST_CLASSES else (None, None)


def rows_at(reader: Reader, source: Source, chosen: np.ndarray) -> np.ndarray:
    """Return scaled rows of a table, read again, at places in order [m] that may come several times."""
    pieces, start = [], 0
    for block in finite_blocks(source):
        low, high = np.searchsorted(chosen, [start, start + len(block)])
        pieces.append(block[chosen[low:high] - start])
        start += len(block)
    return reader.fitted_scaling.apply(reader.learned, np.concatenate(pieces)).astype(np.float32)


def spaced_rows(weight: np.ndarray) -> np.ndarray:
    """Return places of rows, in order, at most `MOST_ROWS` and as many as count: evenly along their weights [n].

    One is drawn at random from each of equal stretches of the weight. Equal weights of few rows give each of them once.
    """
    count = min(int(np.count_nonzero(weight)), MOST_ROWS)
    ends = np.cumsum(weight)
    random = np.random.Generator(np.random.Philox(0)).random(count)
    return np.minimum(np.searchsorted(ends, (np.arange(count) + random) / count * ends[-1], "right"), len(weight) - 1)


_NO_LABELS = (
    "no labels are known to draw by: give fit a class for each row, fit(X, y), or a fitted model, fit_density(X, y)."
)
_NO_DENSITY = (
    "the code of this model has no prior, and its file holds no density of codes: call fit_density(X) with rows like "
    "those of its training."
)
