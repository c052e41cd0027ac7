"""Parts: spelled, registered, frozen, changed by copy, stored as JSON, data to the compiler."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any, Literal

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.contracts import Activation, Bottleneck, Corruption, Optimizer
from isthmus.core import registry
from isthmus.core.part import Part
from isthmus.core.registry import find_part, part_kinds, part_names
from isthmus.core.spelling import part_from_json, resolve, spelling
from isthmus.errors import InvalidPart
from isthmus.parts.activations import Elu, LeakyRelu, Relu
from isthmus.parts.backbones import MLP
from isthmus.parts.bottlenecks import TopK
from isthmus.parts.corruptions import Masking
from isthmus.parts.optimizers import Sgd
from isthmus.parts.penalties import L1, L2
from isthmus.parts.schedules import Linear


def refusal(call: Callable[..., Any], *arguments: Any, **keywords: Any) -> str:
    """Return the message with which a call is refused."""
    with pytest.raises(InvalidPart) as caught:
        call(*arguments, **keywords)
    return str(caught.value)


PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    float: st.floats(0, 1, exclude_min=True, exclude_max=True),
    int: st.integers(2, 64),
    bool: st.booleans(),
    str: st.text(),
    types.NoneType: st.none(),
}


def any_value(hint: Any) -> st.SearchStrategy[Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([any_value(argument) for argument in arguments])
    if origin is tuple:
        return st.lists(any_value(arguments[0]), max_size=4).map(tuple)
    if origin is Literal:
        return st.sampled_from(arguments)
    return PLAIN[hint] if hint in PLAIN else any_part(hint.kind, is_inside=True)


def any_part(kind: str, *, is_inside: bool = False) -> st.SearchStrategy[Part]:
    parts = [find_part(kind, name) for name in part_names(kind)]
    # A part that wraps another of its kind, as a hypernetwork, wraps one that wraps none: else there would be no end.
    return st.one_of([any_setting_of(part) for part in parts if not (is_inside and wraps(part))])


def wraps(cls: Any) -> bool:
    hints = [h for hint in typing.get_type_hints(cls).values() for h in (hint, *typing.get_args(hint))]
    return any(getattr(hint, "kind", None) == cls.kind for hint in hints)


def any_setting_of(cls: Any) -> st.SearchStrategy[Part]:
    hints = typing.get_type_hints(cls)
    fields = {field.name: any_value(hints[field.name]) for field in dataclasses.fields(cls)}
    return st.fixed_dictionaries(fields).map(lambda values: made(cls, values)).filter(lambda part: part is not None)


def made(cls: Any, values: dict[str, Any]) -> Any:
    """Return the part, or None where one setting forbids another."""
    try:
        return cls(**values)
    except InvalidPart:
        return None


@pytest.mark.parametrize("kind", sorted(part_kinds()))
def test_a_part_of_any_settings_comes_back_from_each_of_its_forms(kind: str) -> None:
    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    @given(any_part(kind))
    def holds(part: Part) -> None:
        spelled = resolve(part_kinds()[kind], str(part))
        stored = part_from_json(kind, json.loads(json.dumps(part.to_json(), allow_nan=False)))
        leaves, structure = jax.tree.flatten(part)
        for copy in (spelled, stored, jax.tree.unflatten(structure, leaves), part.replace()):
            assert type(copy) is type(part)
            assert copy == part
            assert hash(copy) == hash(part)
            assert str(copy) == str(part)

    holds()


@dataclasses.dataclass(frozen=True)
class Kinds:
    """One field of every kind; a `Corruption` is made of it below, and forgotten after the module."""

    number: float = 0.5
    count: int = 3
    claim: bool = False
    text: str = "a"
    choice: Literal["one", "two"] = "one"
    widths: tuple[int, ...] = (1, 2)
    shares: tuple[float, ...] | None = None
    activation: Activation = spelling("relu")
    optional: Activation | None = None

    def __call__(self, x: Any, key: Any) -> Any:
        return x


@pytest.fixture(scope="module")
def kinds() -> Iterator[Any]:
    @dataclasses.dataclass(frozen=True)
    class AllKinds(Kinds, Corruption):
        """Every kind of setting."""

    yield AllKinds
    registry._PARTS["corruptions"].pop("all_kinds")


NOT_FINITE = [float("nan"), float("inf"), -float("inf"), np.float32("nan")]


@pytest.mark.parametrize(
    ("field", "values", "due"),
    [
        ("number", [*NOT_FINITE, "1", True, None, 1j, (1.0,), 10**400], "a finite number"),
        ("count", [1.5, 1.0, "1", True, None, (1,), np.float64(1)], "a whole number"),
        ("claim", [1, 0, "True", None, np.int64(1)], "True or False"),
        ("text", [1, None, b"a", ("a",)], "text"),
        ("choice", ["three", 1, None, ("one",)], "one of 'one', 'two'"),
        ("widths", ["12", 1.5, True, None, (1.5,), ("1",), ((1,),), {1}, np.ones(2)], "a list of whole numbers"),
        ("shares", [1.0, (float("nan"),), (True,), "x"], "a list of finite numbers or None"),
        ("activation", [1, None, (1,), Masking()], "an activation"),
        ("optional", [1, Masking(), False], "an activation or None"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(kinds: Any, field: str, values: list[Any], due: str) -> None:
    for value in values:
        shown = repr(value) if len(repr(value)) <= 80 else repr(value)[:77] + "..."
        assert refusal(kinds, **{field: value}) == f"AllKinds.{field} must be {due}. Got {shown}."


@pytest.mark.parametrize(
    ("field", "given_", "kept"),
    [
        ("number", 1, 1.0),
        ("number", np.float32(0.5), 0.5),
        ("number", np.int64(2), 2.0),
        ("count", np.int64(2), 2),
        ("text", np.str_("it's"), "it's"),
        ("choice", np.str_("two"), "two"),
        ("widths", [3, np.int32(4)], (3, 4)),
        ("widths", (), ()),
        ("shares", [1, 0.5], (1.0, 0.5)),
        ("activation", "elu(0.5)", Elu(0.5)),
        ("optional", "elu", Elu()),
        ("optional", Elu(), Elu()),
    ],
)
def test_a_value_is_kept_in_the_kind_that_is_due(kinds: Any, field: str, given_: Any, kept: Any) -> None:
    part = kinds(**{field: given_})
    value = getattr(part, field)
    assert value == kept
    assert type(value) is type(kept)
    assert resolve(Corruption, str(part)) == part
    assert part_from_json("corruptions", json.loads(json.dumps(part.to_json()))) == part


def test_a_part_with_every_kind_of_setting_is_spelled_in_the_order_of_its_fields(kinds: Any) -> None:
    part = kinds(0.25, claim=True, text="a 'b'", widths=(), shares=(0.5,), activation="elu(0.5)", optional="tanh")
    assert str(part) == (
        "all_kinds(0.25, claim=True, text=\"a 'b'\", widths=(), shares=(0.5,), activation=elu(0.5), optional=tanh)"
    )
    assert resolve(Corruption, str(part)) == part


@pytest.mark.parametrize(
    ("contract", "value", "message"),
    [
        (Corruption, 0.3, "expected a corruption or its spelling. Got 0.3."),
        (Corruption, None, "expected a corruption or its spelling. Got None."),
        (Corruption, TopK(64), "expected a corruption or its spelling. Got TopK(size=64, k=8, alpha=1.0)."),
        (Optimizer, [1], "expected an optimizer or its spelling. Got [1]."),
        (Bottleneck, Masking(0.5), "expected a bottleneck or its spelling. Got Masking(fraction=0.5)."),
        (Bottleneck, 8.0, "Deterministic.size must be a whole number. Got 8.0."),
        (Bottleneck, None, "Deterministic.size must be a whole number. Got None."),
    ],
)
def test_what_is_no_part_of_the_kind_is_refused(contract: type[Part], value: Any, message: str) -> None:
    assert refusal(resolve, contract, value) == message


def test_a_part_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Masking(0.5).fraction = 0.1  # type: ignore[misc]


def test_parts_are_equal_and_hash_alike_if_their_settings_are_equal() -> None:
    assert Masking(0.5) == Masking(0.5) != Masking(0.25)
    assert L1(0.5) != L2(0.5)
    assert {MLP((8,)), MLP([8]), MLP((8,), activation="relu"), MLP((9,))} == {MLP((8,)), MLP((9,))}


def test_a_change_leaves_the_old_part_as_it_was() -> None:
    old = MLP((64,), activation=Elu(0.5))
    new = old.replace(hidden=[32], activation__alpha=2)
    assert old == MLP((64,), activation=Elu(0.5))
    assert new == MLP((32,), activation=Elu(2.0))


def test_a_new_inner_part_and_a_setting_of_it_can_come_together() -> None:
    assert MLP().replace(activation=LeakyRelu(), activation__slope=0.2) == MLP(activation=LeakyRelu(0.2))
    assert L1(Linear(1.0, 0.0, 9)).replace(weight__steps=5) == L1(Linear(1.0, 0.0, 5))


@pytest.mark.parametrize(
    ("part", "changes", "message"),
    [
        (TopK(64), {"kk": 4}, "top_k has no setting 'kk'. It has: size, k, alpha."),
        (Relu(), {"slope": 0.1}, "relu has no setting 'slope'. It has: none."),
        (TopK(64), {"k__x": 4}, "top_k.k is 8, not a part: it has no settings to change."),
        (L1(0.5), {"weight__steps": 4}, "l1.weight is 0.5, not a part: it has no settings to change."),
        (MLP(), {"activation__alpha": 1.0}, "relu has no setting 'alpha'. It has: none."),
        (TopK(64), {"k": 65}, "TopK.k must be from 1 to the size of the code, 64. Got 65."),
        (TopK(64), {"k": 4.0}, "TopK.k must be a whole number or a schedule. Got 4.0."),
        (MLP(activation=Elu()), {"activation__alpha": "x"}, "Elu.alpha must be a finite number. Got 'x'."),
    ],
)
def test_a_change_that_cannot_be_is_refused(part: Part, changes: dict[str, Any], message: str) -> None:
    refused = refusal(part.replace, **changes)
    assert refused == message or refused.startswith(message.split(" It has:")[0])


def test_settings_are_listed_with_those_of_the_parts_inside() -> None:
    assert TopK(64).settings() == {"size": 64, "k": 8, "alpha": 1.0}
    assert Relu().settings() == {}
    assert MLP((8,), activation=Elu(0.5)).settings() == {
        "hidden": (8,),
        "activation": Elu(0.5),
        "activation__alpha": 0.5,
        "dropout": 0.0,
        "dropconnect": 0.0,
        "ranks": 0,
    }


def test_json_holds_names_and_plain_values() -> None:
    assert json.loads(json.dumps(MLP((8,), activation=Elu(0.5)).to_json())) == {
        "part": "mlp",
        "settings": {
            "hidden": [8],
            "activation": {"part": "elu", "settings": {"alpha": 0.5}},
            "dropout": 0.0,
            "dropconnect": 0.0,
            "ranks": 0,
        },
    }


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "a part in bottlenecks must be an object of 'part' and 'settings'. Got None."),
        ("top_k(64)", "a part in bottlenecks must be an object of 'part' and 'settings'. Got 'top_k(64)'."),
        ([], "a part in bottlenecks must be an object of 'part' and 'settings'. Got []."),
        ({}, "a part in bottlenecks must be an object of 'part' and 'settings'. Got {}."),
        ({"part": "top_k"}, "a part in bottlenecks must be an object of 'part' and 'settings'. Got {'part': 'top_k'}."),
        ({"part": "top_k", "settings": []}, "a part in bottlenecks must be an object of 'part' and 'settings'. Got "),
        (
            {"part": "top_k", "settings": {}, "code": "x"},
            "a part in bottlenecks must be an object of 'part' and 'settings'. Got ",
        ),
        ({"part": 3, "settings": {}}, "the name of a part in bottlenecks must be text. Got 3."),
        ({"part": ["top_k"], "settings": {}}, "the name of a part in bottlenecks must be text. Got ['top_k']."),
        ({"part": "topk", "settings": {}}, "no bottleneck is called 'topk'. Did you mean 'top_k'?"),
        ({"part": "os", "settings": {}}, "no bottleneck is called 'os'."),
        ({"part": "../x", "settings": {}}, "no bottleneck is called '../x'."),
        ({"part": "isthmus.bottlenecks.top_k", "settings": {}}, "no bottleneck is called 'isthmus.bottlenecks.top_k'."),
        ({"part": "top_k", "settings": {}}, "top_k needs size: write top_k(size=…)."),
        ({"part": "top_k", "settings": {"size": 8, "kk": 2}}, "top_k has no setting 'kk'. Did you mean 'k'?"),
        ({"part": "top_k", "settings": {"size": "8"}}, "TopK.size must be a whole number. Got '8'."),
        ({"part": "top_k", "settings": {"size": True}}, "TopK.size must be a whole number. Got True."),
        ({"part": "top_k", "settings": {"size": 8, "k": 9}}, "TopK.k must be from 1 to the size of the code, 8. Got 9"),
        (
            {"part": "deterministic", "settings": {"size": 8, "activation": {"part": "elu"}}},
            "a part in activations must be an object of 'part' and 'settings'. Got {'part': 'elu'}.",
        ),
        (
            {"part": "deterministic", "settings": {"size": 8, "activation": {"part": "masking", "settings": {}}}},
            "no activation is called 'masking'.",
        ),
        (
            {"part": "deterministic", "settings": {"size": 8, "activation": 1}},
            "Deterministic.activation must be an activation. Got 1.",
        ),
        ({"part": "top_k", "settings": {"size": {"part": "elu", "settings": {}}}}, "TopK.size must be a whole number."),
    ],
)
def test_malformed_json_is_refused(data: Any, message: str) -> None:
    assert refusal(part_from_json, "bottlenecks", data).startswith(message)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_json_numbers_out_of_range_are_refused(text: str) -> None:
    data = json.loads(f'{{"part": "masking", "settings": {{"fraction": {text}}}}}')
    assert refusal(part_from_json, "corruptions", data).startswith("Masking.fraction must be a finite number. Got ")


def test_a_refusal_of_large_data_is_short() -> None:
    assert len(refusal(part_from_json, "bottlenecks", list(range(100_000)))) < 200


def test_floats_and_parts_are_data_and_all_else_is_structure() -> None:
    assert jax.tree.leaves(Sgd(0.5, momentum=0.25, nesterov=True)) == [0.5, 0.25]
    assert jax.tree.leaves(TopK(64)) == [1.0]
    assert jax.tree.structure(TopK(64, k=8)) != jax.tree.structure(TopK(64, k=4))
    assert jax.tree.leaves(MLP((8,), activation=Elu(0.5), dropout=0.25, dropconnect=0.125)) == [0.5, 0.25, 0.125]
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree.leaves_with_path(L1(Linear(1.0, 0.5, 9)))]
    assert paths == [".weight.start", ".weight.end"]


@pytest.mark.parametrize(
    ("part", "other", "is_alike"),
    [
        (Masking(0.25), Masking(0.5), True),
        (MLP(activation=Elu(0.5)), MLP(activation=Elu(0.25)), True),
        (L1(Linear(1.0, 0.0, 9)), L1(Linear(2.0, 1.0, 9)), True),
        (L1(Linear(1.0, 0.0, 9)), L1(Linear(1.0, 0.0, 8)), False),
        (TopK(64, k=8), TopK(64, k=4), False),
        (Sgd(nesterov=True), Sgd(nesterov=False), False),
        (MLP((8,)), MLP((9,)), False),
        (MLP(activation=Relu()), MLP(activation=Elu()), False),
        (L1(0.5), L1(Linear(1.0, 0.0, 9)), False),
        (L1(0.5), L2(0.5), False),
    ],
)
def test_only_a_changed_float_keeps_the_structure(part: Part, other: Part, is_alike: bool) -> None:
    assert (jax.tree.structure(part) == jax.tree.structure(other)) is is_alike


def test_a_changed_float_is_not_traced_again_and_a_changed_count_is() -> None:
    traced: list[Part] = []

    @jax.jit
    def double(part: Any) -> Any:
        traced.append(part)
        return 2 * part.start

    values = [float(double(part)) for part in (Linear(1.0, 0.0, 9), Linear(3.0, 1.0, 9), Linear(1.0, 0.0, 8))]
    assert values == [2.0, 6.0, 2.0]
    assert [part.steps for part in traced] == [9, 8]  # type: ignore[attr-defined]
    assert isinstance(traced[0].start, jax.core.Tracer)  # type: ignore[attr-defined]
