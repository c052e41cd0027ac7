"""Each cell against a loop in NumPy, written from the papers' formulas; where its weights start."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from scipy.special import expit

from isthmus.core.parameter_specs import assemble, draw_weights, parameter_specs
from isthmus.layers.recurrence.cells import CELLS, cell
from isthmus.layers.recurrence.layers import scan
from isthmus.parts.activations import Relu, Tanh

STEPS, ROWS, WIDTH, HIDDEN = 5, 3, 2, 4
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(STEPS, ROWS, WIDTH))


def numbers(skeleton: Any, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=sum(spec.size for spec in parameter_specs(skeleton).values()))


def split(flat: np.ndarray, gates: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return U [gates, width, hidden], b [gates, hidden] and W [gates, hidden, hidden], gate by gate."""
    total = gates * HIDDEN
    u, b, w = np.split(flat, [WIDTH * total, WIDTH * total + total])
    by_gate = u.reshape(WIDTH, gates, HIDDEN), b.reshape(gates, HIDDEN), w.reshape(HIDDEN, gates, HIDDEN)
    return by_gate[0].swapaxes(0, 1), by_gate[1], by_gate[2].swapaxes(0, 1)


def simple(x: np.ndarray, flat: np.ndarray) -> list[np.ndarray]:
    (u,), (b,), (w,) = split(flat, 1)
    s, found = np.zeros((ROWS, HIDDEN)), []
    for now in x:
        s = np.tanh(now @ u + s @ w + b)
        found.append(s)
    return found


def gru(x: np.ndarray, flat: np.ndarray) -> list[np.ndarray]:
    """Cho et al. (2014), arXiv:1406.1078v1: h = z h + (1 − z) tanh(W x + r ⊙ (U h))."""
    (ur, uz, uc), (br, bz, bc), (wr, wz, wc) = split(flat, 3)
    s, found = np.zeros((ROWS, HIDDEN)), []
    for now in x:
        r, z = expit(now @ ur + s @ wr + br), expit(now @ uz + s @ wz + bz)
        s = z * s + (1 - z) * np.tanh(now @ uc + r * (s @ wc) + bc)
        found.append(s)
    return found


def lstm(x: np.ndarray, flat: np.ndarray) -> list[np.ndarray]:
    """Hochreiter and Schmidhuber (1997) with the forget gate of Gers et al. (2000), its bias raised by 1."""
    (ui, uf, ug, uo), (bi, bf, bg, bo), (wi, wf, wg, wo) = split(flat, 4)
    s, c, found = np.zeros((ROWS, HIDDEN)), np.zeros((ROWS, HIDDEN)), []
    for now in x:
        i, o = expit(now @ ui + s @ wi + bi), expit(now @ uo + s @ wo + bo)
        f = expit(now @ uf + s @ wf + bf + 1)
        c = f * c + i * np.tanh(now @ ug + s @ wg + bg)
        s = o * np.tanh(c)
        found.append(s)
    return found


@pytest.mark.parametrize(("kind", "by_hand"), [("simple", simple), ("gru", gru), ("lstm", lstm)])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_cell_is_its_formula(kind: Any, by_hand: Any, reverse: bool) -> None:
    skeleton = cell(kind, WIDTH, HIDDEN, Tanh())
    flat = numbers(skeleton)
    expected = by_hand(X[::-1] if reverse else X, flat)
    with jax.enable_x64(True):
        made = assemble(skeleton, flat)
        found = jax.jit(lambda x: scan(made, made.drive(x), STEPS, reverse=reverse))(X)
    np.testing.assert_allclose(found.every, expected[::-1] if reverse else expected, rtol=1e-9)
    np.testing.assert_allclose(found.last, expected[-1], rtol=1e-9)


@pytest.mark.parametrize("kind", CELLS)
def test_a_drive_that_stays_is_the_same_at_every_step(kind: Any) -> None:
    skeleton = cell(kind, WIDTH, HIDDEN, Tanh())
    with jax.enable_x64(True):
        made = assemble(skeleton, numbers(skeleton))
        once = made.drive(X[0])
        every = np.broadcast_to(once, (STEPS, *once.shape))
        one, other = (jax.jit(lambda d: scan(made, d, STEPS))(d) for d in (once, every))
    np.testing.assert_allclose(one.every, other.every, rtol=1e-12)


@pytest.mark.parametrize("kind", CELLS)
def test_weights_start_where_states_neither_die_nor_grow(kind: Any) -> None:
    """Each gate's square of W has the spectral radius 1, by the circular law."""
    hidden = 200
    skeleton = cell(kind, 30, hidden, Relu())
    found = parameter_specs(skeleton)
    assert found["inputs.matrix"].limit == pytest.approx(np.sqrt(2) * np.sqrt(6 / 230))  # the gain of the rectifier
    assert (found["inputs.bias"].limit, found["inputs.bias"].value) == (0, 0)
    w = np.asarray(assemble(skeleton, draw_weights(skeleton, 0)).recurrent).reshape(hidden, -1, hidden)
    for gate in range(w.shape[1]):
        assert np.abs(np.linalg.eigvals(w[:, gate])).max() == pytest.approx(1, abs=0.15)
