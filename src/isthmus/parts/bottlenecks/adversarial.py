"""A code whose distribution is matched to a prior by a discriminator."""

from __future__ import annotations

from dataclasses import dataclass

import jax
from jaxtyping import Array

from isthmus.contracts import (
    LAST_STEP,
    Affine,
    Bottleneck,
    Code,
    ForwardPass,
    Neck,
    Optimizer,
    Prior,
    Schedule,
    affine,
    at,
    spelling,
)
from isthmus.errors import require
from isthmus.layers.discriminator import Discriminator, discriminator


@dataclass(frozen=True)
class Adversarial(Bottleneck):
    """A linear code z whose rows together come to lie as the draws p of a prior do.

    A discriminator D learns to tell the two apart, one logit a row, and the encoder learns to deceive it, both in the
    same step of training. With s(t) = ln(1 + eᵗ) the discriminator minimises `rival`, s(−D(p)) + s(D(z)), and
    `rival_slope`, smoothness / 2 · (‖∇D(p)‖² + ‖∇D(z)‖²), which lets the game settle; the encoder `reconstruction` and
    `adversarial`, weight · s(−D(z)). Once D = 0 everywhere, rival = 2 ln 2 and adversarial = weight · ln 2. Where the
    prior goes by label, the discriminator is also given each row's label, one more class standing for none.

    Parameters
    ----------
    size : numbers in the code, at least 1.
    prior : of `isthmus.priors`; `sample` draws from it.
    hidden : widths of the discriminator's layers, leaky rectifiers of slope 0.2; `()` is an affine one.
    rival : how the discriminator learns, an optimizer that goes step by step.
    weight : a number of at least 0, or a schedule; about half the number of columns where the match counts most.
    smoothness : of the discriminator, at least 0.
    noise : standard deviation of what is added, in training, to the codes and draws that the discriminator is given.

    References
    ----------
    Makhzani et al. (2015), Adversarial autoencoders.
    Mescheder et al. (2018), Which training methods for GANs do actually converge?

    Examples
    --------
    >>> [layer.matrix.shape for layer in Adversarial(2, hidden=(64,)).build(width=32).rival.layers]
    [(2, 64), (64, 1)]
    """

    size: int
    prior: Prior = spelling("normal")
    hidden: tuple[int, ...] = (64, 64)
    rival: Optimizer = spelling("adam(0.002, beta1=0.5)")
    weight: float | Schedule = 10.0
    smoothness: float = 0.1
    noise: float = 0.0

    def __post_init__(self) -> None:
        require(self.size >= 1, "Adversarial.size", "at least 1", self.size)
        require(all(width >= 1 for width in self.hidden), "Adversarial.hidden", "widths of at least 1", self.hidden)
        require(not self.rival.full_batch, "Adversarial.rival", "an optimizer that goes step by step", self.rival.name)
        for name, value in (("weight", self.weight), ("smoothness", self.smoothness), ("noise", self.noise)):
            require(isinstance(value, Schedule) or value >= 0, f"Adversarial.{name}", "at least 0", value)

    @property
    def most_classes(self) -> int | None:
        return self.prior.most_classes

    @property
    def needs_labels(self) -> bool:
        return self.prior.needs_labels

    @property
    def discriminator_optimizer(self) -> Optimizer:
        return self.rival

    def build(self, width: int) -> Neck:
        jax.eval_shape(lambda: self.prior(jax.random.key(0), 1, self.size))  # a prior may refuse the size
        return AdversarialNeck(
            affine(width, self.size), discriminator(self.size, self.hidden, self.most_classes), part=self
        )


class AdversarialNeck(Neck):
    affine: Affine
    rival: Discriminator
    part: Adversarial

    def __call__(self, hidden: Array, key: Array | None, step: Array = LAST_STEP) -> Code:
        point = self.affine(hidden)
        return Code(draws=point[None], point=point)

    def terms(self, log_likelihood: Array, forward: ForwardPass) -> dict[str, Array]:
        code = (
            forward.code.point
            if forward.key is None
            else self._noisy(forward.code.point, jax.random.split(forward.key, 4)[0])
        )
        deceit = jax.nn.softplus(-jax.lax.stop_gradient(self.rival)(code, forward.batch.label))
        return {**super().terms(log_likelihood, forward), "adversarial": at(self.part.weight, forward.step) * deceit}

    def discriminator_terms(self, forward: ForwardPass) -> dict[str, Array]:
        key, label = forward.key, forward.batch.label
        if key is None:
            return {}
        _, of_code, of_prior, of_drawn = jax.random.split(key, 4)  # the first is that of `terms`
        code = self._noisy(jax.lax.stop_gradient(forward.code.point), of_code)
        drawn = self._noisy(self.part.prior(of_prior, len(code), self.part.size, label), of_drawn)
        loss = jax.nn.softplus(-self.rival(drawn, label)) + jax.nn.softplus(self.rival(code, label))
        steepness = self.rival.steepness(drawn, label) + self.rival.steepness(code, label)
        return {"rival": loss, "rival_slope": self.part.smoothness / 2 * steepness}

    def sample(self, key: Array, n: int, label: Array | None = None) -> Array | None:
        if label is not None and not self.part.needs_labels:
            return None
        return self.part.prior(key, n, self.part.size, label)

    def _noisy(self, code: Array, key: Array) -> Array:
        """Return codes with the noise of training."""
        return code + self.part.noise * jax.random.normal(key, code.shape)
