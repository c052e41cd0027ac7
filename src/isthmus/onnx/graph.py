"""A graph of operators under construction, and its tensors: what NumPy computes with them is recorded.

A tensor stands for an array whose numbers come later. It has operators and methods of an array, and NumPy's functions
accept it, so code that was written for arrays writes the graph of what it does: there is no second version of a scaling
or a calibration that could differ from the first. What cannot be recorded is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from isthmus.errors import InvalidPart
from isthmus.onnx.libraries import library

ROWS = 3  # of the examples that show the type and shape of a tensor; how many a table has is free
FREE = "rows"  # the name of that axis
OPSET, ML_OPSET, IR_VERSION = 18, 3, 9  # what onnxruntime from 1.18 on can load
ML = "ai.onnx.ml"
Tensor: TypeAlias = Any
"""A `Recorded`: to type checkers it is anything, as NumPy's functions say that they take arrays only."""


@dataclass
class Graph:
    """Nodes in the order in which they are computed, with constants, inputs and outputs."""

    nodes: list[Any] = field(default_factory=list)
    constants: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    functions: list[Any] = field(default_factory=list)
    opsets: dict[str, int] = field(default_factory=dict)
    _count: int = 0

    def name(self) -> str:
        """Return a name that no other value has."""
        self._count += 1
        return f"/{self._count}"

    def input(self, name: str, dtype: Any, shape: Sequence[int] = (), doc: str = "") -> Tensor:
        """Return an input of so many rows, each of a shape."""
        example = np.full((ROWS, *shape), "") if dtype is str else np.zeros((ROWS, *shape), dtype)
        self.inputs[name] = _value_info(name, example, doc)
        return Recorded(self, name, example)

    def output(self, name: str, tensor: Tensor, doc: str = "") -> None:
        """Make a tensor an answer."""
        name = self.answer_name(name)
        self.nodes.append(library("onnx").helper.make_node("Identity", [tensor.name], [name]))
        self.outputs[name] = _value_info(name, tensor.example, doc)

    def answer_name(self, name: str) -> str:
        """Return the name of an answer: where an input has it an underscore follows."""
        return f"{name}_" if name in self.inputs else name

    def constant(self, value: Any) -> str:
        """Return the name of an array among the constants; equal ones stand once."""
        array = np.asarray(value)
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self.constants:
            name = self.name()
            if array.dtype.kind in "UO":
                texts = [text.encode() for text in array.ravel().tolist()]
                onnx = library("onnx")
                tensor = onnx.helper.make_tensor(name, onnx.TensorProto.STRING, array.shape, texts)
            else:
                tensor = library("onnx.numpy_helper").from_array(np.asarray(array, order="C"), name)
            self.constants[key] = tensor
        held: str = self.constants[key].name
        return held

    def node(self, kind: str, inputs: Sequence[Any], example: Any, domain: str = "", **attributes: Any) -> Tensor:
        """Return what an operator gives.

        Parameters
        ----------
        inputs : tensors, and arrays, which become constants.
        example : an array of the type and shape of what it gives, of `ROWS` rows.
        """
        names = [each.name if isinstance(each, Recorded) else self.constant(each) for each in inputs]
        name = self.name()
        make_node = library("onnx").helper.make_node
        self.nodes.append(make_node(kind, names, [name], domain=domain, **attributes))
        return Recorded(self, name, np.asarray(example))

    def look_up(self, array: Any, places: Tensor) -> Tensor:
        """Return `array[places]`, the numbers or texts of an array at places along its first axis."""
        return self.node("Gather", [np.asarray(array), places], np.asarray(array)[np.zeros(places.shape, int)], axis=0)

    def smallest(self, values: Tensor, count: int) -> Tensor:
        """Return the places of the smallest of `values` [rows, n], the least first, [rows, count] int64."""
        name, example = self.name(), np.zeros((len(values), count), np.int64)
        inputs = [values.name, self.constant(np.array([count], np.int64))]
        make_node = library("onnx").helper.make_node
        self.nodes.append(make_node("TopK", inputs, [f"{name}/values", name], axis=1, largest=0, sorted=1))
        return Recorded(self, name, example)

    def build(self, metadata: dict[str, str]) -> Any:
        """Return the model, checked."""
        onnx = library("onnx")
        graph = onnx.helper.make_graph(
            _needed(self.nodes, set(self.outputs)),
            "isthmus",
            list(self.inputs.values()),
            list(self.outputs.values()),
            list(self.constants.values()),
        )
        versions = {"": OPSET, ML: ML_OPSET} | self.opsets
        imports = [onnx.helper.make_opsetid(domain, version) for domain, version in versions.items()]
        model = onnx.helper.make_model(
            graph, opset_imports=imports, ir_version=IR_VERSION, producer_name="isthmus", functions=self.functions
        )
        onnx.helper.set_model_props(model, metadata)
        used = {name for node in graph.node for name in _reads(node)}
        kept = [constant for constant in graph.initializer if constant.name in used]
        del graph.initializer[:]
        graph.initializer.extend(kept)
        return model


class Recorded:
    """An array of a graph, whose first axis is rows unless it was computed otherwise."""

    __hash__ = object.__hash__

    def __init__(self, graph: Graph, name: str, example: np.ndarray) -> None:
        self.graph, self.name, self.example = graph, name, example

    @property
    def shape(self) -> tuple[int, ...]:
        return self.example.shape

    @property
    def ndim(self) -> int:
        return self.example.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.example.dtype

    @property
    def T(self) -> Tensor:  # noqa: N802 -- as arrays have it
        return self.graph.node("Transpose", [self], self.example.T)

    def __len__(self) -> int:
        return len(self.example)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self.example)))

    def __bool__(self) -> bool:
        raise InvalidPart("a choice by the numbers of a table cannot be part of an ONNX graph.")

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **keywords: Any) -> Any:
        from isthmus.onnx import operators

        if method != "__call__" or keywords.keys() - {"dtype"}:
            raise unknown(f"{function.__name__}.{method}")
        return operators.elementwise(self.graph, function, inputs, keywords.get("dtype"))

    def __array_function__(self, function: Any, types: Any, arguments: Any, keywords: Any) -> Any:
        from isthmus.onnx import operators

        return operators.call(self.graph, function, arguments, keywords)

    def __getitem__(self, places: Any) -> Tensor:
        from isthmus.onnx import operators

        return operators.take(self, places)

    def __setitem__(self, places: Any, values: Any) -> None:
        from isthmus.onnx import operators

        changed = operators.put(self, places, values)
        self.name, self.example = changed.name, changed.example

    def astype(self, dtype: Any, copy: bool = True) -> Tensor:
        """Return the same numbers of another type, cut towards zero where they become whole."""
        dtype = np.dtype(dtype)
        if dtype == self.dtype:
            return Recorded(self.graph, self.name, self.example)
        kind = library("onnx.helper").np_dtype_to_tensor_dtype(dtype)
        return self.graph.node("Cast", [self], self.example.astype(dtype), to=kind)

    def reshape(self, *shape: Any) -> Tensor:
        """Return the same numbers in another shape, its first axis rows."""
        example = self.example.reshape(*shape)
        return self.graph.node("Reshape", [self, np.array([-1, *example.shape[1:]], np.int64)], example)

    def sum(self: Any, axis: int | None = None, keepdims: bool = False) -> Any:
        return np.sum(self, axis=axis, keepdims=keepdims)

    def all(self: Any, axis: int | None = None, keepdims: bool = False) -> Any:
        return np.all(self, axis=axis, keepdims=keepdims)

    def any(self: Any, axis: int | None = None, keepdims: bool = False) -> Any:
        return np.any(self, axis=axis, keepdims=keepdims)

    def argmax(self: Any, axis: int) -> Any:
        return np.argmax(self, axis=axis)


TWO_SIDED: dict[str, Any] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.divide,
    "and": np.logical_and,
    "or": np.logical_or,
}
ONE_SIDED: dict[str, Any] = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}
ALONE: dict[str, Any] = {"neg": np.negative, "invert": np.logical_not}
for _name, _function in (TWO_SIDED | ONE_SIDED).items():
    setattr(Recorded, f"__{_name}__", lambda self, other, function=_function: function(self, other))
for _name, _function in TWO_SIDED.items():
    setattr(Recorded, f"__r{_name}__", lambda self, other, function=_function: function(other, self))
for _name, _function in ALONE.items():
    setattr(Recorded, f"__{_name}__", lambda self, function=_function: function(self))


def mean_of(tensors: Sequence[Any]) -> Any:
    """Return the mean of tensors of one shape."""
    total = tensors[0]
    for tensor in tensors[1:]:
        total = total + tensor
    return total / float(len(tensors)) if len(tensors) > 1 else total


def unknown(name: str) -> InvalidPart:
    """Return the error for a function that no graph is made of."""
    return InvalidPart(f"the model cannot be written as ONNX: there is no graph for NumPy's {name}.")


def _value_info(name: str, example: np.ndarray, doc: str) -> Any:
    onnx = library("onnx")
    is_text = example.dtype.kind in "UO"
    kind = onnx.TensorProto.STRING if is_text else onnx.helper.np_dtype_to_tensor_dtype(example.dtype)
    return onnx.helper.make_tensor_value_info(name, kind, [FREE, *example.shape[1:]], doc)


def _reads(node: Any) -> Iterator[str]:
    """Yield the names of the values that a node reads, those of the graphs inside it included."""
    yield from node.input
    for attribute in node.attribute:
        for inner in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
            for each in inner.node:
                yield from _reads(each)
            yield from (output.name for output in inner.output)


def _needed(nodes: Sequence[Any], outputs: set[str]) -> list[Any]:
    """Return the nodes that outputs hang on, in their order."""
    kept, wanted = [], set(outputs)
    for node in reversed(nodes):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(_reads(node))
    return kept[::-1]
