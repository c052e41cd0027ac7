"""How fast the code changes with the row."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Array

from isthmus.contracts import ForwardPass, Penalty, Schedule
from isthmus.errors import require_within
from isthmus.parts.penalties._jacobian import Form, norm

MOST_PROBES = 10_000


@dataclass(frozen=True)
class Contractive(Penalty):
    """weight · ‖∂h/∂x‖²_F for each row, h the code without noise at the clean row.

    With a decoder of its own an encoder can shrink at no cost while the decoder grows: use tied weights
    (`Autoencoder(tied=True)`), or weight decay beside it. Where the code is piecewise linear, as with relu, the
    Jacobian changes with the weights but not with the side of the kink on which a row lies.

    Parameters
    ----------
    weight : a number of at least 0, or a schedule.
    form : `"closed"`, Σ_j a′(z_j)² ‖W_j‖², for an encoder without hidden layers and a code h = a(z), z = x W + b;
        `"exact"`, by one sweep through any encoder for each unit of the code or each column, whichever are fewer;
        `"estimate"`, without bias, by `probes` sweeps; or `"auto"`, the first that applies, the exact one only
        for at most 16 sweeps. All but the estimate are deterministic, so that `cg` and `lbfgs` apply: by these
        `"auto"` is always exact, and an estimate is refused, whose probes a line search would learn.
    probes : random sweeps for a row, in an estimate.

    References
    ----------
    Rifai et al. (2011), Contractive auto-encoders: explicit invariance during feature extraction.

    Examples
    --------
    >>> str(Contractive(0.5, form="exact"))
    "contractive(0.5, form='exact')"
    """

    weight: float | Schedule = 0.1
    form: Form = "auto"
    probes: int = 1

    is_random = True  # at least where it is estimated

    def __post_init__(self) -> None:
        require_within(self.probes, 1, MOST_PROBES, "Contractive.probes")

    def __call__(self, forward: ForwardPass) -> Array:
        return norm(self.form, forward.model, forward.rows, None, forward.key, self.probes, is_round=forward.is_round)
