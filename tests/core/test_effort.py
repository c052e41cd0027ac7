"""Programs are compiled as thoroughly as they will run long; what they answer is the same."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.core import effort
from isthmus.core.programs import compiled, variant
from tiny import X, autoencoder

A, B = np.ones((8, 16), np.float32), np.ones((16, 4), np.float32)


@compiled
def product(a: Any, b: Any) -> Any:
    return jnp.tanh(a @ b)


@pytest.fixture
def chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let effort be chosen, as outside of the tests, which have all programs compiled quickly."""
    monkeypatch.setattr(effort, "_may_choose", lambda: True)


def options_of(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    asked: list[dict[str, Any]] = []
    for options in (effort._LESS, effort._LEAST):
        assert effort._are_known(tuple(options.items()))

    def note(program: Any, options: dict[str, Any]) -> Any:
        asked.append(options)
        return variant(program, options)

    monkeypatch.setattr(effort, "variant", note)
    return asked


def test_the_cost_of_a_product_and_of_what_follows_it() -> None:
    found = effort.cost(product.trace(A, B).jaxpr)
    by_hand = 2 * effort.EQUATION + 8 * 4 * 16 / effort.PRODUCTS + 8 * 4 / effort.SLOWER["tanh"]
    assert found == pytest.approx(by_hand)


def test_the_cost_of_a_convolution() -> None:
    x, kernel = np.ones((2, 3, 9, 9), np.float32), np.ones((5, 3, 2, 2), np.float32)
    program = jax.jit(lambda x, kernel: jax.lax.conv(x, kernel, (1, 1), "VALID"))
    sums = (2 * 5 * 8 * 8) * (3 * 2 * 2)  # numbers x what each is the sum of
    assert effort.cost(program.trace(x, kernel).jaxpr) == pytest.approx(effort.EQUATION + sums / effort.PRODUCTS)


def test_a_scan_costs_its_steps_and_an_open_loop_one() -> None:
    def body(carry: Any, _: Any) -> Any:
        return jnp.sin(carry), None

    step = effort.EQUATION + 3000 / effort.SLOWER["sin"]
    scan = jax.jit(lambda x: jax.lax.scan(body, x, None, length=7)[0])
    assert effort.cost(scan.trace(np.ones(3000, np.float32)).jaxpr) == pytest.approx(7 * step)
    loop = jax.jit(lambda x, n: jax.lax.fori_loop(0, n, lambda _, carry: jnp.sin(carry), x))
    found = effort.cost(loop.trace(np.ones(3000, np.float32), 7).jaxpr)
    assert step < found < 1.2 * step


def test_what_runs_longer_is_compiled_more_thoroughly(chooses: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = options_of(monkeypatch)
    seconds = effort.cost(product.trace(A, B).jaxpr)
    short = effort.suited(product, (A, B), 0.9 * effort.SHORT / seconds)
    longer = effort.suited(product, (A, B), 1.1 * effort.SHORT / seconds)
    assert effort.suited(product, (A, B), 1.1 * effort.LONG / seconds) is product
    assert [options.get("xla_backend_optimization_level") for options in asked] == [0, None]
    np.testing.assert_allclose(short(A, B), np.tanh(A @ B), rtol=1e-6)
    np.testing.assert_allclose(longer(A, B), np.tanh(A @ B), rtol=1e-6)


def test_options_that_xla_does_not_know_are_left_out(chooses: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effort, "_LEAST", {"xla_of_another_version": True})
    assert effort.suited(product, (A, B), 1) is product


@pytest.mark.parametrize("device", [None, "cpu", jax.devices("cpu")[0]])
def test_who_has_chosen_for_all_programs_is_let_be(device: Any) -> None:
    before = jax.config.values["jax_disable_most_optimizations"]  # as the tests have
    with jax.default_device(device):
        try:
            jax.config.update("jax_disable_most_optimizations", True)
            assert effort.suited(product, (A, B), 1) is product
            jax.config.update("jax_disable_most_optimizations", False)
            assert effort.suited(product, (A, B), 1) is not product
        finally:
            jax.config.update("jax_disable_most_optimizations", before)


def test_other_devices_compile_as_they_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setitem(jax.config.values, "jax_disable_most_optimizations", False)
    assert effort.suited(product, (A, B), 1) is product


def test_a_fit_chooses_once_for_each_of_its_programs(chooses: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = options_of(monkeypatch)
    model = autoencoder(max_epochs=3, stops="patience", validation_fraction=0.2).fit(X)
    assert len(asked) == 2  # an epoch, and the loss of validation rows
    first = model.transform(X)
    np.testing.assert_array_equal(model.transform(X[:1]), first[:1])
    assert len(asked) == 3


def test_a_fit_is_the_same_whatever_its_most_epochs(chooses: None) -> None:
    one, other = (autoencoder(max_epochs=epochs, stops=None).fit(X) for epochs in (2, 3))
    for name in ("loss", "weight_change"):
        assert [record[name] for record in one.history_] == [record[name] for record in other.history_[:2]]
