"""Co-occurrence counts of words, and their pointwise mutual information."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp


def cooccurrence(ids: np.ndarray, text: np.ndarray, words: int, window: int, *, harmonic: bool = True) -> sp.csr_array:
    """Return how often words stand near each other, a sparse symmetric matrix [words, words].

    Parameters
    ----------
    ids : the words by number, in order, [m]; one below 0 does not count, but takes its place.
    text : the text that each stands in, [m]: words of two texts are never near.
    words : how many there are.
    window : how far away a word may stand and be near, at least 1.
    harmonic : count a word d places away as 1/d; else as 1.

    Examples
    --------
    >>> cooccurrence(np.array([0, 1, 2]), np.zeros(3), 3, 2).toarray().tolist()
    [[0.0, 1.0, 0.5], [1.0, 0.0, 1.0], [0.5, 1.0, 0.0]]
    """
    counts = sp.csr_array((words, words), dtype=np.float64)
    for distance in range(1, min(window, len(ids) - 1) + 1):
        left, right = ids[:-distance], ids[distance:]
        is_near = (text[:-distance] == text[distance:]) & (left >= 0) & (right >= 0)
        value = np.full(np.count_nonzero(is_near), 1 / distance if harmonic else 1.0)
        pairs = sp.coo_array((value, (left[is_near], right[is_near])), shape=(words, words))
        counts = counts + pairs.tocsr()  # the sum of equal places
    return sp.csr_array(counts + counts.T)


def pointwise_information(
    counts: sp.csr_array, *, smoothing: float = 1.0, shift: float = 1.0, positive: bool = True
) -> sp.csr_array:
    """Return log (p(w, c) / (p(w) p(c))) − log shift of the pairs that occur, 0 for others, [words, contexts].

    Parameters
    ----------
    counts : of words beside contexts, [words, contexts].
    smoothing : p(c) is n_c to this power, over the sum of these: below 1, rare contexts count less.
    shift : as many samples as word vectors by negative sampling draw; 1 shifts nothing.
    positive : set what is below 0 to 0.

    References
    ----------
    Church and Hanks (1990), Word association norms, mutual information, and lexicography.
    Levy, Goldberg and Dagan (2015), Improving distributional similarity with lessons learned from word embeddings.

    Examples
    --------
    >>> pointwise_information(sp.csr_array([[0.0, 2.0], [2.0, 0.0]])).toarray().round(4).tolist()  # log 2
    [[0.0, 0.6931], [0.6931, 0.0]]
    """
    counts = sp.csr_array(counts, dtype=np.float64, copy=True)
    counts.eliminate_zeros()
    own = counts.sum(axis=1)
    context = counts.sum(axis=0) ** smoothing
    with np.errstate(divide="ignore"):
        share = np.log(context / context.sum())
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    value = np.log(counts.data) - np.log(own[row]) - share[counts.indices] - np.log(shift)
    information = sp.csr_array(
        (np.maximum(value, 0) if positive else value, counts.indices, counts.indptr), counts.shape
    )
    information.eliminate_zeros()
    return information
