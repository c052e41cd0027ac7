"""Spelling: a part is written as a name with literals and further parts in brackets, and nothing else is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from isthmus.contracts import Activation, Backbone, Bottleneck, Corruption, Optimizer, Penalty, Schedule
from isthmus.core.part import Part
from isthmus.core.spelling import resolve
from isthmus.errors import InvalidPart, UnknownPart
from isthmus.parts.activations import Elu
from isthmus.parts.backbones import MLP
from isthmus.parts.bottlenecks import Deterministic, TopK
from isthmus.parts.corruptions import Masking, SaltAndPepper
from isthmus.parts.optimizers import Adam, Sgd
from isthmus.parts.penalties import L1, Margin
from isthmus.parts.schedules import Cosine, Linear


def refusal(call: Callable[..., Any], *arguments: Any, **keywords: Any) -> str:
    """Return the message with which a call is refused."""
    with pytest.raises(InvalidPart) as caught:
        call(*arguments, **keywords)
    return str(caught.value)


SPELLED: list[tuple[type[Part], str, Part]] = [
    (Bottleneck, "top_k(64, k=16)", TopK(64, k=16)),
    (Bottleneck, "top_k(64)", TopK(64, k=8)),
    (Bottleneck, "deterministic(8, activation=elu(0.5))", Deterministic(8, activation=Elu(0.5))),
    (Backbone, "mlp", MLP()),
    (Backbone, "mlp(())", MLP(())),
    (Backbone, "mlp((64, 32), activation=elu(0.5))", MLP((64, 32), activation=Elu(0.5))),
    (Backbone, "mlp((64,), dropout=0.25)", MLP((64,), dropout=0.25)),
    (Penalty, "margin(0.5, form='hadsell')", Margin(0.5, form="hadsell")),
    (Corruption, "masking(0.5)", Masking(0.5)),
    (Corruption, "salt_and_pepper(low=-1.0)", SaltAndPepper(low=-1.0)),
    (Optimizer, "sgd(momentum=0.9, nesterov=True)", Sgd(momentum=0.9, nesterov=True)),
    (Optimizer, "adam(cosine(0.01, steps=100))", Adam(Cosine(0.01, 100))),
    (Penalty, "l1(linear(0.001, end=0.0, steps=100))", L1(Linear(1e-3, 0.0, 100))),
    (Penalty, "l1(1e-05)", L1(1e-5)),
]


@pytest.mark.parametrize(("contract", "text", "part"), SPELLED, ids=[text for _, text, _ in SPELLED])
def test_a_part_is_spelled_as_people_write_it(contract: type[Part], text: str, part: Part) -> None:
    assert str(part) == text
    assert resolve(contract, text) == part


@pytest.mark.parametrize(
    ("contract", "text", "part"),
    [
        (Penalty, "margin(0.5, form=hadsell)", Margin(0.5, form="hadsell")),  # a word of few may stand without quotes
        (Penalty, "l1(linear(1e-3, 0.0, 100))", L1(Linear(1e-3, 0.0, 100))),
        (Backbone, "mlp([64, 32], 'elu(0.5)')", MLP((64, 32), Elu(0.5))),
        (Backbone, "mlp((64, 32), elu)", MLP((64, 32), Elu())),
        (Backbone, "  mlp ( hidden = ( 64 , ) )  ", MLP((64,))),
        (Corruption, "salt_and_pepper(1, -1, +1)", SaltAndPepper(1.0, -1.0, 1.0)),
        (Bottleneck, "top_k(size=1_000, k=0x10)", TopK(1000, 16)),
        (Backbone, "mlp(None)", MLP()),
    ],
)
def test_a_spelling_may_be_written_in_other_ways(contract: type[Part], text: str, part: Part) -> None:
    assert resolve(contract, text) == part


@pytest.mark.parametrize(
    ("contract", "value", "part"),
    [
        (Bottleneck, 8, Deterministic(8)),
        (Bottleneck, np.int64(8), Deterministic(8)),
        (Backbone, (64, 32), MLP((64, 32))),
        (Backbone, [64, 32], MLP((64, 32))),
        (Backbone, (), MLP(())),
        (Bottleneck, TopK(64), TopK(64)),
    ],
)
def test_a_bare_value_stands_for_the_kinds_shorthand(contract: type[Part], value: Any, part: Part) -> None:
    assert resolve(contract, value) == part


def test_a_part_given_is_the_part_used() -> None:
    part = TopK(64)
    assert resolve(Bottleneck, part) is part


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "masking.fraction",
        "masking(0.5).fraction",
        "parts.masking(0.5)",
        "__import__('os').system('x')",
        "masking(0.5)(0.5)",
        "masking[0]",
        "masking(0.5)[0]",
        "lambda: masking(0.5)",
        "f'masking(0.5)'",
        "[masking for x in (1,)]",
        "masking if True else gaussian",
        "masking + gaussian",
        "masking, gaussian",
        "(masking := 1)",
        "masking(0.5) masking(0.5)",
        "import os",
        "masking(0.5); masking(0.5)",
        "masking(0.5",
        "masking(\0)",
        "\ud800",
        "(" * 3000 + "masking" + ")" * 3000,
        "masking" + ".a" * 900,
    ],
    ids=lambda text: ascii(text[:40]),
)
def test_what_is_no_name_with_settings_spells_nothing(text: str) -> None:
    message = refusal(resolve, Corruption, text)
    assert message.endswith("does not spell a corruption: write as in 'name(1, key=2)'.")


@pytest.mark.parametrize(
    "value",
    [
        "x.y",
        "x",
        "print",
        "print()",
        "__import__('os').system('x')",
        "(lambda: 0.5)()",
        "lambda: 0.5",
        "f'{0.5}'",
        "f'0.5'",
        "(0.5, 0.6)[0]",
        "0.5 + x",
        "0.25 + 0.25",
        "2 ** 0.5",
        "[x for x in (0.5,)]",
        "{x for x in (0.5,)}",
        "*(0.5,)",
        "0.5 if True else 0.1",
        "not 0.5",
        "0.5 < 0.6",
        "(x := 0.5)",
        "await x",
    ],
)
def test_a_setting_is_a_literal_or_a_part(value: str) -> None:
    text = f"masking({value})"
    assert refusal(resolve, Corruption, text).startswith(f"{text!r} may hold literals and names of parts only. Got ")


@pytest.mark.parametrize(
    "text",
    [
        "mlp(activation=__import__('os').system('x'))",
        "mlp(activation=elu.alpha)",
        "mlp(activation=elu()())",
        "mlp(activation=lambda x: x)",
        "mlp(activation=[elu for x in (1,)])",
        "mlp(activation=elu(x))",
        "mlp(activation='lambda x: x')",
        "mlp(activation='elu.alpha')",
        "mlp(hidden=(64, x))",
        "mlp(hidden=(64, *range(3)))",
    ],
)
def test_a_part_within_a_part_is_read_as_strictly(text: str) -> None:
    message = refusal(resolve, Backbone, text)
    assert "does not spell an activation: write as in" in message or "literals and names of parts only" in message


@pytest.mark.parametrize(
    ("text", "unknown"),
    [("print(1)", "print"), ("__import__('os')", "__import__"), ("__init__", "__init__"), ("deterministic(8)", "")],
)
def test_only_what_is_registered_in_the_kind_can_be_called(text: str, unknown: str) -> None:
    name = unknown or text.partition("(")[0]
    with pytest.raises(UnknownPart, match=f"^no corruption is called {name!r}\\."):
        resolve(Corruption, text)


@pytest.mark.parametrize(
    ("contract", "text", "message"),
    [
        (Bottleneck, "top_k(64, size=8)", "top_k got its setting 'size' twice."),
        (Bottleneck, "top_k(64, k=1, k=2)", "top_k got its setting 'k' twice."),
        (Bottleneck, "top_k(size=8, size=64)", "top_k got its setting 'size' twice."),
        (Bottleneck, "top_k(64, 8, 2, 3)", "top_k takes at most 3 settings (size, k, alpha). Got 4."),
        (Bottleneck, "top_k(**{'size': 8})", "top_k has no setting '**'. It has: size, k, alpha."),
        (Bottleneck, "top_k", "top_k needs size: write top_k(size=…)."),
        (Bottleneck, "top_k(k=4)", "top_k needs size: write top_k(size=…)."),
        (Schedule, "linear(1.0)", "linear needs end: write linear(end=…)."),
        (Bottleneck, "top_k(64, kk=4)", "top_k has no setting 'kk'. Did you mean 'k'? It has: size, k, alpha."),
        (Bottleneck, "top_k(64, zzz=4)", "top_k has no setting 'zzz'. It has: size, k, alpha."),
        (Activation, "relu(slope=0.1)", "relu has no setting 'slope'. It has: none."),
        (Activation, "relu(0.1)", "relu takes at most 0 settings (). Got 1."),
        (
            Bottleneck,
            "top_q(8)",
            "no bottleneck is called 'top_q'. Did you mean 'top_k'? There are: ",
        ),
        (Penalty, "l1(linaer(1, 0, 5))", "no schedule is called 'linaer'. Did you mean 'linear'? There are: "),
        (Penalty, "l1(nan)", "no schedule is called 'nan'."),
        (Optimizer, "lambda: 0", "'lambda: 0' does not spell an optimizer: write as in 'name(1, key=2)'."),
        (Activation, "elu[0]", "'elu[0]' does not spell an activation: write as in 'name(1, key=2)'."),
        (Activation, "elu(", "'elu(' does not spell an activation: write as in 'name(1, key=2)'."),
    ],
)
def test_a_wrong_spelling_is_answered_with_what_is_right(contract: type[Part], text: str, message: str) -> None:
    assert refusal(resolve, contract, text).startswith(message)


def test_a_long_text_is_not_read_and_not_repeated() -> None:
    assert resolve(Corruption, "masking(0.5)".ljust(10_000)) == Masking(0.5)
    message = refusal(resolve, Corruption, "masking(0.5)".ljust(10_001))
    assert message == "the spelling of a corruption has 10001 characters; 10000 are allowed."
    message = refusal(resolve, Optimizer, "x" * 10_001)
    assert message == "the spelling of an optimizer has 10001 characters; 10000 are allowed."


def test_what_is_long_is_cut_in_the_answer() -> None:
    for value in ("x" * 9000, "masking" + "(" * 9000, "masking(" + "x" * 9000 + ")", list(range(100_000))):
        assert len(refusal(resolve, Corruption, value)) < 500


@pytest.mark.parametrize("depth", [50, 150, 900, 1500, 4900])
@pytest.mark.parametrize(
    "nested",
    [
        lambda n: "-" * n + "1",
        lambda n: "+".join("1" * n),
        lambda n: "a" + ".a" * n,
        lambda n: "not " * (n // 2) + "1",
        lambda n: "[" * n + "]" * n,
        lambda n: "elu(" * (n // 3) + ")" * (n // 3),
        lambda n: "(lambda: " * (n // 6) + "1" + ")" * (n // 6),
    ],
    ids=["minus", "plus", "dots", "not", "brackets", "calls", "lambdas"],
)
def test_deep_nesting_is_refused_in_a_sentence_of_bearable_length(nested: Callable[[int], str], depth: int) -> None:
    message = refusal(resolve, Corruption, f"masking({nested(depth)})")
    assert len(message) < 500


@pytest.mark.parametrize(
    "number", ["1e999", "-1e999", "1" + "0" * 400, "0x" + "f" * 9000, "-0x" + "f" * 9000, "1e999j", "1j"]
)
@pytest.mark.parametrize("form", ["masking({})", "salt_and_pepper(low={})"])
def test_a_number_out_of_range_is_refused(form: str, number: str) -> None:
    message = refusal(resolve, Corruption, form.format(number))
    assert "must be a finite number. Got " in message
    assert len(message) < 500


def test_a_whole_number_too_long_to_write_is_refused() -> None:
    message = refusal(resolve, Bottleneck, "top_k(0x" + "f" * 9000 + ")")
    assert message.startswith("TopK.size must be ")
    message = refusal(resolve, Bottleneck, "top_k(8, k=0x" + "f" * 9000 + ")")
    assert message.startswith("TopK.k must be ")
