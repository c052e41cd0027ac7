"""Sequences of differing lengths, a list of arrays."""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from isthmus.contracts import Row
from isthmus.data.arrays import ARRAYS, are_sequences, depth, fill_masked, float_type
from isthmus.data.labels import Labels
from isthmus.data.source import Source
from isthmus.errors import InvalidData


class Sequences(Source):
    """A list of arrays [steps, features], or [steps] of one feature; behind the end of the shorter ones stands NaN.

    Nested lists stand for arrays.
    """

    def __init__(self, data: Any) -> None:
        self._sequences = [_check_sequence(i, _array(i, item)) for i, item in enumerate(data)]
        self.index = [sequence.shape for sequence in self._sequences]
        lengths = {shape[0] for shape in self.index}
        features = _features(self.index)
        self.row = Row((max(lengths), features), is_sequence=True, may_be_missing=len(lengths) > 1)
        self.n_rows = len(self._sequences)
        self.dtype = np.result_type(*{float_type(sequence) for sequence in self._sequences})

    @classmethod
    def accepts(cls, data: Any) -> bool:
        return are_sequences(data)

    @classmethod
    def convert(cls, data: Any, row: Row) -> Any:
        """Return nested lists, and arrays [steps] that happen to be of one length, as sequences; refuse one alone."""
        is_list = isinstance(data, list | tuple)
        if not depth(data) or not len(data) or not row.is_sequence:
            return data
        if is_list and all(isinstance(item, ARRAYS) and item.ndim == 1 for item in data):
            return cls(data)
        if _is_sequence(data, row):
            raise InvalidData(f"X: expected a list of sequences; got one sequence, of length {len(data)}. Pass [X].")
        is_flat = depth(data) == 2 and row.size == row.shape[0]  # lists of numbers, and one feature
        return cls(data) if is_list and (depth(data) == 3 or is_flat) else data

    def shaped_like(self, row: Row) -> Source:
        if not row.is_sequence:
            return self
        features, most = row.size // row.shape[0], row.shape[0]
        if self.row.shape[1] != features:
            raise InvalidData(
                f"X holds sequences of {self.row.shape[1]} features, and the model was fitted with {features}."
            )
        for i, (steps, *_) in enumerate(self.index):
            if steps > most:
                raise InvalidData(
                    f"sequence {i} has length {steps}, and the longest that the model was fitted with has length "
                    f"{most}: cut it, or fit a model on sequences as long."
                )
            if steps < most and not row.may_be_missing:
                raise InvalidData(
                    f"sequence {i} has length {steps}, and all of the fit have length {most}: fit "
                    "a model on sequences of differing lengths."
                )
        return self.with_row(replace(self.row, shape=row.shape, may_be_missing=row.may_be_missing))

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        for start in range(0, self.n_rows, rows):
            sequences = self._sequences[start : start + rows]
            block = np.full((len(sequences), self.row.size), np.nan, self.dtype)
            for line, sequence in zip(block, sequences, strict=True):
                line[: sequence.size] = sequence.ravel()
            yield block

    @classmethod
    def frame(cls, values: np.ndarray, labels: Labels, index: Any = None) -> Any:
        """Return a list of arrays, cut to the shapes that `index` holds; whole ones [steps, features] without it."""
        if index is None:
            return list(values)
        return [row[: shape[0]].reshape(shape) for row, shape in zip(values, index, strict=True)]


def _is_sequence(data: Any, row: Row) -> bool:
    """Say whether `data`, an array or nested lists, is one sequence as those of `row`, and no table of flat rows."""
    features, is_list = row.size // row.shape[0], isinstance(data, list | tuple)
    if depth(data) == 1:
        return features == 1 and isinstance(data[0], numbers.Number)
    if depth(data) != 2 or features == row.size or (is_list and isinstance(data[0], ARRAYS)):
        return False
    if is_list and features == len(data) == 1:  # [[5.0]] is one sequence of one step, however it is read
        return False
    return all(depth(step) == 1 and len(step) == features for step in data)


def _features(shapes: list[tuple[int, ...]]) -> int:
    """Return how many features all steps have, or refuse what differs."""
    counts = [shape[1] if len(shape) > 1 else 1 for shape in shapes]
    for i, count in enumerate(counts):
        if count != counts[0]:
            raise InvalidData(
                f"sequence {i} has {count} features, and sequence 0 has {counts[0]}: each step of each sequence holds "
                "the same ones."
            )
    if counts[0] == 0:
        raise InvalidData("sequence 0: expected numbers at each step; got 0 features.")
    return counts[0]


def _array(number: int, sequence: Any) -> np.ndarray:
    """Return a sequence, of any form, as an array [steps, features] or [steps]."""
    if sequence is None:
        raise InvalidData(f"sequence {number} is missing (None): leave it out.")
    try:
        array = np.asarray(fill_masked(sequence))
    except ValueError as error:
        widths = [len(step) if depth(step) else 1 for step in sequence]
        step = next((i for i, width in enumerate(widths) if width != widths[0]), 0)
        reason = f"holds {widths[step]} features at step {step} and {widths[0]} at step 0" if step else "is not even"
        raise InvalidData(f"sequence {number} {reason}: each step of each sequence holds the same ones.") from error
    if array.ndim not in (1, 2):
        raise InvalidData(f"sequence {number}: expected 2 axes, steps and features, or 1, steps; got {array.ndim}.")
    return array


def _check_sequence(number: int, sequence: np.ndarray) -> np.ndarray:
    """Return a sequence as numbers, or say what is wrong with it."""
    if len(sequence) == 0:
        raise InvalidData(f"sequence {number} has length 0: leave it out, or give it a step.")
    if sequence.dtype.kind == "c":
        raise InvalidData("Complex data not supported: split real and imaginary parts into features.")
    if sequence.dtype.kind not in "fiub":
        sequence = _numbers(number, sequence)
    if not np.isfinite(sequence).all():
        step, *_ = place = tuple(map(int, np.argwhere(~np.isfinite(sequence))[0]))
        raise InvalidData(
            f"sequence {number} holds {sequence[place]} at step {step}: fill it, or end the sequence before it."
        )
    return sequence


def _numbers(number: int, sequence: np.ndarray) -> np.ndarray:
    values = np.empty(sequence.shape)
    for place in np.ndindex(sequence.shape):
        try:
            values[place] = sequence[place]
        except (TypeError, ValueError) as error:
            raise InvalidData(
                f"sequence {number}: expected numbers; got {sequence[place]!r} at step {place[0]}."
            ) from error
    return values
