"""What may tell of a column: its own numbers above, and the columns before; and which of them do."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

PARENTS = 3  # columns that are looked at
SAMPLE = 4096  # rows, from which it is seen what tells most
CLASSES = 16  # of numbers, for that
NEAREST = 48  # columns before, among which parents are looked for
LEAST = 0.02  # bits of a number that something must tell of it
COARSE = 24  # classes of numbers as contexts, about
DIFFERENCES, RANKS, VALUES = range(3)


class Plan(NamedTuple):
    """How the numbers of a column are written."""

    kind: int  # as differences to the one above, as ranks by how frequent they are, or as themselves
    in_lanes: bool  # whether those above are looked at
    parents: tuple[int, ...]  # columns before


class Relatives:
    """The columns of a block that are known."""

    def __init__(self) -> None:
        self._numbers: list[np.ndarray] = []
        self._known: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def add(self, numbers: np.ndarray) -> None:
        """Add the next column, [n] int64: its numbers, or marks far from them."""
        self._numbers.append(numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def of(self, column: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the numbers [n] of a column, their classes, and those of their differences to the one above."""
        if column not in self._known:
            numbers = self._numbers[column]
            change = np.diff(numbers, prepend=numbers[:1])
            self._known[column] = numbers, classes(numbers, COARSE), size_class(change)
        return self._known[column]


def make_plan(numbers: np.ndarray, rows: np.ndarray, relatives: Relatives, *, is_ordered: bool) -> Plan:
    """Return how the numbers [n] of a column at some rows [n] of a block are written, from what a sample says.

    Parameters
    ----------
    is_ordered : whether their differences may mean something.
    """
    some = slice(-SAMPLE, None)
    own, change = classes(numbers, CLASSES), np.diff(numbers, prepend=numbers[:1])
    above = np.concatenate([own[:1], own[:-1]])[some]
    in_lanes = told(own[some], above) > LEAST
    distinct, bits = _entropy(numbers)
    kind = RANKS if not is_ordered or distinct <= max(256, len(numbers) // 16) else VALUES
    if in_lanes and is_ordered and _entropy(change)[1] < bits + (kind == VALUES):
        kind = DIFFERENCES
    target = classes(spread(change), CLASSES)[some] if kind == DIFFERENCES else own[some]
    known = above if in_lanes else np.zeros(len(above), np.int64)
    parents: list[int] = []
    candidates = {}
    for column in range(max(len(relatives) - NEAREST, 0), len(relatives)):
        _, coarse, changes = relatives.of(column)
        candidates[column] = classes(coarse[rows][some], CLASSES), classes(changes[rows][some], CLASSES // 2)
    while len(parents) < PARENTS and candidates:
        so_far = told(target, known)
        gains = {
            column: max(told(target, _joined(known, part)) for part in (parts if kind == DIFFERENCES else parts[:1]))
            for column, parts in candidates.items()
        }
        best = max(gains, key=gains.__getitem__)
        if gains[best] - so_far < LEAST:
            break
        parents.append(best)
        known = _joined(known, classes(candidates.pop(best)[0], 4))
    return Plan(kind, in_lanes, tuple(parents))


def drift(numbers: np.ndarray) -> tuple[float, float]:
    """Return how many bits of numbers [n] it tells in which eighth of them they stand, and how many they have."""
    own = classes(numbers, CLASSES)
    return max(told(own, np.arange(len(own)) * 8 // max(len(own), 1)), 0.0), _entropy(own)[1]


def classes(numbers: np.ndarray, many: int) -> np.ndarray:
    """Return numbers [n] in about so many classes that are about as frequent; of few, each is its own."""
    distinct, places, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    if len(distinct) <= 2 * many:
        return places
    before = np.cumsum(counts) - counts
    return (before * many // len(numbers))[places]


def size_class(differences: np.ndarray) -> np.ndarray:
    """Return classes of differences [n]: their signs, and their bits, of which the second highest counts."""
    size = np.abs(differences)
    length = np.frexp(size.astype(np.float64))[1].astype(np.int64)
    second = (size >> np.maximum(length - 2, 0)) & (length > 1)
    return np.where(differences < 0, -1, 1) * (2 * length + second)


def spread(numbers: np.ndarray) -> np.ndarray:
    """Return whole numbers as numbers of at least 0: those of 0, -1, 1, -2 are 0, 1, 2, 3."""
    return np.where(numbers < 0, -2 * numbers - 1, 2 * numbers)


def unspread(numbers: np.ndarray) -> np.ndarray:
    """Return what `spread` was given."""
    return np.where(numbers & 1, -((numbers + 1) >> 1), numbers >> 1)


def told(classes_of_it: np.ndarray, known: np.ndarray) -> float:
    """Return how many bits one class [n] tells of another; what it would by chance is taken off (Miller and Madow)."""
    a, b = int(classes_of_it.max(initial=0)) + 1, int(known.max(initial=0)) + 1
    table = np.bincount(classes_of_it * b + known, minlength=a * b).reshape(a, b).astype(np.float64)
    n = max(table.sum(), 1)
    one, other = table.sum(axis=1), table.sum(axis=0)
    cells = table[table > 0]
    bits = float((cells / n * np.log2(cells * n / np.outer(one, other)[table > 0])).sum())
    free = ((one > 0).sum() - 1) * ((other > 0).sum() - 1)
    return float(bits - free / (2 * n * np.log(2)))


def _joined(known: np.ndarray, part: np.ndarray) -> np.ndarray:
    return np.unique(known * (int(part.max(initial=0)) + 1) + part, return_inverse=True)[1]


def _entropy(numbers: np.ndarray) -> tuple[int, float]:
    """Return how many distinct numbers there are, and the entropy of their frequencies in bits."""
    counts = np.unique(numbers, return_counts=True)[1]
    share = counts / max(len(numbers), 1)
    return len(counts), float(-(share * np.log2(share)).sum())
