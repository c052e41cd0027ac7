"""Networks in graphs: what JAX computes of rows, written by jax2onnx and joined to the graph."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from isthmus.core.programs import own_promotion
from isthmus.errors import InvalidPart, short
from isthmus.onnx.graph import OPSET, ROWS, Graph, Recorded, Tensor
from isthmus.onnx.libraries import library


def compute(graph: Graph, function: Callable[..., Sequence[Any]], inputs: Sequence[Tensor]) -> list[Tensor]:
    """Return what a function of JAX, without noise, computes of tensors [rows, …] float32.

    Raises
    ------
    InvalidPart
        If it holds an operation that ONNX, or its converter, has not; the message names it.
    """
    converter, compose = library("jax2onnx"), library("onnx.compose")
    specs = [("rows", *tensor.shape[1:]) for tensor in inputs]
    with own_promotion():
        shapes = jax.eval_shape(function, *(jax.ShapeDtypeStruct(tensor.shape, np.float32) for tensor in inputs))
        logging.getLogger("onnx_ir").setLevel(logging.ERROR)  # it warns of shapes of constants
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what its libraries will do otherwise some day
                model = converter.to_onnx(function, specs, opset=OPSET)
        except Exception as error:
            raise InvalidPart(
                f"the network cannot be written as ONNX: its converter refuses it ({short(str(error))})."
            ) from error
    _narrow(model.graph)
    prefix = f"{graph.name()}/"
    model = compose.add_prefix(model, prefix)
    for given, tensor in zip(model.graph.input, inputs, strict=True):
        graph.nodes.append(library("onnx").helper.make_node("Identity", [tensor.name], [given.name]))
    graph.nodes.extend(model.graph.node)
    graph.functions.extend(model.functions)
    graph.constants |= {(prefix, constant.name): constant for constant in model.graph.initializer}
    graph.opsets |= {opset.domain: opset.version for opset in model.opset_import if opset.domain not in ("", "ai.onnx")}
    answers = zip(model.graph.output, jax.tree.leaves(shapes), strict=True)
    return [Recorded(graph, answer.name, np.zeros(shape.shape, shape.dtype)) for answer, shape in answers]


def _narrow(graph: Any) -> None:
    """Make all constants float32 that the converter has left float64: JAX computes in float32 here."""
    onnx = library("onnx")
    single, double = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE
    tensors = list(graph.initializer)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _narrow(attribute.g)
            if attribute.HasField("t"):
                tensors.append(attribute.t)
            if attribute.name in ("to", "dtype") and attribute.i == double:
                attribute.i = single
    for tensor in tensors:
        if tensor.data_type == double:
            array = onnx.numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))


def compute_among(
    graph: Graph,
    is_chosen: Tensor,
    inputs: Sequence[Tensor],
    others: Sequence[Tensor],
    function: Callable[..., Sequence[Tensor]],
) -> list[Tensor]:
    """Return tensors with the rows that are chosen replaced by what a function of tensors gives for them.

    Parameters
    ----------
    is_chosen : [rows] bool.
    inputs, others : what the function is given of these rows, one after the other; the others stand in all other rows.
    """
    found = graph.node("NonZero", [is_chosen], np.zeros((1, ROWS), np.int64))
    place = graph.node("Transpose", [found], np.zeros((ROWS, 1), np.int64))
    # One row more, the first, as no rows at all are more than some operators can take: it is put back as it was.
    place = np.concatenate([np.zeros((1, 1), np.int64), place], axis=0)
    flat = graph.node("Squeeze", [place, np.array([1], np.int64)], np.zeros(ROWS, np.int64))
    chosen, *rows = (graph.node("Gather", [t, flat], t.example, axis=0) for t in (is_chosen, *inputs, *others))
    answers = []
    for before, former, after in zip(others, rows[len(inputs) :], function(*rows), strict=True):
        new = np.where(chosen[:, None], after.astype(before.dtype), former)
        answers.append(graph.node("ScatterND", [before, place, new], before.example))
    return answers
