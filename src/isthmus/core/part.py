"""Parts: frozen descriptions of the exchangeable pieces.

A `Part` is a frozen dataclass of plain values. It is

* registered by being a file in the folder of its kind: `bottlenecks/top_k.py` holds the bottleneck `top_k`
  (`core/registry.py`);
* spelled: `"top_k(64, k=8)"` (`core/spelling.py`);
* set by copy: `part.replace(k=4)` leaves the old one as it was;
* stored as JSON;
* a pytree: its numbers of type `float` (and the parts inside it) are leaves, all else is structure.
  Passed to a compiled function, a changed float is data, so it does not compile again.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, ClassVar, Self, cast

import jax

from isthmus.core.coercion import MOST_ITEMS, UNFIT, article, coerce, describe, field_hints, flat_hints, short, singular
from isthmus.core.registry import adopted, contract_in, register_contract, register_part
from isthmus.core.spelling import resolve
from isthmus.errors import InvalidPart, require


class Part:
    """One exchangeable piece, described by plain values.

    A contract (an abstract class in `contracts/parts.py`) names its kind, the plural that its folder is called; a
    variant is a frozen dataclass in a file of that folder. Values are checked against the annotations when the part
    is made: lists become tuples, integers become floats where a float is asked for, and a spelling becomes the part it
    spells.
    """

    kind: ClassVar[str] = ""
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

    def __init_subclass__(cls, *, kind: str = "", abstract: bool = False) -> None:
        super().__init_subclass__()
        if kind:
            cls.kind = kind
            register_contract(kind, cls)
        if kind or abstract:
            return
        cls.name = register_part(cls.kind, cls)
        setattr(cls, "__post_init__", _normalising(cls.__post_init__))  # noqa: B010
        jax.tree_util.register_pytree_with_keys(cls, _flatten_with_keys, functools.partial(_unflatten, cls), _flatten)

    def check_contract(self) -> None:
        """Check what is asked of every part of the kind; contracts override this."""

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
            if head not in field_hints(type(self)):
                settings = ", ".join(field_hints(type(self))) or "none"
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
        values: dict[str, Any] = {}
        for key in field_hints(type(self)):
            value = getattr(self, key)
            values[key] = value
            if isinstance(value, Part):
                values |= {f"{key}__{inner}": v for inner, v in value.settings().items()}
        return values

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
        values = {key: getattr(self, key) for key in field_hints(type(self))}
        return {
            "part": self.name,
            "settings": {key: value.to_json() if isinstance(value, Part) else value for key, value in values.items()},
        }


_FEW = f"a list of at most {MOST_ITEMS} items"
_LAYOUTS: dict[Any, tuple[tuple[str, ...], tuple[str, ...]]] = {}


def _normalising(check: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(check)
    def post_init(self: Any) -> None:
        for key, hint in field_hints(type(self)).items():
            value = getattr(self, key)
            if isinstance(value, list | tuple):
                require(len(value) <= MOST_ITEMS, f"{type(self).__name__}.{key}", _FEW, len(value))
            value = coerce(value, hint, _as_part)
            if value is UNFIT:
                expected = describe(hint, _describe_part)
                raise InvalidPart(f"{type(self).__name__}.{key} must be {expected}. Got {short(getattr(self, key))}.")
            object.__setattr__(self, key, value)
        self.check_contract()
        check(self)

    return post_init


def _layout(cls: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the fields that are data (floats, parts) and of those that are structure."""
    if cls not in _LAYOUTS:
        hints = field_hints(cls)
        data = tuple(k for k, hint in hints.items() if float in flat_hints(hint) or contract_in(hint) is not None)
        _LAYOUTS[cls] = data, tuple(key for key in hints if key not in data)
    return _LAYOUTS[cls]


# A whole number where a part could stand is structure, though the part would be data.
_Whole: Any = jax.tree_util.register_static(dataclasses.make_dataclass("Whole", [("value", int)], frozen=True))


def _held(value: Any, hint: Any) -> Any:
    return _Whole(value) if isinstance(value, int) and int in flat_hints(hint) else value


def _flatten(part: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    data, structure = _layout(type(part))
    hints = field_hints(type(part))
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
    if is_candidate:
        return resolve(hint, value)
    part = None if contract_in(type(value)) is not None else adopted(hint.kind, value)
    return UNFIT if part is None else part


def _describe_part(hint: Any) -> str:
    return f"{article(singular(hint.kind))} {singular(hint.kind)}"
