"""Errors, drawn as a tree.

IsthmusError
├── InvalidPart          a part was described wrongly
│   ├── UnknownPart      no part has that name
│   └── UnknownParameter an estimator has no parameter of that name
├── InvalidData          a table cannot be used as it is
├── ModelFileError       a file is not a model that can be loaded, or cannot be written
├── CheckpointError      a checkpoint belongs to another fit
├── Diverged             the loss became infinite or NaN and did not come back
└── MissingExtra         an optional package is not installed

Every message is one sentence or two: where, what is allowed, what came, what to write instead.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


class IsthmusError(Exception):
    """The root of every error that isthmus raises on purpose."""


class InvalidPart(IsthmusError, ValueError):
    """A part was given a value it cannot have."""


class UnknownPart(InvalidPart):
    """No part of the kind has that name."""


class UnknownParameter(InvalidPart, TypeError):
    """An estimator has no parameter of that name; the message says what to write."""


class InvalidData(IsthmusError, ValueError):
    """A table cannot be used as it is: the message names the place."""


class ModelFileError(IsthmusError, ValueError):
    """A file is not a model that can be loaded, or cannot be written."""


class CheckpointError(IsthmusError, ValueError):
    """A checkpoint belongs to other data or other settings."""


class Diverged(IsthmusError, ArithmeticError):
    """The loss is not finite and smaller steps did not help; `history` holds the epochs that came before."""

    def __init__(self, message: str, history: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.history = tuple(history)


class MissingExtra(IsthmusError, ImportError):
    """An optional package is not installed; the message names the extra."""


def require(holds: bool, where: str, allowed: str, got: object, hint: str = "") -> None:
    """Raise `InvalidPart` with one form of sentence unless `holds`; a hint stands behind it.

    Examples
    --------
    >>> require(False, "Masking.fraction", "in [0, 1]", 1.3)
    Traceback (most recent call last):
        ...
    isthmus.errors.InvalidPart: Masking.fraction must be in [0, 1]. Got 1.3.
    """
    if not holds:
        raise InvalidPart(f"{where} must be {allowed}. Got {short(got)}.{hint}")


def require_within(value: float, low: int, high: int, where: str) -> None:
    """Raise `InvalidPart` unless a number is in [low, high].

    Examples
    --------
    >>> require_within(0, 1, 10_000, "Variational.draws")
    Traceback (most recent call last):
        ...
    isthmus.errors.InvalidPart: Variational.draws must be at least 1. Got 0.
    """
    require(low <= value, where, f"at least {low}", value)
    require(value <= high, where, f"at most {high:,}", value)


def short(value: Any) -> str:
    """Return a value for a message, cut where it is long."""
    if isinstance(value, int) and value.bit_length() > 10_000:  # Python refuses to write it
        return f"a number of {value.bit_length()} bits"
    text = repr(value[:100] if isinstance(value, str | bytes | list | tuple) else value)
    return text if len(text) <= 80 else text[:77] + "..."


def suggestion(word: str, words: Iterable[str]) -> str:
    """Return ` Did you mean 'top_k'?` for a near miss, else nothing.

    A word is near another if one begins with the other, or if few letters differ: one, or a third of the word.

    Examples
    --------
    >>> suggestion("topk", ["top_k", "nested"]), suggestion("nope", ["income", "age"])
    (" Did you mean 'top_k'?", '')
    """
    near = _nearest(word, words)
    return f" Did you mean {near!r}?" if near else ""


def _nearest(word: str, words: Iterable[str]) -> str | None:
    known = list(words) if len(word) <= 100 else []
    for near in difflib.get_close_matches(word, known, n=3, cutoff=0.6):
        first, second = word.lower(), near.lower()
        is_part = first.startswith(second) or second.startswith(first)
        if is_part or _edits(first, second) <= max(1, len(word) // 3):
            return near
    return None


def _edits(first: str, second: str) -> int:
    """Return how many letters are put in, left out, changed, or swapped with the next one, from one word to another."""
    rows = [list(range(len(second) + 1))]
    for i, letter in enumerate(first, 1):
        row = [i]
        for j, other in enumerate(second, 1):
            changed = rows[-1][j - 1] + (letter != other)
            is_swap = i > 1 and j > 1 and letter == second[j - 2] and first[i - 2] == other
            swapped = rows[-2][j - 2] + 1 if is_swap else changed
            row.append(min(rows[-1][j] + 1, row[-1] + 1, changed, swapped))
        rows.append(row)
    return rows[-1][-1]


def is_file(path: Path) -> bool:
    """Say whether a path is of a file; one that cannot be is not."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # as of a name too long, or with a NUL in it
        return False


def shown_path(path: str | os.PathLike[str]) -> str:
    """Return a path for a message, cut where it is long, what is not printable escaped."""
    text = os.fspath(path)
    text = text if len(text) <= 300 else f"{text[:300]}..."
    return text if text.isprintable() else repr(text)


def no_file(path: Path) -> str:
    """Return the sentence for a path where no file is."""
    shown = shown_path(path)
    try:
        if path.is_dir():
            return f"{shown} is a folder: expected the path of a file."
        if path.is_symlink() and not path.exists():
            return f"{shown} is a link to {shown_path(path.readlink())}, where there is no file."
        if path.exists():
            return f"{shown} is not a file that can be read."
    except (OSError, ValueError):
        return f"there is no file {shown}."
    try:
        others = [other.name for other in path.parent.iterdir()]
    except OSError:  # the folder does not exist, or may not be read
        others = []
    alike = {Path(name).stem: name for name in others if Path(name).suffix == path.suffix}
    near = alike.get(_nearest(path.stem, alike) or "")  # what all names end in makes none of them near
    hint = f" Did you mean {near!r}?" if near else suggestion(path.name, set(others) - set(alike.values()))
    return f"there is no file {shown}.{hint}"
