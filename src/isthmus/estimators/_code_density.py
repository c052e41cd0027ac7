"""A density of codes, for models whose code has no prior: a mixture of few normals, learned from codes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

COMPONENTS = (1, 2, 4, 8)  # tried in this order, as long as the Bayesian information criterion falls
MOST_AXES = 32  # in which normals may differ in shape
LEAST_SPREAD = 1e-5  # of the widest axis; narrower ones are left out
RIDGE = 1e-3  # on the variances, where those of all codes are 1: no component shrinks to a point


@dataclass(frozen=True)
class CodeDensity:
    """Normals of the shares w_k: z = mean_k + ε factor_k + ε' rest, with ε and ε' of independent standard normals.

    Each component belongs to one class, or all to none. The factors are the principal axes of the codes, times a
    triangle of their own for each component; `rest`, the axes beyond the first 32, is the same for all.
    """

    share: np.ndarray  # [k], summing to 1
    owner: np.ndarray  # [k], the place of the class of a component; -1 for no class
    mean: np.ndarray  # [k, size]
    factor: np.ndarray  # [k, axes, size]
    rest: np.ndarray  # [more axes, size]
    condition: np.ndarray  # [kinds, c + 1], the columns known beside a code as they come, and their shares

    def draw(self, generator: np.random.Generator, n: int, place: np.ndarray | None = None) -> np.ndarray:
        """Return `n` codes [n, size]; with `place` [n], each from the components of that class."""
        if place is None:
            chosen = generator.choice(len(self.share), n, p=self.share)
        else:
            chosen = np.empty(n, np.intp)
            for owner in np.unique(place):
                weight = np.where(self.owner == owner, self.share, 0)
                is_of_class = place == owner
                chosen[is_of_class] = generator.choice(len(weight), is_of_class.sum(), p=weight / weight.sum())
        noise = generator.standard_normal((n, self.factor.shape[1]))
        own = np.empty((n, self.mean.shape[1]))
        for component in np.unique(chosen):
            own[chosen == component] = noise[chosen == component] @ self.factor[component]
        return self.mean[chosen] + own + generator.standard_normal((n, len(self.rest))) @ self.rest

    def conditions(self, generator: np.random.Generator, n: int) -> np.ndarray:
        """Return `n` draws of the columns known beside a code, [n, c], whatever the code."""
        if not self.condition.shape[1]:
            return np.empty((n, 0))
        return self.condition[generator.choice(len(self.condition), n, p=self.condition[:, -1]), :-1]

    def spread(self) -> np.ndarray:
        """Return rows G [·, size] whose product GᵀG is the covariance of the whole mixture."""
        root = np.sqrt(self.share)
        around = root[:, None] * (self.mean - self.share @ self.mean)
        within = (root[:, None, None] * self.factor).reshape(-1, self.mean.shape[1])
        return np.concatenate([around, within, self.rest])

    def tensors(self) -> dict[str, np.ndarray]:
        """Return the arrays by name, float32, those that are not empty."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: array.astype(np.float32) for name, array in arrays.items() if array.size}

    @classmethod
    def from_tensors(cls, tensors: dict[str, np.ndarray], size: int, known: int) -> Self | None:
        """Return the density of arrays from a file, or None where they do not make one."""
        arrays = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
        if not {"share", "owner", "mean", "factor"} <= set(arrays) or (known and "condition" not in arrays):
            return None
        share, owner, condition = arrays["share"], arrays["owner"], arrays.get("condition", np.empty((0, 0)))
        counts = {len(arrays[name]) for name in ("share", "owner", "mean", "factor")}
        shares = [share, condition[:, -1]] if known else [share]
        is_sound = len(counts) == 1 and all((share >= 0).all() and abs(share.sum() - 1) < 1e-3 for share in shares)
        if not is_sound or (owner % 1 != 0).any() or (owner < -1).any():
            return None
        rest = arrays.get("rest", np.empty((0, size)))
        condition[:, -1:] /= max(condition[:, -1:].sum(), 1e-9)
        return cls(share / share.sum(), owner, arrays["mean"], arrays["factor"], rest, condition)


def density_shapes(size: int, known: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the arrays for codes of `size`, followed by `known` columns; first axes may be shorter."""
    most = 2**31
    shapes: dict[str, tuple[int, ...]] = {"share": (most,), "owner": (most,), "mean": (most, size)}
    shapes |= {"factor": (most, min(size, MOST_AXES), size), "rest": (most, size)}
    return shapes | ({"condition": (most, known + 1)} if known else {})


def fit_density(codes: np.ndarray, size: int, place: np.ndarray | None) -> CodeDensity:
    """Return the density of `codes` [n, size + c], the last columns known beside a code; by class [n] where given.

    For each class the number of components, 1, 2, 4 or 8, is chosen by the Bayesian information criterion; a row
    whose class is -1 counts for none.
    """
    if place is not None:
        codes, place = codes[place >= 0], place[place >= 0]
    codes, condition = codes[:, :size].astype(np.float64), _count_kinds(codes[:, size:].astype(np.float64))
    center = codes.mean(axis=0)
    _, deviation, axes = np.linalg.svd(codes - center, full_matrices=False)
    deviation /= np.sqrt(len(codes))
    is_wide = deviation > LEAST_SPREAD * max(deviation[0], np.finfo(float).tiny)
    basis = deviation[is_wide, None] * axes[is_wide]  # [axes, size]
    first = basis[: min(size, MOST_AXES)]
    along = (codes - center) @ (first / np.square(first).sum(axis=1, keepdims=True)).T  # [n, axes], variances 1
    groups = {-1: along} if place is None else {int(owner): along[place == owner] for owner in np.unique(place)}
    pieces: dict[str, list[Any]] = {"share": [], "owner": [], "mean": [], "factor": []}
    total = sum(map(len, groups.values()))
    for owner, rows in groups.items():
        share, mean, triangle = _fit_mixture(rows)
        pieces["share"] += [share * len(rows) / total]
        pieces["owner"] += [np.full(len(share), owner)]
        pieces["mean"] += [center + mean @ first]
        missing = min(size, MOST_AXES) - len(first)
        pieces["factor"] += [np.pad(triangle @ first, ((0, 0), (0, missing), (0, 0)))]
    parts = {name: np.concatenate(arrays) for name, arrays in pieces.items()}
    return CodeDensity(**parts, rest=basis[len(first) :], condition=condition)


def _fit_mixture(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return shares [k], means [k, axes] and triangles [k, axes, axes] of the normals of rows [n, axes]."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture  # it takes a while to import, and few need it

    n, axes = rows.shape
    if n < 2 or not axes:
        return np.ones(1), rows.mean(axis=0, keepdims=True), np.zeros((1, axes, axes))
    best, lowest = None, np.inf
    for count in COMPONENTS:
        if count > 1 and n < 2 * count * (axes + 1):
            break
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            mixture = GaussianMixture(count, reg_covar=RIDGE, random_state=0).fit(rows)
        criterion = mixture.bic(rows)
        if criterion >= lowest:
            break
        best, lowest = mixture, criterion
    assert best is not None  # noqa: S101 -- one component can always be fitted
    return best.weights_, best.means_, np.linalg.cholesky(best.covariances_).transpose(0, 2, 1)


def _count_kinds(condition: np.ndarray) -> np.ndarray:
    """Return the rows that differ, each followed by its share."""
    if not condition.shape[1]:
        return np.empty((0, 0))
    kinds, count = np.unique(condition, axis=0, return_counts=True)
    return np.column_stack([kinds, count / count.sum()])
