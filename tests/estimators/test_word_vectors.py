"""Word vectors: words of the same contexts are near, and what is asked of them is answered by their angles."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.base import clone

from isthmus import InvalidData, InvalidPart, WordVectors

ANIMALS, CARS = ("cat", "dog", "cow"), ("car", "bus", "van")
TEXTS = [f"the {a} eats fresh green grass" for a in ANIMALS] + [f"my {c} needs cheap diesel fuel" for c in CARS]
SMALL: dict[str, Any] = {"min_count": 1, "max_epochs": 30, "optimizer": "adam(0.02)", "batch_size": None}


@pytest.fixture(scope="module")
def model() -> WordVectors:
    return WordVectors(3, **SMALL).fit(TEXTS * 3)


def test_words_of_the_same_contexts_are_near(model: WordVectors) -> None:
    assert model.vectors_.shape == (len(model.words_), 3) == (16, 3)
    assert np.isfinite(model.vectors_).all()
    within = [model.similarity(a, b) for group in (ANIMALS, CARS) for a, b in itertools.combinations(group, 2)]
    across = [model.similarity(a, b) for a in ANIMALS for b in CARS]
    assert min(within) > max(across) + 0.5
    assert {word for word, _ in model.nearest("CAT", 2)} == {"dog", "cow"}


def test_words_are_counted(model: WordVectors) -> None:
    found = dict(zip(model.words_, model.counts_.tolist(), strict=True))
    assert found["eats"] == 9
    assert found["cat"] == 3
    assert model.counts_.tolist() == sorted(model.counts_, reverse=True)


def test_answers_are_cosines(model: WordVectors) -> None:
    cat, dog = model.vector("cat"), model.vector("dog")
    cosine = cat @ dog / np.linalg.norm(cat) / np.linalg.norm(dog)
    assert model.similarity("cat", "dog") == pytest.approx(cosine, rel=1e-5)
    assert dict(model.nearest("cat", 15))["dog"] == pytest.approx(cosine, rel=1e-5)
    assert model.nearest(cat, 1)[0] == ("cat", pytest.approx(1, rel=1e-5))
    unit = model.vectors_ / np.linalg.norm(model.vectors_, axis=1, keepdims=True)
    place = model.words_.index
    towards = unit[place("cat")] + unit[place("bus")] - unit[place("dog")]
    found = dict(model.nearest(["cat", "bus"], 20, minus="dog"))
    assert len(found) == 13
    assert found["car"] == pytest.approx(unit[place("car")] @ towards / np.linalg.norm(towards), rel=1e-4)


def test_judgements_are_compared_by_rank(model: WordVectors) -> None:
    judged = [
        ("cat", "dog", 9.0),
        ("Cat", "bus", 2.0),
        ("car", "van", 8.0),
        ("cow", "car", 1.0),
        ("cat", "unicorn", 5.0),
    ]
    found = model.evaluate(judged)
    expected = spearmanr([model.similarity(a, b) for a, b, _ in judged[:4]], [9.0, 2.0, 8.0, 1.0]).statistic
    assert found == (pytest.approx(expected), 4, 5)
    none = model.evaluate(judged[4:])
    assert np.isnan(none.spearman)
    assert none[1:] == (0, 1)


def test_directions_are_weighed_by_their_power() -> None:
    codes, whole, even = (
        WordVectors(3, power=power, **SMALL | {"max_epochs": 2}).fit(TEXTS) for power in (0.5, 1.0, 0.0)
    )
    length = np.linalg.svd(whole.vectors_, compute_uv=False)
    np.testing.assert_allclose(np.linalg.norm(codes.vectors_, axis=0), np.sqrt(length), rtol=1e-4)
    np.testing.assert_allclose(even.vectors_.T @ even.vectors_, np.eye(3), atol=1e-4)
    table = pd.DataFrame(whole.autoencoder_.transform(rows_of(whole)))
    apart = table.to_numpy()[:, None] - table.to_numpy()[None]
    own = whole.vectors_[:, None] - whole.vectors_[None]
    np.testing.assert_allclose(np.linalg.norm(own, axis=2), np.linalg.norm(apart, axis=2), rtol=1e-3, atol=1e-4)


def rows_of(model: WordVectors) -> Any:
    _, _, information = model._information(TEXTS)
    return np.asarray(information.toarray() / information.max(), np.float32)


def test_it_is_an_estimator_and_deterministic() -> None:
    one = WordVectors(2, **SMALL | {"max_epochs": 2}, random_state=5)
    assert clone(one).get_params() == one.get_params()
    assert one.set_params(corruption__fraction=0.2, size=3).get_params()["corruption__fraction"] == 0.2
    first, again = one.fit(pd.Series(TEXTS)).vectors_, clone(one).fit(pd.DataFrame({"text": TEXTS})).vectors_
    np.testing.assert_array_equal(first, again)
    assert first.shape == (16, 3)


def test_negative_information_needs_a_likelihood_of_any_numbers() -> None:
    with pytest.raises(InvalidPart, match=r"^likelihood must be one of any numbers with weighting='pmi', as 'squ"):
        WordVectors(weighting="pmi").fit(TEXTS)
    settings = SMALL | {"max_epochs": 1, "likelihood": "squared_error", "weighting": "pmi", "max_contexts": 6}
    model = WordVectors(2, **settings).fit(TEXTS)
    assert model.autoencoder_.n_features_in_ == 6


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"size": 0}, r"^size must be a whole number of at least 1\. Got 0\.$"),
        ({"window": 1.5}, r"^window must be a whole number of at least 1\. Got 1\.5\.$"),
        ({"min_count": True}, r"^min_count must be a whole number"),
        ({"max_words": 1}, r"^max_words must be a whole number of at least 2, or None\. Got 1\.$"),
        ({"weighting": "tfidf"}, r"^weighting must be 'ppmi' or 'pmi'\. Got 'tfidf'\.$"),
        ({"shift": 0.5}, r"^shift must be a number of at least 1\. Got 0\.5\.$"),
        ({"smoothing": 0}, r"^smoothing must be in \(0, 1\]\. Got 0\.$"),
        ({"power": 2}, r"^power must be in \[0, 1\]\. Got 2\.$"),
        ({"likelihood": None}, r"^likelihood must be Likelihood, or its spelling\. Got None\.$"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidPart, match=said):
        WordVectors(**settings).fit(TEXTS)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (
            [],
            r"^expected at least 2 words that stand 2 times .*; got 0 of the 0 words of 0 texts\. Pass more texts, or",
        ),
        (["a b c"], r"^expected at least 2 words that stand 2 times .*; got 0 of the 3 words of 1 texts\."),
        (["a", "b", "a", "b"], r"^no two of the 2 words ever stand within 5 words of each other: pass longer"),
        ("a b c", r"^X: expected a list of texts; got one text, 'a b c'\. Pass \[X\]\.$"),
        (["a b", 7], r"^text 1: expected text; got 7 of type int\.$"),
    ],
)
def test_texts_that_cannot_be_used_are_refused(texts: Any, said: str) -> None:
    with pytest.raises(InvalidData, match=said):
        WordVectors(2, min_count=2).fit(texts)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (
            lambda m: m.vector("kat"),
            r"^expected one of the 16 words that have vectors; got 'kat'\. Did you mean 'cat'\?$",
        ),
        (lambda m: m.similarity("cat", 3), r"^a word must be text\. Got 3\.$"),
        (lambda m: m.nearest(np.ones(2)), r"^a vector must be 3 finite numbers\. Got array\(\[1\., 1\.\]\)\.$"),
        (lambda m: m.nearest("cat", minus="xyzzy"), r"^expected one of the 16 words that have vectors; got 'xyzzy'\.$"),
        (lambda m: m.nearest("cat", 0), r"^n must be a whole number of at least 1\. Got 0\.$"),
    ],
)
def test_questions_that_cannot_be_answered(model: WordVectors, question: Any, said: str) -> None:
    with pytest.raises((InvalidData, InvalidPart), match=said):
        question(model)
