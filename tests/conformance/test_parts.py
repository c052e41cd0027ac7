"""What every part of every kind keeps: found, spelled, stored, documented, short, and exported."""

from __future__ import annotations

import ast
import copy
import dataclasses
import importlib
import inspect
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import isthmus
from isthmus.core.part import Part
from isthmus.core.registry import find_part, part_kinds, part_names
from isthmus.core.spelling import part_from_json, resolve
from isthmus.errors import InvalidPart

ALL = [
    cls
    for kind in sorted(part_kinds())
    for cls in (find_part(kind, name) for name in part_names(kind))
    if cls.__module__.startswith("isthmus.")
]
every = pytest.mark.parametrize("cls", ALL, ids=lambda cls: f"{cls.kind}.{cls.name}")


@pytest.fixture
def part(cls: Any, example: Callable[[Any], Any]) -> Any:
    return example(cls)


def test_every_file_of_every_kind_is_looked_at() -> None:
    folders = [Path(isthmus.__path__[0]) / "parts" / kind for kind in part_kinds()]
    files = {(file.parent.name, file.stem) for folder in folders for file in folder.glob("*.py")}
    assert {(cls.kind, cls.name) for cls in ALL} == {file for file in files if not file[1].startswith("_")}


@every
def test_it_is_frozen_and_hashable(cls: Any, part: Any) -> None:
    assert dataclasses.is_dataclass(cls)
    assert cls.__dataclass_params__.frozen
    assert hash(part) == hash(copy.copy(part))
    with pytest.raises(dataclasses.FrozenInstanceError):
        part.anything = 1


@every
def test_its_class_is_called_as_its_file(cls: Any) -> None:
    assert cls.__module__ == f"isthmus.parts.{cls.kind}.{cls.name}"
    assert cls.__name__.rstrip("_").lower() == cls.name.replace("_", "")
    assert cls.__name__[0].isupper()


@every
def test_it_comes_back_from_its_spelling_and_from_json(cls: Any, part: Any) -> None:
    assert resolve(part_kinds()[cls.kind], str(part)) == part
    assert part_from_json(cls.kind, json.loads(json.dumps(part.to_json(), allow_nan=False))) == part


@every
def test_its_spelling_leaves_out_what_is_left_at_its_default(cls: Any, part: Any) -> None:
    required = [field for field in dataclasses.fields(cls) if field.default is dataclasses.MISSING]
    words = [f"{field.name}={getattr(part, field.name)!r}" for field in required]
    if words and required[0].name == dataclasses.fields(cls)[0].name:
        words[0] = words[0].partition("=")[2]
    assert str(part) == (f"{cls.name}({', '.join(words)})" if words else cls.name)


@every
def test_it_is_equal_after_pickling_and_copying(part: Any) -> None:
    for twin in (pickle.loads(pickle.dumps(part)), copy.copy(part), copy.deepcopy(part)):  # noqa: S301 -- our own bytes
        assert twin == part
        assert hash(twin) == hash(part)


@every
def test_it_is_exported_by_its_kind_and_by_the_library(cls: Any) -> None:
    kind = importlib.import_module(f"isthmus.parts.{cls.kind}")
    assert getattr(kind, cls.__name__) is cls
    assert cls.__name__ in dir(kind)
    if sum(other.__name__ == cls.__name__ for other in ALL) == 1:
        assert getattr(isthmus, cls.__name__) is cls


@every
def test_it_explains_itself(cls: Any) -> None:
    text = inspect.cleandoc(cls.__dict__.get("__doc__") or "")
    first = text.partition("\n\n")[0]
    assert re.fullmatch(r"(?s).{10,}\.", first), f"the first lines are no sentence: {first!r}"
    assert "\nExamples\n--------\n>>> " in text


@every
def test_it_explains_every_setting(cls: Any) -> None:
    text = inspect.cleandoc(cls.__doc__)
    section = text.partition("Parameters\n----------\n")[2].partition("\n\n")[0]
    explained = [
        name
        for line in section.splitlines()
        if not line.startswith(" ")
        for name in line.partition(" : ")[0].split(", ")
    ]
    assert sorted(explained) == sorted(field.name for field in dataclasses.fields(cls))


@every
def test_it_says_what_each_annotation_allows(cls: Any, part: Any) -> None:
    for field in dataclasses.fields(cls):
        value = getattr(part, field.name)
        # Where anything may stand for a part, that part says what it needs.
        where = r"\w+\.\w+" if isinstance(value, Part) and value.shorthand else rf"{cls.__name__}\.{field.name}"
        with pytest.raises(InvalidPart, match=rf"^{where} must be .+\. Got <object object at "):
            part.replace(**{field.name: object()})


@every
def test_its_file_is_short(cls: Any) -> None:
    source = inspect.getsource(importlib.import_module(cls.__module__))
    tree = ast.parse(source)
    prose = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    lines = source.splitlines()
    code = [
        n for n, line in enumerate(lines, 1) if line.strip() and not line.strip().startswith("#") and n not in prose
    ]
    assert len(code) <= 80
    assert len(lines) <= 130
    assert ast.get_docstring(tree)


@every
def test_its_own_functions_are_short(cls: Any) -> None:
    tree = ast.parse(inspect.getsource(importlib.import_module(cls.__module__)))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 40, node.name
