"""Counting what stands near what, and pointwise mutual information: numbers by hand and by the formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp

from isthmus.estimators._cooccurrence import cooccurrence, pointwise_information

IDS = np.array([0, 1, 0, 2, 1, -1, 2, 0])  # texts "a b a c", "b ? c", "a"
TEXT = np.array([0, 0, 0, 0, 1, 1, 1, 2])


def counted(ids: np.ndarray, text: np.ndarray, words: int, window: int, harmonic: bool) -> np.ndarray:
    """Return the counts pair by pair."""
    found = np.zeros((words, words))
    for i, one in enumerate(ids):
        for j, other in enumerate(ids):
            if i != j and abs(i - j) <= window and text[i] == text[j] and one >= 0 and other >= 0:
                found[one, other] += 1 / abs(i - j) if harmonic else 1
    return found


def test_counts_by_hand() -> None:
    flat = cooccurrence(IDS, TEXT, 3, 1, harmonic=False)
    assert flat.toarray().tolist() == [[0, 2, 1], [2, 0, 0], [1, 0, 0]]
    # Two places apart: a and a both ways, b and c in the first text, b and c beside the word that does not count.
    wide = cooccurrence(IDS, TEXT, 3, 2)
    assert wide.toarray().tolist() == [[1, 2, 1], [2, 0, 1], [1, 1, 0]]


@pytest.mark.parametrize("harmonic", [True, False])
@pytest.mark.parametrize("window", [1, 3, 50])
def test_counts_pair_by_pair(window: int, harmonic: bool) -> None:
    random = np.random.default_rng(0)
    ids, text = random.integers(-1, 6, 40), np.sort(random.integers(0, 4, 40))
    found = cooccurrence(ids, text, 6, window, harmonic=harmonic)
    np.testing.assert_allclose(found.toarray(), counted(ids, text, 6, window, harmonic), rtol=1e-12)


def test_a_text_of_one_word_has_no_pairs() -> None:
    assert cooccurrence(np.array([1]), np.array([0]), 2, 5).nnz == 0
    assert cooccurrence(np.zeros(0, np.int64), np.zeros(0), 2, 5).nnz == 0


def test_information_by_hand() -> None:
    counts = sp.csr_array([[4.0, 1.0], [1.0, 2.0]])  # 8 in all; rows and columns 5 and 3
    found = pointwise_information(counts, positive=False).toarray()
    expected = [[math.log(4 * 8 / 25), math.log(8 / 15)], [math.log(8 / 15), math.log(2 * 8 / 9)]]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(pointwise_information(counts).toarray(), np.maximum(expected, 0), rtol=1e-12)
    shifted = pointwise_information(counts, positive=False, shift=5).toarray()
    np.testing.assert_allclose(shifted, np.array(expected) - math.log(5), rtol=1e-12)


@pytest.mark.parametrize("smoothing", [1.0, 0.75])
@pytest.mark.parametrize("positive", [True, False])
def test_information_by_the_formula(smoothing: float, positive: bool) -> None:
    counts = np.random.default_rng(1).integers(0, 5, (7, 4)).astype(float)
    joint = counts / counts.sum()
    context = counts.sum(axis=0) ** smoothing / (counts.sum(axis=0) ** smoothing).sum()
    with np.errstate(divide="ignore"):
        expected = np.log(joint / np.outer(joint.sum(axis=1), context)) - np.log(1.5)
    expected = np.where(counts > 0, np.maximum(expected, 0) if positive else expected, 0)
    found = pointwise_information(sp.csr_array(counts), smoothing=smoothing, shift=1.5, positive=positive)
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-10, atol=1e-12)
    assert found.nnz == np.count_nonzero(expected)


def test_a_word_or_a_context_never_seen_is_zero() -> None:
    counts = sp.csr_array(np.array([[2.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 2.0]]))
    found = pointwise_information(counts, smoothing=0.75).toarray()
    assert np.isfinite(found).all()
    assert not found[1].any()
    assert not found[:, 1].any()
