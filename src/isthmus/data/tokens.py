"""Texts as lists of tokens, counts of tokens, and vocabularies."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from isthmus.core.coercion import short
from isthmus.core.extras import is_made_by
from isthmus.data.files import are_pictures
from isthmus.errors import InvalidData, require

By = Literal["word", "character"]


class Worded(NamedTuple):
    """Texts, the part that makes rows of them, and what it has learned."""

    texts: list[str]
    part: Any  # of the kind `texts`
    learned: dict[str, Any]


WORD = re.compile(r"\w+(?:['’]\w+)*")


def split(text: str, by: By = "word", lower: bool = True) -> list[str]:
    """Return the tokens of a text: its words, without what stands between them, or its characters.

    Examples
    --------
    >>> split("Don't stop, 2 dogs!")
    ["don't", 'stop', '2', 'dogs']
    """
    text = text.lower() if lower else text
    return WORD.findall(text) if by == "word" else list(text)


def join_tokens(tokens: Sequence[str], by: By = "word") -> str:
    """Return tokens as one text: the way back from `split`, but for what stood between words."""
    return (" " if by == "word" else "").join(tokens)


def texts_of(data: Any) -> list[str]:
    """Return texts as a list: from a list, an array, a series, or a frame or an array of one column.

    Raises
    ------
    InvalidData
        If it is one text only, has more columns, or holds what is no text; the message names the first.
    """
    if isinstance(data, str):
        raise InvalidData(f"X: expected a list of texts; got one text, {short(data)}. Pass [X].")
    array = data if isinstance(data, list | tuple) else np.asarray(data, dtype=object)
    if isinstance(array, np.ndarray):
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim != 1:
            size = " x ".join(map(str, array.shape))
            raise InvalidData(f"expected a list of texts, or one column of a frame; got {size or 'one value'}.")
        array = array.tolist()
    for i, text in enumerate(array):
        if not isinstance(text, str):
            raise InvalidData(f"text {i}: expected text; got {short(text)} of type {type(text).__name__}.")
    return list(map(str, array))


def are_texts(data: Any) -> bool:
    """Say whether `data` is texts: the first value that is not missing is one. A single text is a path.

    Paths of pictures are pictures.
    """
    if are_pictures(data):
        return False
    if isinstance(data, np.ndarray) and data.dtype.kind in "fiubc":
        return False
    if isinstance(data, list | tuple):
        return isinstance(_first_present(data), str)
    is_frame = any(is_made_by(data, library, "DataFrame") for library in ("pandas", "polars"))
    is_column = any(is_made_by(data, library, "Series") for library in ("pandas", "polars"))
    if not (is_frame or is_column or isinstance(data, np.ndarray)) or data.shape == ():
        return False
    if is_frame and data.shape[1] != 1:
        return False  # a table of several columns
    first = np.asarray(data[:1], dtype=object).ravel()
    if len(first) == 1 and _first_present(first) is None:
        return isinstance(_first_present(np.asarray(data, dtype=object).ravel()), str)
    return len(first) == 1 and isinstance(first[0], str)


def _first_present(values: Iterable[Any]) -> Any:
    """Return the first value that is not missing: None, NaN, or what pandas writes for it; None where all are."""
    for value in values:
        is_nan = isinstance(value, float) and np.isnan(value)
        if not (value is None or is_nan or type(value).__name__ in ("NAType", "NaTType")):
            return value
    return None


def refuse_empty(texts: Sequence[str], by: str = "word") -> None:
    """Raise `InvalidData` for the first text that holds no token."""
    for i, text in enumerate(texts):
        if not (WORD.search(text) if by == "word" else text):
            raise InvalidData(f"text {i} is empty: {short(text)} holds no {by}.")


def check_words(words: Any, most: int) -> None:
    """Raise `InvalidPart` for words, from a file, that are no list of at most so many different ones."""
    is_list = isinstance(words, list) and 1 <= len(words) <= most
    is_text = is_list and all(isinstance(word, str) and word for word in words)
    allowed = f"a list of 1 to {most} different words"
    require(is_text and len(set(words)) == len(words), "words", allowed, short(words))


def counts(tokens: Iterable[Sequence[str]]) -> Counter[str]:
    """Return how often each token stands in the texts."""
    totals: Counter[str] = Counter()
    for text in tokens:
        totals.update(text)
    return totals


def most_frequent(counts: Counter[str], most: int | None, least: int = 1) -> list[str]:
    """Return at most so many tokens that stand at least so often: the frequent first, equal ones by alphabet.

    Examples
    --------
    >>> most_frequent(Counter("banana"), 2)
    ['a', 'n']
    """
    ranked = sorted((-count, token) for token, count in counts.items() if count >= least)
    return [token for _, token in ranked[:most]]


def number_tokens(tokens: Iterable[Sequence[str]], words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of all tokens in `words`, [m], -1 for others, one text after another, and their texts [m]."""
    place = {word: i for i, word in enumerate(words)}
    ids, lengths = [], []
    for text in tokens:
        ids += [place.get(token, -1) for token in text]
        lengths.append(len(text))
    return np.array(ids, np.int64), np.repeat(np.arange(len(lengths)), lengths)
