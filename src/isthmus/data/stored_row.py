"""What a model file says of rows: their shape, their names, their texts; it may say anything."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from isthmus.contracts import Row, Text
from isthmus.core.coercion import short
from isthmus.core.spelling import part_from_json
from isthmus.data.labels import Labels, labels_from_json
from isthmus.errors import ModelFileError, require
from isthmus.storage.container import MOST_AXES, Opened
from isthmus.storage.state import header_field

MOST_UNKNOWN = 2**20  # numbers in a row, where its model holds fewer: no file of a few bytes makes large tables
FLAGS = {"is_sequence": "is_sequence", "may_be_missing": "has_holes", "is_table": "is_mixed"}
"""What a row says of itself, and the keys of a model file for it."""


class LearnedText(NamedTuple):
    """How texts become rows: a part, and what it has learned."""

    part: Text
    learned: dict[str, Any]


def stored_text(stored: Opened) -> LearnedText | None:
    """Return how texts become rows; None where rows are no texts."""
    if "text" not in stored.header:
        return None
    text = stored.header["text"]
    is_form = isinstance(text, dict) and set(text) == {"part", "learned"} and isinstance(text["learned"], dict)
    require(is_form, "text", "a part and what it learned", text)
    part: Any = part_from_json("texts", text["part"])
    part.check(text["learned"])
    return LearnedText(part, text["learned"])


def stored_labels(stored: Opened) -> Labels | None:
    """Return the names of the columns as their frame had them."""
    labels = header_field(stored, "row", dict).get("columns")
    if labels is None:
        return None
    if not isinstance(labels, list) or not all(type(label) in (str, int) for label in labels):
        raise ModelFileError(f"{stored.path} is damaged: its columns have no proper names.")
    described = header_field(stored, "row", dict).get("labels")
    if described is None:
        return labels
    try:
        index = labels_from_json(described)
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError) as error:
        raise ModelFileError(f"{stored.path} is damaged: its columns have no proper names.") from error
    if list(map(str, index)) != labels:
        raise ModelFileError(f"{stored.path} is damaged: its columns have two sorts of names.")
    return index


def stored_row(stored: Opened, labels: Labels | None) -> Row:
    """Return what one row is."""
    row = header_field(stored, "row", dict)
    shape = row.get("shape")
    is_shape = isinstance(shape, list) and 1 <= len(shape) <= MOST_AXES
    if not is_shape or not all(type(axis) is int and 0 < axis < 2**31 for axis in shape):
        raise ModelFileError(f"{stored.path} is damaged: its rows have the shape {short(shape)}.")
    flags = {flag: row.get(key, False) for flag, key in FLAGS.items()}
    if not all(type(flag) is bool for flag in flags.values()) or (flags["is_sequence"] and len(shape) != 2):
        raise ModelFileError(f"{stored.path} is damaged: its rows are described by {short(row)}.")
    check_row_size(math.prod(shape), sum(math.prod(axes) for _, axes in stored.tensors.values()))
    channels = row.get("channels")
    if channels is not None:
        are_names = isinstance(channels, list) and all(type(channel) is str for channel in channels)
        if not are_names or not flags["is_sequence"] or not len(channels) == len(set(channels)) == shape[1]:
            raise ModelFileError(f"{stored.path} is damaged: its channels are {short(channels)}.")
        channels = tuple(channels)
    known = Row(tuple(shape), None if labels is None else tuple(map(str, labels)), channels=channels, **flags)
    if known.columns is not None and not len(known.columns) == len(set(known.columns)) == known.size:
        raise ModelFileError(f"{stored.path} is damaged: {known.size} columns have {len(set(known.columns))} names.")
    return known


def check_row_size(size: int, numbers: int) -> None:
    """Raise `InvalidPart` for rows of more numbers than a model of so many numbers can know."""
    most = max(numbers, MOST_UNKNOWN)
    require(size <= most, "a row", f"of at most {most:,} numbers, for a model of {numbers:,}", size)


def stored_categories(stored: Opened, row: Row) -> dict[int, tuple[int, ...]]:
    """Return the categories of the training rows, by column."""
    known = header_field(stored, "row", dict).get("seen", {})
    is_form = isinstance(known, dict) and all(isinstance(values, list) for values in known.values())
    is_form = is_form and all(column.isdecimal() and len(column) < 10 for column in known)
    counts = row.categories or ()
    if not is_form or not all(int(column) < len(counts) for column in known):
        raise ModelFileError(f"{stored.path} is damaged: its categories of the training rows are {short(known)}.")
    for column, values in known.items():
        if not all(type(value) is int and 0 <= value < counts[int(column)] for value in values):
            raise ModelFileError(f"{stored.path} is damaged: column {column} has the categories {short(values)}.")
    return {int(column): tuple(values) for column, values in known.items()}
