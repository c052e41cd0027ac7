"""What a bottleneck learns once training has ended."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from isthmus.contracts import Bottleneck
from isthmus.estimators._fitted import Fitted
from isthmus.estimators._network_parts import AutoencoderParts
from isthmus.model import inference
from isthmus.model.model import Model
from isthmus.model.ordered_code import count_units, cut_code, explained_shares


class Finish(NamedTuple):
    """The model as it is kept, and what a file holds of it besides."""

    facts: dict[str, Any]
    bottleneck: Bottleneck
    skeleton: Model
    weights: np.ndarray


def finish(parts: AutoencoderParts, fitted: Fitted, rows: np.ndarray, sketch: np.ndarray) -> Finish:
    """Return what is learned from the scaled rows of training [n, d], or from some of them."""
    bottleneck, facts = parts.bottleneck, {}
    skeleton, weights = fitted.skeleton, fitted.weights
    if bottleneck.is_sparse:
        is_active = np.zeros(fitted.n_components, bool)
        for codes in inference.blockwise(fitted.compiled(inference.encode), iter([rows])):
            is_active |= (codes != 0).any(axis=0)
        facts["dead_units"] = np.flatnonzero(~is_active).tolist()
    if bottleneck.keeps is not None:
        ratio = explained_shares(fitted.weights, skeleton, sketch)
        count = bottleneck.size if bottleneck.keeps == 1 else count_units(ratio, bottleneck.keeps)
        facts["explained_variance_ratio"] = ratio[:count].tolist()
        if count < bottleneck.size:
            part: Any = bottleneck.replace(size=count)
            short = parts.build(fitted.row, part)
            bottleneck, skeleton, weights = part, short, cut_code(skeleton, weights, short)
    return Finish(facts, bottleneck, skeleton, weights)
