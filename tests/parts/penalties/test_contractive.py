"""The contractive penalty by hand, by finite differences, and by what it does to a code of digits."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits

from isthmus import Autoencoder
from isthmus.contracts import Backbone, Batch, Bottleneck, Row
from isthmus.core.parameter_specs import assemble, parameter_specs
from isthmus.core.spelling import resolve
from isthmus.errors import InvalidPart
from isthmus.model.model import build
from isthmus.parts.corruptions import Masking
from isthmus.parts.likelihoods import SquaredError
from isthmus.parts.optimizers import Sgd
from isthmus.parts.penalties import Contractive
from isthmus.parts.penalties import _jacobian as jacobian
from isthmus.training.objective import Plan, loss

X = np.random.default_rng(1).normal(size=(4, 3))
ROW_WEIGHTS = np.array([2.0, 0.5, 0.5, 0.0])
DIGITS = load_digits().data[:400] / 16


def skeleton_of(encoder: str, bottleneck: str) -> tuple[Any, np.ndarray]:
    road = resolve(Backbone, encoder)
    skeleton = build(Row((3,)), road, resolve(Bottleneck, bottleneck), road, SquaredError())
    count = sum(spec.size for spec in parameter_specs(skeleton).values())
    return skeleton, 0.7 * np.random.default_rng(2).normal(size=count)


def fitted(penalty: str, **settings: Any) -> Autoencoder:
    usual = {"encoder": (), "tied": True, "scaling": "none", "batch_size": 32, "max_epochs": 20, "stops": ()}
    return Autoencoder(penalties=[penalty], **(usual | settings)).fit(DIGITS)


def mean_norm(ae: Autoencoder) -> float:
    """Return the mean of ‖J‖² over 20 digits, by central differences of `transform`."""
    nudges = np.concatenate([np.eye(64), -np.eye(64)]) / 256
    codes = ae.transform((DIGITS[:20] + nudges[:, None]).reshape(-1, 64)).reshape(2, 64, 20, -1)
    return float((((codes[0] - codes[1]) * 128) ** 2).sum(axis=(0, 2)).mean())


def test_the_term_by_hand_is_taken_at_the_clean_row() -> None:
    """0.1 · Σ_j (h_j (1 − h_j))² Σ_d W_dj², a weighted mean over rows."""
    skeleton, weights = skeleton_of("mlp(())", "deterministic(2, sigmoid)")
    matrix, bias = weights[:6].reshape(3, 2), weights[6:8]
    h = 1 / (1 + np.exp(-(X @ matrix + bias)))
    each = ((h * (1 - h)) ** 2 * (matrix**2).sum(axis=0)).sum(axis=1)
    expected = 0.1 * (ROW_WEIGHTS @ each) / 3
    with jax.enable_x64(True):
        batch = Batch(jnp.array(X), jnp.array(ROW_WEIGHTS))
        plan = Plan(Masking(1.0), (Contractive(),), Sgd())
        compiled = jax.jit(lambda key: loss(assemble(skeleton, weights), plan, batch, jnp.int32(0), key)[1].terms)
        for key in (None, jax.random.key(0)):
            assert float(compiled(key)["contractive"]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("encoder", "bottleneck", "penalty"),
    [
        ("mlp(())", "deterministic(2, sigmoid)", Contractive(1.0, "closed")),
        ("mlp((4,), tanh)", "deterministic(2, sigmoid)", Contractive(1.0)),
        ("mlp((4,), prelu)", "top_k(5, k=2)", Contractive(1.0)),
        ("mlp((4,), gelu)", "deterministic(2)", Contractive(1.0, "estimate", probes=2)),
    ],
    ids=str,
)
def test_its_gradient_is_the_slope(encoder: str, bottleneck: str, penalty: Contractive) -> None:
    skeleton, weights = skeleton_of(encoder, bottleneck)
    with jax.enable_x64(True):
        batch, step = Batch(jnp.array(X), jnp.array(ROW_WEIGHTS)), 1e-5

        def term(flat: Any) -> Any:
            plan = Plan(None, (penalty,), Sgd())
            return loss(assemble(skeleton, flat), plan, batch, jnp.int32(0), jax.random.key(7))[1].terms["contractive"]

        gradient = jax.jit(jax.grad(term))(weights)
        nudges = step * np.eye(weights.size)
        above, below = np.split(np.asarray(jax.jit(jax.vmap(term))(weights + np.concatenate([nudges, -nudges]))), 2)
        slope = (above - below) / (2 * step)
    assert np.abs(slope).max() > 0.05
    np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("encoder", "bottleneck", "form", "optimizer"),
    [
        ("mlp(())", "deterministic(16, sigmoid)", "closed", "adam"),
        ("mlp(())", "deterministic(16, sigmoid)", "closed", "cg(30)"),
        ("mlp((12,), tanh)", "deterministic(4)", "exact", "lbfgs(30)"),
        ("mlp((12,), tanh)", "deterministic(8, sigmoid)", "auto", "cg(30)"),
        ("mlp(())", "top_k(16, k=4)", "estimate", "adam"),
    ],
)
def test_the_larger_its_weight_the_less_the_code_moves(
    encoder: str, bottleneck: str, form: str, optimizer: str
) -> None:
    """Also by second-order methods, whose loss falls round by round, to the same weights every time."""
    is_round = optimizer != "adam"
    settings = {"encoder": encoder, "bottleneck": bottleneck, "optimizer": optimizer}
    settings |= {"max_epochs": 3, "batch_size": None} if is_round else {}
    fits = [fitted(f"contractive({weight}, {form!r})", **settings) for weight in (0.0, 0.1, 1.0, 1.0)]
    norms = [mean_norm(ae) for ae in fits[:3]]
    assert norms[0] > 1.03 * norms[1]
    assert norms[1] > 1.3 * norms[2] > 0.01
    np.testing.assert_array_equal(fits[2].transform(DIGITS), fits[3].transform(DIGITS))
    losses = [record["loss"] for record in fits[1].history_]
    assert losses[0] > 1.02 * losses[1] > 1.02 * losses[2] if is_round else losses[0] > 2 * losses[-1]


def test_a_closed_form_that_is_not_there_is_refused_in_training() -> None:
    with pytest.raises(InvalidPart, match=r"^the closed form of the Jacobian needs an encoder without hidden layers"):
        fitted("contractive(0.1, 'closed')", encoder="mlp((8,))")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight": -1.0}, "Contractive.weight must be at least 0. Got -1.0."),
        ({"probes": 0}, "Contractive.probes must be at least 1. Got 0."),
        (
            {"form": "open"},
            "Contractive.form must be one of 'auto', 'closed', 'exact', 'estimate'. Got 'open'.",
        ),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        Contractive(**settings)
    assert str(caught.value) == message


def test_a_line_search_has_the_exact_norm() -> None:
    """`auto` estimates the norm of a code of 20 units with layers; a line search would learn the probes."""
    x = np.random.default_rng(0).normal(size=(40, 20))
    ae = Autoencoder(20, encoder=(8,), penalties="contractive(1.0)", optimizer="lbfgs(5)", max_epochs=3, scaling=None)
    ae.fit(x)
    exact = jax.jit(lambda model, x: jacobian.squared_norm(model, x).mean())(ae.model_, x.astype(np.float32))
    kept = ae.history_[ae.history_[-1]["kept"] - 1]
    assert kept["contractive"] == pytest.approx(float(exact), rel=1e-3)


def test_a_line_search_refuses_an_estimate() -> None:
    x = np.random.default_rng(0).normal(size=(40, 20))
    ae = Autoencoder(20, encoder=(8,), penalties="contractive(form=estimate)", optimizer="cg(2)", max_epochs=1)
    with pytest.raises(InvalidPart) as caught:
        ae.fit(x)
    assert str(caught.value) == (
        "form='estimate' of the Jacobian needs an optimizer that goes step by step, as 'adam': one that searches along "
        "lines would learn the probes. Use form='auto', which is exact there."
    )
