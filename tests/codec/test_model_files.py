"""A file may claim anything of a codec: what cannot be is refused before memory is taken, in one sentence."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isthmus
from isthmus import Codec, ModelFileError
from isthmus.storage import container
from isthmus.storage.state import named_state

State = tuple[dict[str, Any], dict[str, np.ndarray]]


def change(*path: Any, to: Any) -> Callable[[State], None]:
    """Return what sets a value of the header."""

    def apply(state: State) -> None:
        inner: Any = state[0]
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = to

    return apply


def fill(name: str, value: float) -> Callable[[State], None]:
    """Return what sets all of a tensor."""

    def apply(state: State) -> None:
        state[1][name] = np.full_like(state[1][name], value)

    return apply


CHANGES = {
    "no hidden unit": change("hidden", to=0),
    "a million hidden units": change("hidden", to=10**6),
    "no columns": change("columns", to=[]),
    "a column that is a number": change("columns", 0, to=3),
    "a range that is none": change("columns", 0, "low", to=10**6),
    "more bins than may be": change("columns", 0, "bins", to=10**9),
    "no bin": change("columns", 0, "bins", to=0),
    "levels below none": change("columns", 0, "levels", to=-1),
    "an unknown quantiser": change("columns", 0, "quantiser", to="Quantum"),
    "words of numbers": change("columns", 0, "quantiser", to="words"),
    "settings that it has not": change("columns", 0, "settings", to={"step": 1.0}),
    "a history that is a text": change("history", to="yes"),
    "a form that is none": change("form", to={}),
    "a schema that is none": change("form", "schema", to="AAAA"),
    "an array of texts": change("form", "dtype", to="O"),
    "a kind that is none": change("form", "kind", to="pickle"),
    "parameters that are none": change("parameters", "hidden", to=-1),
    "edges that do not increase": fill("edges.0", 4),
    "contexts that do not increase": fill("contexts.0", 4),
    "shifts that are too large": fill("network.shifts", 99),
    "biases that are too large": fill("network.hidden_bias", 2**30),
    "outputs that are too large": fill("network.output_bias", 2**30),
    "texts of no length": fill("lengths.1", -1),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_cannot_be_is_refused(kept: Codec, tmp_path: Path, name: str) -> None:
    state = named_state(kept)
    json, tensors = copy.deepcopy(state.json), dict(state.tensors)
    CHANGES[name]((json, tensors))
    container.write(tmp_path / "forged.safetensors", {"kind": "model", "version": "0.1.0"} | json, tensors)
    with pytest.raises(ModelFileError) as caught:
        isthmus.load(tmp_path / "forged.safetensors")
    assert "\n" not in str(caught.value)
