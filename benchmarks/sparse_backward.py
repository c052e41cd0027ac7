"""Forms of one loss and gradient of a tied-free, linear k-sparse autoencoder, and of choosing the k largest units.

    python benchmarks/sparse_backward.py --repeats 6

The dense form multiplies by a code that is mostly zeros: four products beside the encoder's own. The others touch the
active units only, and end with the same dense gradients, as an optimizer needs them. All are timed in turn within one
run, and the least of each counts; compare them with each other, not with those of another run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.experimental.sparse  # it registers jaxlib's own product of a sparse and a dense matrix
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy import sparse

from isthmus.layers.largest import keep_largest, largest
from measuring import machine

COLUMNS = 784
CASES = ((256, 4096, 32), (256, 8192, 32), (256, 16384, 32), (1024, 8192, 32))  # rows, size, k


def dense(weights: Any, x: Array, k: int) -> Any:
    """Differentiate through products with the whole code."""

    def loss(weights: Any) -> Array:
        down, shift, up, bias = weights
        return jnp.sum((keep_largest(x @ down + shift, k, k) @ up + bias - x) ** 2) / len(x)

    return jax.value_and_grad(loss)(weights)


def active(weights: Any, x: Array, k: int) -> tuple[Array, Array]:
    """Return the places and values of the active units, [n, k]."""
    linear = x @ weights[0] + weights[1]
    places = largest(linear, k)
    return places, jnp.take_along_axis(linear, places, axis=1)


def explained(output: Array, x: Array) -> tuple[Array, Array]:
    """Return the loss and its gradient with regard to the output."""
    return jnp.sum((output - x) ** 2) / len(x), 2 * (output - x) / len(x)


def gathered(weights: Any, x: Array, k: int) -> Any:
    """Gather the rows of active units, and add to those rows of the gradients, all in XLA."""
    _, shift, up, bias = weights
    places, values = active(weights, x, k)
    rows = up[places]  # [n, k, d]
    loss, pull = explained(jnp.einsum("nk,nkd->nd", values, rows) + bias, x)
    slopes = jnp.einsum("nkd,nd->nk", rows, pull)

    def spread(factors: Array, vectors: Array) -> Array:
        each = (factors[:, :, None] * vectors[:, None, :]).reshape(-1, vectors.shape[1])
        return jnp.zeros_like(up).at[places.ravel()].add(each)

    at_shift = jnp.zeros_like(shift).at[places.ravel()].add(slopes.ravel())
    return loss, (spread(slopes, x).T, at_shift, spread(values, pull), jnp.sum(pull, axis=0))


def compiled(weights: Any, x: Array, k: int) -> Any:
    """Multiply by compressed sparse rows, sorted by unit for the gradients, with jaxlib's own routine for the CPU."""
    _, shift, up, bias = weights
    places, values = active(weights, x, k)
    n, size = len(x), len(up)
    loss, pull = explained(product(values.ravel(), places.ravel(), jnp.arange(n + 1) * k, up) + bias, x)
    slopes = jnp.einsum("nkd,nd->nk", up[places], pull)
    order = jnp.argsort(places.ravel())
    starts = jnp.searchsorted(places.ravel()[order], jnp.arange(size + 1), method="sort")
    row = order // k
    at_down = product(slopes.ravel()[order], row, starts, x).T
    at_shift = jnp.zeros_like(shift).at[places.ravel()].add(slopes.ravel())
    return loss, (at_down, at_shift, product(values.ravel()[order], row, starts, pull), jnp.sum(pull, axis=0))


def product(values: Array, places: Array, starts: Array, matrix: Array) -> Array:
    """Return a matrix of compressed sparse rows times a dense one."""
    shape = jax.ShapeDtypeStruct((len(starts) - 1, matrix.shape[1]), matrix.dtype)
    whole = (starts.astype(jnp.int32), places.astype(jnp.int32))
    return jax.ffi.ffi_call("cpu_csr_sparse_dense_ffi", shape)(values, *whole, matrix)


def called_back(weights: Any, x: Array, k: int) -> Any:
    """Leave the program for SciPy's products of compressed sparse rows."""
    _, shift, up, bias = weights
    shapes = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in (bias[0], up, shift, up, bias)]
    loss, at_down, *rest = jax.pure_callback(in_scipy, shapes, *active(weights, x, k), up, bias, x)
    return loss, (at_down.T, *rest)


def in_scipy(*arrays: Any) -> Any:
    places, values, up, bias, x = (np.asarray(array) for array in arrays)
    (n, k), size = places.shape, len(up)

    def rows(data: np.ndarray) -> Any:
        return sparse.csr_array((data.ravel(), places.ravel(), np.arange(n + 1) * k), shape=(n, size))

    residual = rows(values) @ up + bias - x
    pull = 2 * residual / n
    slopes = np.einsum("nkd,nd->nk", up[places], pull)
    at_shift = np.bincount(places.ravel(), slopes.ravel(), size).astype(np.float32)
    return (residual**2).sum() / n, rows(slopes).T @ x, at_shift, rows(values).T @ pull, pull.sum(axis=0)


def scattered(x: Array, k: int) -> Array:
    """Return the k largest of each row in their places, chosen by XLA's own routine."""
    values, places = jax.lax.top_k(x, k)
    return jnp.zeros_like(x).at[jnp.arange(len(x))[:, None], places].set(values)


def bisected(x: Array, k: int) -> Array:
    """Return the k largest of each row, the last of them found bit by bit: 32 counts of what is at least so large."""
    whole = jax.lax.bitcast_convert_type(x, jnp.int32)
    order = jnp.where(whole < 0, whole ^ jnp.int32(2**31 - 1), whole)  # as the numbers are ordered

    def halve(_: int, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bounds
        middle = (low >> 1) + (high >> 1) + ((low | high) & 1)
        is_below = jnp.sum(order >= middle, axis=1, keepdims=True) >= k
        return jnp.where(is_below, middle, low), jnp.where(is_below, high, middle - 1)

    start = jnp.full((len(x), 1), -(2**31), jnp.int32)
    least, _ = jax.lax.fori_loop(0, 32, halve, (start, jnp.full_like(start, 2**31 - 1)))
    missing = k - jnp.sum(order > least, axis=1, keepdims=True)
    is_equal = order == least
    return jnp.where((order > least) | (is_equal & (jnp.cumsum(is_equal, axis=1) <= missing)), x, 0)


GRADIENTS: dict[str, Callable[..., Any]] = {
    "encoder's product alone": lambda weights, x, _: x @ weights[0] + weights[1],
    "dense": dense,
    "gather and scatter in XLA": gathered,
    "sparse rows in jaxlib": compiled,
    "sparse rows in SciPy": called_back,
}
CHOICES: dict[str, Callable[..., Any]] = {
    "top_k and scatter": scattered,
    "largest blocks and mask": lambda x, k: keep_largest(x, k, k),
    "bisection": bisected,
}


def timed(forms: dict[str, Any], arguments: tuple[Any, ...], repeats: int) -> dict[str, float]:
    """Return the least milliseconds of each form, all taken in turn."""
    found = {name: [] for name in forms}
    for number in range(repeats + 1):
        for name, form in forms.items():
            begin = time.perf_counter()
            jax.block_until_ready(form(*arguments))
            found[name] += [1e3 * (time.perf_counter() - begin)] if number else []
    return {name: min(values) for name, values in found.items()}


def compare(forms: dict[str, Any], arguments: tuple[Any, ...], k: int, base: str, repeats: int) -> str:
    """Return the cells of a row: milliseconds, and how many times as fast as the base; equal up to rounding."""
    jitted = {name: jax.jit(lambda *a, form=form: form(*a, k)) for name, form in forms.items()}
    expected = jax.tree.leaves(jitted[base](*arguments))
    for name, form in jitted.items():
        if name != "encoder's product alone":
            for found, due in zip(jax.tree.leaves(form(*arguments)), expected, strict=True):
                np.testing.assert_allclose(found, due, atol=1e-4 * float(jnp.abs(due).max()), err_msg=name)
    times = timed(jitted, arguments, repeats)
    return " | ".join(f"{value:.1f} ({times[base] / value:.2f} x)" for value in times.values())


def table(forms: dict[str, Any], arguments: Callable[[int, int], tuple[Any, ...]], base: str, repeats: int) -> None:
    print(f"\n| rows x size, k | {' | '.join(forms)} |\n|---|{'---:|' * len(forms)}")
    for n, size, k in CASES:
        print(f"| {n} x {size}, {k} | {compare(forms, arguments(n, size), k, base, repeats)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=6)
    repeats = parser.parse_args().repeats
    generator = np.random.default_rng(0)

    def normal(*shape: int) -> Array:
        return jnp.asarray(generator.normal(size=shape), jnp.float32)

    def network(n: int, size: int) -> tuple[Any, ...]:
        weights = normal(COLUMNS, size) / 28, normal(size) / 10, normal(size, COLUMNS) / 28, normal(COLUMNS)
        return weights, normal(n, COLUMNS)

    print(f"{machine()}; jax {jax.__version__}; milliseconds, in brackets how many times as fast as the base")
    table(GRADIENTS, network, "dense", repeats)
    table(CHOICES, lambda n, size: (normal(n, size),), "top_k and scatter", repeats)


if __name__ == "__main__":
    main()
