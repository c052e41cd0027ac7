"""Texts as the words that tell them from others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from isthmus.contracts import Row, Text
from isthmus.data.tokens import check_words, counts, join_tokens, most_frequent, number_tokens, split
from isthmus.errors import require

MOST, SHOWN = 2**20, 20


@dataclass(frozen=True)
class Tfidf(Text):
    """A column for each of the most frequent words: how often it stands in the text, times how rare it is in others.

    The weight of word w in a text is n_w (log((1 + n) / (1 + n_texts with w)) + 1), n texts in all, and every row is
    divided by its length. Given back, a text is the words with weights of at least half the largest, the largest first,
    at most 20.

    Parameters
    ----------
    size : how many words have a column at most: the most frequent of `fit`.
    by : what a token is, `"word"` or `"character"`.
    lower : take texts in lower case.

    References
    ----------
    Salton and Buckley (1988), Term-weighting approaches in automatic text retrieval.

    Examples
    --------
    >>> part = Tfidf()
    >>> learned = part.fit(["a cat", "a dog"])
    >>> learned["words"], [round(v, 4) for v in part.apply(learned, ["a cat"])[0].tolist()]
    (['a', 'cat', 'dog'], [0.5797, 0.8148, 0.0])
    """

    size: int = 2000
    by: Literal["word", "character"] = "word"
    lower: bool = True

    def __post_init__(self) -> None:
        require(1 <= self.size <= MOST, "Tfidf.size", f"in [1, {MOST}]", self.size)

    def fit(self, texts: Sequence[str]) -> dict[str, Any]:
        tokens = [split(text, self.by, self.lower) for text in texts]
        documents = Counter(word for text in tokens for word in set(text))
        words = most_frequent(counts(tokens), self.size)
        return {"words": words, "rarity": [math.log((1 + len(texts)) / (1 + documents[word])) + 1 for word in words]}

    def check(self, learned: dict[str, Any]) -> None:
        require(set(learned) == {"words", "rarity"}, "what tfidf learned", "words and rarity", sorted(learned))
        check_words(learned["words"], self.size)
        rarity = learned["rarity"]
        is_list = isinstance(rarity, list) and len(rarity) == len(learned["words"])
        is_number = is_list and all(type(value) is float and 1 <= value < 100 for value in rarity)
        require(is_number, "rarity", "a number of at least 1 for each word", rarity)

    def row(self, learned: dict[str, Any]) -> Row:
        return Row((len(learned["words"]),), tuple(learned["words"]))

    def apply(self, learned: dict[str, Any], texts: Sequence[str]) -> np.ndarray:
        rows = np.zeros((len(texts), len(learned["words"])), np.float64)
        ids, text = number_tokens((split(text, self.by, self.lower) for text in texts), learned["words"])
        np.add.at(rows, (text[ids >= 0], ids[ids >= 0]), 1)
        rows *= learned["rarity"]
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        return (rows / np.where(length > 0, length, 1)).astype(np.float32)

    def undo(self, learned: dict[str, Any], rows: np.ndarray) -> list[str]:
        words = np.array(learned["words"], dtype=object)
        order = np.argsort(-rows, axis=1, kind="stable")[:, :SHOWN]
        sorted_rows = np.take_along_axis(rows, order, axis=1)
        is_strong = (sorted_rows >= sorted_rows[:, :1] / 2) & (sorted_rows > 0)
        return [
            join_tokens(words[places[strong]].tolist(), self.by)
            for places, strong in zip(order, is_strong, strict=True)
        ]
