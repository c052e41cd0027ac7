"""The Jacobian of the code against formulas by hand, finite differences, and the mean of many estimates."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.contracts import Backbone, Bottleneck, Row
from isthmus.core.parameter_specs import assemble, parameter_specs
from isthmus.core.spelling import resolve
from isthmus.errors import InvalidPart
from isthmus.model.model import Model, build
from isthmus.parts.likelihoods import SquaredError
from isthmus.parts.penalties import _jacobian as jacobian

COLUMNS = 3
X, OTHER = np.random.default_rng(1).normal(size=(2, 4, COLUMNS))
DEEP = [  # fewer units than columns, as many, and more
    ("mlp((5,), tanh)", "deterministic(2, sigmoid)"),
    ("mlp((5, 4), gelu)", "deterministic(3)"),
    ("mlp((4,), prelu)", "deterministic(7, softplus)"),
    ("mlp((4,), sigmoid)", "top_k(6, k=2)"),
    ("mlp(())", "top_k(2, k=1)"),
]
SHALLOW = ["identity", "sigmoid", "tanh", "relu", "leaky_relu", "elu(0.7)", "gelu", "softplus", "prelu"]
SIZES = [2, 2, 5, 2, 5, 2, 5, 2, 5]


def model_of(encoder: str, bottleneck: str) -> Model:
    road = resolve(Backbone, encoder)
    skeleton = build(Row((COLUMNS,)), road, resolve(Bottleneck, bottleneck), road, SquaredError())
    count = sum(spec.size for spec in parameter_specs(skeleton).values())
    return assemble(skeleton, np.random.default_rng(0).normal(size=count))


def by_differences(model: Model) -> np.ndarray:
    """Return the Jacobians at X and at OTHER, [2, n, size, d], by central differences."""
    nudges = 1e-6 * np.concatenate([np.eye(COLUMNS), -np.eye(COLUMNS)])
    encode = jax.jit(jax.vmap(lambda nudge: model.encode(np.concatenate([X, OTHER]) + nudge).point))
    above, below = np.split(np.asarray(encode(nudges)), 2)  # [d, 2 n, size]
    return np.moveaxis((above - below) / 2e-6, 0, 2).reshape(2, len(X), -1, COLUMNS)


def squares(matrices: np.ndarray) -> np.ndarray:
    return (matrices**2).sum(axis=(1, 2))


@pytest.mark.parametrize(("encoder", "bottleneck"), DEEP)
def test_the_exact_norm_of_any_encoder_is_that_of_finite_differences(encoder: str, bottleneck: str) -> None:
    with jax.enable_x64(True):
        model = model_of(encoder, bottleneck)
        here, there = by_differences(model)
        exact = partial(jacobian.squared_norm, model)
        found = jax.jit(lambda x, other: (exact(x), exact(x, other)))(X, OTHER)
        assert squares(here).min() > 1e-3
        np.testing.assert_allclose(found[0], squares(here), rtol=1e-6)
        np.testing.assert_allclose(found[1], squares(here - there), rtol=1e-6, atol=1e-9)
        assert jacobian.closed_form(model, jnp.array(X)) is None


@pytest.mark.parametrize(("activation", "size"), [*zip(SHALLOW, SIZES, strict=True)])
def test_the_closed_form_is_the_exact_norm_and_that_of_finite_differences(activation: str, size: int) -> None:
    with jax.enable_x64(True):
        model = model_of("mlp(())", f"deterministic({size}, {activation})")
        here, there = by_differences(model)
        for form in ("closed", "exact"):
            norm = partial(jacobian.norm, form, model, jnp.array(X))
            found = jax.jit(lambda other, norm=norm: (norm(None, None, 1), norm(other, None, 1)))(OTHER)
            expected = squares(here), squares(here - there)
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_the_closed_form_of_a_sigmoid_by_hand() -> None:
    """Σ_j (h_j (1 − h_j))² Σ_d W_dj², of a matrix [d, size] that is not square."""
    with jax.enable_x64(True):
        model = model_of("mlp(())", "deterministic(2, sigmoid)")
        flat = np.random.default_rng(0).normal(size=8)
        matrix, bias = flat[:6].reshape(3, 2), flat[6:]
        h = 1 / (1 + np.exp(-(X @ matrix + bias)))
        expected = ((h * (1 - h)) ** 2 * (matrix**2).sum(axis=0)).sum(axis=1)
        np.testing.assert_allclose(jacobian.closed_form(model, jnp.array(X)), expected, rtol=1e-12)


@pytest.mark.parametrize(("other", "probes"), [(None, 1), (OTHER, 4)], ids=["of one row", "of a difference"])
def test_the_estimate_is_right_on_average(other: np.ndarray | None, probes: int) -> None:
    with jax.enable_x64(True):
        model = model_of("mlp((5,), tanh)", "deterministic(4, tanh)")
        here, there = by_differences(model)
        jacobians = here - (0 if other is None else there)
        one = partial(jacobian.estimate, model, jnp.array(X), probes=probes, other=other)
        found = np.asarray(jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(0), 4000)))  # [4000, n]
        error = found.std(axis=0) / 4000**0.5
        np.testing.assert_array_less(abs(found.mean(axis=0) - squares(jacobians)), 4 * error)
        # With random signs, the variance is twice the sum of squares off the diagonal of J Jᵀ.
        products = np.einsum("nid,njd->nij", jacobians, jacobians) * (1 - np.eye(4))
        np.testing.assert_allclose(found.var(axis=0), 2 * squares(products) / probes, rtol=0.15)


def test_the_estimate_of_one_unit_is_exact() -> None:
    model = model_of("mlp((5,), tanh)", "deterministic(1)")
    found = jax.jit(partial(jacobian.estimate, model))(X, jax.random.key(3))
    np.testing.assert_allclose(found, jax.jit(partial(jacobian.squared_norm, model))(X), rtol=1e-5)


@pytest.mark.parametrize(
    ("form", "size", "columns", "has_closed", "taken"),
    [
        ("auto", 100, 100, True, "closed"),
        ("auto", 16, 17, False, "exact"),
        ("auto", 17, 16, False, "exact"),
        ("auto", 17, 17, False, "estimate"),
        ("closed", 2, 2, True, "closed"),
        ("exact", 100, 100, True, "exact"),
        ("estimate", 2, 2, True, "estimate"),
    ],
)
def test_auto_takes_the_first_form_that_is_exact_and_cheap(
    form: Any, size: int, columns: int, has_closed: bool, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jacobian, "closed_form", lambda model, x, other: "closed" if has_closed else None)
    monkeypatch.setattr(jacobian, "squared_norm", lambda model, x, other: "exact")
    monkeypatch.setattr(jacobian, "estimate", lambda model, x, key, probes, other: "estimate")
    assert jacobian.norm(form, SimpleNamespace(size=size), jnp.ones((1, columns)), None, None, 1) == taken


def test_without_a_key_the_probes_are_always_the_same() -> None:
    model = model_of("mlp((5,), tanh)", "deterministic(4, tanh)")
    norm = jax.jit(lambda key: jacobian.norm("estimate", model, jnp.array(X), None, key, 1))
    np.testing.assert_array_equal(norm(None), norm(None))
    assert np.abs(norm(jax.random.key(1)) - norm(jax.random.key(2))).max() > 1e-3


@pytest.mark.parametrize(
    ("encoder", "bottleneck"), [("mlp((5,), tanh)", "deterministic(2)"), ("mlp(())", "top_k(4, k=2)")]
)
def test_a_closed_form_that_is_not_there_is_refused(encoder: str, bottleneck: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        jacobian.norm("closed", model_of(encoder, bottleneck), jnp.array(X), None, None, 1)
    assert str(caught.value) == (
        "the closed form of the Jacobian needs an encoder without hidden layers and a code that is computed unit "
        "by unit, as encoder=() and bottleneck='deterministic(8, sigmoid)' are: use form='auto'."
    )
