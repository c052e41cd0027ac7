"""The fitted state of a network: one frozen object, assigned when all has gone well, and saved as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import numpy as np

from isthmus.contracts import Row
from isthmus.core.coercion import short
from isthmus.core.effort import Suited
from isthmus.core.memory import named_shortage
from isthmus.core.parameter_specs import as_data, assemble, parameter_specs
from isthmus.core.programs import drop_programs
from isthmus.data.reader import Reader
from isthmus.data.source import Source
from isthmus.errors import ModelFileError
from isthmus.model import inference
from isthmus.model.model import Model
from isthmus.storage.container import Opened
from isthmus.storage.state import Shapes, State, header_field
from isthmus.training.epoch import Progress

FORMER_NAMES = {"held_out_loss": "validation_loss"}  # of what records hold, in the files of earlier versions
USES = 10  # times as many rows as it was fitted on that a network is used on
ALWAYS = {"epoch", "loss", "seconds"}  # in a record
UNSAVED = {"device": None, "verbose": 0}  # where it was trained, and how loudly, is not the model's


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """The fitted state of a network."""

    settings: dict[str, Any]  # the parameters of the fit as JSON, whatever is set afterwards
    reader: Reader
    skeleton: Model  # of parameter specs
    weights: np.ndarray  # [weights] float32
    history: tuple[dict[str, Any], ...]
    stop_reason: str | None
    n_samples: int
    progress: Progress | None = None  # of the training; a model file holds no optimizer's memory

    @property
    def row(self) -> Row:
        """What one row is."""
        return self.reader.row

    @cached_property
    def suited(self) -> Suited:
        """What calls programs of the network."""
        return Suited()

    @cached_property
    def model(self) -> Model:
        """The network with its weights."""
        return assemble(self.skeleton, self.weights)

    def model_of(self, weights: np.ndarray) -> Model:
        """Return the network with other weights."""
        return assemble(self.skeleton, weights)

    @property
    def n_components(self) -> int:
        """How many columns a code has, those known beside it included."""
        return self.skeleton.size + len(self.skeleton.condition)

    def apply(
        self, function: Callable[..., Any], source: Source, width: int, weights: np.ndarray | None = None
    ) -> np.ndarray:
        """Return a compiled function of the scaled rows of a table, [n, width]; with other weights, where given."""
        return self.run(function, self.reader.scale(source), source, width, weights)

    def run(
        self,
        function: Callable[..., Any],
        blocks: Iterator[np.ndarray],
        source: Source,
        width: int,
        weights: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return a compiled function of blocks of rows, [n, width], as long and of the type of a source."""
        answer = np.empty((source.n_rows, width), source.dtype)
        start = 0
        with named_shortage("Use a network of fewer units or draws, or pass fewer rows."):
            for block in inference.blockwise(self.bind(function, weights), blocks):
                answer[start : start + len(block)] = block
                start += len(block)
        return answer

    def bind(self, function: Callable[..., Any], weights: np.ndarray | None = None) -> Callable[..., Any]:
        """Return a function of the model with its weights given."""
        drop_programs()
        own, skeleton = self._on_device()
        given = own if weights is None else jax.device_put(weights)
        times = USES * inference.runs(function, given, self.n_samples)
        return partial(self.suited, function, given, skeleton, times=times)

    def _on_device(self) -> tuple[Any, Model]:
        """Return the weights and the skeleton where they are computed with; they are brought there once."""
        device = getattr(jax.config, "jax_default_device", None)
        if device not in self._brought:
            self._brought[device] = jax.device_put((self.weights, as_data(self.skeleton)))
        return self._brought[device]

    @cached_property
    def _brought(self) -> dict[Any, tuple[Any, Model]]:
        return {}

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("model", "suited", "_brought")}

    def network_state(self, facts: dict[str, Any]) -> State:
        """Return what a file holds of the network; `facts` are what it must know besides, as JSON."""
        json = {
            "parameters": self.settings | UNSAVED,
            "n_samples": self.n_samples,
            "history": list(self.history),
            "stop_reason": self.stop_reason,
            "facts": facts,
        }
        tensors, offset = {}, 0
        for name, spec in parameter_specs(self.skeleton).items():
            tensors[f"weights.{name}"] = self.weights[offset : offset + spec.size].reshape(spec.shape)
            offset += spec.size
        return State(json, tensors) | self.reader.to_state()


def network_shapes(skeleton: Model, reader: Reader, stored: Opened) -> Shapes:
    """Return the types and shapes that the tensors of a network must have."""
    shapes: Shapes = {f"weights.{name}": ("F32", spec.shape) for name, spec in parameter_specs(skeleton).items()}
    return shapes | reader.tensor_shapes(stored)


def network_weights(skeleton: Model, tensors: dict[str, np.ndarray]) -> np.ndarray:
    """Return the weights of a network as one vector, from the tensors of a file."""
    return np.concatenate([tensors[f"weights.{name}"].ravel() for name in parameter_specs(skeleton)])


def stored_network(stored: Opened, reader: Reader, skeleton: Model, tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return what every fitted network holds but its settings, by the names of its fields, from a file."""
    return {
        "reader": reader.with_tensors(tensors),
        "skeleton": skeleton,
        "weights": network_weights(skeleton, tensors),
        "history": stored_history(stored),
        "stop_reason": header_field(stored, "stop_reason", str),
        "n_samples": header_field(stored, "n_samples", int),
    }


def shorter_shapes(stored: Opened, longest: dict[str, tuple[int, ...]]) -> Shapes:
    """Return the types and shapes of the tensors that a file holds of some, their first axes as long as it says."""
    shapes: Shapes = {}
    for name, most in longest.items():
        if name in stored.tensors:
            _, shape = stored.tensors[name]
            is_free = len(shape) == len(most) and shape[0] <= most[0]
            shapes[name] = ("F32", (*shape[:1], *most[1:]) if is_free else most)
    return shapes


def stored_history(stored: Opened) -> tuple[dict[str, Any], ...]:
    """Return the history that a file holds.

    Raises
    ------
    ModelFileError
        If it does not hold one.
    """
    history = header_field(stored, "history", list)
    for record in history:
        is_record = isinstance(record, dict) and set(record) >= ALWAYS
        if not is_record or not all(_may_hold(name, value) for name, value in record.items()):
            raise ModelFileError(f"{stored.path} is damaged: its history holds {short(record)}.")
    return tuple({FORMER_NAMES.get(name, name): value for name, value in record.items()} for record in history)


def stored_facts(stored: Opened) -> dict[str, Any]:
    """Return what a file holds beside parameters, columns and weights."""
    facts: dict[str, Any] = header_field(stored, "facts", dict) if "facts" in stored.header else {}
    return facts


def _may_hold(name: str, value: Any) -> bool:
    """Say whether a record may hold a value: numbers, and the name of the stop that ended training."""
    return type(value) is str and value.isidentifier() if name == "stop" else type(value) in (int, float)
