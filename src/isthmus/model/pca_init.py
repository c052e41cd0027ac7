"""A start near principal components: the last layers of encoder and decoder are solved for, not drawn."""

from __future__ import annotations

import numpy as np
from jaxtyping import Array

from isthmus.contracts import Likelihood
from isthmus.core.parameter_specs import as_data, assemble, draw_weights, parameter_specs, split_weights
from isthmus.core.programs import compiled
from isthmus.errors import InvalidPart
from isthmus.model.model import Model, append_condition

RIDGE = 1e-6  # of the mean square of a feature
MOST_ROWS = 5000

NO_PLACE = "init='pca' needs an affine layer into the code and one out to the row, not tied to another. Use init=None."


def pca_weights(model: Model, x: np.ndarray, weight: np.ndarray, likelihood: Likelihood, seed: int) -> np.ndarray:
    """Return weights [weights] whose code is near the principal components of `x` [n, d], and whose output near `x`.

    Rows count by their `weight` [n].

    All layers are drawn but two: that from the encoder's end to the code, and that from the decoder's end to the
    row. These two solve a ridge regression, on the scores of the components and on the row. A network of no other
    layer starts at PCA itself.

    Raises
    ------
    InvalidPart
        If the code is larger than the row, or one of the two layers is not affine.
    """
    weights = draw_weights(model, seed)
    if model.size > min(x.shape):
        raise InvalidPart(f"init='pca' needs a code of at most {min(x.shape)} numbers. It has {model.size}.")
    places = _places(model)
    random = np.random.Generator(np.random.Philox(seed))
    chosen = slice(None) if len(x) <= MOST_ROWS else random.permutation(len(x))[:MOST_ROWS]
    rows, weight = x[chosen], weight[chosen].astype(np.float64)
    centered = rows - np.average(rows, axis=0, weights=weight)
    scores = centered @ _components(np.sqrt(weight)[:, None] * centered, model.size)
    hidden = np.asarray(_hidden(weights, as_data(model), rows))
    _put(model, weights, places[0], _regression(hidden, scores, weight))
    features = np.asarray(_features(weights, as_data(model), rows))
    _put(model, weights, places[1], _regression(features, likelihood.link(rows), weight))
    return weights


@compiled
def _hidden(weights: Array, model: Model, x: Array) -> Array:
    """Return what the encoder gives for rows, [n, width]."""
    return assemble(model, weights).encoder(x, None)


@compiled
def _features(weights: Array, model: Model, x: Array) -> Array:
    """Return what the decoder gives for rows, [n, width]."""
    network = assemble(model, weights)
    code = network.encode(x)
    return network.explanation[0](append_condition(code.draws, code.condition), None)


def _places(model: Model) -> list[str]:
    """Return the paths of the affine layers that end encoder and decoder."""
    paths = list(parameter_specs(model))
    matrices = [
        next((path for path in paths if path.startswith(f"{end}.") and path.endswith(".matrix")), "")
        for end in ("neck", "head")
    ]
    if not all(matrices):
        raise InvalidPart(NO_PLACE)
    return [path.removesuffix(".matrix") for path in matrices]


def _components(centered: np.ndarray, size: int) -> np.ndarray:
    """Return the first principal components, [d, size]."""
    return np.linalg.svd(centered, full_matrices=False)[2][:size].T


def _regression(features: np.ndarray, target: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrix and the bias of the ridge regression of `target` [n, t] on `features` [n, f]."""
    features, target = features.astype(np.float64), target.astype(np.float64)
    mean, aim = (np.average(rows, axis=0, weights=weight) for rows in (features, target))
    centered = features - mean
    gram = centered.T @ (weight[:, None] * centered)
    ridge = RIDGE * max(np.trace(gram) / len(gram), 1e-12)
    matrix = np.linalg.solve(gram + ridge * np.eye(len(gram)), centered.T @ (weight[:, None] * (target - aim)))
    return matrix, aim - mean @ matrix


def _put(model: Model, weights: np.ndarray, place: str, layer: tuple[np.ndarray, np.ndarray]) -> None:
    """Write a layer into the flat vector of weights, in place."""
    for (path, spec), view in zip(parameter_specs(model).items(), split_weights(model, weights), strict=True):
        if path == f"{place}.matrix":
            if spec.size != layer[0].size:  # one layer for every step of a sequence, as
                raise InvalidPart(NO_PLACE)
            view[...] = layer[0].reshape(spec.shape)
        elif path == f"{place}.bias":
            view[...] = layer[1]
