"""Parameters that are parts: spelled, resolved, and set by copy through any number of levels."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, clone

from isthmus.core.coercion import short
from isthmus.core.part import Part
from isthmus.core.spelling import part_from_json, resolve, unique_names
from isthmus.errors import InvalidPart, suggestion

MOST_DEPTH = 8  # of estimators inside estimators, in a file


class PartParameters(BaseEstimator):
    """An estimator some of whose parameters are parts.

    The constructor stores what it is given: a part, its spelling, or what stands for one. `get_params` shows the
    settings inside (`bottleneck__k`, `penalties__l1__weight`), and `set_params` changes them in a copy of the
    part, so two estimators never share a change.
    """

    one_part: ClassVar[dict[str, type[Part]]] = {}
    """Parameters that hold a part, by name, and the contract it keeps."""
    many_parts: ClassVar[dict[str, type[Part]]] = {}
    """Parameters that hold a list of parts."""
    plain: ClassVar[frozenset[str]] = frozenset({"columns"})
    """Parameters that hold a dict of texts or lists of plain values."""
    known: ClassVar[dict[str, type[PartParameters]]] = {}
    """The estimators by name."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        PartParameters.known[cls.__name__] = cls

    def part(self, name: str) -> Any:
        """Return the part that a parameter spells, or None where it is None.

        Raises
        ------
        InvalidPart
            If the parameter spells none.
        """
        value = getattr(self, name)
        return None if value is None else resolve(self.one_part[name], value)

    def parts(self, name: str) -> tuple[Any, ...]:
        """Return the parts that a parameter lists; one part counts as a list of it, None as none."""
        value = getattr(self, name)
        if value is None:
            return ()
        values = value if isinstance(value, list | tuple) else [value]
        return tuple(resolve(self.many_parts[name], each) for each in values)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; `deep` adds the settings of the parts in them."""
        found = super().get_params(deep=False)
        if not deep:
            return found
        inner: dict[str, Any] = {}
        for name in found:
            for key, part in self._inside(name).items():
                if key:
                    inner[f"{name}__{key}"] = part
                prefix = f"{name}__{key}__" if key else f"{name}__"
                inner |= {prefix + setting: value for setting, value in part.settings().items()}
            for key, estimator in _estimators(found[name]).items():
                if key:
                    inner[f"{name}__{key}"] = estimator
                prefix = f"{name}__{key}__" if key else f"{name}__"
                inner |= {prefix + setting: value for setting, value in estimator.get_params().items()}
        return found | inner

    def set_params(self, **params: Any) -> Self:
        """Set parameters, or settings of the parts in them: `set_params(bottleneck__k=4)`.

        Raises
        ------
        InvalidPart
            If there is no such parameter or setting, or the value is not allowed.
        """
        own = super().get_params(deep=False)
        # Whole parameters first, so that a new part and a setting of it can come in one call.
        for key in sorted(params, key=lambda key: key.count("__")):
            name, _, tail = key.partition("__")
            if name not in own:
                raise InvalidPart(
                    f"Invalid parameter {name!r} for estimator {type(self).__name__}.{suggestion(name, own)} "
                    f"Valid parameters are: {sorted(own)}."
                )
            setattr(self, name, self._changed(name, tail, params[key]) if tail else params[key])
        return self

    def _inside(self, name: str) -> dict[str, Part]:
        """Return the parts in a parameter by key, '' for the only one; none where it spells none."""
        try:
            if name in self.one_part:
                part = self.part(name)
                return {} if part is None else {"": part}
            if name in self.many_parts:
                listed = self.parts(name)
                return dict(zip(unique_names(listed), listed, strict=True))
        except InvalidPart:
            pass  # fit says what is wrong with it
        return {}

    def _changed(self, name: str, tail: str, value: Any) -> Any:
        if inside := _estimators(getattr(self, name)):
            return _with_changed_estimator(name, inside, tail, value)
        if name in self.one_part and (part := self.part(name)) is not None:
            return part.replace(**{tail: value})
        if name not in self.many_parts:
            raise InvalidPart(f"{name} is {getattr(self, name)!r}, not a part: it has no setting {tail!r}.")
        listed = self.parts(name)
        names = unique_names(listed)
        key, _, setting = tail.partition("__")
        if key not in names:
            raise InvalidPart(
                f"{name} has no part {key!r}.{suggestion(key, names)} It has: {', '.join(names) or 'none'}."
            )
        new = listed[names.index(key)].replace(**{setting: value}) if setting else resolve(self.many_parts[name], value)
        return [new if each == key else part for each, part in zip(names, listed, strict=True)]

    def to_json(self) -> dict[str, Any]:
        """Return the parameters as plain JSON values, every part resolved."""
        found: dict[str, Any] = {}
        for name, value in super().get_params(deep=False).items():
            if name in self.one_part:
                part = self.part(name)
                found[name] = None if part is None else part.to_json()
            elif name in self.many_parts:
                found[name] = [part.to_json() for part in self.parts(name)]
            elif name in self.plain:
                found[name] = (
                    None if value is None else {k: v if isinstance(v, str) else list(v) for k, v in value.items()}
                )
            elif inside := _estimators(value):
                each = [{"estimator": type(one).__name__, "parameters": one.to_json()} for one in inside.values()]
                found[name] = each if isinstance(value, list | tuple) else each[0]
            else:
                plain = value.item() if isinstance(value, np.generic) else value
                found[name] = plain if isinstance(plain, bool | int | float | str) else None
        return found

    @classmethod
    def from_json(cls, data: dict[str, Any], depth: int = 0) -> Self:
        """Return an unfitted estimator with the parameters that `to_json` wrote.

        Raises
        ------
        InvalidPart
            If one is unknown or of the wrong form.
        """
        known = cls._get_param_names()
        values: dict[str, Any] = {}
        for name, value in data.items():
            if name not in known:
                raise InvalidPart(f"{cls.__name__} has no parameter {short(name)}.{suggestion(name, known)}")
            if name in cls.one_part:
                values[name] = None if value is None else part_from_json(cls.one_part[name].kind, value)
            elif name in cls.many_parts:
                if not isinstance(value, list):
                    raise InvalidPart(f"{name} must be a list of parts. Got {short(value)}.")
                values[name] = [part_from_json(cls.many_parts[name].kind, each) for each in value]
            elif value is None or isinstance(value, bool | int | float | str) or name in cls.plain:
                values[name] = value
            elif isinstance(value, list):
                values[name] = [_estimator_from_json(name, each, depth) for each in value]
            else:
                values[name] = _estimator_from_json(name, value, depth)
        return cls(**values)


def _estimators(value: Any) -> dict[str, PartParameters]:
    """Return the estimators in a parameter by key: '' for the only one, else their place in the list."""
    if isinstance(value, PartParameters):
        return {"": value}
    is_list = isinstance(value, list | tuple) and value and all(isinstance(each, PartParameters) for each in value)
    return {str(i): each for i, each in enumerate(value)} if is_list else {}


def _with_changed_estimator(name: str, inside: dict[str, PartParameters], tail: str, value: Any) -> Any:
    """Return the parameter with one of its estimators, or a setting of it, changed in a copy."""
    if "" in inside:
        return clone(inside[""]).set_params(**{tail: value})
    key, _, setting = tail.partition("__")
    if key not in inside:
        raise InvalidPart(f"{name} has no place {key!r}. It has: {', '.join(inside)}.")
    changed = clone(inside[key]).set_params(**{setting: value}) if setting else value
    return [changed if each == key else one for each, one in inside.items()]


def _estimator_from_json(name: str, value: Any, depth: int) -> PartParameters:
    is_form = isinstance(value, dict) and set(value) == {"estimator", "parameters"}
    if not is_form or not isinstance(value["parameters"], dict) or depth > MOST_DEPTH:
        raise InvalidPart(f"{name} must be a plain value or an estimator. Got {short(value)}.")
    if value["estimator"] not in PartParameters.known:
        raise InvalidPart(f"there is no estimator {short(value['estimator'])}.")
    return PartParameters.known[value["estimator"]].from_json(value["parameters"], depth + 1)
