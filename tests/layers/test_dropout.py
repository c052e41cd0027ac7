"""Dropout and DropConnect: what is dropped, what is expected, and how it scatters."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from isthmus.core.affine import Affine
from isthmus.layers.dropout import MOST_MASKED, dropconnect, dropout

LAWS = {"masks": (4000, 6, 5), "normal draws": (4096, 32, 16)}
"""Rows, inputs and outputs of a layer below and above what is masked."""


def drawn(x: Any, matrix: Any, bias: Any, rate: float, seed: int = 0) -> np.ndarray:
    """Return one draw for every row."""
    layer = Affine(matrix=jnp.array(matrix, jnp.float32), bias=jnp.array(bias, jnp.float32))
    return np.asarray(jax.jit(dropconnect)(layer, jnp.array(x, jnp.float32), rate, jax.random.key(seed)), np.float64)


def layer_of(inputs: int, outputs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a row, a matrix and a bias."""
    generator = np.random.default_rng(0)
    return generator.normal(size=inputs), generator.normal(size=(inputs, outputs)), generator.normal(size=outputs)


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_dropout_is_that_of_the_lecture(p: float) -> None:
    """There r = m a in training, E r = (1 - p) a + p · 0, and (1 - p) a in the test; inverted, both over 1 - p."""
    a = np.repeat(np.array([[-3.0, 0.5, 2.0, 8.0]]), 5000, axis=0)
    seen = np.asarray(dropout(jnp.array(a, jnp.float32), p, jax.random.key(0)), np.float64)
    mask = seen != 0
    assert np.abs(mask.mean(axis=0) - (1 - p)).max() < 4 * np.sqrt(p * (1 - p) / len(a))
    np.testing.assert_allclose(seen, mask * a / (1 - p), rtol=1e-6)
    error = np.abs(a[0]) * np.sqrt(p / (1 - p) / len(a))
    assert (np.abs(seen.mean(axis=0) - a[0]) < 4 * error).all()
    together = np.corrcoef(mask.T) - np.eye(4)
    assert np.abs(together).max() < 4 / np.sqrt(len(a))


def test_each_weight_is_dropped_by_itself_for_each_row() -> None:
    p, (rows, inputs, outputs) = 0.25, LAWS["masks"]
    matrix = np.repeat(2.0 ** np.arange(inputs)[:, None], outputs, axis=1)
    sums = drawn(np.ones((rows, inputs)), matrix, np.full(outputs, 100.0), p)
    # Weights of 1, 2, 4, … that stay, undivided, are the bits of a whole number; the bias is always there, as it is.
    numbers = np.rint((sums - 100) * (1 - p)).astype(int)
    np.testing.assert_allclose((sums - 100) * (1 - p), numbers, atol=1e-4)
    assert numbers.min() >= 0
    mask = ((numbers[:, None, :] >> np.arange(inputs)[:, None]) & 1).reshape(rows, -1)  # [rows, inputs · outputs]
    assert np.abs(mask.mean(axis=0) - (1 - p)).max() < 4 * np.sqrt(p * (1 - p) / rows)
    together = np.corrcoef(mask.T) - np.eye(inputs * outputs)
    assert np.abs(together).max() < 4.5 / np.sqrt(rows)
    next_row = np.corrcoef(mask[:-1].ravel(), mask[1:].ravel())[0, 1]
    assert abs(next_row) < 4 / np.sqrt(mask.size)


def test_dropconnect_is_that_of_the_lecture() -> None:
    """In training x (m W), in the test x (1 - p) W; here W' = (1 - p) W stands in the place of W."""
    p, (_, matrix, _) = 0.25, layer_of(5, 7)
    rows = np.eye(5)  # row i shows the weights of input i
    seen = drawn(rows, (1 - p) * matrix, np.zeros(7), p)
    stays = seen != 0
    assert 0 < stays.sum() < stays.size
    np.testing.assert_allclose(seen, stays * matrix, rtol=1e-5)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("p", [0.2, 0.5])
def test_dropconnect_keeps_the_expectation_and_has_its_variance(law: str, p: float) -> None:
    rows, inputs, outputs = LAWS[law]
    assert (rows * inputs * outputs > MOST_MASKED) == (law == "normal draws")
    row, matrix, bias = layer_of(inputs, outputs)
    seen = drawn(np.repeat(row[None], rows, axis=0), matrix, bias, p)
    # x w m / (1 - p) has the mean x w and the variance (x w)² p (1 - p) / (1 - p)².
    mean, variance = row @ matrix + bias, p / (1 - p) * (row**2 @ matrix**2)
    assert (np.abs(seen.mean(axis=0) - mean) < 4 * np.sqrt(variance / rows)).all()
    # The excess of a Bernoulli draw, (1 - 6 p (1 - p)) / (p (1 - p)), is at most 0.25 here, and of a sum less.
    assert (np.abs(seen.var(axis=0) / variance - 1) < 4 * np.sqrt(2.25 / rows)).all()
    together = np.corrcoef(seen.T) - np.eye(outputs)
    assert np.abs(together).max() < 4.5 / np.sqrt(rows)


def test_beyond_the_masks_the_law_is_normal() -> None:
    p, (rows, inputs, outputs) = 0.3, LAWS["normal draws"]
    _, matrix, bias = layer_of(inputs, outputs)
    x = np.random.default_rng(6).normal(size=(rows, inputs))
    standard = (drawn(x, matrix, bias, p) - x @ matrix - bias) / np.sqrt(p / (1 - p) * (x**2 @ matrix**2))
    assert stats.kstest(standard.ravel(), "norm").pvalue > 0.01


@pytest.mark.parametrize("law", LAWS)
def test_a_mask_comes_near_the_normal_law_that_stands_for_it(law: str) -> None:
    """With 32 inputs, masks have the law of masks drawn by NumPy (at 1 percent), and normal draws one 0.03 from it."""
    p, inputs, draws = 0.3, 32, 20_000
    row, matrix, _ = layer_of(inputs, 16)
    w = row * matrix[:, 0]
    repeat = {"masks": (draws, 1), "normal draws": (draws, 16)}[law]
    assert (inputs * np.prod(repeat) > MOST_MASKED) == (law == "normal draws")
    seen = drawn(np.repeat(row[None], draws, axis=0), matrix[:, : repeat[1]], np.zeros(repeat[1]), p)[:, 0]
    exact = (np.random.default_rng(1).random((draws, inputs)) > p) @ w / (1 - p)
    assert stats.ks_2samp(seen, exact).statistic < {"masks": 0.0163, "normal draws": 0.03}[law]


@pytest.mark.parametrize("rows", [3, 513], ids=["masks", "normal draws"])
def test_the_gradient_of_dropconnect_is_that_of_finite_differences(rows: int) -> None:
    key, step, (inputs, outputs) = jax.random.key(4), 1e-6, (64, 32)
    assert (rows * inputs * outputs > MOST_MASKED) == (rows > 3)
    generator = np.random.default_rng(3)

    def loss(matrix: Any, x: Any) -> Any:
        return jnp.mean(
            jnp.sum(jnp.tanh(dropconnect(Affine(matrix=matrix, bias=jnp.ones(outputs)), x, 0.3, key)), axis=1)
        )

    with jax.enable_x64(True):
        matrix, x = generator.normal(size=(inputs, outputs)) / 8, generator.normal(size=(rows, inputs))
        x[1] = 0  # a row with nothing to drop
        both = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))
        _, gradients = both(matrix, x)
        assert all(np.isfinite(gradient).all() for gradient in gradients)
        for change in (generator.normal(size=matrix.shape), generator.normal(size=matrix.shape)):
            slope = (both(matrix + step * change, x)[0] - both(matrix - step * change, x)[0]) / (2 * step)
            np.testing.assert_allclose(np.sum(gradients[0] * change), slope, rtol=1e-6)
        change = generator.normal(size=x.shape) * (np.arange(rows) != 1)[:, None]
        slope = (both(matrix, x + step * change)[0] - both(matrix, x - step * change)[0]) / (2 * step)
        np.testing.assert_allclose(np.sum(gradients[1] * change), slope, rtol=1e-6)
