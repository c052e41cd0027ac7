"""Texts as rows: numbers by hand, and TF-IDF as scikit-learn has it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from isthmus.errors import InvalidPart
from isthmus.parts.texts import OneHot, Tfidf, Tokens

TEXTS = ["the cat sees the dog", "a dog sees", "Cats? no: the DOG!", "the a the a cat"]
NAN = np.nan
SETTINGS = {"token_pattern": r"\w+(?:['’]\w+)*", "lowercase": True}


def test_tokens_by_hand() -> None:
    part = Tokens(size=3)
    learned = part.fit(TEXTS)
    assert learned == {"words": ["the", "a", "dog"], "length": 6}
    row = part.row(learned)
    assert (row.shape, row.categories, row.may_be_missing) == ((6,), (5,) * 6, True)
    expected = [[2, 1, 1, 2, 4, 0], [3, 4, 1, 0, NAN, NAN]]
    np.testing.assert_array_equal(part.apply(learned, TEXTS[:2]), expected)
    assert part.undo(learned, np.array(expected)) == ["the <unk> <unk> the dog", "a dog <unk>"]


def test_a_text_that_is_too_long_is_cut() -> None:
    part = Tokens(length=3)
    learned = part.fit(TEXTS)
    rows = part.apply(learned, ["the dog the dog", "the dog"])
    assert rows[0].tolist() == [2.0, 4.0, 2.0]
    assert rows[1].tolist() == [2.0, 4.0, 0.0]
    assert part.undo(learned, rows) == ["the dog the", "the dog"]
    assert Tokens().fit(["a " * 999])["length"] == 200
    assert Tokens().fit(["a"])["length"] == 2


def test_what_stands_behind_the_end_is_not_read() -> None:
    part = Tokens()
    learned = part.fit(TEXTS)
    rows = np.array([[2.0, 0.0, 3.0, 1e9, NAN, -5.0], [0.0, 2.0, 2.0, 2.0, 2.0, 2.0]])
    assert part.undo(learned, rows) == ["the", ""]


def test_characters_come_back_with_all_that_stands_between() -> None:
    part = Tokens(by="character", lower=False)
    learned = part.fit(TEXTS)
    assert part.undo(learned, part.apply(learned, TEXTS)) == TEXTS
    assert part.undo(learned, part.apply(learned, ["the z"])) == ["the \N{REPLACEMENT CHARACTER}"]


@pytest.mark.parametrize("length", [1, 2**17])
def test_a_length_is_bounded(length: int) -> None:
    with pytest.raises(InvalidPart, match=rf"^Tokens\.length must be in \[2, 65536\], or None\. Got {length}\.$"):
        Tokens(length=length)


def test_one_hot_is_that_of_scikit_learn() -> None:
    part = OneHot()
    learned = part.fit(TEXTS)
    peer = CountVectorizer(binary=True, vocabulary=learned["words"], **SETTINGS)
    np.testing.assert_array_equal(part.apply(learned, TEXTS), peer.transform(TEXTS).toarray())
    assert part.row(learned).columns == tuple(learned["words"])
    assert part.undo(learned, part.apply(learned, TEXTS))[1] == "a dog sees"
    assert part.undo(learned, np.full((1, 7), 0.5)) == [""]


@pytest.mark.parametrize("size", [3, 2000])
def test_tfidf_is_that_of_scikit_learn(size: int) -> None:
    part = Tfidf(size)
    learned = part.fit(TEXTS)
    peer = TfidfVectorizer(vocabulary=learned["words"], **SETTINGS).fit(TEXTS)
    np.testing.assert_allclose(part.apply(learned, TEXTS), peer.transform(TEXTS).toarray(), rtol=1e-6)
    np.testing.assert_allclose(learned["rarity"], peer.idf_, rtol=1e-12)


def test_the_strongest_words_come_back_first() -> None:
    part = Tfidf()
    learned = part.fit(TEXTS)
    place = learned["words"].index
    row = np.zeros((2, len(learned["words"])))
    row[0, [place("the"), place("dog"), place("cat"), place("no")]] = [0.3, 0.9, 0.5, 0.44]
    assert part.undo(learned, row) == ["dog cat", ""]
