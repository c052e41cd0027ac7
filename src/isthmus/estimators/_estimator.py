"""The base of every estimator: declared parameters, set by copy through any number of levels, and a file to keep it."""

from __future__ import annotations

import abc
import inspect
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Self, TypeVar

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from isthmus.core.coercion import short
from isthmus.core.constraints import Constraint, ManyParts, OnePart, Plain, check_parameters
from isthmus.core.spelling import resolve, unique_names
from isthmus.core.synonyms import parameter_hint
from isthmus.errors import InvalidPart, UnknownParameter, require, suggestion
from isthmus.estimators._sklearn import BaseEstimator
from isthmus.storage import state
from isthmus.storage.state import Storable

if TYPE_CHECKING:
    from isthmus.data.reader import Reader
    from isthmus.onnx.graph import Graph

FittedType = TypeVar("FittedType")
MOST_ESTIMATORS = 100  # in a list
MOST_DEPTH = 8  # of estimators inside estimators, in a file


LIBRARY_NAMES = frozenset(
    (
        *("add_to_graph", "graph_answers"),
        *("check_combination", "check_parameters", "constraints", "default_autoencoder", "describe", "from_json"),
        *("from_state", "known", "labelled_parts", "marked_rows", "networks", "open_rows", "part", "parts_for"),
        *("resolve_parts", "scaled_rows", "settings_of", "table_options", "target_type", "to_json", "to_state"),
    )
)
"""What the modules of the library ask an estimator for, and a user does not: `dir` leaves it out."""


class Estimator(BaseEstimator, Storable, Generic[FittedType]):
    """An estimator whose constructor stores what it is given, and whose constraints say what that may be.

    A parameter that is a part may be given as the part, as its spelling, or as what stands for one. `get_params` shows
    the settings inside (`bottleneck__k`, `penalties__l1__weight`), and `set_params` changes them in a copy, so two
    estimators never share a change. What a fit leaves is one frozen object, assigned when all has gone well.
    """

    constraints: ClassVar[Mapping[str, Constraint]] = {}
    """What each parameter may be, by its name."""
    known: ClassVar[dict[str, type[Estimator]]] = {}
    """The estimators by name."""

    _fitted: FittedType | None = None

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        Estimator.known[cls.__name__] = cls

    def __new__(cls, *_: Any, **parameters: Any) -> Self:
        """Refuse parameters that there are not, with what to write in their place."""
        known = cls._get_param_names()
        takes_any = any(
            parameter.kind is parameter.VAR_KEYWORD for parameter in inspect.signature(cls.__init__).parameters.values()
        )
        for name in () if takes_any else parameters:
            if name not in known:
                raise UnknownParameter(
                    f"{cls.__name__} has no parameter {short(name)}.{parameter_hint(name, known)} "
                    f"It has: {', '.join(sorted(known))}."
                )
        return super().__new__(cls)

    def __dir__(self) -> list[str]:
        return sorted(set(super().__dir__()) - LIBRARY_NAMES)

    @property
    def fitted_(self) -> FittedType:
        """The fitted state: frozen, so that whoever holds it may read all of it."""
        if self._fitted is None:
            check_is_fitted(self)  # it raises scikit-learn's sentence
            raise AssertionError
        return self._fitted

    def __sklearn_is_fitted__(self) -> bool:
        return self._fitted is not None

    @abc.abstractmethod
    def check_combination(self) -> None:
        """Raise `InvalidPart` for parameters that are each allowed, but not together."""

    def check_parameters(self) -> None:
        """Raise `InvalidPart` for the first parameter that is not allowed: all are looked at before any work."""
        check_parameters(self.constraints, {name: getattr(self, name) for name in self.constraints})
        self.check_combination()

    def part(self, name: str) -> Any:
        """Return the part that a parameter spells, or None where it is None; of a list of parts, all of them.

        Raises
        ------
        InvalidPart
            If the parameter spells none.
        """
        constraint = self.constraints[name]
        assert isinstance(constraint, OnePart | ManyParts)  # noqa: S101 -- it is asked for by name, here
        return constraint.resolve(getattr(self, name))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; `deep` adds the settings of the parts in them."""
        params = super().get_params(deep=False)
        if not deep:
            return params
        inner: dict[str, Any] = {}
        for name, value in params.items():
            nested: dict[str, Any] = {**self._parts_in(name), **_estimators_in(value)}
            for key, item in nested.items():
                if key:
                    inner[f"{name}__{key}"] = item
                prefix = f"{name}__{key}__" if key else f"{name}__"
                settings = item.get_params() if isinstance(item, Estimator) else item.settings()
                inner |= {prefix + setting: setting_value for setting, setting_value in settings.items()}
        return params | inner

    def set_params(self, **params: Any) -> Self:
        """Set parameters, or settings of the parts in them: `set_params(bottleneck__k=4)`.

        Raises
        ------
        InvalidPart
            If a parameter or setting is unknown, or the value is not allowed.
        """
        own = super().get_params(deep=False)
        # Whole parameters first, so that a new part and a setting of it can come in one call.
        for key in sorted(params, key=lambda key: key.count("__")):
            name, _, tail = key.partition("__")
            if name not in own:
                raise InvalidPart(
                    f"Invalid parameter {name!r} for estimator {type(self).__name__}.{parameter_hint(name, own)} "
                    f"Valid parameters are: {sorted(own)}."
                )
            setattr(self, name, self._with_setting(name, tail, params[key]) if tail else params[key])
        return self

    def describe(self) -> dict[str, str]:
        """Return the parameters by name as they are spelled, `none` for None; a list of parts with commas between."""
        words = {}
        for name, value in super().get_params(deep=False).items():
            constraint = self._constraint(name)
            listed: tuple[Any, ...] = (value,)
            if isinstance(constraint, ManyParts):
                listed = constraint.resolve(value)
            elif isinstance(constraint, OnePart):
                listed = (constraint.resolve(value),)
            words[name] = ", ".join("none" if part is None else str(part) for part in listed) or "none"
        return words

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one safetensors file, at once or not at all; `isthmus.load` reads it.

        Raises
        ------
        ModelFileError
            If it cannot be written.
        """
        check_is_fitted(self)
        state.save(self, path)

    def to_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write the model as an ONNX file, which `onnxruntime` computes without Python: from raw columns to answers.

        A frame has one input a column, [rows]: numbers with NaN for a missing one, texts with an empty one, dates as
        whole numbers since 1970; an array is one input `X`. The outputs are tensors: codes, reconstructions, scores,
        the flag at the threshold, contributions, filled cells, whatever the model has. Beside it, `.parity.npz` in
        place of the ending, stand 100 rows, drawn and none of the fit, with the model's answers: `isthmus.check_onnx`
        compares them. A detector holds its usual rows, at most `reference`, and columns their categories.

        Nothing is refused that Python would refuse: cells that are infinite or too large give what they give.

        Raises
        ------
        InvalidPart
            If something of the model cannot be written as ONNX; the message names it.
        MissingExtra
            If the extra `onnx` is not installed.
        """
        from isthmus.onnx import parity
        from isthmus.onnx.graph import Graph

        check_is_fitted(self)
        graph = Graph()
        with np.errstate(all="ignore"):  # of the examples, which stand for no numbers
            reader = self.add_to_graph(graph)
        inputs, table = parity.draw_table(reader)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is drawn may well be unlike the rows of the fit
            answers = self.graph_answers(table)
        model = graph.build({"estimator": type(self).__name__, "isthmus": version("isthmus")})
        parity.write(
            path, model.SerializeToString(), inputs, {graph.answer_name(name): a for name, a in answers.items()}
        )

    @abc.abstractmethod
    def add_to_graph(self, graph: Graph) -> Reader:
        """Add the model to a graph, from inputs to answers, and return what is known of its tables."""

    @abc.abstractmethod
    def graph_answers(self, X: Any) -> dict[str, np.ndarray]:
        """Return what the methods of this estimator answer, by the names of the outputs of its graph."""

    def to_json(self) -> dict[str, Any]:
        """Return the parameters as plain JSON values, every part resolved."""
        params = super().get_params(deep=False)
        return {name: self._constraint(name).to_json(value) for name, value in params.items()}

    @classmethod
    def from_json(cls, data: dict[str, Any], depth: int = 0) -> Self:
        """Return an unfitted estimator with the parameters that `to_json` wrote.

        Raises
        ------
        InvalidPart
            If one is unknown or of the wrong form.
        """
        names = cls._get_param_names()
        values: dict[str, Any] = {}
        for name, value in data.items():
            if name not in names:
                raise InvalidPart(f"{cls.__name__} has no parameter {short(name)}.{suggestion(name, names)}")
            constraint = cls._constraint(name)
            if isinstance(constraint, Estimators):
                values[name] = constraint.nested_from_json(name, value, depth)
            else:
                values[name] = constraint.from_json(name, value)
        return cls(**values)

    @classmethod
    def _constraint(cls, name: str) -> Constraint:
        require(name in cls.constraints, name, "a parameter with a constraint", name)
        return cls.constraints[name]

    def _parts_in(self, name: str) -> dict[str, Any]:
        return dict(self._constraint(name).parts(getattr(self, name)))

    def _with_setting(self, name: str, tail: str, value: Any) -> Any:
        """Return a parameter with a setting inside it changed, in a copy."""
        if nested := _estimators_in(getattr(self, name)):
            return _with_changed_estimator(name, nested, tail, value)
        constraint = self._constraint(name)
        if isinstance(constraint, OnePart) and (part := constraint.resolve(getattr(self, name))) is not None:
            return part.replace(**{tail: value})
        if not isinstance(constraint, ManyParts):
            raise InvalidPart(f"{name} is {getattr(self, name)!r}, not a part: it has no setting {tail!r}.")
        parts = constraint.resolve(getattr(self, name))
        names = unique_names(parts)
        key, _, setting = tail.partition("__")
        if key not in names:
            raise InvalidPart(
                f"{name} has no part {key!r}.{suggestion(key, names)} It has: {', '.join(names) or 'none'}."
            )
        is_setting = bool(setting)
        new = parts[names.index(key)].replace(**{setting: value}) if is_setting else resolve(constraint.contract, value)
        return [new if other == key else part for other, part in zip(names, parts, strict=True)]


@dataclass(frozen=True)
class Estimators(Constraint):
    """An estimator of a kind (`"one"`), a list of at least one (`"list"`), or either of them."""

    kind: type[Estimator]
    words: str
    form: Literal["one", "list", "either"] = "one"
    optional: bool = False

    @property
    def allowed(self) -> str:
        return self.words

    def holds(self, value: Any) -> bool:
        if value is None:
            return self.optional
        is_list = isinstance(value, list | tuple)
        listed = list(value) if is_list else [value]
        is_form = self.form == "either" or is_list == (self.form == "list")
        return (
            is_form and 0 < len(listed) <= MOST_ESTIMATORS and all(isinstance(nested, self.kind) for nested in listed)
        )

    def check(self, name: str, value: Any) -> None:
        super().check(name, value)
        for nested in _estimators_in(value).values():
            nested.check_parameters()

    def to_json(self, value: Any) -> Any:
        nested = [
            {"estimator": type(estimator).__name__, "parameters": estimator.to_json()}
            for estimator in _estimators_in(value).values()
        ]
        if not nested:
            return value if isinstance(value, Plain) else None
        return nested if isinstance(value, list | tuple) else nested[0]

    def nested_from_json(self, name: str, data: Any, depth: int) -> Any:
        """Return the estimators that `to_json` wrote, this being so many levels down."""
        if isinstance(data, Plain):
            return data
        if isinstance(data, list):
            require(len(data) <= MOST_ESTIMATORS, name, f"at most {MOST_ESTIMATORS} estimators", len(data))
            return [_estimator_from_json(name, item, depth) for item in data]
        return _estimator_from_json(name, data, depth)


def _estimators_in(value: Any) -> dict[str, Estimator]:
    """Return the estimators in a parameter by key: '' for the only one, else their place in the list."""
    if isinstance(value, Estimator):
        return {"": value}
    is_list = isinstance(value, list | tuple) and value and all(isinstance(item, Estimator) for item in value)
    return {str(i): item for i, item in enumerate(value)} if is_list else {}


def _with_changed_estimator(name: str, nested: dict[str, Estimator], tail: str, value: Any) -> Any:
    """Return the parameter with one of its estimators, or a setting of it, changed in a copy."""
    if "" in nested:
        return clone(nested[""]).set_params(**{tail: value})
    key, _, setting = tail.partition("__")
    if key not in nested:
        raise InvalidPart(f"{name} has no place {key!r}. It has: {', '.join(nested)}.")
    changed = clone(nested[key]).set_params(**{setting: value}) if setting else value
    return [changed if place == key else estimator for place, estimator in nested.items()]


def _estimator_from_json(name: str, data: Any, depth: int) -> Estimator:
    is_form = isinstance(data, dict) and set(data) == {"estimator", "parameters"}
    is_form = is_form and isinstance(data["estimator"], str) and isinstance(data["parameters"], dict)
    if not is_form or depth > MOST_DEPTH:
        raise InvalidPart(f"{name} must be a plain value or an estimator. Got {short(data)}.")
    if data["estimator"] not in Estimator.known:
        raise InvalidPart(f"there is no estimator {short(data['estimator'])}.")
    return Estimator.known[data["estimator"]].from_json(data["parameters"], depth + 1)
