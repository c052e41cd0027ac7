"""Targets of supervised networks: classes, numbers, or the order of rows."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from isthmus.contracts import Head, Likelihood, Row
from isthmus.core.coercion import short
from isthmus.distributions.joint import JointHead
from isthmus.errors import require

TargetLayer = Callable[[int], Callable[[Array], Array]]


class Target(abc.ABC):
    """What is known of the targets of a fit."""

    may_be_missing: bool = False

    @property
    @abc.abstractmethod
    def row(self) -> Row:
        """What one target is."""

    @abc.abstractmethod
    def head(self, likelihood: Likelihood, target_layer: TargetLayer) -> Head:
        """Return the head that explains the target; its layers come from `target_layer(total)`."""

    @abc.abstractmethod
    def encode(self, target: np.ndarray, weight: np.ndarray) -> Any:
        """Return targets as the head explains them, [padded n, columns], of those that rows carry and their weights."""

    @abc.abstractmethod
    def groups(self, target: np.ndarray) -> np.ndarray | None:
        """Return the numbers [n] of groups that stay together, of targets that rows carry; None for none."""

    @abc.abstractmethod
    def facts(self) -> dict[str, Any]:
        """Return what a model file must hold, as JSON."""

    @classmethod
    @abc.abstractmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        """Return the target of the facts in a file.

        Raises
        ------
        InvalidPart
            If they do not describe one.
        """


@dataclass(frozen=True)
class ClassTarget(Target):
    """Classes: of one output, or of several."""

    classes: tuple[np.ndarray, ...]  # of each output, in order
    is_single: bool = False  # two classes are one column: whether it is the second

    @property
    def widths(self) -> list[int]:
        """How many columns each output has: one for each class, or one for two."""
        return [1 if self.is_single and len(classes) == 2 else len(classes) for classes in self.classes]

    def shares(self, expected: np.ndarray) -> list[np.ndarray]:
        """Return the shares of the classes of each output, [n, classes], of expected columns [n, columns]."""
        parts = np.split(expected, np.cumsum(self.widths)[:-1], axis=1)
        return [np.hstack([1 - part, part]) if part.shape[1] == 1 else part for part in parts]

    @property
    def row(self) -> Row:
        return Row((sum(self.widths),))

    def head(self, likelihood: Likelihood, target_layer: TargetLayer) -> Head:
        heads = tuple(likelihood.build(Row((width,)), target_layer) for width in self.widths)
        return heads[0] if len(heads) == 1 else JointHead(heads, tuple(self.widths))

    def encode(self, target: np.ndarray, weight: np.ndarray) -> Any:
        outputs = zip(target.T, self.classes, self.widths, strict=True)
        one_hot = [jax.nn.one_hot(column.astype(np.int32), len(of))[:, -width:] for column, of, width in outputs]
        return jnp.concatenate(one_hot, axis=1)

    def groups(self, target: np.ndarray) -> np.ndarray | None:
        return None

    def facts(self) -> dict[str, Any]:
        lists = [plain_classes(classes) for classes in self.classes]
        return {"classes": lists if len(lists) > 1 else lists[0]} | ({"is_single": True} if self.is_single else {})

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        classes: Any = facts.get("classes")
        is_single = facts.get("is_single", False)  # in files of earlier versions two classes are two columns
        is_known = set(facts) <= {"classes", "is_single"} and type(is_single) is bool
        is_list = is_known and isinstance(classes, list) and len(classes) >= 2
        lists = classes if is_list and isinstance(classes[0], list) else [classes]
        is_sound = is_list and all(are_classes(values) for values in lists)
        require(is_sound, "classes", "at least two, in order", classes)
        return cls(tuple(np.array(values) for values in lists), is_single)


@dataclass(frozen=True)
class NumberTarget(Target):
    """Numbers, brought to mean 0 and deviation 1 for training; those over a range stay as they are."""

    center: np.ndarray  # [t]
    spread: np.ndarray  # [t]
    is_flat: bool  # answers are [n], else [n, t]
    may_be_missing: bool = field(default=False)  # of several outputs some, in a row

    @property
    def row(self) -> Row:
        return Row((len(self.center),))

    def scale(self, target: np.ndarray) -> np.ndarray:
        """Return targets [n, t] as the network is trained on them."""
        return (target - self.center) / self.spread

    def unscale(self, target: np.ndarray) -> np.ndarray:
        """Return scaled targets [n, t] in their units."""
        return self.center + self.spread * target

    def head(self, likelihood: Likelihood, target_layer: TargetLayer) -> Head:
        return likelihood.build(self.row, target_layer)

    def encode(self, target: np.ndarray, weight: np.ndarray) -> Any:
        return target

    def groups(self, target: np.ndarray) -> np.ndarray | None:
        return None

    def facts(self) -> dict[str, Any]:
        return {"center": self.center.tolist(), "spread": self.spread.tolist(), "is_flat": self.is_flat}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        center, spread, is_flat = (facts.get(name) for name in ("center", "spread", "is_flat"))
        is_known = set(facts) == {"center", "spread", "is_flat"} and type(is_flat) is bool
        is_scale = _are_floats(center) and _are_floats(spread) and len(center) == len(spread) >= 1  # type: ignore[arg-type]
        is_sound = is_known and is_scale and min(spread) > 0 and (len(center) == 1 or not is_flat)  # type: ignore[arg-type]
        require(is_sound, "facts", "center, spread and is_flat of the targets", short(facts))
        return cls(np.array(center), np.array(spread), bool(is_flat))


@dataclass(frozen=True)
class RankTarget(Target):
    """Relevance, the number of a group, and a weight: rows of one group are ranked among each other."""

    @property
    def row(self) -> Row:
        return Row((3,))

    def head(self, likelihood: Likelihood, target_layer: TargetLayer) -> Head:
        return likelihood.build(self.row, target_layer)

    def encode(self, target: np.ndarray, weight: np.ndarray) -> Any:
        return np.column_stack([target, weight]).astype(np.float32)

    def groups(self, target: np.ndarray) -> np.ndarray | None:
        return target[:, 1].astype(int)

    def facts(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> Self:
        require(not facts, "facts", "empty", facts)
        return cls()


def are_classes(values: Any) -> bool:
    """Say whether values are at least two different classes of one type, in order."""
    is_list = isinstance(values, list) and len(values) >= 2
    is_of_one_type = is_list and {type(value) for value in values} in ({str}, {bool}, {int}, {float})
    return is_of_one_type and sorted(set(values)) == values


def plain_classes(classes: np.ndarray) -> list[Any]:
    """Return classes as plain values of Python; those of other types as they are."""
    if classes.dtype.kind in "mM":  # NumPy would make whole numbers of some
        return list(classes)
    return [value.item() if isinstance(value, np.generic) else value for value in classes.tolist()]


def _are_floats(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is float for value in values)
