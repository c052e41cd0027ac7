"""The registry: a file in the folder of a kind is a part, and so is a class of one's own."""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
import pytest

from isthmus import Autoencoder
from isthmus.contracts import Bottleneck, Corruption
from isthmus.core import registry
from isthmus.core.coercion import singular
from isthmus.core.part import Part
from isthmus.core.registry import find_part, lazy_exports, part_kinds, part_names
from isthmus.core.spelling import part_from_json, resolve, unique_names
from isthmus.errors import InvalidPart
from isthmus.parts.bottlenecks import TopK
from isthmus.parts.corruptions import Masking
from isthmus.parts.penalties import L1, L2, WeightDecay


def refusal(call: Callable[..., Any], *arguments: Any, **keywords: Any) -> str:
    """Return the message with which a call is refused."""
    with pytest.raises(InvalidPart) as caught:
        call(*arguments, **keywords)
    return str(caught.value)


def test_the_kinds_are_those_of_the_contracts() -> None:
    assert set(part_kinds()) >= {
        "activations",
        "backbones",
        "bottlenecks",
        "corruptions",
        "likelihoods",
        "optimizers",
        "penalties",
        "scalings",
        "schedules",
        "stops",
    }
    assert part_kinds()["bottlenecks"] is Bottleneck


def test_a_kind_lists_its_files() -> None:
    assert {"gaussian", "masking", "salt_and_pepper"} <= set(part_names("corruptions"))
    assert part_names("corruptions") == sorted(part_names("corruptions"))
    assert "__init__" not in part_names("corruptions")
    assert find_part("corruptions", "masking") is Masking


def test_one_of_many_is_named_in_the_singular() -> None:
    assert [singular(kind) for kind in ("penalties", "stops", "backbones", "likelihoods", "activations")] == [
        "penalty",
        "stop",
        "backbone",
        "likelihood",
        "activation",
    ]


def test_parts_of_one_kind_are_numbered() -> None:
    assert unique_names((L1(), L2(), L1(), WeightDecay(), L1())) == ["l1", "l2", "l1_2", "weight_decay", "l1_3"]
    assert unique_names(()) == []


def test_a_kind_exports_its_classes_only() -> None:
    enter, listed = lazy_exports("isthmus.bottlenecks")
    assert {"Deterministic", "TopK", "Variational"} <= set(listed())
    assert all(inspect.isclass(enter(name)) for name in listed())
    assert enter("TopK") is TopK
    # `top_k` is the module: a class in its place would change with the order of imports.
    for other in ("top_k", "topk", "TOPK", "Topk", "TopKNeck", "Masking", "__path__"):
        with pytest.raises(AttributeError) as caught:
            enter(other)
        assert str(caught.value) == f"module 'isthmus.bottlenecks' has no attribute {other!r}"


@pytest.fixture(scope="module")
def jitter() -> Iterator[Any]:
    """Define a part as a user's module would, and forget it after this module."""

    @dataclasses.dataclass(frozen=True)
    class UniformJitter(Corruption):
        """Add a uniform draw from ±reach to every entry."""

        reach: float = 0.1

        def __call__(self, x: Any, key: Any) -> Any:
            return x + self.reach * (2 * jax.random.uniform(key, x.shape) - 1)

    yield UniformJitter
    registry._PARTS["corruptions"].pop("uniform_jitter")


def test_a_part_of_ones_own_is_found_and_spelled(jitter: Any) -> None:
    assert find_part("corruptions", "uniform_jitter") is jitter
    assert "uniform_jitter" in part_names("corruptions")
    assert resolve(Corruption, "uniform_jitter(reach=0.5)") == jitter(0.5)
    assert str(jitter(0.5)) == "uniform_jitter(0.5)"
    assert part_from_json("corruptions", jitter(0.5).to_json()) == jitter(0.5)
    assert refusal(resolve, Corruption, "uniform_jiter") == (
        "no corruption is called 'uniform_jiter'. Did you mean 'uniform_jitter'? There are: "
        f"{', '.join(part_names('corruptions'))}."
    )
    assert refusal(jitter, "x") == "UniformJitter.reach must be a finite number. Got 'x'."


def test_a_part_of_ones_own_trains(jitter: Any) -> None:
    X = np.random.default_rng(0).normal(size=(40, 1)) @ np.ones((1, 3))
    plain = Autoencoder(1, encoder=(), max_epochs=3, optimizer="sgd(0.01)", corruption=jitter(0.0)).fit(X)
    noisy = Autoencoder(1, encoder=(), max_epochs=3, optimizer="sgd(0.01)", corruption="uniform_jitter(0.5)").fit(X)
    losses = [record["loss"] for record in plain.history_]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]
    assert noisy.history_[-1]["loss"] != plain.history_[-1]["loss"]
    assert noisy.get_params()["corruption__reach"] == 0.5


def define_masking() -> type[Part]:
    @dataclasses.dataclass(frozen=True)
    class Masking(Corruption):
        """Not the house's."""

        def __call__(self, x: Any, key: Any) -> Any:
            return x

    return Masking


def test_the_name_of_a_part_cannot_be_taken_twice() -> None:
    assert refusal(define_masking) == (
        "corruptions has a part called 'masking' already (isthmus.parts.corruptions.masking): "
        "give define_masking.<locals>.Masking another name."
    )
    assert find_part("corruptions", "masking") is Masking


def test_the_name_of_a_part_cannot_be_taken_before_it_is_imported() -> None:
    code = """
import dataclasses
from isthmus.contracts import Corruption
from isthmus.errors import InvalidPart
try:
    @dataclasses.dataclass(frozen=True)
    class Masking(Corruption):
        def __call__(self, x, key):
            return x
except InvalidPart as error:
    print(error)
from isthmus.parts.corruptions import Masking
print(Masking.__module__)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == [
        (
            "corruptions has a part called 'masking' already (isthmus.parts.corruptions.masking): "
            "give Masking another name."
        ),
        "isthmus.parts.corruptions.masking",
    ]
