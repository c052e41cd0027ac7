"""`WordVectors`: words as rows of pointwise mutual information, and their codes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import scipy.sparse as sp
import scipy.stats

from isthmus.contracts import Backbone, Corruption, Likelihood, Optimizer, Penalty
from isthmus.core.coercion import short
from isthmus.core.constraints import Choice, Constraint, Flag, Interval, ManyParts, OnePart, Whole
from isthmus.data.reader import Reader
from isthmus.data.tokens import check_words, counts, most_frequent, number_tokens, split, texts_of
from isthmus.errors import InvalidData, InvalidPart, ModelFileError, require, suggestion
from isthmus.estimators._cooccurrence import cooccurrence, pointwise_information
from isthmus.estimators._estimator import Estimator
from isthmus.estimators._fitted import UNSAVED
from isthmus.estimators._training import TRAINING
from isthmus.estimators.autoencoder import Autoencoder
from isthmus.onnx.graph import Graph
from isthmus.storage.container import Opened, check_header
from isthmus.storage.state import Shapes, State, header_field, read_tensors
from isthmus.training.callbacks import Callbacks

MOST = 2**31  # numbers in a vector, and words, that a file may claim
PARTS = ("encoder", "likelihood", "corruption", "penalties", "optimizer")
PASSED_ON = (*PARTS, "batch_size", "max_epochs", "random_state", "device", "verbose")


class Agreement(NamedTuple):
    """How similarities agree with judgements."""

    spearman: float  # rank correlation, NaN where fewer than two pairs are covered
    covered: int  # pairs of which both words have vectors
    pairs: int


@dataclass(frozen=True)
class FittedVectors:
    """What a fit leaves of word vectors."""

    settings: dict[str, Any]  # the parameters of the fit as JSON
    words: list[str]  # the frequent first
    counts: np.ndarray  # [words] int64
    vectors: np.ndarray  # [words, size] float32
    autoencoder: Autoencoder | None = None  # a model file does not hold it

    @cached_property
    def directions(self) -> np.ndarray:
        """The vectors at length 1."""
        return _unit(self.vectors)

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each word stands."""
        return {word: i for i, word in enumerate(self.words)}


@dataclass(kw_only=True, eq=False, repr=False)
class WordVectors(Estimator[FittedVectors]):
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
    weighting : `"ppmi"` sets negative information to 0, `"pmi"` keeps it; pairs that never occur are 0 in both.
    shift : log shift is subtracted, as word vectors by so many negative samples do; at least 1.
    smoothing : a context's share is its count to this power, so that rare contexts count less.
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

    size: int = field(default=100, kw_only=False)
    window: int = 5
    harmonic: bool = True
    min_count: int = 5
    max_words: int | None = 20_000
    max_contexts: int | None = 5_000
    weighting: str = "ppmi"
    shift: float = 1.0
    smoothing: float = 0.75
    lower: bool = True
    power: float = 0.5
    encoder: str | Sequence[int] | Backbone = "mlp(())"
    likelihood: str | Likelihood = "categorical"
    corruption: str | Corruption | None = "masking(0.5)"
    penalties: str | Penalty | Sequence[str | Penalty] | None = "laplacian(0.1)"
    optimizer: str | Optimizer = "adam(0.003)"
    batch_size: int | None = 256
    max_epochs: int = 30
    random_state: int | np.random.RandomState | None = 0
    device: str | None = None
    verbose: int = 0

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "size": Whole(1),
        "window": Whole(1),
        "harmonic": Flag(),
        "min_count": Whole(1),
        "max_words": Whole(2, optional=True),
        "max_contexts": Whole(2, optional=True),
        "weighting": Choice(("ppmi", "pmi")),
        "shift": Interval(1),
        "smoothing": Interval(0, 1, closed="high", is_share=False),
        "lower": Flag(),
        "power": Interval(0, 1, is_share=False),
        "encoder": OnePart(Backbone),
        "likelihood": OnePart(Likelihood),
        "corruption": OnePart(Corruption, optional=True),
        "penalties": ManyParts(Penalty),
        "optimizer": TRAINING["optimizer"],
        **{name: TRAINING[name] for name in ("batch_size", "max_epochs", "random_state", "device", "verbose")},
    }

    def fit(
        self,
        X: Any,
        y: Any = None,
        checkpoint: str | os.PathLike[str] | None = None,
        *,
        callbacks: Callbacks = None,
    ) -> Self:
        """Learn the vectors of the words of texts.

        Parameters
        ----------
        X : texts: a list, an array, a series, or a frame of one column.
        y : not used.
        checkpoint : a file to keep the progress in, from which a killed fit goes on.
        callbacks : as in `Autoencoder.fit`.

        Raises
        ------
        InvalidPart
            If a parameter is not allowed.
        InvalidData
            If these are no texts, or too few words stand often enough in them.
        """
        self.check_parameters()
        words, counts, information = self._information(texts_of(X))
        check_header({"words": words})
        largest = abs(information).max()
        rows = sp.csr_array(information / largest if largest else information, dtype=np.float32)
        passed = {name: getattr(self, name) for name in PASSED_ON}
        autoencoder = Autoencoder(self.size, scaling=None, stops=None, validation_fraction=0, **passed)
        autoencoder.fit(rows, checkpoint=checkpoint, callbacks=callbacks)
        vectors = _weigh_directions(autoencoder.transform(rows), self.power)
        self._fitted = FittedVectors(self.to_json(), words, counts, vectors, autoencoder)
        return self

    @property
    def vectors_(self) -> np.ndarray:
        """The vectors, [words, size]."""
        return self.fitted_.vectors

    @property
    def words_(self) -> list[str]:
        """The words, the frequent first."""
        return self.fitted_.words

    @property
    def counts_(self) -> np.ndarray:
        """How often each word stands in the texts, [words]."""
        return self.fitted_.counts

    @property
    def autoencoder_(self) -> Autoencoder:
        """The trained autoencoder; a model file does not hold it."""
        if self.fitted_.autoencoder is None:
            raise AttributeError("autoencoder_ is known once word vectors are fitted; a model file does not hold it.")
        return self.fitted_.autoencoder

    def vector(self, word: str) -> np.ndarray:
        """Return the vector of a word, [size].

        Raises
        ------
        InvalidData
            If it has none.
        """
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
        Whole(1).check("n", n)
        away = [self._place(other) for other in ([minus] if isinstance(minus, str) else minus)]
        given: list[int] = []
        if isinstance(word, np.ndarray) and word.dtype.kind in "fiu":
            if word.shape != (self.size,) or not np.isfinite(word).all():
                raise InvalidData(f"a vector must be {self.size} finite numbers. Got {short(word)}.")
            towards = _unit(word[None].astype(np.float64))[0]
        else:
            given = [self._place(other) for other in ([word] if isinstance(word, str) else word)]
            towards = self.fitted_.directions[given].sum(axis=0)
        cosine = self.fitted_.directions @ _unit((towards - self.fitted_.directions[away].sum(axis=0))[None])[0]
        order = np.argsort(-cosine, kind="stable")
        places = [i for i in order[: n + len(given) + len(away)].tolist() if i not in {*given, *away}]
        return [(self.words_[i], float(cosine[i])) for i in places[:n]]

    def similarity(self, a: str, b: str) -> float:
        """Return the cosine of the angle between the vectors of two words, in [-1, 1].

        Raises
        ------
        InvalidData
            If one of them has no vector.
        """
        return float(self.fitted_.directions[self._place(a)] @ self.fitted_.directions[self._place(b)])

    def evaluate(self, pairs: Iterable[tuple[str, str, float]]) -> Agreement:
        """Return how similarities agree with judgements, by Spearman's rank correlation.

        Parameters
        ----------
        pairs : two words and how similar people find them. Pairs with a word that has no vector are left out.
        """
        judgements = [(*map(self._spell, pair[:2]), float(pair[2])) for pair in pairs]
        covered = [(a, b, score) for a, b, score in judgements if a in self.fitted_.places and b in self.fitted_.places]
        if len(covered) < 2:
            return Agreement(float("nan"), len(covered), len(judgements))
        similarities = [self.similarity(a, b) for a, b, _ in covered]
        correlation = scipy.stats.spearmanr(similarities, [score for *_, score in covered])
        return Agreement(float(correlation.statistic), len(covered), len(judgements))

    def to_state(self) -> State:
        """Return all that a file must hold of this estimator."""
        fitted = self.fitted_
        json = {"parameters": fitted.settings | UNSAVED, "words": fitted.words}
        return State(json, {"vectors": fitted.vectors, "counts": fitted.counts.astype(np.float64)})

    @classmethod
    def from_state(cls, stored: Opened) -> Self:
        """Return the fitted estimator of a file, which may hold anything."""
        model = cls.from_json(header_field(stored, "parameters", dict))
        model.check_parameters()
        require(model.size < MOST, "size", f"below {MOST}", short(model.size))
        words = header_field(stored, "words", list)
        check_words(words, MOST)
        shapes: Shapes = {"vectors": ("F32", (len(words), model.size)), "counts": ("F64", (len(words),))}
        tensors = read_tensors(stored, shapes)
        times = tensors["counts"]
        is_sound = (times % 1 == 0).all() and times[-1] >= 1 and (np.diff(times) <= 0).all() and times[0] < 2**53
        if not is_sound:
            raise ModelFileError(f"{stored.path} is damaged: expected counts, the largest first, in counts.")
        model._fitted = FittedVectors(model.to_json(), words, times.astype(np.int64), np.array(tensors["vectors"]))
        return model

    def add_to_graph(self, graph: Graph) -> Reader:
        """Refuse it."""
        raise InvalidPart(
            "word vectors cannot be written as ONNX: they are no function of a table. Write `vectors_` and `words_`."
        )

    def graph_answers(self, X: Any) -> dict[str, np.ndarray]:
        """Return nothing: there is no graph."""
        return {}

    def check_combination(self) -> None:
        """Raise `InvalidPart` for a likelihood that cannot explain the rows of the weighting."""
        is_fit = self.weighting == "ppmi" or self.part("likelihood").support[0] < 0
        require(is_fit, "likelihood", "one of any numbers with weighting='pmi', as 'squared_error'", self.likelihood)

    def _information(self, texts: Sequence[str]) -> tuple[list[str], np.ndarray, sp.csr_array]:
        """Return the words, how often each stands there, and their information about contexts, [words, contexts]."""
        tokens = [split(text, lower=self.lower) for text in texts]
        totals = counts(tokens)
        words = most_frequent(totals, self.max_words, self.min_count)
        if len(words) < 2:
            raise InvalidData(
                f"expected at least 2 words that stand {self.min_count} times or more in the texts; got {len(words)} "
                f"of the {len(totals)} words of {len(texts)} texts. Pass more texts, or use a smaller min_count."
            )
        ids, text = number_tokens(tokens, words)
        near = cooccurrence(ids, text, len(words), self.window, harmonic=self.harmonic)
        contexts = sp.csr_array(near[:, : self.max_contexts])
        if not contexts.nnz:
            raise InvalidData(
                f"no two of the {len(words)} words ever stand within {self.window} words of each other: "
                "pass longer texts, or use a larger window."
            )
        is_positive = self.weighting == "ppmi"
        information = pointwise_information(contexts, smoothing=self.smoothing, shift=self.shift, positive=is_positive)
        return words, np.array([totals[word] for word in words], np.int64), information

    def _spell(self, word: str) -> str:
        return word.lower() if self.lower else word

    def _place(self, word: Any) -> int:
        if not isinstance(word, str):
            raise InvalidData(f"a word must be text. Got {short(word)}.")
        spelled = self._spell(word)
        if spelled not in self.fitted_.places:
            raise InvalidData(
                f"expected one of the {len(self.words_)} words that have vectors; got {short(word)}."
                f"{suggestion(spelled, self.words_)}"
            )
        return self.fitted_.places[spelled]


def _weigh_directions(codes: np.ndarray, power: float) -> np.ndarray:
    """Return U σ^power of centered codes U σ Vᵀ, [n, size], directions in which all are equal as 0."""
    left, length, _ = np.linalg.svd(codes - codes.mean(axis=0), full_matrices=False)
    is_wide = length > length[0] * len(codes) * np.finfo(codes.dtype).eps
    vectors = np.zeros_like(codes)
    vectors[:, : len(length)] = left * np.where(is_wide, length, 0) ** power * is_wide
    return vectors


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors [n, size] of length 1, those of length 0 as they are."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)
