"""Texts as tokens in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from isthmus.contracts import Row, Text
from isthmus.data.tokens import check_words, counts, join_tokens, most_frequent, split
from isthmus.errors import require

END, UNKNOWN, FIRST = 0, 1, 2  # the codes of the end of a text, of a token that is none of those, of the first of those
LONGEST, MOST, MOST_LENGTH = 200, 2**20, 2**16
MARK = {"word": "<unk>", "character": "\N{REPLACEMENT CHARACTER}"}


@dataclass(frozen=True)
class Tokens(Text):
    """Texts as numbered tokens in order, the end of a text as 0, a token that is not known as 1.

    What lies behind the end is NaN: nothing is there, and nothing there is explained. A text that is too long is cut.
    Given back, words stand with one space between, without what stood between them; `"<unk>"` is a word that is not
    known.

    Parameters
    ----------
    size : how many tokens are known at most: the most frequent of `fit`.
    length : of a row, the end of the text in it; None takes that of the longest text of `fit`, at most 200.
    by : what a token is, `"word"` or `"character"`.
    lower : take texts in lower case.

    Examples
    --------
    >>> part = Tokens()
    >>> learned = part.fit(["a cat", "a dog", "cat"])
    >>> part.apply(learned, ["a cat", "mice"]).tolist()
    [[2.0, 3.0, 0.0], [1.0, 0.0, nan]]
    >>> part.undo(learned, np.array([[3.0, 2.0, 0.0], [1.0, 0.0, 2.0]]))
    ['cat a', '<unk>']
    """

    size: int = 5000
    length: int | None = None
    by: Literal["word", "character"] = "word"
    lower: bool = True

    def __post_init__(self) -> None:
        require(1 <= self.size <= MOST, "Tokens.size", f"in [1, {MOST}]", self.size)
        is_length = self.length is None or 2 <= self.length <= MOST_LENGTH
        require(is_length, "Tokens.length", f"in [2, {MOST_LENGTH}], or None", self.length)

    def fit(self, texts: Sequence[str]) -> dict[str, Any]:
        tokens = [split(text, self.by, self.lower) for text in texts]
        longest = max(min(max(map(len, tokens)) + 1, LONGEST), 2)
        return {"words": most_frequent(counts(tokens), self.size), "length": self.length or longest}

    def check(self, learned: dict[str, Any]) -> None:
        require(set(learned) == {"words", "length"}, "what tokens learned", "words and length", sorted(learned))
        check_words(learned["words"], self.size)
        length = learned["length"]
        is_length = type(length) is int and 2 <= length <= MOST_LENGTH and self.length in (None, length)
        require(is_length, "length", f"in [2, {MOST_LENGTH}], as the part says", length)

    def row(self, learned: dict[str, Any]) -> Row:
        length, values = learned["length"], len(learned["words"]) + FIRST
        return Row((length,), categories=(values,) * length, may_be_missing=True)

    def apply(self, learned: dict[str, Any], texts: Sequence[str]) -> np.ndarray:
        place = {word: i for i, word in enumerate(learned["words"], FIRST)}
        rows = np.full((len(texts), learned["length"]), np.nan, np.float32)
        for row, text in zip(rows, texts, strict=True):
            codes = [place.get(token, UNKNOWN) for token in split(text, self.by, self.lower)] + [END]
            row[: len(codes)] = codes[: len(row)]
        return rows

    def undo(self, learned: dict[str, Any], rows: np.ndarray) -> list[str]:
        words = np.array(["", MARK[self.by], *learned["words"]], dtype=object)
        codes = np.clip(np.nan_to_num(rows, nan=END), END, len(words) - 1).astype(np.int64)
        is_end = np.concatenate([codes == END, np.ones((len(codes), 1), bool)], axis=1)
        return [
            join_tokens(words[row[:end]].tolist(), self.by)
            for row, end in zip(codes, is_end.argmax(axis=1), strict=True)
        ]
