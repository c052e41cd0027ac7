"""What is compiled once is not compiled again: another seed, another float, a refit, other numbers of rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import isthmus
from isthmus import Autoencoder

X = np.random.default_rng(0).normal(size=(700, 5))


def autoencoder(**settings: Any) -> Autoencoder:
    return Autoencoder(**{"bottleneck": 2, "encoder": (4,), "max_epochs": 3} | settings)


class Counter:
    """Programs handed to XLA since the counter was made."""

    def __init__(self) -> None:
        self.count = 0
        jax.monitoring.register_event_duration_secs_listener(self._hear)

    def _hear(self, event: str, seconds: float, **rest: Any) -> None:
        self.count += event == "/jax/core/compile/backend_compile_duration"

    def during(self, work: Callable[[], Any]) -> int:
        before = self.count
        work()
        return self.count - before


@pytest.fixture(scope="module")
def compiles() -> Callable[[Callable[[], Any]], int]:
    """Return a function that counts the programs that some work compiles."""
    return Counter().during


BASE = {
    "encoder": "mlp((4,), dropout=0.2)",
    "corruption": "masking(0.3)",
    "penalties": "l1(0.01)",
    "batch_size": 32,
    "validation_fraction": 0.1,
    "max_epochs": 2,
}
ROWS = 100


def test_the_counter_counts(compiles: Callable[[Callable[[], Any]], int]) -> None:
    assert compiles(lambda: jax.jit(lambda x: x * 2 + 1)(np.ones(3))) == 1
    program = jax.jit(lambda x: x * 3)
    assert compiles(lambda: program(np.ones(3))) == 1
    assert compiles(lambda: program(np.ones(3))) == 0
    assert compiles(lambda: program(np.ones(4))) == 1


@pytest.fixture(scope="module")
def trained() -> Autoencoder:
    ae = autoencoder(**BASE).fit(X[:ROWS])
    everything_but_fit(ae, X[:ROWS])
    return ae


def everything_but_fit(ae: Autoencoder, x: np.ndarray) -> None:
    codes = ae.transform(x)
    ae.inverse_transform(codes)
    ae.reconstruct(x)
    ae.score(x)
    ae.reconstruction_error(x)


AGAIN: dict[str, tuple[dict[str, Any], Callable[[], np.ndarray]]] = {
    "the same": ({}, lambda: X[:ROWS]),
    "another seed": ({"random_state": 99}, lambda: X[:ROWS]),
    "other rows of the same shape": ({}, lambda: X[ROWS : 2 * ROWS]),
    "rows of another type": ({}, lambda: X[:ROWS].astype(np.float32)),
    "another learning rate": ({"optimizer": "adam(0.05)"}, lambda: X[:ROWS]),
    "another learning rate, a whole number": ({"optimizer": "adam(1)"}, lambda: X[:ROWS]),
    "another decay": ({"optimizer": "adam(0.001, beta1=0.8)"}, lambda: X[:ROWS]),
    "another fraction masked": ({"corruption": "masking(0.7)"}, lambda: X[:ROWS]),
    "another weight of a penalty": ({"penalties": "l1(3.0)"}, lambda: X[:ROWS]),
    "another dropout": ({"encoder": "mlp((4,), dropout=0.6)"}, lambda: X[:ROWS]),
    "more epochs": ({"max_epochs": 4}, lambda: X[:ROWS]),
    "other stops": ({"stops": "loss_change(0.1)"}, lambda: X[:ROWS]),
    "another scaling": ({"scaling": "minmax"}, lambda: X[:ROWS]),
    "another share held out, of the same size": ({"validation_fraction": 0.104}, lambda: X[:ROWS]),
    "a last batch one row shorter": ({}, lambda: X[: ROWS - 1]),
    "a last batch one row longer": ({}, lambda: X[: ROWS + 1]),
    "weights": ({"batch_size": 32}, lambda: X[:ROWS]),
}


@pytest.mark.parametrize("change", AGAIN)
def test_nothing_is_compiled_again_for(
    change: str, trained: Autoencoder, compiles: Callable[[Callable[[], Any]], int]
) -> None:
    settings, rows = AGAIN[change]
    ae = autoencoder(**BASE | settings)
    weight = np.linspace(0.5, 1.5, ROWS) if change == "weights" else None
    assert compiles(lambda: ae.fit(rows(), sample_weight=weight)) == 0
    assert compiles(lambda: everything_but_fit(ae, rows())) == 0


NEW: dict[str, tuple[dict[str, Any], int]] = {
    "another width": ({"encoder": "mlp((7,), dropout=0.2)"}, ROWS),
    "another size of the code": ({"bottleneck": 3}, ROWS),
    "another size of the batch": ({"batch_size": 16}, ROWS),
    "no dropout at all": ({"encoder": "mlp((4,))"}, ROWS),
    "many more rows": ({}, 2 * ROWS),
}


@pytest.mark.parametrize("change", NEW)
def test_what_changes_the_program_is_compiled(
    change: str, trained: Autoencoder, compiles: Callable[[Callable[[], Any]], int]
) -> None:
    """So the zeros above are not those of a counter that sees nothing."""
    settings, rows = NEW[change]
    assert compiles(lambda: autoencoder(**BASE | settings, random_state=4).fit(X[:rows])) > 0


@pytest.mark.parametrize("rows", [1, 2, 99, 511, 512, 513, 700])
def test_another_number_of_rows_compiles_nothing_in_use(
    rows: int, trained: Autoencoder, compiles: Callable[[Callable[[], Any]], int]
) -> None:
    assert compiles(lambda: everything_but_fit(trained, X[:rows])) == 0


def test_loading_compiles_nothing_again(
    trained: Autoencoder, compiles: Callable[[Callable[[], Any]], int], tmp_path: Path
) -> None:
    trained.save(tmp_path / "model.safetensors")
    assert compiles(lambda: everything_but_fit(isthmus.load(tmp_path / "model.safetensors"), X[:9])) == 0


def test_other_sizes_of_a_table_fit_few_programs(compiles: Callable[[Callable[[], Any]], int]) -> None:
    """Every number of rows from 90 to 120 in at most five programs for each thing that is compiled."""
    settings = {"encoder": (4,), "bottleneck": 2, "batch_size": 32, "max_epochs": 1}
    one = compiles(lambda: autoencoder(**settings, optimizer="sgd(0.011, momentum=0.3)").fit(X[:90]))
    rest = compiles(
        lambda: [autoencoder(**settings, optimizer="sgd(0.01, momentum=0.3)").fit(X[:n]) for n in range(91, 121)]
    )
    assert one > 0
    assert rest <= 4 * one
