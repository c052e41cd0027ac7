"""Hostile safetensors files: the length, the outer JSON, the claims about tensors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

TENSOR = "weights.neck.affine.matrix"  # the last one in the file, [4, 2]
BIAS = "weights.neck.affine.bias"  # the one before it, [2]

CONTAINERS: dict[str, tuple[Callable[[Any], bytes], str]] = {
    "empty": (lambda g: b"", "it has 0 bytes"),
    "seven bytes": (lambda g: g.data[:7], "it has 7 bytes"),
    "prefix only": (lambda g: g.data[:8], "cut short"),
    "text": (lambda g: b"epoch,loss\n" + b"1,0.5\n" * 50, "claims a header of"),
    "binary zeros": (lambda g: bytes(4096), "not valid"),
    "another program's": (lambda g: safetensors.numpy.save({"w": np.zeros(3, np.float32)}), "not one of isthmus"),
    "another program's metadata": (
        lambda g: safetensors.numpy.save({"w": np.zeros(3, np.float32)}, metadata={"format": "pt"}),
        "not one of isthmus",
    ),
    "added byte": (lambda g: g.data + b"\0", "added to"),
    "doubled": (lambda g: g.data + g.data, "added to"),
    "body missing": (lambda g: g.data[: g.head], "cut short"),
    "header of 2**63": (lambda g: g.packed(g.data[8 : g.head], g.body, 2**63), f"a header of {2**63} bytes"),
    "header of 2**64 - 1": (
        lambda g: g.packed(g.data[8 : g.head], g.body, 2**64 - 1),
        f"a header of {2**64 - 1} bytes",
    ),
    "header of the whole file": (lambda g: g.packed(g.data[8 : g.head], g.body, len(g.data) - 8), "not valid"),
    "header one longer": (lambda g: g.packed(g.data[8 : g.head], g.body, g.head - 7), "not valid"),
    "header of 0": (lambda g: g.packed(b"", g.body), "not valid"),
    "not UTF-8": (lambda g: g.packed(b'{"\xff\xfe": 1}', g.body), "not valid"),
    "UTF-16": (lambda g: g.packed(json.dumps(g.table).encode("utf-16"), g.body), "not valid"),
    "byte order mark": (lambda g: g.packed(b"\xef\xbb\xbf" + g.data[8 : g.head], g.body), "not valid"),
    "two values": (lambda g: g.packed(g.data[8 : g.head].strip() + b"{}", g.body), "not valid"),
    "a list": (lambda g: g.packed(b"[]", b""), "not an object"),
    "a number": (lambda g: g.packed(b"1", b""), "not an object"),
    "null": (lambda g: g.packed(b"null", b""), "not an object"),
    "an empty object": (lambda g: g.packed(b"{}", b""), "not one of isthmus"),
    "NaN": (lambda g: g.packed(b'{"a": NaN}', b""), "it holds NaN"),
    "Infinity": (lambda g: g.packed(b'{"a": -Infinity}', b""), "it holds -Infinity"),
    "deep lists": (lambda g: g.packed(b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", b""), "not valid"),
    "deep objects": (lambda g: g.packed(b'{"a": ' * 50_000 + b"1" + b"}" * 50_000, b""), "not valid"),
    "a little too deep": (lambda g: g.packed(b'{"a": ' * 40 + b"1" + b"}" * 40, b""), "nested more than 32 deep"),
    "unclosed": (lambda g: g.packed(b"[" * 100_000, b""), "not valid"),
    "a number of 5000 digits": (lambda g: g.packed(b'{"a": ' + b"9" * 5000 + b"}", b""), "not valid"),
    "key twice": (
        lambda g: g.packed(g.data[8 : g.head].rstrip()[:-1] + b',"' + TENSOR.encode() + b'":{}}', g.body),
        "a key stands twice",
    ),
    "metadata twice": (
        lambda g: g.packed(b'{"__metadata__":{},' + g.data[8 : g.head].lstrip()[1:], g.body),
        "a key stands twice",
    ),
    "key twice inside a tensor": (
        lambda g: g.packed(g.data[8 : g.head].replace(b'"dtype":"F32"', b'"dtype":"F32","dtype":"F32"', 1), g.body),
        "a key stands twice",
    ),
}

TABLES: dict[str, tuple[Callable[[Any], bytes], str]] = {
    "metadata missing": (lambda g: g.table_without("__metadata__"), "not one of isthmus"),
    "metadata a list": (lambda g: g.table_with("__metadata__", value=[]), "not one of isthmus"),
    "metadata of another name": (lambda g: g.table_with("__metadata__", value={"x": "y"}), "not one of isthmus"),
    "header an object": (lambda g: g.table_with("__metadata__", "isthmus", value={}), "not one of isthmus"),
    "tensor a number": (lambda g: g.table_with(TENSOR, value=1), "where it begins"),
    "tensor null": (lambda g: g.table_with(TENSOR, value=None), "where it begins"),
    "tensor a list": (lambda g: g.table_with(TENSOR, value=[1, 2]), "where it begins"),
    "offsets missing": (lambda g: g.table_without(TENSOR, "data_offsets"), "where it begins"),
    "offsets of one": (lambda g: g.table_with(TENSOR, "data_offsets", value=[0]), "where it begins"),
    "offsets of three": (lambda g: g.table_with(TENSOR, "data_offsets", value=[0, 1, 2]), "where it begins"),
    "offsets text": (lambda g: g.table_with(TENSOR, "data_offsets", value=["0", "32"]), "where it begins"),
    "offsets fractions": (lambda g: g.table_with(TENSOR, "data_offsets", value=[332.0, 364.0]), "where it begins"),
    "offsets true": (lambda g: g.table_with(TENSOR, "data_offsets", value=[True, False]), "where it begins"),
    "offsets negative": (
        lambda g: g.table_with(TENSOR, "data_offsets", value=[-32, 0]),
        "does not say where it begins and ends",
    ),
    "offsets backwards": (lambda g: g.table_with(TENSOR, "data_offsets", value=[364, 332]), "the file says 364 to 332"),
    "offsets past the end": (
        lambda g: g.table_with(TENSOR, "data_offsets", value=[10**15, 10**15 + 32]),
        "does not say where it begins and ends",
    ),
    "offsets far past 64 bits": (
        lambda g: g.table_with(TENSOR, "data_offsets", value=[2**70, 2**70 + 32]),
        "damaged",
    ),
    "offsets overlap": (
        lambda g: g.table_with(TENSOR, "data_offsets", value=g.table[BIAS]["data_offsets"]),
        "is damaged: tensor",
    ),
    "offsets leave a gap": (
        lambda g: g.packed(
            json.dumps(g.table | {TENSOR: g.table[TENSOR] | {"data_offsets": [336, 368]}}).encode(), g.body + bytes(4)
        ),
        "the file says 336 to 368",
    ),
    "dtype unknown": (lambda g: g.table_with(TENSOR, "dtype", value="F16"), "of type 'F16'"),
    "dtype lower case": (lambda g: g.table_with(TENSOR, "dtype", value="f32"), "of type 'f32'"),
    "dtype null": (lambda g: g.table_with(TENSOR, "dtype", value=None), "of type None"),
    "dtype a number": (lambda g: g.table_with(TENSOR, "dtype", value=32), "of type 32"),
    "dtype a list": (lambda g: g.table_with(TENSOR, "dtype", value=["F32"]), "of type ['F32']"),
    "dtype an object": (lambda g: g.table_with(TENSOR, "dtype", value={}), "of type {}"),
    "dtype missing": (lambda g: g.table_without(TENSOR, "dtype"), "of type None"),
    "dtype of the same width": (lambda g: g.table_with(TENSOR, "dtype", value="I32"), "is damaged"),
    "an entry too many": (lambda g: g.table_with(TENSOR, "code", value="x"), "tensor"),
    "shape text": (lambda g: g.table_with(TENSOR, "shape", value="4x2"), "the shape '4x2'"),
    "shape null": (lambda g: g.table_with(TENSOR, "shape", value=None), "the shape None"),
    "shape missing": (lambda g: g.table_without(TENSOR, "shape"), "is damaged: tensor"),
    "shape fractions": (lambda g: g.table_with(TENSOR, "shape", value=[4.0, 2.0]), "the shape [4.0, 2.0]"),
    "shape true": (lambda g: g.table_with(TENSOR, "shape", value=[True, 8]), "the shape [True, 8]"),
    "shape negative": (lambda g: g.table_with(TENSOR, "shape", value=[-4, -2]), "the shape [-4, -2]"),
    "shape nested": (lambda g: g.table_with(TENSOR, "shape", value=[[4], 2]), "the shape [[4], 2]"),
    "shape too large": (lambda g: g.table_with(TENSOR, "shape", value=[4, 3]), "takes 48 bytes"),
    "shape too small": (lambda g: g.table_with(TENSOR, "shape", value=[4, 1]), "takes 16 bytes"),
    "shape turned": (lambda g: g.table_with(TENSOR, "shape", value=[2, 4]), "the model needs F32 [4, 2]"),
    "shape flat": (lambda g: g.table_with(TENSOR, "shape", value=[8]), "the model needs F32 [4, 2]"),
    "shape with an axis of 1": (lambda g: g.table_with(TENSOR, "shape", value=[4, 2, 1]), "the model needs F32 [4, 2]"),
    "shape of 2**62 elements": (lambda g: g.table_with(TENSOR, "shape", value=[2**31, 2**31]), "takes"),
    "shape product wraps to 8": (
        lambda g: g.table_with(TENSOR, "shape", value=[2**63 + 4, 2]),
        "damaged",
    ),
    "shape product wraps to 0": (lambda g: g.table_with(TENSOR, "shape", value=[2**32, 2**32]), "is damaged: tensor"),
    "shape of thousands of digits": (
        lambda g: g.table_with(TENSOR, "shape", value=[10**4000, 10**4000]),
        "damaged",
    ),
    "shape of two hundred huge axes": (
        lambda g: g.table_with(TENSOR, "shape", value=[10**4000 - 1] * 200),
        "damaged",
    ),
    "shape of a hundred thousand axes": (
        lambda g: g.table_with(TENSOR, "shape", value=[2**62] * 100_000),
        "is damaged: tensor",
    ),
    "shape of a hundred thousand axes of 1": (
        lambda g: g.table_with(TENSOR, "shape", value=[4, 2] + [1] * 100_000),
        "is damaged: tensor",
    ),
    "tensor missing": (
        lambda g: g.packed(json.dumps({k: v for k, v in g.table.items() if k != TENSOR}).encode(), g.body[:-32]),
        f"{TENSOR} is missing",
    ),
    "tensor renamed": (
        lambda g: g.outer(lambda table: table.update({"weights.neck.affine.matrik": table.pop(TENSOR)})),
        f"{TENSOR} is missing",
    ),
    "tensor without a name": (
        lambda g: g.outer(lambda table: table.update({"": table.pop(TENSOR)})),
        f"{TENSOR} is missing",
    ),
    "tensor with a line break in its name": (
        lambda g: g.outer(lambda table: table.update({"a\nb": table.pop(TENSOR)})),
        "a tensor is called",
    ),
    "tensor with a NUL in its name": (
        lambda g: g.outer(lambda table: table.update({TENSOR + "\0": table.pop(TENSOR)})),
        "a tensor is called",
    ),
    "tensor with half a character in its name": (
        lambda g: g.outer(lambda table: table.update({"\ud800": table.pop(TENSOR)})),
        "surrogates not allowed",
    ),
    "tensor with a long name": (
        lambda g: g.outer(lambda table: table.update({"a" * 100_000: table.pop(TENSOR)})),
        "a tensor is called",
    ),
    "tensor with a long name and a lie": (
        lambda g: g.outer(lambda table: table.update({"a" * 100_000: table.pop(TENSOR) | {"shape": [7]}})),
        "is damaged: a tensor is called",
    ),
    "two thousand empty tensors": (
        lambda g: g.outer(
            lambda table: table.update(
                {f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [len(g.body)] * 2} for i in range(2_000)}
            )
        ),
        "the model has no tensor 't0'",
    ),
}

CASES = CONTAINERS | TABLES


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_with_the_reason(case: str, good: Any, refusal: Callable[[Path], str], tmp_path: Path) -> None:
    make, why = CASES[case]
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(make(good))
    assert why in refusal(path)
