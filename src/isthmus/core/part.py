"""Parts: frozen descriptions of the exchangeable pieces, and the rooms that hold them.

A `Part` is a frozen dataclass of plain values. It is

* registered by being a file in a room: `bottlenecks/top_k.py` holds the bottleneck `top_k`;
* spelled: `"top_k(64, k=8)"`, read with literals and registered names only, nothing is evaluated;
* set by copy: `part.replace(k=4)` leaves the old one as it was;
* stored as JSON;
* a pytree: its numbers of type `float` (and the parts inside it) are leaves, all else is structure.
  Passed to a compiled function, a changed float is data, so it does not compile again.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib
import pkgutil
import re
import typing
from collections.abc import Callable
from typing import Any, ClassVar, Self, TypeVar, cast

import jax

from isthmus.core.coercion import UNFIT, article, coerce, describe, short, singular
from isthmus.errors import InvalidPart, UnknownPart, suggestion

PartType = TypeVar("PartType", bound="Part")


class Part:
    """One exchangeable piece, described by plain values.

    A contract (an abstract class in `contracts.py`) names its room; a variant is a frozen dataclass in
    a file of that room. Values are checked against the annotations when the part is made: lists become
    tuples, integers become floats where a float is due, and a spelling becomes the part it spells.
    """

    room: ClassVar[str] = ""
    name: ClassVar[str] = ""
    shorthand: ClassVar[str] = ""  # the variant that a bare value stands for: `bottleneck=8` is `deterministic(8)`

    @property
    def needs_labels(self) -> bool:
        """Say whether `fit` must be given labels."""
        return False

    @property
    def most_classes(self) -> int | None:
        """Return how many classes the labels may have; None for any number."""
        return None

    def __init_subclass__(cls, *, room: str = "", abstract: bool = False) -> None:
        super().__init_subclass__()
        if room:
            cls.room = room
            _CONTRACTS[room] = cls
        if room or abstract:
            return
        cls.name = _name_of(cls)
        known = _REGISTER.setdefault(cls.room, {})
        owner = known[cls.name].__module__ if cls.name in known else f"isthmus.parts.{cls.room}.{cls.name}"
        if owner != cls.__module__ and cls.name in part_names(cls.room):
            raise InvalidPart(
                f"{cls.room} has a part called {cls.name!r} already ({owner}): give {cls.__qualname__} another name."
            )
        known[cls.name] = cls
        setattr(cls, "__post_init__", _normalising(cls.__post_init__))  # noqa: B010
        jax.tree_util.register_pytree_with_keys(cls, _flatten_with_keys, functools.partial(_unflatten, cls), _flatten)

    def __post_init__(self) -> None:
        """Check the values; variants override this."""

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some settings changed; `activation__slope=0.2` reaches one level down.

        Raises
        ------
        InvalidPart
            If the part has no such setting, or the value is not allowed.
        """
        own: dict[str, Any] = {}
        inner: dict[str, dict[str, Any]] = {}
        for key, value in changes.items():
            head, _, tail = key.partition("__")
            if head not in _hints(type(self)):
                settings = ", ".join(_hints(type(self))) or "none"
                raise InvalidPart(f"{self.name} has no setting {short(head)}. It has: {settings}.")
            if tail:
                inner.setdefault(head, {})[tail] = value
            else:
                own[head] = value
        for head, nested in inner.items():
            part = own.get(head, getattr(self, head))
            if not isinstance(part, Part):
                raise InvalidPart(f"{self.name}.{head} is {part!r}, not a part: it has no settings to change.")
            own[head] = part.replace(**nested)
        return dataclasses.replace(cast(Any, self), **own)

    def settings(self) -> dict[str, Any]:
        """Return the settings by name, parts inside parts as `outer__inner`."""
        found: dict[str, Any] = {}
        for key in _hints(type(self)):
            value = getattr(self, key)
            found[key] = value
            if isinstance(value, Part):
                found |= {f"{key}__{inner}": v for inner, v in value.settings().items()}
        return found

    def __str__(self) -> str:
        """Return the spelling, without what is left at its default: `top_k(64, k=8)`."""
        words = []
        for i, field in enumerate(dataclasses.fields(cast(Any, self))):
            value = getattr(self, field.name)
            word = str(value) if isinstance(value, Part) else repr(value)
            if value != field.default and word != field.default:
                words.append(f"{field.name}={word}" if i else word)
        return f"{self.name}({', '.join(words)})" if words else self.name

    def to_json(self) -> dict[str, Any]:
        """Return the part as plain JSON values: its name and its settings."""
        values = {key: getattr(self, key) for key in _hints(type(self))}
        return {
            "part": self.name,
            "settings": {key: value.to_json() if isinstance(value, Part) else value for key, value in values.items()},
        }


_CONTRACTS: dict[str, type[Part]] = {}
_REGISTER: dict[str, dict[str, type[Part]]] = {}
_HINTS: dict[Any, dict[str, Any]] = {}
_LAYOUTS: dict[Any, tuple[tuple[str, ...], tuple[str, ...]]] = {}


def part_kinds() -> dict[str, type[Part]]:
    """Return the contract of every room, by the room's name."""
    importlib.import_module("isthmus.contracts")
    return dict(_CONTRACTS)


def part_names(room: str) -> list[str]:
    """Return the names of a room's parts: its files, and what users' own modules have defined."""
    package = importlib.import_module(f"isthmus.parts.{room}")
    files = {m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_")}
    return sorted(files | set(_REGISTER.get(room, {})))


def find_part(room: str, name: str) -> type[Part]:
    """Return the part called `name`; only a file that is in the room is ever imported.

    Raises
    ------
    UnknownPart
        If there is none; the message suggests the nearest name and lists the room.
    """
    known = part_names(room)
    if name not in known:
        raise UnknownPart(
            f"no {singular(room)} is called {short(name)}.{suggestion(name, known)} There are: {', '.join(known)}."
        )
    if name not in _REGISTER.get(room, {}):
        importlib.import_module(f"isthmus.parts.{room}.{name}")
    return _REGISTER[room][name]


def resolve(contract: type[PartType], value: Any) -> PartType:
    """Return the part that `value` is, spells, or stands for.

    Parameters
    ----------
    contract : the abstract class of a room, as `Bottleneck`.
    value : a part, its spelling (`"top_k(64, k=8)"`), or the first setting of the room's shorthand
        (`8` for `deterministic(8)`).

    Raises
    ------
    InvalidPart
        If it is none of these.
    """
    if isinstance(value, contract):
        return value
    if isinstance(value, str):
        return cast(PartType, _read(contract.room, value))
    if isinstance(value, Part) or not contract.shorthand:
        what = f"{singular(contract.room)} or its spelling"
        raise InvalidPart(f"{article(what)} {what} is due. Got {short(value)}.")
    return cast(PartType, _make(contract.room, contract.shorthand, [value], {}))


def part_from_json(room: str, data: Any) -> Part:
    """Return the part that `to_json` wrote.

    Raises
    ------
    InvalidPart
        If the data is not of that form, or names an unknown part or setting.
    """
    if not isinstance(data, dict) or set(data) != {"part", "settings"} or not isinstance(data["settings"], dict):
        raise InvalidPart(f"a part in {room} must be an object of 'part' and 'settings'. Got {short(data)}.")
    if not isinstance(data["part"], str):
        raise InvalidPart(f"the name of a part in {room} must be text. Got {short(data['part'])}.")
    cls, settings = find_part(room, data["part"]), dict(data["settings"])
    for key, value in settings.items():
        inner = _part_in(_hints(cls).get(key))
        if inner is not None and isinstance(value, dict):
            settings[key] = part_from_json(inner.room, value)
    return _make(room, data["part"], [], settings)


def unique_names(parts: tuple[Part, ...]) -> list[str]:
    """Return one name for each part: `l1`, and `l1_2` for a second of the same kind."""
    found: list[str] = []
    for part in parts:
        count = sum(other.name == part.name for other in parts[: len(found)])
        found.append(part.name if not count else f"{part.name}_{count + 1}")
    return found


def spelling(text: str) -> Any:
    """Return `text` as the default of a field whose type is a part: it is read when the part is made."""
    return text


def lazy_exports(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a room: its classes by name, imported when first asked for."""
    room = package.rpartition(".")[2]

    def getattr_(attribute: str) -> Any:
        for name in part_names(room):
            if name.replace("_", "") == attribute.replace("_", "").lower():
                cls = find_part(room, name)
                if cls.__name__ == attribute:  # `top_k` is the module
                    return cls
        raise AttributeError(f"module {package!r} has no attribute {attribute!r}")

    return getattr_, lambda: [find_part(room, name).__name__ for name in part_names(room)]


def _name_of(cls: type) -> str:
    if cls.__module__.startswith("isthmus."):
        return cls.__module__.rpartition(".")[2]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()


def _normalising(check: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(check)
    def post_init(self: Any) -> None:
        for key, hint in _hints(type(self)).items():
            value = coerce(getattr(self, key), hint, _as_part)
            if value is UNFIT:
                due = describe(hint, _describe_part)
                raise InvalidPart(f"{type(self).__name__}.{key} must be {due}. Got {short(getattr(self, key))}.")
            object.__setattr__(self, key, value)
        check(self)

    return post_init


def _hints(cls: Any) -> dict[str, Any]:
    """Return the annotations of a part's fields, read once."""
    if cls not in _HINTS:
        hints = typing.get_type_hints(cls)
        _HINTS[cls] = {field.name: hints[field.name] for field in dataclasses.fields(cls)}
    return _HINTS[cls]


def _flat_hints(hint: Any) -> list[Any]:
    return [hint] + [inner for argument in typing.get_args(hint) for inner in _flat_hints(argument)]


def _part_in(hint: Any) -> type[Part] | None:
    return next((h for h in _flat_hints(hint) if isinstance(h, type) and issubclass(h, Part)), None)


def _layout(cls: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the fields that are data (floats, parts) and of those that are structure."""
    if cls not in _LAYOUTS:
        hints = _hints(cls)
        data = tuple(k for k, hint in hints.items() if float in _flat_hints(hint) or _part_in(hint) is not None)
        _LAYOUTS[cls] = data, tuple(key for key in hints if key not in data)
    return _LAYOUTS[cls]


# A whole number where a part could stand is structure, though the part would be data.
_Whole: Any = jax.tree_util.register_static(dataclasses.make_dataclass("Whole", [("value", int)], frozen=True))


def _held(value: Any, hint: Any) -> Any:
    return _Whole(value) if isinstance(value, int) and int in _flat_hints(hint) else value


def _flatten(part: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    data, structure = _layout(type(part))
    hints = _hints(type(part))
    children = tuple(_held(getattr(part, key), hints[key]) for key in data)
    return children, tuple(getattr(part, key) for key in structure)


def _flatten_with_keys(part: Any) -> tuple[tuple[tuple[Any, Any], ...], tuple[Any, ...]]:
    children, structure = _flatten(part)
    keys = (jax.tree_util.GetAttrKey(key) for key in _layout(type(part))[0])
    return tuple(zip(keys, children, strict=True)), structure


def _unflatten(cls: type[Part], structure: tuple[Any, ...], children: tuple[Any, ...]) -> Part:
    part = object.__new__(cls)  # values may be tracers here: no checks
    data, fixed = _layout(cls)
    for key, value in [*zip(data, children, strict=True), *zip(fixed, structure, strict=True)]:
        object.__setattr__(part, key, value.value if isinstance(value, _Whole) else value)
    return part


def _as_part(value: Any, hint: Any) -> Any:
    """Return `value` as a part of the contract `hint`, or `UNFIT` where it cannot stand for one."""
    is_candidate = isinstance(value, hint | str) or (value is not None and hint.shorthand)
    return resolve(hint, value) if is_candidate else UNFIT


def _describe_part(hint: Any) -> str:
    return f"{article(singular(hint.room))} {singular(hint.room)}"


def _make(room: str, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Part:
    cls = find_part(room, name)
    fields = list(_hints(cls))
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
    required = [f.name for f in dataclasses.fields(cast(Any, cls)) if f.default is dataclasses.MISSING]
    missing = [key for key in required if key not in values]
    if missing:
        raise InvalidPart(f"{name} needs {', '.join(missing)}: write {name}({missing[0]}=…).")
    return cls(**values)


def _read(room: str, text: str) -> Part:
    """Read a spelling: a name, or a name with literals and further spelled parts in brackets."""
    if len(text) > 10_000:
        what = f"{article(singular(room))} {singular(room)}"
        raise InvalidPart(f"the spelling of {what} has {len(text)} characters; 10000 are allowed.")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _misspelled(room, text) from error
    return _read_part(room, tree, text)


def _read_part(room: str, node: ast.expr, text: str) -> Part:
    if isinstance(node, ast.Name):
        return _make(room, node.id, [], {})
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise _misspelled(room, text)
    cls = find_part(room, node.func.id)
    hints = _hints(cls)
    fields = list(hints)
    arguments = [
        _read_value(argument, hints.get(fields[i]) if i < len(fields) else None, text)
        for i, argument in enumerate(node.args)
    ]
    keys = [keyword.arg or "**" for keyword in node.keywords]
    for key in keys:
        if keys.count(key) > 1:
            raise InvalidPart(f"{node.func.id} got its setting {key!r} twice.")
    keywords = {
        k: _read_value(keyword.value, hints.get(k), text) for k, keyword in zip(keys, node.keywords, strict=True)
    }
    return _make(room, node.func.id, arguments, keywords)


def _read_value(node: ast.expr, hint: Any, text: str) -> Any:
    inner = _part_in(hint)
    if inner is not None and isinstance(node, ast.Name | ast.Call):
        return _read_part(inner.room, node, text)
    if isinstance(node, ast.Name) and node.id in _words(hint):
        return node.id
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        got = short(ast.get_source_segment(text.strip(), node))
        raise InvalidPart(f"{short(text)} may hold literals and names of parts only. Got {got}.") from error


def _words(hint: Any) -> set[str]:
    """Return the texts that an annotation lists: spelled, they need no quotes."""
    return set().union(*(typing.get_args(h) for h in _flat_hints(hint) if typing.get_origin(h) is typing.Literal))


def _misspelled(room: str, text: str) -> InvalidPart:
    kind = singular(room)
    return InvalidPart(f"{short(text)} does not spell {article(kind)} {kind}: write as in 'name(1, key=2)'.")
