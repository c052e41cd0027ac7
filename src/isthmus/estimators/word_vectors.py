"""Word vectors: words as rows of pointwise mutual information, and their codes."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import scipy.sparse as sp
import scipy.stats
from sklearn.utils.validation import check_is_fitted

from isthmus.contracts import Backbone, Corruption, Likelihood, Optimizer, Penalty
from isthmus.core.coercion import short
from isthmus.core.part import Part
from isthmus.data.tokens import check_words, counts, most_frequent, numbered, split, texts_of
from isthmus.errors import InvalidData, ModelFileError, require, suggestion
from isthmus.estimators._cooccurrence import cooccurrence, pointwise_information
from isthmus.estimators._kept import Kept, compare_shapes, field, finite
from isthmus.estimators.autoencoder import Autoencoder
from isthmus.storage.container import Opened

MOST = 2**31  # numbers in a vector, and words, that a file may claim
PARTS = ("encoder", "likelihood", "corruption", "penalties", "optimizer")
PASSED_ON = (*PARTS, "batch_size", "max_epochs", "random_state", "device", "verbose")


class Agreement(NamedTuple):
    """How similarities agree with judgements."""

    spearman: float  # rank correlation, NaN where fewer than two pairs are covered
    covered: int  # pairs of which both words have vectors
    pairs: int


class WordVectors(Kept):
    """Vectors in which words that stand in the same contexts are near: an autoencoder of their mutual information.

    1. Count how often each word stands within `window` words of each other one.
    2. Take log (p(w, c) / (p(w) p(c))), pointwise mutual information: one row a word, one column a context.
    3. Train an embedding regularised by an autoencoder on these rows, divided by their largest value.
    4. Turn the codes to their principal directions and weigh these: the word's vectors.

    Parameters
    ----------
    size : of the vectors.
    window : how many words away a context stands at most.
    harmonic : count a context d words away as 1/d; else as 1.
    min_count : words that stand less often have no vector.
    max_words : the most frequent words that have vectors; None for all.
    max_contexts : the most frequent words that are contexts; None for all that have vectors. Rows are dense in
        training: words x contexts x 4 bytes.
    weighting : `"ppmi"` sets negative information to 0, `"pmi"` keeps it; pairs that were never seen are 0 in both.
    shift : log shift is subtracted, as word vectors by so many negative samples do; at least 1.
    smoothing : a context's share is its count to this power, so that rare contexts tell less.
    lower : take words in lower case.
    power : the codes, centered, are U σ in their principal directions; vectors are U σ^power. 1 keeps all distances
        between codes, less weighs the directions more evenly.
    encoder, likelihood, corruption, penalties, optimizer, batch_size, max_epochs, random_state, device, verbose : of
        the autoencoder, as in `Autoencoder`. `"categorical"` explains a row as shares of contexts, by a softmax;
        it needs `"ppmi"`. Of the penalties, `laplacian` keeps near what shares contexts.

    Attributes
    ----------
    vectors_ : [words, size].
    words_ : the words, the frequent first.
    counts_ : how often each stands in the texts, [words].
    autoencoder_ : the trained `Autoencoder`, and its `history_`; not kept in a model file.

    References
    ----------
    Levy, Goldberg and Dagan (2015), Improving distributional similarity with lessons learned from word embeddings.
    Yu et al. (2013), Embedding with autoencoder regularization.

    Examples
    --------
    >>> texts = ["the cat eats fish", "the dog eats meat", "a car needs fuel", "a truck needs fuel"] * 5
    >>> model = WordVectors(2, min_count=1, max_epochs=20).fit(texts)
    >>> model.vectors_.shape, [word for word, _ in model.nearest("car", 1)]
    ((11, 2), ['truck'])
    """

    one_part: ClassVar[dict[str, type[Part]]] = {
        "encoder": Backbone,
        "likelihood": Likelihood,
        "corruption": Corruption,
        "optimizer": Optimizer,
    }
    many_parts: ClassVar[dict[str, type[Part]]] = {"penalties": Penalty}

    def __init__(
        self,
        size: int = 100,
        *,
        window: int = 5,
        harmonic: bool = True,
        min_count: int = 5,
        max_words: int | None = 20_000,
        max_contexts: int | None = 5_000,
        weighting: str = "ppmi",
        shift: float = 1.0,
        smoothing: float = 0.75,
        lower: bool = True,
        power: float = 0.5,
        encoder: Any = "mlp(())",
        likelihood: Any = "categorical",
        corruption: Any = "masking(0.5)",
        penalties: Any = "laplacian(0.1)",
        optimizer: Any = "adam(0.003)",
        batch_size: int | None = 256,
        max_epochs: int = 30,
        random_state: int | np.random.RandomState | None = 0,
        device: str | None = None,
        verbose: int = 0,
    ) -> None:
        self.size = size
        self.window = window
        self.harmonic = harmonic
        self.min_count = min_count
        self.max_words = max_words
        self.max_contexts = max_contexts
        self.weighting = weighting
        self.shift = shift
        self.smoothing = smoothing
        self.lower = lower
        self.power = power
        self.encoder = encoder
        self.likelihood = likelihood
        self.corruption = corruption
        self.penalties = penalties
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the vectors of the words of texts.

        Parameters
        ----------
        X : texts: a list, an array, a series, or a frame of one column.
        y : not used.

        Raises
        ------
        InvalidPart
            If a parameter is not allowed.
        InvalidData
            If these are no texts, or too few words stand often enough in them.
        """
        self._check_settings()
        information = self._information(texts_of(X))
        largest = abs(information).max()
        rows = sp.csr_array(information / largest if largest else information, dtype=np.float32)
        passed = {name: getattr(self, name) for name in PASSED_ON}
        self.autoencoder_ = Autoencoder(self.size, scaling=None, stops=None, validation_fraction=0, **passed)
        self._keep(_weighed(self.autoencoder_.fit(rows).transform(rows), self.power))
        return self

    def vector(self, word: str) -> np.ndarray:
        """Return the vector of a word, [size].

        Raises
        ------
        InvalidData
            If it has none.
        """
        check_is_fitted(self)
        place: np.ndarray = self.vectors_[self._place(word)]
        return place

    def nearest(
        self, word: str | Sequence[str] | np.ndarray, n: int = 10, *, minus: str | Sequence[str] = ()
    ) -> list[tuple[str, float]]:
        """Return the `n` words whose vectors are nearest, and the cosine of the angle to each.

        Parameters
        ----------
        word : a word; several, whose vectors of length 1 are summed; or a vector [size]. Words that are given are not
            among those returned.
        n : how many.
        minus : words whose vectors are subtracted: `nearest(["king", "woman"], minus="man")`.

        Raises
        ------
        InvalidData
            If a word has no vector, or a vector is not [size] finite numbers.
        """
        check_is_fitted(self)
        require(_is_whole(n, 1), "n", "a whole number of at least 1", n)
        away = [self._place(each) for each in ([minus] if isinstance(minus, str) else minus)]
        given: list[int] = []
        if isinstance(word, np.ndarray) and word.dtype.kind in "fiu":
            if word.shape != (self.size,) or not np.isfinite(word).all():
                raise InvalidData(f"a vector must be {self.size} finite numbers. Got {short(word)}.")
            towards = _unit(word[None].astype(np.float64))[0]
        else:
            given = [self._place(each) for each in ([word] if isinstance(word, str) else word)]
            towards = self._unit[given].sum(axis=0)
        cosine = self._unit @ _unit((towards - self._unit[away].sum(axis=0))[None])[0]
        order = np.argsort(-cosine, kind="stable")
        kept = [i for i in order[: n + len(given) + len(away)].tolist() if i not in {*given, *away}]
        return [(self.words_[i], float(cosine[i])) for i in kept[:n]]

    def similarity(self, a: str, b: str) -> float:
        """Return the cosine of the angle between the vectors of two words, in [-1, 1].

        Raises
        ------
        InvalidData
            If one of them has no vector.
        """
        check_is_fitted(self)
        return float(self._unit[self._place(a)] @ self._unit[self._place(b)])

    def evaluate(self, pairs: Iterable[tuple[str, str, float]]) -> Agreement:
        """Return how similarities agree with judgements, by Spearman's rank correlation.

        Parameters
        ----------
        pairs : two words and how similar people find them. Pairs with a word that has no vector are left out.
        """
        check_is_fitted(self)
        judged = [(*map(self._written, pair[:2]), float(pair[2])) for pair in pairs]
        covered = [(a, b, score) for a, b, score in judged if a in self._places and b in self._places]
        if len(covered) < 2:
            return Agreement(float("nan"), len(covered), len(judged))
        found = [self.similarity(a, b) for a, b, _ in covered]
        told = scipy.stats.spearmanr(found, [score for *_, score in covered])
        return Agreement(float(told.statistic), len(covered), len(judged))

    def __sklearn_is_fitted__(self) -> bool:
        return "vectors_" in vars(self)

    def _keep(self, vectors: np.ndarray) -> None:
        self.vectors_, self._unit = vectors, _unit(vectors)
        self._settings = self.to_json()  # what the vectors belong to, whatever is set afterwards

    def _told(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        header = {"parameters": self._settings | {"device": None, "verbose": 0}, "words": self.words_}
        return header, {"vectors": self.vectors_, "counts": self.counts_.astype(np.float64)}

    @classmethod
    def _taken(cls, opened: Opened) -> Self:
        model = cls.from_json(field(opened, "parameters", dict))
        model._check_settings()
        require(model.size < MOST, "size", f"below {MOST}", short(model.size))
        words = field(opened, "words", list)
        check_words(words, MOST)
        compare_shapes(opened, {"vectors": ("F32", (len(words), model.size)), "counts": ("F64", (len(words),))})
        tensors = finite(opened)
        times = tensors["counts"]
        is_sound = (times % 1 == 0).all() and times[-1] >= 1 and (np.diff(times) <= 0).all() and times[0] < 2**53
        if not is_sound:
            raise ModelFileError(f"{opened.path} is damaged: counts holds what are no counts, the largest first.")
        model._know(words, times.astype(np.int64))
        model._keep(np.array(tensors["vectors"]))
        return model

    def _know(self, words: list[str], counts: np.ndarray) -> None:
        self.words_, self.counts_ = words, counts
        self._places = {word: i for i, word in enumerate(words)}

    def _check_settings(self) -> None:
        for name, lowest in {"size": 1, "window": 1, "min_count": 1, "max_words": 2, "max_contexts": 2}.items():
            value: Any = getattr(self, name)
            may_be_none = name.startswith("max_")
            allowed = f"a whole number of at least {lowest}{', or None' if may_be_none else ''}"
            require(_is_whole(value, lowest) or (may_be_none and value is None), name, allowed, value)
        require(self.weighting in ("ppmi", "pmi"), "weighting", "'ppmi' or 'pmi'", self.weighting)
        require(_is_number(self.shift) and self.shift >= 1, "shift", "a number of at least 1", self.shift)
        is_power = _is_number(self.smoothing) and 0 < self.smoothing <= 1
        require(is_power, "smoothing", "in (0, 1]", self.smoothing)
        require(_is_number(self.power) and 0 <= self.power <= 1, "power", "in [0, 1]", self.power)
        require(self.likelihood is not None, "likelihood", "a Likelihood, or its spelling", None)
        is_fit = self.weighting == "ppmi" or self.part("likelihood").support[0] < 0
        require(is_fit, "likelihood", "one of any numbers with weighting='pmi', as 'squared_error'", self.likelihood)

    def _information(self, texts: Sequence[str]) -> sp.csr_array:
        """Return the mutual information of words and contexts, [words, contexts], and keep the words."""
        tokens = [split(text, lower=self.lower) for text in texts]
        found = counts(tokens)
        words = most_frequent(found, self.max_words, self.min_count)
        if len(words) < 2:
            raise InvalidData(
                f"{len(words)} of the {len(found)} words of {len(texts)} texts stand there at least "
                f"{self.min_count} times, and 2 are due: pass more texts, or use a smaller min_count."
            )
        self._know(words, np.array([found[word] for word in words], np.int64))
        ids, text = numbered(tokens, self.words_)
        near = cooccurrence(ids, text, len(self.words_), self.window, harmonic=self.harmonic)
        contexts = sp.csr_array(near[:, : self.max_contexts])
        if not contexts.nnz:
            raise InvalidData(
                f"no two of the {len(self.words_)} words ever stand within {self.window} words of each other: "
                "pass longer texts, or use a larger window."
            )
        is_positive = self.weighting == "ppmi"
        return pointwise_information(contexts, smoothing=self.smoothing, shift=self.shift, positive=is_positive)

    def _written(self, word: str) -> str:
        return word.lower() if self.lower else word

    def _place(self, word: Any) -> int:
        if not isinstance(word, str):
            raise InvalidData(f"a word must be text. Got {short(word)}.")
        written = self._written(word)
        if written not in self._places:
            raise InvalidData(
                f"the word {short(word)} is none of the {len(self.words_)} that have vectors."
                f"{suggestion(written, self.words_)}"
            )
        return self._places[written]


def _is_whole(value: Any, lowest: int) -> bool:
    is_whole = isinstance(value, numbers.Integral) and value is not True
    return is_whole and int(value) >= lowest


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and value is not True and bool(np.isfinite(float(value)))


def _weighed(codes: np.ndarray, power: float) -> np.ndarray:
    """Return U σ^power of centered codes U σ Vᵀ, [n, size], directions in which all are equal as 0."""
    left, length, _ = np.linalg.svd(codes - codes.mean(axis=0), full_matrices=False)
    is_there = length > length[0] * len(codes) * np.finfo(codes.dtype).eps
    found = np.zeros_like(codes)
    found[:, : len(length)] = left * np.where(is_there, length, 0) ** power * is_there
    return found


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors [n, size] of length 1, those of length 0 as they are."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)
