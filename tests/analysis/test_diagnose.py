"""What each unit of a code does: units that were built to be dead, constant or collapsed are named so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from isthmus import Autoencoder
from isthmus.analysis.diagnose import diagnose
from isthmus.errors import InvalidData
from tiny import weight_arrays, with_weights

X = np.random.default_rng(0).normal(size=(700, 5))


def autoencoder(bottleneck: str, **values: Any) -> Autoencoder:
    """Return a model whose code is affine, with some weights put in by hand."""
    ae = Autoencoder(bottleneck, encoder=(), scaling=None, max_epochs=0).fit(X)
    short = {name.removeprefix("neck.").replace(".", "_"): name for name in weight_arrays(ae)}
    model: Autoencoder = with_weights(ae, {short[name]: value for name, value in values.items() if name in short})
    return model


def test_the_columns_by_hand() -> None:
    matrix = np.eye(5)[:, :2] * [1.0, 2.0]
    ae = autoencoder("deterministic(2, relu)", affine_matrix=matrix, affine_bias=[0.5, -0.5])
    code = np.maximum(X @ matrix + [0.5, -0.5], 0)
    found = diagnose(ae, X)
    assert list(found.columns) == ["mean", "deviation", "active", "verdict"]
    assert list(found.index) == ["autoencoder0", "autoencoder1"]
    assert found.index.name == "unit"
    np.testing.assert_allclose(found["mean"], code.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found["deviation"], code.std(axis=0), rtol=1e-5)
    np.testing.assert_array_equal(found["active"], (code > 0).mean(axis=0))
    assert list(found["verdict"]) == ["", ""]


def test_dead_and_constant_units_are_named() -> None:
    matrix = np.array([[0.0, 0.0, 1e-3, 1.0]] * 5)
    ae = autoencoder("deterministic(4, relu)", affine_matrix=matrix, affine_bias=[-1.0, 3.0, 0.0, 0.0])
    found = diagnose(ae, X)
    assert list(found["verdict"]) == ["dead", "constant", "", ""]
    assert found.loc["autoencoder0", ["mean", "deviation", "active"]].tolist() == [0, 0, 0]
    assert found.loc["autoencoder1", ["mean", "active"]].tolist() == [3, 1]


@pytest.mark.parametrize("bottleneck", ["variational(4)", "importance_weighted(4)"])
def test_a_collapsed_unit_is_named(bottleneck: str) -> None:
    """Only the variance of the mean over rows decides: 0, 0.005, 0.02 and 1, whatever the units' own variances."""
    deviation = np.sqrt([0, 0.005, 0.02, 1.0])
    x = (X - X.mean(axis=0)) / X.std(axis=0)
    values = {
        "mean_matrix": np.outer(np.eye(5)[0], deviation),
        "mean_bias": [0.0, 0.3, 0.0, 0.0],
        "log_variance_matrix": np.zeros((5, 4)),
        "log_variance_bias": [0.0, -1.0, -1.0, -1.0],
    }
    found = diagnose(autoencoder(bottleneck, **values), x)
    assert list(found.columns) == ["mean", "deviation", "active", "kl", "verdict"]
    np.testing.assert_allclose(found["deviation"], deviation, atol=1e-6)
    log_variance = 20 * np.tanh(np.array([0.0, -1.0, -1.0, -1.0]) / 20)
    kl = 0.5 * (np.array([0, 0.3, 0, 0]) ** 2 + deviation**2 + np.exp(log_variance) - 1 - log_variance)
    np.testing.assert_allclose(found["kl"], kl, rtol=1e-4, atol=1e-6)
    # The first is 0 in every row, too: of a distribution that is a collapse.
    assert list(found["verdict"]) == ["collapsed", "collapsed", "", ""]


def test_a_top_k_code_is_diagnosed_with_the_names_of_a_frame() -> None:
    frame = pd.DataFrame(X, columns=list("abcde"))
    ae = Autoencoder("top_k(6, k=2)", encoder=(), max_epochs=0).fit(frame)
    found = diagnose(ae, frame)
    assert len(found) == 6
    assert found["active"].sum() == pytest.approx(2)


def test_one_row_tells_nothing() -> None:
    with pytest.raises(InvalidData, match=r"^diagnose compares rows: expected at least 2; got 1\.$"):
        diagnose(autoencoder("deterministic(2)"), X[:1])


def test_what_stands_beside_a_code_is_no_unit_of_it() -> None:
    table = np.column_stack([X, np.arange(len(X)) % 2])
    ae = Autoencoder(2, encoder="hyper(mlp((4,)), column=5, tasks=2)", max_epochs=0).fit(table)
    assert ae.transform(table).shape == (700, 3)
    assert len(diagnose(ae, table)) == 2
