"""Spellings: parts read from text as `"top_k(64, k=8)"`, from values that stand for them, and from JSON.

Only literals and the names of parts are read; nothing is evaluated.
"""

from __future__ import annotations

import ast
import dataclasses
import typing
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, TypeVar, cast

from isthmus.core.coercion import article, field_hints, flat_hints, short, singular
from isthmus.core.registry import adopted, contract_in, find_part, is_defined, part_names
from isthmus.core.synonyms import meant_part
from isthmus.errors import InvalidPart, suggestion

MOST_CHARACTERS = 10_000  # of a spelling


class Contract(Protocol):
    """The abstract class of a kind of part."""

    kind: ClassVar[str]
    shorthand: ClassVar[str]


class Named(Protocol):
    """A part, as far as its name."""

    name: ClassVar[str]


ContractType = TypeVar("ContractType", bound=Contract)


def resolve(contract: type[ContractType], value: Any) -> ContractType:
    """Return the part that `value` is, spells, or stands for.

    Parameters
    ----------
    contract : the abstract class of a kind of part, as `Bottleneck`.
    value : a part, its spelling (`"top_k(64, k=8)"`), or the first setting of the kind's shorthand
        (`8` for `deterministic(8)`).

    Raises
    ------
    InvalidPart
        If it is none of these.
    """
    if isinstance(value, contract):
        return value
    if isinstance(value, str):
        return cast(ContractType, _read(contract.kind, value))
    if contract_in(type(value)) is None and (part := adopted(contract.kind, value)) is not None:
        return cast(ContractType, part)
    if contract_in(type(value)) is not None or not contract.shorthand:
        what = f"{singular(contract.kind)} or its spelling"
        raise InvalidPart(f"expected {article(what)} {what}. Got {short(value)}.")
    return cast(ContractType, _make(contract.kind, contract.shorthand, [value], {}))


def part_from_json(kind: str, data: Any) -> Any:
    """Return the part that `to_json` wrote.

    Raises
    ------
    InvalidPart
        If the data is not of that form, or names an unknown part or setting.
    """
    if not isinstance(data, dict) or set(data) != {"part", "settings"} or not isinstance(data["settings"], dict):
        raise InvalidPart(f"a part in {kind} must be an object of 'part' and 'settings'. Got {short(data)}.")
    if not isinstance(data["part"], str):
        raise InvalidPart(f"the name of a part in {kind} must be text. Got {short(data['part'])}.")
    hints, settings = field_hints(find_part(kind, data["part"])), dict(data["settings"])
    for key, value in settings.items():
        inner = contract_in(hints.get(key))
        if inner is not None and isinstance(value, dict):
            settings[key] = part_from_json(inner.kind, value)
    return _make(kind, data["part"], [], settings)


def unique_names(parts: Sequence[Named]) -> list[str]:
    """Return one name for each part: `l1`, and `l1_2` for a second of the same kind."""
    names: list[str] = []
    for part in parts:
        count = sum(other.name == part.name for other in parts[: len(names)])
        names.append(part.name if not count else f"{part.name}_{count + 1}")
    return names


def spelling(text: str) -> Any:
    """Return `text` as the default of a field whose type is a part: it is read when the part is made."""
    return text


def _make(kind: str, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    part = find_part(kind, name)
    fields = list(field_hints(part))
    if len(arguments) > len(fields):
        raise InvalidPart(f"{name} takes at most {len(fields)} settings ({', '.join(fields)}). Got {len(arguments)}.")
    values = dict(zip(fields, arguments, strict=False))
    for key, value in keywords.items():
        if key not in fields:
            raise InvalidPart(
                f"{name} has no setting {short(key)}.{suggestion(key, fields)} It has: {', '.join(fields) or 'none'}."
            )
        if key in values:
            raise InvalidPart(f"{name} got its setting {key!r} twice.")
        values[key] = value
    required = [field.name for field in dataclasses.fields(part) if field.default is dataclasses.MISSING]
    missing = [key for key in required if key not in values]
    if missing:
        raise InvalidPart(f"{name} needs {', '.join(missing)}: write {name}({missing[0]}=…).")
    return part(**values)


def _read(kind: str, text: str) -> Any:
    """Read a spelling: a name, or a name with literals and further spelled parts in brackets."""
    if len(text) > MOST_CHARACTERS:
        what = f"{article(singular(kind))} {singular(kind)}"
        raise InvalidPart(f"the spelling of {what} has {len(text)} characters; {MOST_CHARACTERS} are allowed.")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _misspelling(kind, text) from error
    return _read_part(kind, tree, text)


def _read_part(kind: str, node: ast.expr, text: str) -> Any:
    if isinstance(node, ast.Name):
        return _make(kind, *_meant(kind, node.id))
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise _misspelling(kind, text)
    name, arguments, brought = _meant(kind, node.func.id)
    hints = field_hints(find_part(kind, name))
    fields = list(hints)
    arguments += [
        _read_value(argument, hints.get(fields[i]) if i < len(fields) else None, text)
        for i, argument in enumerate(node.args)
    ]
    keys = [keyword.arg or "**" for keyword in node.keywords]
    for key in keys:
        if keys.count(key) > 1:
            raise InvalidPart(f"{name} got its setting {key!r} twice.")
    keywords = {
        k: _read_value(keyword.value, hints.get(k), text) for k, keyword in zip(keys, node.keywords, strict=True)
    }
    given = fields[: len(arguments)]
    return _make(kind, name, arguments, {k: v for k, v in brought.items() if k not in given} | keywords)


def _meant(kind: str, word: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Return the name of the part that a word means, no arguments yet, and the settings that the word brings."""
    if is_defined(kind, word):
        return word, [], {}
    name, settings = meant_part(kind, word, part_names(kind))
    return name, [], dict(settings)


def _read_value(node: ast.expr, hint: Any, text: str) -> Any:
    inner = contract_in(hint)
    if inner is not None and isinstance(node, ast.Name | ast.Call):
        return _read_part(inner.kind, node, text)
    if isinstance(node, ast.Name) and node.id in _listed_texts(hint):
        return node.id
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        got = short(ast.get_source_segment(text.strip(), node))
        raise InvalidPart(f"{short(text)} may hold literals and names of parts only. Got {got}.") from error


def _listed_texts(hint: Any) -> set[str]:
    """Return the texts that an annotation lists: spelled, they need no quotes."""
    return set().union(*(typing.get_args(h) for h in flat_hints(hint) if typing.get_origin(h) is typing.Literal))


def _misspelling(kind: str, text: str) -> InvalidPart:
    word = singular(kind)
    return InvalidPart(f"{short(text)} does not spell {article(word)} {word}: write as in 'name(1, key=2)'.")
