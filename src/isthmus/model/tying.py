"""Tied weights: every matrix of the decoder is one of the encoder, transposed."""

from __future__ import annotations

import math
from typing import Any

import jax

from isthmus.core.parameter_specs import ParameterSpec, TransposedSpec, is_spec, parameter_specs
from isthmus.errors import InvalidPart
from isthmus.model.model import Model


def tie(model: Model) -> Model:
    """Return the model with every matrix of the decoder the transpose of its counterpart in the encoder.

    Raises
    ------
    InvalidPart
        If the decoder is not the encoder reversed, matrix by matrix.
    """
    placed = [
        (i, path, spec.shape) for i, (path, spec) in enumerate(parameter_specs(model).items()) if len(spec.shape) > 1
    ]
    own = [entry for entry in placed if not entry[1].startswith("neck.rival.")]
    down = [(i, shape) for i, path, shape in own if path.startswith(("encoder.", "neck."))]
    up = {path: shape for _, path, shape in own if path.startswith(("decoder.", "head."))}
    if [shape[::-1] for _, shape in reversed(down)] != list(up.values()):
        raise InvalidPart(
            "tied weights need a decoder that mirrors the encoder, matrix by matrix: here the way down has "
            f"{[shape for _, shape in down]} and the way up {list(up.values())}. Use tied=False."
        )
    specs = parameter_specs(model)
    paths = list(specs)
    changed: dict[str, Any] = {}
    for path, (i, shape) in zip(up, reversed(down), strict=True):
        # Used both ways, a matrix starts between the sizes that each way asks for.
        limit = math.sqrt(specs[path].limit * specs[paths[i]].limit)
        changed |= {path: TransposedSpec(i), paths[i]: ParameterSpec(shape, limit=limit, value=specs[paths[i]].value)}

    def tied(path: Any, leaf: Any) -> Any:
        return changed.get(jax.tree_util.keystr(path, simple=True, separator="."), leaf)

    return jax.tree_util.tree_map_with_path(tied, model, is_leaf=is_spec)
