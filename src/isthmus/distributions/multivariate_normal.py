"""The normal distribution over rows whose columns go together."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array

from isthmus.contracts import Density
from isthmus.distributions.normal import HALF_LOG, NormalOutcome


class MultivariateNormalOutcome(Density):
    """N(μ, L Lᵀ) with L = (1 − B)⁻¹ diag(σ): column j given those before it is N(μ_j + Σ_i B_ji (x_i − μ_i), σ_j²).

    σ is the diagonal of L, and (1 − B) / σ the Cholesky factor of the inverse covariance, so that a density takes one
    product, and rows of any size leave it finite, where solving with L would overflow within few columns.
    """

    center: Array  # [k, n, d], the mean
    slope: Array  # [k, n, d, d], B, below the diagonal only
    deviation: Array  # [k, n, d], σ, given the columns before

    def log_prob_by_column(self, x: Array, observed: Array | None = None) -> Array:
        if observed is not None:
            upper, z = self._reduced(x, observed)
            scale = jnp.abs(jnp.diagonal(upper, axis1=-2, axis2=-1))
            return jnp.where(observed, -0.5 * z**2 - jnp.log(scale) - HALF_LOG, 0)
        residual = x - self.center
        z = (residual - jnp.einsum("...ji,...i->...j", self.slope, residual)) / self.deviation
        return -0.5 * z**2 - jnp.log(self.deviation) - HALF_LOG

    def conditional_mean(self, x: Array, observed: Array) -> Array:
        upper, z = self._reduced(x, observed)
        factor = self.factor()
        known = jax.lax.linalg.triangular_solve(upper, z[..., None], left_side=True, lower=False)
        expected = self.center + (factor @ (jnp.swapaxes(factor, -1, -2) @ known))[..., 0]
        return jnp.where(observed, x, expected)

    def factor(self) -> Array:
        """Return L [k, n, d, d], the Cholesky factor of the covariance."""
        unit = jnp.eye(self.center.shape[-1], dtype=self.center.dtype)
        scale = unit * self.deviation[..., None, :]
        return jax.lax.linalg.triangular_solve(unit - self.slope, scale, left_side=True, lower=True, unit_diagonal=True)

    def columns(self) -> NormalOutcome:
        """Return the distribution of each column by itself."""
        return NormalOutcome(self.center, self.std())

    def mean(self) -> Array:
        return self.center

    def variance(self) -> Array:
        return jnp.sum(self.factor() ** 2, axis=-1)

    def marginal_log_prob(self, x: Array) -> Array:
        return self.columns().log_prob_by_column(x)

    def cdf(self, x: Array) -> Array:
        return self.columns().cdf(x)

    def quantile(self, q: Array) -> Array:
        return self.columns().quantile(q)

    def crps(self, x: Array) -> Array:
        return self.columns().crps(x)

    def sample(self, key: Array) -> Array:
        noise = jax.random.normal(key, self.center.shape, self.center.dtype)
        return self.center + (self.factor() @ noise[..., None])[..., 0]

    def _reduced(self, x: Array, observed: Array) -> tuple[Array, Array]:
        """Return R and z = R⁻ᵀ r of the entries observed, the others as if they were N(0, 1) and 0.

        Rᵀ R is the covariance, the rows and columns of the others set to those of the unit matrix. R comes from a root
        of it by QR: a Cholesky decomposition of the product would lose twice the digits, and may end in NaN.
        """
        observed = jnp.broadcast_to(observed, self.center.shape)
        known = jnp.where(observed[..., None], self.factor(), 0)
        others = jnp.where(observed, 0, 1)[..., None] * jnp.eye(observed.shape[-1], dtype=known.dtype)
        root = jnp.concatenate([known, others], axis=-1)  # [k, n, d, 2d]
        upper = jnp.linalg.qr(jnp.swapaxes(root, -1, -2), mode="r")
        residual = jnp.where(observed, jnp.where(observed, x, 0) - self.center, 0)[..., None]
        z = jax.lax.linalg.triangular_solve(upper, residual, left_side=True, lower=False, transpose_a=True)
        return upper, z[..., 0]
