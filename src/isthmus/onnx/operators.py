"""What functions of NumPy are in a graph."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from isthmus.onnx.graph import ML, Graph, Recorded, Tensor, unknown
from isthmus.onnx.libraries import library

SAME = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "negative": "Neg",
    "absolute": "Abs",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "rint": "Round",
    "floor": "Floor",
    "sign": "Sign",
    "power": "Pow",
}
"""Elementwise functions that give the type that they compute in."""
COMPARED = {
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "equal": "Equal",
}
LOGICAL = {"logical_and": "And", "logical_or": "Or", "bitwise_and": "And", "bitwise_or": "Or"}
NOT = ("logical_not", "invert")


def elementwise(graph: Graph, function: Any, inputs: Sequence[Any], dtype: Any = None) -> Tensor:
    """Return an elementwise function of tensors and arrays, in the type in which NumPy computes it."""
    name = function.__name__
    examples = [_example(each) for each in inputs]
    with np.errstate(all="ignore"):
        example = function(*examples) if dtype is None else function(*examples, dtype=dtype)
    if name in SAME:
        return graph.node(SAME[name], _cast(inputs, example.dtype), example)
    if name in COMPARED or name == "not_equal":
        both = _cast(inputs, np.result_type(*examples))
        compared = graph.node(COMPARED.get(name, "Equal"), both, example)
        return graph.node("Not", [compared], example) if name == "not_equal" else compared
    if name in LOGICAL:
        return graph.node(LOGICAL[name], _cast(inputs, bool), example)
    if name in NOT:
        return graph.node("Not", _cast(inputs, bool), example)
    if name == "isnan":
        return graph.node("IsNaN", inputs, example)
    if name in COMPOSED:
        return COMPOSED[name](*_cast(inputs, example.dtype))
    raise unknown(name)


def call(graph: Graph, function: Any, arguments: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """Return a function of NumPy of tensors and arrays."""
    if function not in FUNCTIONS:
        raise unknown(function.__name__)
    return FUNCTIONS[function](graph, *arguments, **keywords)


def take(tensor: Tensor, places: Any) -> Tensor:
    """Return `tensor[places]`: whole axes, new ones, numbers, slices, and one list of places."""
    places = places if isinstance(places, tuple) else (places,)
    if Ellipsis in [place for place in places if place is None or place is Ellipsis]:
        at = places.index(Ellipsis)
        used = sum(place is not None for place in places) - 1
        places = (*places[:at], *[slice(None)] * (tensor.ndim - used), *places[at + 1 :])
    axis = 0
    for place in places:
        if place is None:
            example = np.expand_dims(tensor.example, axis)
            tensor = tensor.graph.node("Unsqueeze", [tensor, np.array([axis], np.int64)], example)
            axis += 1
        elif isinstance(place, slice):
            tensor, axis = _slice(tensor, place, axis), axis + 1
        else:
            place = np.asarray(place)
            place = np.flatnonzero(place) if place.dtype == bool else place.astype(np.int64)
            tensor = _gather(tensor, place, axis)
            axis += place.ndim
    return tensor


def put(tensor: Tensor, places: Any, values: Any) -> Tensor:
    """Return rows [n, d] with columns replaced, as `tensor[:, columns] = values` does."""
    rows, columns = places
    if rows != slice(None):
        raise unknown("assignment to rows")
    columns, order = np.asarray(columns), np.arange(tensor.shape[1])
    columns = np.flatnonzero(columns) if columns.dtype == bool else columns
    order[columns] = tensor.shape[1] + np.arange(len(columns))
    both = np.concatenate([tensor, values.astype(tensor.dtype)], axis=1)
    return both[:, order]


def _example(value: Any) -> Any:
    return value.example if isinstance(value, Recorded) else value


def _cast(inputs: Sequence[Any], dtype: Any) -> list[Any]:
    return [each.astype(dtype) if isinstance(each, Recorded) else np.asarray(each, np.dtype(dtype)) for each in inputs]


def _slice(tensor: Tensor, place: slice, axis: int) -> Tensor:
    if place == slice(None):
        return tensor
    step = 1 if place.step is None else place.step
    ends = [place.start, place.stop]
    ends = [(0, 2**31)[i] if end is None else end for i, end in enumerate(ends)]
    example = tensor.example[(slice(None),) * axis + (place,)]
    return tensor.graph.node("Slice", [tensor, *(np.array([n], np.int64) for n in (*ends, axis, step))], example)


def _gather(tensor: Any, place: Any, axis: int) -> Tensor:
    graph = tensor.graph if isinstance(tensor, Recorded) else place.graph
    index = place.astype(np.int64)
    example = np.take(_example(tensor), _example(index), axis=axis, mode="clip")
    return graph.node("Gather", [tensor, index], example, axis=axis)


def _where(graph: Graph, condition: Any, yes: Any, no: Any) -> Tensor:
    example = np.where(*map(_example, (condition, yes, no)))
    if example.dtype == bool:  # runtimes choose among no truth values, and no short whole numbers
        return (condition & yes) | (~condition & no)
    if example.dtype.kind in "iu" and example.dtype != np.int64:
        return np.where(condition, *_cast([yes, no], np.int64)).astype(example.dtype)
    return graph.node("Where", [*_cast([condition], bool), *_cast([yes, no], example.dtype)], example)


def _clip(graph: Graph, x: Any, low: Any, high: Any) -> Tensor:
    """NaN stays NaN, which the operator Clip does not promise."""
    return np.minimum(np.maximum(x, low), high)


def _maximum(a: Any, b: Any) -> Any:
    return np.where(np.less(a, b), b, a)


def _minimum(a: Any, b: Any) -> Any:
    return np.where(np.greater(a, b), b, a)


def _arcsinh(x: Any) -> Any:
    """Runtimes have Asinh of float32 only."""
    size = np.absolute(x)
    return np.sign(x) * np.log(size + np.sqrt(np.square(size) + 1.0))


def _sinh(x: Any) -> Any:
    return (np.exp(x) - np.exp(-x)) / 2.0


COMPOSED: dict[str, Callable[..., Any]] = {
    "maximum": _maximum,
    "minimum": _minimum,
    "square": lambda x: x * x,
    "arcsinh": _arcsinh,
    "sinh": _sinh,
}


def _interp(graph: Graph, x: Tensor, xp: np.ndarray, fp: np.ndarray) -> Tensor:
    """Return the value at `x` [n] of straight lines between points, as `numpy.interp` has it."""
    xp, fp = np.asarray(xp, np.float64), np.asarray(fp, np.float64)
    width = np.append(np.diff(xp), 0.0)
    slope = np.divide(np.append(np.diff(fp), 0.0), width, out=np.zeros(len(xp)), where=width > 0)
    x = x.astype(np.float64)
    place = segment(graph, x, xp[1:])
    x = _maximum(x, xp[0])
    beyond = x - _gather(xp, place, 0)
    return _gather(slope, place, 0) * beyond + _gather(fp, place, 0)


def segment(graph: Graph, x: Tensor, ends: np.ndarray) -> Tensor:
    """Return how many of `ends`, which do not fall, are at most `x` [n], [n] int64: found by a tree of comparisons."""
    if not len(ends):
        return np.zeros_like(x, dtype=np.int64)
    column = graph.node("Unsqueeze", [x, np.array([1], np.int64)], x.example[:, None])
    example = np.zeros((len(x), 1), np.float32)
    found = graph.node("TreeEnsembleRegressor", [column], example, domain=ML, **_tree(ends))
    flat = graph.node("Squeeze", [found, np.array([1], np.int64)], np.zeros(x.shape, np.float32))
    return flat.astype(np.int64)


def _tree(ends: np.ndarray) -> dict[str, Any]:
    """Return the attributes of a tree that tells how many of `ends`, which do not fall, are at most a number."""
    modes: list[str] = []
    values: list[float] = []
    below: tuple[list[int], list[int]] = ([], [])  # where a comparison that fails leads to, and one that holds
    leaves: dict[int, float] = {}
    todo = [(0, len(ends), -1, 0)]  # a node tells from `low` to `high` apart
    while todo:
        low, high, above, side = todo.pop()
        number, middle = len(modes), (low + high) // 2
        if above >= 0:
            below[side][above] = number
        for lead in below:
            lead.append(0)  # until the nodes below are met
        modes.append("LEAF" if low == high else "BRANCH_LT")
        values.append(0.0 if low == high else float(ends[middle]))
        if low == high:
            leaves[number] = float(low)
        else:
            todo += [(middle + 1, high, number, 0), (low, middle, number, 1)]
    onnx, count = library("onnx"), len(modes)
    make_tensor, double = onnx.helper.make_tensor, onnx.TensorProto.DOUBLE
    return {
        "n_targets": 1,
        "nodes_treeids": [0] * count,
        "nodes_featureids": [0] * count,
        "nodes_nodeids": list(range(count)),
        "nodes_modes": modes,
        "nodes_falsenodeids": below[0],
        "nodes_truenodeids": below[1],
        "target_nodeids": list(leaves),
        "target_treeids": [0] * len(leaves),
        "target_ids": [0] * len(leaves),
        "nodes_values_as_tensor": make_tensor("values", double, [count], values),
        "target_weights_as_tensor": make_tensor("weights", double, [len(leaves)], list(leaves.values())),
    }


def _concatenate(graph: Graph, arrays: Sequence[Any], axis: int = 0) -> Tensor:
    example = np.concatenate([_example(each) for each in arrays], axis=axis)
    return graph.node("Concat", _cast(arrays, example.dtype), example, axis=axis)


def _stack(graph: Graph, arrays: Sequence[Any], axis: int = 0) -> Tensor:
    return np.concatenate([np.expand_dims(each, axis) for each in arrays], axis=axis)


def _expand_dims(graph: Graph, array: Tensor, axis: int) -> Tensor:
    example = np.expand_dims(array.example, axis)
    return graph.node("Unsqueeze", [array, np.array([axis % example.ndim], np.int64)], example)


def _reduce(kind: str, function: Any) -> Callable[..., Tensor]:
    def reduce(graph: Graph, array: Tensor, axis: Any = None, keepdims: Any = False) -> Tensor:
        example = function(array.example, axis=axis, keepdims=bool(keepdims))
        array = array.astype(example.dtype)
        axes = np.atleast_1d(np.asarray(axis, np.int64))
        if kind == "ReduceSum":
            return graph.node(kind, [array, axes], example, keepdims=int(keepdims))
        return graph.node(kind, [array, axes], example, keepdims=int(keepdims))

    return reduce


def _all(graph: Graph, array: Tensor, axis: Any = None, keepdims: Any = False) -> Tensor:
    return np.logical_not(np.any(np.logical_not(array), axis=axis, keepdims=keepdims))


def _any(graph: Graph, array: Tensor, axis: Any = None, keepdims: Any = False) -> Tensor:
    return np.sum(array.astype(np.int64), axis=axis, keepdims=keepdims) > 0


def _cumsum(graph: Graph, array: Tensor, axis: int) -> Tensor:
    example = np.cumsum(array.example, axis=axis)
    return graph.node("CumSum", [array.astype(example.dtype), np.array(axis, np.int64)], example)


def _einsum(graph: Graph, formula: str, *arrays: Any) -> Tensor:
    example = np.einsum(formula, *map(_example, arrays))
    return graph.node("Einsum", _cast(arrays, example.dtype), example, equation=formula)


def _argmax(graph: Graph, array: Tensor, axis: int) -> Tensor:
    return graph.node("ArgMax", [array], np.argmax(array.example, axis=axis), axis=axis, keepdims=0)


def _nan_to_num(graph: Graph, x: Tensor) -> Tensor:
    """Infinite numbers stay: no table has them."""
    return np.where(np.isnan(x), np.zeros((), x.dtype), x)


def _round(graph: Graph, x: Tensor, decimals: int = 0) -> Tensor:
    factor = 10.0**decimals
    return np.rint(x * factor) / factor if decimals else np.rint(x)


def _full_like(value: float) -> Callable[..., Tensor]:
    def full(graph: Graph, x: Tensor, dtype: Any = None) -> Tensor:
        example = np.full_like(x.example, value, dtype=dtype)
        shape = graph.node("Shape", [x], np.zeros(x.ndim, np.int64))
        return graph.node("Expand", [np.asarray(value, example.dtype), shape], example)

    return full


def _split(graph: Graph, x: Tensor, places: Any, axis: int = 0) -> list[Tensor]:
    ends = [0, *np.asarray(places).tolist(), x.shape[axis]]
    return [_slice(x, slice(low, high), axis) for low, high in itertools.pairwise(ends)]


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.where: _where,
    np.clip: _clip,
    np.interp: _interp,
    np.concatenate: _concatenate,
    np.stack: _stack,
    np.hstack: lambda graph, arrays: _concatenate(graph, arrays, 1),
    np.expand_dims: _expand_dims,
    np.sum: _reduce("ReduceSum", np.sum),
    np.max: _reduce("ReduceMax", np.max),
    np.min: _reduce("ReduceMin", np.min),
    np.all: _all,
    np.any: _any,
    np.argmax: _argmax,
    np.cumsum: _cumsum,
    np.einsum: _einsum,
    np.nan_to_num: _nan_to_num,
    np.round: _round,
    np.split: _split,
    np.zeros_like: _full_like(0),
    np.ones_like: _full_like(1),
    np.result_type: lambda graph, *each: np.result_type(*map(_example, each)),
}
