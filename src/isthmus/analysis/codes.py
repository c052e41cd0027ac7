"""Codes of two numbers beside what PCA, t-SNE and UMAP make of the same rows."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from isthmus.contracts import Row, Scaling
from isthmus.core.constraints import Seed, Whole
from isthmus.core.memory import require_memory
from isthmus.core.spelling import resolve
from isthmus.data.reader import TableOptions
from isthmus.data.rows import Rows
from isthmus.data.validation import check_labels, check_weight
from isthmus.errors import InvalidData, MissingExtra, require
from isthmus.estimators._encoder import Encoder, learn_reader
from isthmus.estimators._seeds import seed_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDS = 5  # of the cross-validation


@dataclass(frozen=True, eq=False)
class CodeComparison:
    """The result of `compare_codes`; printed, it is its scores."""

    scores: pd.DataFrame
    """A row for each code and method: `trustworthiness` and, with labels, `neighbor_accuracy`."""
    codes: Mapping[str, np.ndarray] = field(repr=False)
    """The points of each, [m, 2]."""
    labels: np.ndarray | None = field(repr=False)
    """The label of each point, [m], None for a row without one."""
    rows: np.ndarray = field(repr=False)
    """The places in the table of the rows that are compared, [m]."""

    def __str__(self) -> str:
        return self.scores.to_string(float_format="{:.3f}".format)

    def plot(self, title: str = "") -> Figure:
        """Return a figure: a panel for each code and method, coloured by label, its scores above it.

        Raises
        ------
        MissingExtra
            If matplotlib is not installed.
        """
        plots = importlib.import_module("isthmus.plots")  # an optional package: nothing here needs it
        scored = self.scores.rename(columns=lambda name: name.replace("_", " ")).to_dict("index")
        captions = {
            name: ", ".join(f"{score} {value:.3f}" for score, value in row.items()) for name, row in scored.items()
        }
        figure: Figure = plots.code_panels(self.codes, self.labels, captions, title)
        return figure


def compare_codes(
    codes: Any,
    X: Any,
    y: Any = None,
    *,
    methods: Sequence[str] | None = None,
    rows: int = 2000,
    neighbors: int = 10,
    random_state: Any = 0,
) -> CodeComparison:
    """Compare codes of two numbers with the same rows in the plane by PCA, t-SNE and UMAP.

    *Trustworthiness* says how far the nearest points in the plane are near rows,

        1 − 2 / (m k (2 m − 3 k − 1)) Σ_i Σ_{j ∈ U_i} (r(i, j) − k),

    where U_i are those of the k nearest points of i that are not among the k nearest rows, and r(i, j) the rank of row
    j by its distance to row i: 1 is best. *Neighbor accuracy* is that of k-nearest-neighbor classification of the
    labels in the plane, by cross-validation in 5 folds.

    Parameters
    ----------
    codes : a fitted network with a code of two numbers; or codes [n, 2] of the rows of `X`; or several of these by
        name, `{"variational": vae, "mine": points}`.
    X : a table. Rows are as the first network sees them, without a network standardised; a category is one-hot, a
        missing number the mean of its column.
    y : classes [n], or None; a row without one, as in `fit`, does not count in the accuracy.
    methods : some of `"pca"`, `"tsne"` and `"umap"`, scikit-learn's and umap-learn's with their default settings; None
        takes the first two, and UMAP where it is installed.
    rows : at most so many, drawn from the table, at least 3.
    neighbors : k, at least 1 and less than half of the rows.
    random_state : seed of the draw of rows, of folds and of the methods.

    Raises
    ------
    InvalidPart
        If a parameter is not allowed.
    InvalidData
        If the table cannot be used, or codes are not of two numbers or not of its rows.
    MissingExtra
        If UMAP is asked for and not installed.

    References
    ----------
    Venna and Kaski (2001), Neighborhood preservation in nonlinear projection methods.
    van der Maaten and Hinton (2008), Visualizing data using t-SNE.
    McInnes, Healy and Melville (2018), UMAP: uniform manifold approximation and projection.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> compare_codes(X[:, :2], X, X[:, 0] > 0, methods=["pca"], neighbors=5).scores.index.tolist()
    ['codes', 'PCA']
    """
    Whole(3).check("rows", rows)
    Whole(1).check("neighbors", neighbors)
    Seed().check("random_state", random_state)
    chosen = _choose_methods(methods)
    given = dict(codes) if isinstance(codes, Mapping) else {"codes": codes}
    require(len(given) > 0, "codes", "a fitted network, codes [n, 2], or such by name", codes)
    names = {str(name) for name in given} & {METHODS[method][0] for method in chosen}
    require(not names, "codes", "names other than those of the methods", ", ".join(sorted(names)))
    row, scaled = _read_rows(next((code for code in given.values() if isinstance(code, Encoder)), None), X)
    generator, seed = np.random.Generator(np.random.Philox(seed_of(random_state))), seed_of(random_state)
    places = np.sort(generator.choice(len(scaled), min(rows, len(scaled)), replace=False))
    if len(places) <= 2 * neighbors:
        raise InvalidData(f"expected more than {2 * neighbors} rows for {neighbors} neighbors; got {len(places)}.")
    points = {str(name): _points(name, code, X, len(scaled))[places] for name, code in given.items()}
    x = _as_numbers(row, scaled[places])
    for method in chosen:
        points[METHODS[method][0]] = METHODS[method][1](x, seed)
    labels, known = _labels(y, len(scaled), places)
    return CodeComparison(_scores(x, points, labels, known, neighbors, seed), points, labels, places)


def _choose_methods(methods: Sequence[str] | None) -> list[str]:
    if methods is None:
        return [name for name in METHODS if name != "umap" or importlib.util.find_spec("umap") is not None]
    listed: list[Any] = list(methods) if isinstance(methods, list | tuple) else [methods]
    unknown = next((name for name in listed if name not in METHODS), None)
    require(unknown is None, "methods", f"a list of some of {', '.join(METHODS)}", unknown)
    return list(dict.fromkeys(listed))


def _pca(x: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.decomposition import PCA

    points: np.ndarray = PCA(2, random_state=seed).fit_transform(x)
    return points


def _tsne(x: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE

    points: np.ndarray = TSNE(perplexity=min(30, (len(x) - 1) / 3), random_state=seed).fit_transform(x)
    return points


def _umap(x: np.ndarray, seed: int) -> np.ndarray:
    try:
        umap = importlib.import_module("umap")
    except ImportError as error:
        raise MissingExtra("UMAP needs umap-learn: pip install umap-learn") from error
    points: np.ndarray = umap.UMAP(n_neighbors=min(15, len(x) - 1), n_jobs=1, random_state=seed).fit_transform(x)
    return points


METHODS: dict[str, tuple[str, Callable[[np.ndarray, int], np.ndarray]]] = {
    "pca": ("PCA", _pca),
    "tsne": ("t-SNE", _tsne),
    "umap": ("UMAP", _umap),
}
"""The methods by name: how each is shown, and from rows [m, d] and a seed its points [m, 2]."""


def _read_rows(network: Encoder | None, X: Any) -> tuple[Row, np.ndarray]:
    """Return what a row is, and the scaled rows of a table [n, d], as a network sees them or standardised."""
    if network is not None:
        return network.fitted_.row, network.scaled_rows(X)
    reader, source = learn_reader(X, TableOptions(default_text="tfidf"))
    every_row = Rows(source, check_weight(None, source.n_rows))
    reader = reader.fit_scaling(resolve(Scaling, "standard"), every_row, source.dtype)
    return reader.row, np.concatenate(list(reader.scale(source)))


def _as_numbers(row: Row, x: np.ndarray) -> np.ndarray:
    """Return scaled rows [m, d] as numbers [m, width]: categories one-hot, a missing number the mean of its column."""
    x = x.reshape(len(x), -1)
    counts = row.categories or (0,) * x.shape[1]
    width = sum(count or 1 for count in counts)
    require_memory(8 * len(x) * width, f"comparing {len(x):,} rows of {width:,} numbers", "Ask for fewer rows.")
    pieces = []
    for column, count in zip(x.T.astype(np.float64), counts, strict=True):
        if count:
            pieces.append((column[:, None] == np.arange(count)).astype(np.float64))
        else:
            is_there = ~np.isnan(column)
            pieces.append(np.where(is_there, column, column[is_there].mean() if is_there.any() else 0)[:, None])
    return np.concatenate(pieces, axis=1)


def _points(name: Any, code: Any, X: Any, n: int) -> np.ndarray:
    """Return codes as an array [n, 2]."""
    points = np.asarray(code.transform(X) if isinstance(code, Encoder) else code, np.float64)
    if points.shape != (n, 2):
        raise InvalidData(
            f"expected {name} of 2 numbers for each of {n} rows, [{n}, 2]; got shape {points.shape}. Train with a "
            "bottleneck of 2, or pass two columns of the codes."
        )
    if not np.isfinite(points).all():
        raise InvalidData(
            f"expected finite codes; {name} holds NaN or inf in row {np.argwhere(~np.isfinite(points))[0][0]}."
        )
    return points


def _labels(y: Any, n: int, places: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the labels at places [m], None for a row without one, and where there is one, [m]."""
    if y is None:
        return None, np.zeros(len(places), bool)
    place, classes = check_labels(y, n, "compare_codes")
    place = place[places]
    labels = np.asarray(classes).astype(object)[place]
    labels[place < 0] = None
    return labels, place >= 0


def _scores(
    x: np.ndarray,
    points: Mapping[str, np.ndarray],
    labels: np.ndarray | None,
    known: np.ndarray,
    neighbors: int,
    seed: int,
) -> pd.DataFrame:
    from sklearn.manifold import trustworthiness
    from sklearn.model_selection import KFold, cross_val_score
    from sklearn.neighbors import KNeighborsClassifier

    scores: dict[str, Any] = {
        "trustworthiness": [float(trustworthiness(x, placed, n_neighbors=neighbors)) for placed in points.values()]
    }
    if labels is not None:
        count = int(known.sum())
        if count * (FOLDS - 1) // FOLDS < neighbors:
            raise InvalidData(f"expected a label for more than {neighbors * 5 // 4} rows; got {count}.")
        classes = np.unique(labels[known].astype(str), return_inverse=True)[1]
        folds = KFold(FOLDS, shuffle=True, random_state=seed)
        scores["neighbor_accuracy"] = [
            float(cross_val_score(KNeighborsClassifier(neighbors), placed[known], classes, cv=folds).mean())
            for placed in points.values()
        ]
    return pd.DataFrame(scores, index=pd.Index(list(points), name="code"))
