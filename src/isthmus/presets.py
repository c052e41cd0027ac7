"""The autoencoders of the literature by name: functions that return an `Autoencoder` with the parts set.

Every further parameter of `Autoencoder` may be given, and replaces what the preset would set.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

import equinox as eqx
import numpy as np
import optax

from isthmus.contracts import (
    Backbone,
    Bottleneck,
    Corruption,
    Likelihood,
    Neighborhood,
    Optimizer,
    OwnFunction,
    Penalty,
    Scaling,
    Schedule,
    Stop,
    Text,
)
from isthmus.core.spelling import resolve
from isthmus.errors import InvalidPart, require, suggestion
from isthmus.estimators.autoencoder import Autoencoder


class Settings(TypedDict, total=False):
    """The parameters of `Autoencoder` but its code, as type checkers and editors know them."""

    optimizer: str | Optimizer | optax.GradientTransformation
    batch_size: int | None
    max_epochs: int
    stops: str | Stop | Sequence[str | Stop] | None
    validation_fraction: float | None
    random_state: int | np.random.RandomState | None
    device: str | None
    verbose: int
    n_starts: int
    warm_start: bool
    encoder: str | int | Sequence[int] | Backbone | eqx.Module
    decoder: str | int | Sequence[int] | Backbone | eqx.Module | None
    likelihood: str | Likelihood
    corruption: str | Corruption | None
    penalties: str | Penalty | OwnFunction | Sequence[str | Penalty | OwnFunction] | None
    neighborhood: str | Neighborhood | None
    tied: bool
    init: str | None
    scaling: str | Scaling | None
    text: str | Text | None
    columns: dict[str, Any] | None


CASES = {
    "self": None,
    "class": "same_class",
    "neighbors": "nearest",
    "margin": "margin",
}
"""The cases of the generalized autoencoder, and the neighborhood of each."""


def sparse(
    bottleneck: int | str | Bottleneck = 128, *, penalty: str | Penalty = "l1(0.01)", **settings: Unpack[Settings]
) -> Autoencoder:
    """Return a sparse autoencoder: a code that may be larger than the row, most of it near zero.

    Parameters
    ----------
    bottleneck : the code.
    penalty : what keeps it small: `"l1"`, `"l2"`, or `"sparsity(0.05)"` for a code between 0 and 1, as
        `"deterministic(128, activation='sigmoid')"`. Weight decay is beside it, since a decoder that grows would
        otherwise let the code shrink to nothing.

    References
    ----------
    Ng (2011), Sparse autoencoder, CS294A lecture notes.

    Examples
    --------
    >>> sparse(64).penalties
    ['l1(0.01)', 'weight_decay(0.0001)']
    """
    return _build(bottleneck, {"penalties": [penalty, "weight_decay(0.0001)"]}, settings)


def denoising(
    bottleneck: int | str | Bottleneck = 8, *, noise: str | Corruption = "masking(0.3)", **settings: Unpack[Settings]
) -> Autoencoder:
    """Return a denoising autoencoder: the input is corrupted at each step, the error taken against the clean row.

    Parameters
    ----------
    bottleneck : the code.
    noise : of `isthmus.corruptions`.

    References
    ----------
    Vincent et al. (2008), Extracting and composing robust features with denoising autoencoders.

    Examples
    --------
    >>> denoising(8, noise="gaussian(0.5)").corruption
    'gaussian(0.5)'
    """
    return _build(bottleneck, {"corruption": noise}, settings)


def contractive(
    bottleneck: int | str | Bottleneck = 8,
    *,
    weight: float | str | Schedule = 0.1,
    curvature: float = 0.0,
    **settings: Unpack[Settings],
) -> Autoencoder:
    """Return a contractive autoencoder: codes that change little with the row, ‖J_f(x)‖² small; tied weights.

    Parameters
    ----------
    bottleneck : the code; a number is a sigmoid code of that size on one layer.
    weight : of the squared norm of the Jacobian.
    curvature : weight of the change of the Jacobian nearby (CAE+H).

    References
    ----------
    Rifai et al. (2011), Contractive auto-encoders; Higher order contractive auto-encoder.

    Examples
    --------
    >>> contractive(8).penalties
    ['contractive(0.1)']
    """
    penalties = [f"contractive({weight})"] + ([f"curvature({curvature})"] if curvature else [])
    own = {"encoder": "mlp(())", "penalties": penalties, "tied": True, "optimizer": "adam(0.003)"}
    return _build(_sigmoid(bottleneck), own, settings)


def k_sparse(
    size: int = 128, k: int | str | Schedule = 16, *, alpha: float = 1.0, **settings: Unpack[Settings]
) -> Autoencoder:
    """Return a k-sparse autoencoder: only the k largest units of a linear code pass; tied weights, dead units revived.

    Parameters
    ----------
    size : units of the code.
    k : units that pass, or a schedule of it, as `"linear(100, 25, steps=5000)"`.
    alpha : `transform` keeps alpha · k units.

    References
    ----------
    Makhzani and Frey (2013), k-sparse autoencoders. Gao et al. (2024), Scaling and evaluating sparse autoencoders.

    Examples
    --------
    >>> k_sparse(64, 8).bottleneck
    'top_k(64, k=8, alpha=1.0)'
    """
    own = {"encoder": "mlp(())", "penalties": "dead_units", "tied": True}
    return _build(f"top_k({size}, k={k}, alpha={float(alpha)})", own, settings)


def variational(
    size: int = 8, *, beta: float | str | Schedule = 1.0, free_bits: float = 0.0, **settings: Unpack[Settings]
) -> Autoencoder:
    """Return a variational autoencoder: a distribution over codes, near a normal one; it generates.

    Parameters
    ----------
    size : of the code.
    beta : weight of the KL, or a schedule of it, as `"linear(0.0, 1.0, steps=2000)"`.
    free_bits : KL of each unit, in nats, that costs nothing.

    References
    ----------
    Kingma and Welling (2014), Auto-encoding variational Bayes.

    Examples
    --------
    >>> variational(2).likelihood  # of images another one, which fits them
    'auto(gaussian)'
    """
    code = f"variational({size}, beta={beta}, free_bits={float(free_bits)})"
    return _build(code, {"likelihood": "auto(gaussian)"}, settings)


def tabular(
    size: int = 16, *, beta: float | str | Schedule = 0.2, bins: int = 32, **settings: Unpack[Settings]
) -> Autoencoder:
    """Return a variational autoencoder for new rows of a table: `sample(n, noise=True)`.

    Numbers are ranks, each explained by a histogram of its own, and categories by their probabilities, so that the
    marginal distributions are those of the table, whatever their skew and their most frequent values. Codes of new rows
    are drawn from a density that is fitted to those of training rows.

    Parameters
    ----------
    size : of the code.
    beta : weight of the KL, or a schedule of it.
    bins : of each histogram.

    References
    ----------
    Xu, Skoularidou, Cuesta-Infante and Veeramachaneni (2019), Modeling tabular data using conditional GAN (TVAE).
    Ghosh et al. (2020), From variational to deterministic autoencoders.

    Examples
    --------
    >>> tabular(4).bottleneck
    'variational(4, beta=0.2, prior=fitted)'
    """
    own = {
        "scaling": "quantile",
        "likelihood": f"columns(histogram({bins}, smoothing=0.0, margin=0.0), balanced=False)",
    }
    return _build(f"variational({size}, beta={beta}, prior=fitted)", own, settings)


def importance_weighted(size: int = 8, *, draws: int = 5, **settings: Unpack[Settings]) -> Autoencoder:
    """Return an importance-weighted autoencoder: a tighter bound on the likelihood from several draws of the code.

    Parameters
    ----------
    size : of the code.
    draws : of each row's code in training.

    References
    ----------
    Burda, Grosse and Salakhutdinov (2016), Importance weighted autoencoders.

    Examples
    --------
    >>> importance_weighted(2, draws=3).bottleneck
    'importance_weighted(2, draws=3)'
    """
    return _build(f"importance_weighted({size}, draws={draws})", {"likelihood": "auto(gaussian)"}, settings)


def adversarial(size: int = 8, *, prior: str = "normal", **settings: Unpack[Settings]) -> Autoencoder:
    """Return an adversarial autoencoder: a discriminator is trained to tell codes from draws of a prior.

    Parameters
    ----------
    size : of the code.
    prior : of `isthmus.priors`, spelled.

    References
    ----------
    Makhzani et al. (2015), Adversarial autoencoders.

    Examples
    --------
    >>> adversarial(2, prior="swiss_roll").bottleneck
    'adversarial(2, prior=swiss_roll)'
    """
    return _build(f"adversarial({size}, prior={prior})", {"stops": None}, settings)


def generalized(
    bottleneck: int | str | Bottleneck = 8, *, case: str = "neighbors", **settings: Unpack[Settings]
) -> Autoencoder:
    """Return a generalized autoencoder: each row explains other rows, Σ_j s_ij ‖x_j − x̂_i‖².

    Parameters
    ----------
    bottleneck : the code.
    case : `"self"`, `"class"` (needs labels), `"neighbors"` (heat kernel), `"margin"` (needs labels).

    Raises
    ------
    InvalidPart
        If the case is unknown.

    References
    ----------
    Wang et al. (2014), Generalized autoencoder: a neural network framework for dimensionality reduction.

    Examples
    --------
    >>> generalized(2, case="margin").neighborhood
    'margin'
    """
    if not isinstance(case, str) or case not in CASES:
        raise InvalidPart(f"there is no case {case!r}.{suggestion(str(case), CASES)} There are: {', '.join(CASES)}.")
    return _build(bottleneck, {"neighborhood": CASES[case]}, settings)


def embedding(
    bottleneck: int | str | Bottleneck = 8,
    *,
    pairs: str = "laplacian",
    reconstruction: float = 1.0,
    sparsity: float = 0.0,
    decay: float = 1e-4,
    **settings: Unpack[Settings],
) -> Autoencoder:
    """Return an embedding regularised by an autoencoder: codes that stand to each other as rows do.

    Minimised is, over the n rows of a batch,

        [Σ_{i<j} L(h_i, h_j, φ_ij) + γ Σ_i ‖x_i − x̂_i‖²] / n + β Σ_j KL(0.05 ‖ ρ̂_j) + λ/2 ‖W‖²:

    the sums of the paper, a batch for its sample, divided by n, so that β and λ are the paper's over n. All is divided
    by γ, which changes no minimum.

    Parameters
    ----------
    bottleneck : the code; with sparsity, a number is a sigmoid code of that size.
    pairs : the loss over pairs: `"laplacian"`, `"distances"` or `"margin"`, of weight 1 as above, or with its settings,
        its weight among them.
    reconstruction : γ, above 0.
    sparsity : β, weight of the KL between the mean activation and 0.05.
    decay : λ, weight of the squared weights.

    Raises
    ------
    InvalidPart
        If γ is not above 0.

    References
    ----------
    Yu et al. (2013), Embedding with autoencoder regularization.

    Examples
    --------
    >>> embedding(2, reconstruction=2.0).penalties[1]
    'weight_decay(2.5e-05)'
    """
    is_number = isinstance(reconstruction, numbers.Real)
    require(is_number and reconstruction > 0, "reconstruction", "a number above 0", reconstruction)
    loss: Any = resolve(Penalty, pairs)
    require(isinstance(loss.weight, float), "pairs", "a penalty whose weight is a number", pairs)
    is_bare = isinstance(pairs, str) and pairs.strip() == loss.name
    own = {"over": "rows"} if "over" in loss.settings() else {}
    penalties = [
        loss.replace(weight=(1.0 if is_bare else loss.weight) / reconstruction, **own),
        f"weight_decay({decay / 2 / reconstruction})",
    ]
    if sparsity:
        penalties.append(f"sparsity(0.05, weight={sparsity / reconstruction})")
    return _build(_sigmoid(bottleneck) if sparsity else bottleneck, {"penalties": penalties}, settings)


def convolutional(
    bottleneck: int | str | Bottleneck = 32,
    *,
    shape: tuple[int, ...] | None = None,
    kind: str = "conv",
    **settings: Unpack[Settings],
) -> Autoencoder:
    """Return a convolutional autoencoder, for images.

    Parameters
    ----------
    bottleneck : the code.
    shape : of an image, (height, width) or (channels, height, width), where rows are flat; None for arrays of images.
    kind : `"conv"`, `"residual"` or `"squeeze_excite"`.

    Examples
    --------
    >>> convolutional(16, shape=(8, 8)).encoder
    'conv(shape=(8, 8))'
    """
    return _build(bottleneck, {"encoder": f"{kind}(shape={shape})"}, settings)


def _build(bottleneck: int | str | Bottleneck, own: dict[str, Any], settings: Settings) -> Autoencoder:
    return Autoencoder(bottleneck, **{**own, **settings})


def _sigmoid(bottleneck: int | str | Bottleneck) -> Any:
    """Return a sigmoid code where a size is given."""
    is_size = isinstance(bottleneck, numbers.Integral) or (isinstance(bottleneck, str) and bottleneck.strip().isdigit())
    return f"deterministic({bottleneck}, activation=sigmoid)" if is_size else bottleneck
