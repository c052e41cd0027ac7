"""Texts as the words that stand in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from isthmus.contracts import Row, Text
from isthmus.data.tokens import check_words, counts, join_tokens, most_frequent, number_tokens, split
from isthmus.errors import require

MOST = 2**20


@dataclass(frozen=True)
class OneHot(Text):
    """A column for each of the most frequent words: 1 where it stands in the text, else 0.

    Given back, a text is the words whose column is above 1/2, the most frequent in all texts first.

    Parameters
    ----------
    size : how many words have a column at most: the most frequent of `fit`.
    by : what a token is, `"word"` or `"character"`.
    lower : take texts in lower case.

    Examples
    --------
    >>> part = OneHot(2)
    >>> learned = part.fit(["a cat", "a dog", "the dog"])
    >>> learned["words"], part.apply(learned, ["a dog", "a cat"]).tolist()
    (['a', 'dog'], [[1.0, 1.0], [1.0, 0.0]])
    """

    size: int = 2000
    by: Literal["word", "character"] = "word"
    lower: bool = True

    def __post_init__(self) -> None:
        require(1 <= self.size <= MOST, "OneHot.size", f"in [1, {MOST}]", self.size)

    def fit(self, texts: Sequence[str]) -> dict[str, Any]:
        return {"words": most_frequent(counts(split(text, self.by, self.lower) for text in texts), self.size)}

    def check(self, learned: dict[str, Any]) -> None:
        require(set(learned) == {"words"}, "what one_hot learned", "words", sorted(learned))
        check_words(learned["words"], self.size)

    def row(self, learned: dict[str, Any]) -> Row:
        return Row((len(learned["words"]),), tuple(learned["words"]))

    def apply(self, learned: dict[str, Any], texts: Sequence[str]) -> np.ndarray:
        rows = np.zeros((len(texts), len(learned["words"])), np.float32)
        ids, text = number_tokens((split(text, self.by, self.lower) for text in texts), learned["words"])
        rows[text[ids >= 0], ids[ids >= 0]] = 1
        return rows

    def undo(self, learned: dict[str, Any], rows: np.ndarray) -> list[str]:
        words = np.array(learned["words"], dtype=object)
        return [join_tokens(words[row > 0.5].tolist(), self.by) for row in rows]
