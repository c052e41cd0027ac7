"""What each kind of part promises: one abstract class a kind."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from isthmus.contracts.modules import BackboneModule, Head, Neck, Network
from isthmus.contracts.records import Arrays, Blocks, ForwardPass, KnownCategories, Links, Record, Row, TrainedNetwork
from isthmus.core.affine import affine
from isthmus.core.part import Part
from isthmus.errors import require

Explained = Literal["numbers", "bits", "classes", "categories", "order"]
OwnFunction = Callable[[Array], Any]  # of a user, in the place of a part
OutputLayer = Callable[[int], Callable[[Array], Array]]


class Corruption(Part, kind="corruptions"):
    """Noise on the input in training, pure and of the same shape; the error is taken against the clean row."""

    on_range: ClassVar[bool] = (
        False  # it is given rows in [0, 1], from the lowest value of the training rows to the highest
    )

    @abc.abstractmethod
    def __call__(self, x: Array, key: Array) -> Array:
        """Return `x` [n, *row.shape] with noise."""

    def on_table(self, x: Array, key: Array, is_category: np.ndarray) -> Array:
        """Return rows `x` [n, d] of a mixed table with noise: NaN where a value is missing or is to look so.

        `is_category` [d] says which columns hold categories. Noise acts on numbers, unless a variant can tell more.
        """
        return jnp.where(jnp.isnan(x) | is_category, x, self(jnp.nan_to_num(x), key))


class Activation(Part, kind="activations"):
    """A function of each unit; one with weights of its own builds a module."""

    gain: ClassVar[float] = 1.0  # a layer that ends in it starts in ±gain · sqrt(6 / (inputs + outputs))
    span: ClassVar[tuple[float, float]] = (-np.inf, np.inf)  # what it can give
    has_slope: ClassVar[bool] = True  # else its derivative is zero, and no gradient comes through it

    def build(self, width: int) -> Callable[[Array], Array]:
        return self

    @abc.abstractmethod
    def __call__(self, x: Array) -> Array: ...


class Backbone(Part, kind="backbones"):
    """Encoder and decoder: one part describes both, so that by default the decoder is the encoder reversed."""

    shorthand = "mlp"
    reads_tokens: ClassVar[bool] = False  # its rows are tokens in order, as the text `tokens` gives them

    @abc.abstractmethod
    def encoder(self, row: Row) -> tuple[BackboneModule, int]:
        """Return the encoder of a row, and its width."""

    @abc.abstractmethod
    def decoder(self, row: Row, size: int) -> tuple[BackboneModule, int]:
        """Return the decoder of a code of `size`, and its width."""

    @property
    def reversed(self) -> Backbone:
        """Return what decodes where no decoder is given."""
        return self

    def output_layer(self, row: Row, width: int, total: int) -> Callable[[Array], Array]:
        """Return the last layer, from the decoder to the `total` numbers a likelihood needs."""
        return affine(width, total)

    def target_layer(self, row: Row, width: int, total: int) -> Callable[[Array], Array]:
        """Return the layer from a code, then the condition, `width` in all, to the numbers that a target needs."""
        return affine(width, total)

    def condition(self, row: Row) -> tuple[int, ...]:
        """Return the columns that the decoder must know beside the code: they follow it."""
        return ()

    def learns(self, path: str) -> bool:
        """Say whether the weights at a path of the model, as `encoder.layers.0.affine.matrix`, learn."""
        return True

    def rank_quantiles(self) -> int:
        """Return from how many quantiles of a table's numbers their ranks are read, for the encoder; 0 for none."""
        return 0

    def categories(self, row: Row) -> dict[int, int]:
        """Return the columns that are read as categories 0, 1, …, unscaled, and how many each may hold."""
        return {}


class Bottleneck(Part, kind="bottlenecks"):
    """The code: the few numbers that a row passes through."""

    shorthand = "deterministic"
    size: int
    fact_names: ClassVar[tuple[str, ...]] = ()  # of what `finish` learns

    @property
    def discriminator_optimizer(self) -> Optimizer | None:
        """Return how the discriminator of the neck learns, or None where it has none."""
        return None

    def can_copy(self, columns: int) -> bool:
        """Say whether a row of so many columns can be copied through, so that nothing need be learned."""
        return self.size >= columns

    @abc.abstractmethod
    def build(self, width: int) -> Neck: ...

    def finish(self, network: TrainedNetwork) -> Finish:
        """Return what is learned from the network after training, and the bottleneck that it goes on with."""
        return Finish({}, self)

    def check_facts(self, facts: Mapping[str, Any]) -> Arrays:
        """Return the facts of `finish` from the plain JSON values of a file, None for one of `fact_names` it lacks.

        Raises
        ------
        InvalidPart
            If they are nothing that `finish` gives.
        """
        return {}


class Finish(NamedTuple):
    """What a bottleneck learns after training."""

    facts: Arrays  # by name; an estimator has each as an attribute, its name with an underscore at the end
    bottleneck: Bottleneck  # of fewer units where the code is cut to its first ones, else the same


class Likelihood(Part, kind="likelihoods"):
    """How a row is explained: the output layer, and the loss `-log_prob`."""

    is_bounded_below: ClassVar[bool] = False  # so is the loss where rows count negatively, all in all positively

    @property
    def explains(self) -> Explained:
        """Return what the columns of a row are to it.

        `"numbers"`; `"bits"`, numbers in [0, 1], each by itself; `"classes"`, the classes of one thing, one of them 1;
        `"categories"`, each the number 0, 1, … of one of few values; `"order"`, the relevance, the group and the weight
        of a row among others, which explains the order of rows and no row.
        """
        return "numbers"

    @property
    def support(self) -> tuple[float, float]:
        """Return the range of what a scaled row may hold."""
        return -np.inf, np.inf

    @abc.abstractmethod
    def build(self, row: Row, output_layer: OutputLayer) -> Head:
        """Return the head; `output_layer(total)` gives a layer from features to so many numbers, d for each purpose."""

    def start(self, row: Row, x: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
        """Return where parameter specs of the head start, by their path in it, as scaled rows `x` [n, d] suggest."""
        return {}

    def unit(self, x: np.ndarray, weight: np.ndarray) -> np.ndarray | None:
        """Return the mean loss [d] over rows `x` [n, d], NaN where missing, of the best value that is the same for all.

        None where a loss has no natural zero, as that of a density.
        """
        return None

    def link(self, x: np.ndarray) -> np.ndarray:
        """Return what the output layer should give so that the mean is `x`: where a start from PCA aims."""
        return x


class Schedule(Part, kind="schedules"):
    """A number that changes in training; pure."""

    is_endless: ClassVar[bool] = False  # it changes for ever, less and less

    @property
    def last_step(self) -> int:
        """Return the step from which on the value is the last one: until then losses cannot be compared.

        Of one that is endless, that from which on less than a hundredth of the way is left.
        """
        return 0

    @abc.abstractmethod
    def __call__(self, step: Array) -> Array:
        """Return the value at a step; one step is one batch."""

    def in_steps(self, steps_per_epoch: int) -> Schedule:
        """Return the same schedule with its length in steps, where it is given in epochs."""
        return self

    def factor(self, history: Sequence[Record]) -> float:
        """Return a factor on the value, from the epochs so far."""
        return 1.0


def at(value: float | Schedule, step: Array) -> Array:
    return value(step) if isinstance(value, Schedule) else jnp.asarray(value)


class Penalty(Part, kind="penalties"):
    """One named term beside the reconstruction, for each row [n] or the batch; the objective weighs it."""

    weight: float | Schedule = 1.0
    step_by_step: ClassVar[bool] = False  # it is nothing without what it remembers of earlier steps
    is_random: ClassVar[bool] = False  # it is an estimate, which differs from step to step

    def check_contract(self) -> None:
        is_weight = isinstance(self.weight, Schedule) or self.weight >= 0
        require(is_weight, f"{type(self).__name__}.weight", "at least 0", self.weight)

    @abc.abstractmethod
    def __call__(self, forward: ForwardPass) -> Array: ...

    def start(self, model: Network, known: KnownCategories) -> Any:
        """Return what to remember before the first step of a fit, a tree of NumPy arrays.

        `model` has the weights of the start, as NumPy arrays; where it is evaluated apart from a fit nothing is known,
        and only its shapes and sizes may be asked for.
        """
        return None

    def remember(self, forward: ForwardPass) -> Any:
        """Return what to remember after this step: `forward.memory`, changed; the same tree of shapes."""
        return forward.memory


class Neighborhood(Part, kind="neighborhoods"):
    """Which rows each row must explain, and how strongly; without one each row explains itself."""

    every: int  # epochs from one search to the next, from then on in the space of codes
    tolerance: float  # once no larger a share of links has changed, the search rests
    repels: ClassVar[bool] = False  # some strengths are negative
    measures: ClassVar[bool] = True  # it looks at distances of points, and not at labels alone

    @abc.abstractmethod
    def __call__(self, points: np.ndarray, label: np.ndarray | None, seed: int) -> Links:
        """Return the links of `points` [n, width] with labels [n]; pure.

        They are codes or scaled rows, with categories one-hot and missing values at the mean of their column.
        """


class Affinity(Part, kind="affinities"):
    """How the rows of a batch go together, two by two; rows of weight 0 only fill it up."""

    @abc.abstractmethod
    def __call__(self, x: Array, weight: Array, label: Array | None) -> Array:
        """Return φ [n, n], symmetric, of `x` [n, d]: scaled rows, categories one-hot, missing values at the mean."""


class Prior(Part, kind="priors"):
    """A distribution over codes."""

    @abc.abstractmethod
    def __call__(self, key: Array, n: int, size: int, label: Array | None = None) -> Array:
        """Return `n` codes of `size`; where a row has a label of at least 0, from the part that belongs to it."""


class Optimizer(Part, kind="optimizers"):
    """How the weights learn: by one step a batch (`direction`), or in rounds over all rows (`round`)."""

    full_batch: ClassVar[bool] = False
    takes_blocks: ClassVar[bool] = True  # it does the same to weights in several arrays as in one
    learning_rate: float | Schedule = 1.0

    def check_contract(self) -> None:
        is_rate = isinstance(self.learning_rate, Schedule) or self.learning_rate > 0
        require(is_rate, f"{type(self).__name__}.learning_rate", "above 0", self.learning_rate)

    def direction(self) -> optax.GradientTransformation:
        """Return the rule from gradients to directions; the loop subtracts learning_rate x direction."""
        return optax.identity()

    @property
    def decays(self) -> bool:
        """Say whether it changes weights whose gradient is 0."""
        return False

    def look_ahead(self, weights: Array, memory: Any, rate: Array) -> Array:
        """Return where the gradient is taken: at the weights, or where the memory would bring them by a rate alone."""
        return weights

    def rescale(self, memory: Any, ratio: Array) -> Any:
        """Return the memory where the rate before was `ratio` times that of now: velocities are in units of it."""
        return memory

    def round(self, value_and_gradient: Callable[..., Any], start: np.ndarray) -> tuple[np.ndarray, bool]:
        """Return better weights [weights] and whether they have settled; only where `full_batch`."""
        raise NotImplementedError


class Stop(Part, kind="stops"):
    """When to stop; pure."""

    compares: ClassVar[bool] = True  # it judges by losses or weights: it is asked of epochs after every schedule's end

    @abc.abstractmethod
    def __call__(self, history: Sequence[Record]) -> str | None:
        """Return the reason to stop, or None."""


class Scaling(Part, kind="scalings"):
    """Columns to a common scale on the way in, undone on the way out; constant columns pass safely."""

    learned: ClassVar[tuple[str, ...]] = ()  # the names of the float64 arrays that `fit` returns, last axis d
    axes: ClassVar[int] = 1  # of each of them
    is_affine: ClassVar[bool] = False  # each column by itself, a x + b

    @abc.abstractmethod
    def fit(self, blocks: Blocks) -> Arrays: ...

    @abc.abstractmethod
    def apply(self, learned: Arrays, x: np.ndarray) -> np.ndarray: ...

    @abc.abstractmethod
    def undo(self, learned: Arrays, x: np.ndarray) -> np.ndarray: ...


class Text(Part, kind="texts"):
    """Texts as rows on the way in, and texts again on the way out; none of them is empty."""

    by: str  # what a token is: a word or a character

    @abc.abstractmethod
    def fit(self, texts: Sequence[str]) -> dict[str, Any]:
        """Return what the texts teach, as plain JSON values."""

    @abc.abstractmethod
    def check(self, learned: dict[str, Any]) -> None:
        """Raise `InvalidPart` where what a file holds is nothing that `fit` returns."""

    @abc.abstractmethod
    def row(self, learned: dict[str, Any]) -> Row: ...

    @abc.abstractmethod
    def apply(self, learned: dict[str, Any], texts: Sequence[str]) -> np.ndarray: ...

    @abc.abstractmethod
    def undo(self, learned: dict[str, Any], rows: np.ndarray) -> list[str]: ...
