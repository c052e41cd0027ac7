"""The inputs of norm 1 that excite the units of the first layer most."""

from __future__ import annotations

from typing import Any

import numpy as np

from isthmus.core.parameter_specs import parameter_specs, split_weights
from isthmus.errors import InvalidPart, require
from isthmus.estimators._reconstructor import Reconstructor


def exciting_inputs(estimator: Any) -> np.ndarray:
    """Return, for each unit of the first layer, the input of norm 1 that excites it most, [units, *row.shape].

    Of a unit a(x w + b) with a rising activation it is x_j = w_j / sqrt(Σ_j w_j²), among all inputs with ‖x‖ ≤ 1, in
    scaled units around their mean. Units whose weights are all 0 get the input 0.
    `isthmus.plots.filters` draws them.

    Parameters
    ----------
    estimator : a fitted autoencoder whose first layer is affine over the whole row.

    Raises
    ------
    InvalidPart
        If it is of another kind, as that of a convolution.

    References
    ----------
    Ng (2011), Sparse autoencoder, CS294A lecture notes, section 4.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(60, 4))
    >>> inputs = exciting_inputs(Autoencoder(2, encoder=(3,), max_epochs=2).fit(X))
    >>> inputs.shape, np.linalg.norm(inputs, axis=1).round(4).tolist()
    ((3, 4), [1.0, 1.0, 1.0])
    """
    require(isinstance(estimator, Reconstructor), "estimator", "an autoencoder", estimator)
    fitted, model = estimator.fitted_, estimator.model_
    pairs = zip(
        parameter_specs(fitted.skeleton).items(),
        split_weights(fitted.skeleton, fitted.weights),
        strict=True,
    )
    matrices = [(path, np.asarray(array)) for (path, spec), array in pairs if len(spec.shape) > 1]
    is_identity = model.encoder.is_identity
    path, first = next(pair for pair in matrices if pair[0].startswith("neck." if is_identity else "encoder."))
    if not path.endswith(".matrix") or first.ndim != 2 or len(first) != estimator.n_features_in_:
        raise InvalidPart("the first layer of this encoder is not affine over the whole row: use encoder='mlp'.")
    matrix = first.astype(np.float64).T  # [units, d]
    norm = np.linalg.norm(matrix, axis=1, keepdims=True)
    return (matrix / np.where(norm > 0, norm, 1)).reshape(-1, *fitted.row.shape)
