"""The mean, spread, use and KL of each unit of a code over rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array

from isthmus.core.parameter_specs import assemble
from isthmus.errors import InvalidData
from isthmus.estimators._device import on_device
from isthmus.model.inference import by_rows
from isthmus.model.model import Model

if TYPE_CHECKING:
    from isthmus.estimators._reconstructor import Reconstructor

LEAST_VARIANCE = 0.01  # of a posterior mean over rows, below which its unit has collapsed onto the prior
ROUNDING = 1e-6  # a smaller deviation, as a share of the mean, is rounding


@on_device
def diagnose_code(estimator: Reconstructor, X: Any) -> pd.DataFrame:
    fitted, source = estimator.fitted_, estimator.open_rows(X)
    if source.n_rows < 2:
        raise InvalidData("diagnose compares rows: expected at least 2; got 1.")
    size = fitted.skeleton.size  # columns known beside a code are no units of it
    sketch = np.zeros((1, source.row.size), np.float32)
    width = jax.eval_shape(_point_and_kl, fitted.weights, fitted.skeleton, sketch).shape[1]
    units = fitted.apply(_point_and_kl, source, width).astype(np.float64)
    point = units[:, :size]
    frame = pd.DataFrame(
        {"mean": point.mean(axis=0), "deviation": point.std(axis=0), "active": (point != 0).mean(axis=0)},
        index=pd.Index(estimator.get_feature_names_out()[:size], name="unit"),
    )
    if width > size:
        frame["kl"] = units[:, size:].mean(axis=0)
    frame["verdict"] = _verdicts(frame)
    return frame


@by_rows(1)
def _point_and_kl(weights: Array, model: Model, x: Array) -> Array:
    """Return the point code of `x` [n, d] and, where it is a distribution, its KL by unit: [n, size or 2 · size]."""
    network = assemble(model, weights)
    code = network.encode(x)
    return code.point if code.posterior is None else jnp.concatenate([code.point, code.posterior.kl()], axis=1)


def _verdicts(frame: pd.DataFrame) -> np.ndarray:
    is_dead = frame["active"] == 0
    is_collapsed = (frame["deviation"] ** 2 < LEAST_VARIANCE) & ("kl" in frame)
    is_constant = frame["deviation"] <= ROUNDING * frame["mean"].abs()
    return np.select([is_collapsed, is_dead, is_constant], ["collapsed", "dead", "constant"], "")
