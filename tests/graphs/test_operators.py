"""What NumPy's functions become in a graph gives in a runtime what NumPy gives."""

import numpy as np
import onnxruntime
import pytest

from isthmus import InvalidPart
from isthmus.onnx.graph import Graph

TABLE = np.array([[-3.0, 0.0, 2.0], [1.0, 1.0, np.nan], [2.5, 9.0, 4.0], [4.0, -1.0, 1.0]])
KNOTS = np.array([0.0, 1.0, 1.0, 2.5, 4.0])  # one place twice: a step
HEIGHTS = np.array([0.0, 2.0, 5.0, 6.0, 6.5])


def put(x):
    x = x.astype(np.float64)
    x[:, np.array([True, False, True])] = x[:, [0, 2]] * 2.0
    return x


FUNCTIONS = {
    "arithmetic": lambda x: (x - 1.0) / np.array([1.0, 2.0, 4.0]) + 3.0 * x - -x,
    "interp": lambda x: np.stack([np.interp(column, KNOTS, HEIGHTS) for column in x.T], axis=1),
    "clip": lambda x: np.clip(x, -1.0, np.array([1.0, 2.0, 3.0])),
    "where": lambda x: np.where(np.isnan(x) | (x > 2.0), -1.0, x),
    "nan_to_num": lambda x: np.nan_to_num(x),
    "arcsinh": lambda x: np.arcsinh(x),
    "sinh": lambda x: np.sinh(x),
    "round": lambda x: np.round(x / 3.0, 2),
    "rint": lambda x: np.rint(x / 2.0),
    "sum": lambda x: np.where(np.isnan(x), 0.0, x).sum(axis=1, keepdims=True),
    "all": lambda x: (x > 0.0).all(axis=1),
    "any": lambda x: np.any(x > 3.0, axis=1),
    "cumsum": lambda x: np.cumsum(x > 0.0, axis=1),
    "argmax": lambda x: np.nan_to_num(x).argmax(axis=1),
    "einsum": lambda x: np.einsum("nd,nd->n", x, x[:, [2, 1, 0]]),
    "maximum": lambda x: np.maximum(x, 0.5) + np.minimum(x, 0.5),
    "float32": lambda x: x.astype(np.float32) * True / np.float32(3),
    "put": put,
}


def run(function, table):
    graph = Graph()
    graph.output("y", function(graph.input("X", np.float64, table.shape[1:])))
    session = onnxruntime.InferenceSession(graph.build({}).SerializeToString())
    return session.run(["y"], {"X": table})[0]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_is_what_numpy_gives(name):
    expected = FUNCTIONS[name](TABLE)
    computed = run(FUNCTIONS[name], TABLE)
    assert computed.dtype == expected.dtype
    np.testing.assert_allclose(computed, expected, rtol=1e-14, atol=1e-14)


def test_what_has_no_graph_is_refused_by_name():
    with pytest.raises(InvalidPart, match="there is no graph for NumPy's percentile"):
        run(lambda x: np.percentile(x, 5), TABLE)
    with pytest.raises(InvalidPart, match="there is no graph for NumPy's arctan"):
        run(np.arctan, TABLE)
    with pytest.raises(InvalidPart, match="a choice by the numbers of a table"):
        run(lambda x: x if x.any(axis=1) else -x, TABLE)


def test_a_graph_holds_what_it_needs_and_equal_constants_once():
    graph = Graph()
    x = graph.input("X", np.float64, (3,))
    np.exp(x)  # nobody asks for it
    graph.output("y", x + np.ones(3) + np.ones(3))
    model = graph.build({})
    assert [node.op_type for node in model.graph.node] == ["Add", "Add", "Identity"]
    assert len(model.graph.initializer) == 1
    assert model.ir_version == 9
    assert {entry.domain: entry.version for entry in model.opset_import} == {"": 18, "ai.onnx.ml": 3}
