"""The registry: which kinds of part there are, and which parts of each kind, by name.

A kind has the plural name of its folder, as `bottlenecks`. A part of it is known by being a file of that folder, which
is imported when first asked for, or by being defined in a user's own module.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable
from typing import Any

from isthmus.core.coercion import flat_hints, short, singular
from isthmus.core.synonyms import other_words, part_hint, plain_word
from isthmus.errors import InvalidPart, UnknownPart

_CONTRACTS: dict[str, type[Any]] = {}
_PARTS: dict[str, dict[str, type[Any]]] = {}


def part_kinds() -> dict[str, type[Any]]:
    """Return the contract of every kind of part, by the kind's name."""
    importlib.import_module("isthmus.contracts")
    return dict(_CONTRACTS)


def part_names(kind: str) -> list[str]:
    """Return the names of the parts of a kind: its files, and what users' own modules have defined."""
    package = importlib.import_module(f"isthmus.parts.{kind}")
    files = {m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_")}
    return sorted(files | set(_PARTS.get(kind, {})))


def is_defined(kind: str, name: str) -> bool:
    """Say whether the part called `name` has been defined, its file imported: its folder need not be looked into."""
    return name in _PARTS.get(kind, {})


def find_part(kind: str, name: str) -> type[Any]:
    """Return the part called `name`; only a file of the kind's folder is ever imported.

    Raises
    ------
    UnknownPart
        If there is none; the message suggests the nearest name and lists all of the kind.
    """
    if is_defined(kind, name):
        return _PARTS[kind][name]
    known = part_names(kind)
    if name not in known:
        raise UnknownPart(
            f"no {singular(kind)} is called {short(name)}.{part_hint(kind, name, known)} There are: {', '.join(known)}."
        )
    importlib.import_module(f"isthmus.parts.{kind}.{name}")
    return _PARTS[kind][name]


def adopted(kind: str, value: Any) -> Any:
    """Return a part of a kind that stands for an object of a user or of another library, as a function; else None."""
    if not (callable(value) or isinstance(value, tuple)):
        return None
    return importlib.import_module("isthmus.adopted").adopt(kind, value)


def search_parts(text: str) -> list[tuple[str, str]]:
    """Return the kind and name of each part whose name, other words, formula, paper or description hold a text.

    A match begins a word; capital and small letters are one.

    Examples
    --------
    >>> search_parts("Rifai")
    [('penalties', 'contractive'), ('penalties', 'curvature')]
    """
    begins_with = re.compile(rf"(?<![^\W_]){re.escape(text)}", re.IGNORECASE)
    plain = plain_word(re.sub("[ -]", "", text))
    matches = []
    for kind in part_kinds():
        for name in part_names(kind):
            said = " ".join((inspect.getdoc(find_part(kind, name)) or "").split())
            is_called = any(word.startswith(plain) for word in (plain_word(name), *other_words(kind, name)))
            if is_called or begins_with.search(f"{name} {said}"):
                matches.append((kind, name))
    return matches


def register_contract(kind: str, contract: type[Any]) -> None:
    """Make `contract` the abstract class of a kind of part."""
    _CONTRACTS[kind] = contract


def register_part(kind: str, part: type[Any]) -> str:
    """Make `part` known among those of its kind, and return its name.

    Raises
    ------
    InvalidPart
        If another part of the kind has that name.
    """
    name = _name_of(part)
    known = _PARTS.setdefault(kind, {})
    owner = known[name].__module__ if name in known else f"isthmus.parts.{kind}.{name}"
    if owner != part.__module__ and name in part_names(kind):
        raise InvalidPart(
            f"{kind} has a part called {name!r} already ({owner}): give {part.__qualname__} another name."
        )
    known[name] = part
    return name


def contract_in(hint: Any) -> type[Any] | None:
    """Return the first kind of part that an annotation allows, or None."""
    contracts = tuple(_CONTRACTS.values())
    return next((h for h in flat_hints(hint) if isinstance(h, type) and issubclass(h, contracts)), None)


def lazy_exports(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a kind's package: its classes by name, imported when first asked for."""
    kind = package.rpartition(".")[2]

    def getattr_(attribute: str) -> Any:
        for name in part_names(kind):
            if name.replace("_", "") == attribute.replace("_", "").lower():
                part = find_part(kind, name)
                if part.__name__ == attribute:  # `top_k` is the module
                    return part
        raise AttributeError(f"module {package!r} has no attribute {attribute!r}")

    return getattr_, lambda: [find_part(kind, name).__name__ for name in part_names(kind)]


def _name_of(part: type[Any]) -> str:
    if part.__module__.startswith("isthmus."):
        return part.__module__.rpartition(".")[2]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", part.__name__).lower()
