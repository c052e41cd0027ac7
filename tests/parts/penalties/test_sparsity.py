"""The divergence of mean activations by hand, its memory batch by batch, and what it does to a code of digits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits

from isthmus import Autoencoder
from isthmus.contracts import Batch, Code, ForwardPass, Row
from isthmus.core.parameter_specs import assemble, parameter_specs
from isthmus.errors import InvalidPart
from isthmus.model.model import build
from isthmus.parts.backbones import MLP
from isthmus.parts.bottlenecks import Deterministic
from isthmus.parts.likelihoods import SquaredError
from isthmus.parts.optimizers import Sgd
from isthmus.parts.penalties import Sparsity
from isthmus.training.objective import Plan, loss

CODES = np.random.default_rng(0).uniform(0.02, 0.6, size=(6, 3))
LATER = np.random.default_rng(1).uniform(0.02, 0.6, size=(4, 3))
DIGITS = load_digits().data


def divergence(rho: float, mean: np.ndarray) -> np.ndarray:
    return rho * np.log(rho / mean) + (1 - rho) * np.log((1 - rho) / (1 - mean))


def slope(rho: float, mean: np.ndarray) -> np.ndarray:
    return -rho / mean + (1 - rho) / (1 - mean)


@jax.jit
def _evaluate(part: Any, draws: Any, weight: Any, memory: Any) -> Any:
    def term(draws: Any) -> Any:
        batch = Batch(weight[:, None], weight)
        forward = ForwardPass(batch, None, Code(draws, draws[0]), None, None, None, None, memory)  # type: ignore[arg-type]
        return part(forward), part.remember(forward)

    (value, after), gradient = jax.value_and_grad(term, has_aux=True)(draws)
    return value, gradient[0], after


def evaluate(part: Sparsity, codes: Any, weight: Any = None, memory: Any = None) -> tuple[float, np.ndarray, Any]:
    """Return the term of codes [k, n, size] or [n, size], its gradient (of the first draw), and what is remembered."""
    draws = np.asarray(codes) if np.ndim(codes) == 3 else np.asarray(codes)[None]
    weight = np.ones(draws.shape[1]) if weight is None else np.asarray(weight, float)
    value, gradient, after = _evaluate(
        part, draws, weight, part.start(SimpleNamespace(size=draws.shape[2]), {}) if memory is None else memory
    )
    return float(value), np.asarray(gradient), jax.tree.map(np.asarray, after)


@pytest.fixture(autouse=True)
def float64() -> Any:
    with jax.enable_x64(True):
        yield


def test_its_defaults_by_hand_in_the_loss() -> None:
    """3 · Σ_j KL(0.05 ‖ ρ̂_j), ρ̂_j a weighted mean over rows; rows of weight 0 do not count."""
    road = MLP(())
    skeleton = build(Row((3,)), road, Deterministic(2, "sigmoid"), road, SquaredError())
    flat = np.random.default_rng(0).normal(size=sum(spec.size for spec in parameter_specs(skeleton).values()))
    x, weight = np.random.default_rng(1).normal(size=(4, 3)), np.array([2.0, 0.5, 1.0, 0.0])
    mean = weight @ (1 / (1 + np.exp(-(x @ flat[:6].reshape(3, 2) + flat[6:8])))) / 3.5
    plan, batch = Plan(None, (Sparsity(),), Sgd()), Batch(jnp.array(x), jnp.array(weight))

    @jax.jit
    def term(weights: Any) -> Any:
        each = jax.vmap(
            lambda flat: loss(assemble(skeleton, flat), plan, batch, jnp.int32(0), None)[1].terms["sparsity"]
        )
        return each(weights)

    nudges = 1e-6 * np.concatenate([np.eye(flat.size), -np.eye(flat.size), np.zeros((1, flat.size))])
    values, pull = jax.vjp(term, flat + nudges)
    assert float(values[-1]) == pytest.approx(3 * divergence(0.05, mean).sum(), rel=1e-12)
    above, below = np.split(np.asarray(values[:-1]), 2)
    gradient = np.asarray(pull(jnp.zeros(len(nudges)).at[-1].set(1.0))[0])[-1]
    assert np.abs(gradient).max() > 0.1
    np.testing.assert_allclose(gradient, (above - below) / 2e-6, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("rho", [0.05, 0.4])
def test_its_slope_at_each_activation(rho: float) -> None:
    """(−ρ/ρ̂ + (1−ρ)/(1−ρ̂)) / n, as of each of the n rows that the mean is of."""
    value, gradient, _ = evaluate(Sparsity(rho), CODES)
    assert value == pytest.approx(divergence(rho, CODES.mean(axis=0)).sum(), rel=1e-12)
    np.testing.assert_allclose(gradient, np.tile(slope(rho, CODES.mean(axis=0)) / 6, (6, 1)), rtol=1e-10)


def test_several_draws_of_a_code_count_by_their_mean() -> None:
    draws = np.stack([CODES, CODES**2])
    expected = divergence(0.05, draws.mean(axis=(0, 1))).sum()
    assert evaluate(Sparsity(), draws)[0] == pytest.approx(expected, rel=1e-12)


def test_a_span_is_brought_to_0_and_1() -> None:
    plain, spanned = evaluate(Sparsity(), CODES), evaluate(Sparsity(span=(-1, 1)), 2 * CODES - 1)
    assert spanned[0] == pytest.approx(plain[0], rel=1e-12)
    np.testing.assert_allclose(spanned[1], plain[1] / 2, rtol=1e-12)


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
def test_the_mean_is_over_this_batch_and_those_before(memory: float) -> None:
    """Each row by its weight, times `memory` for every step since; the gradient as if the batch were the sample."""
    part, one, two = Sparsity(0.1, memory=memory), np.array([2.0, 1.0, 0.5, 1.0, 0.5, 0.0]), np.array([1, 2, 0, 0.5])
    once = evaluate(part, CODES, one)[2]
    twice = evaluate(part, LATER, two, once)[2]
    value, gradient, _ = evaluate(part, CODES, one, twice)
    counts = np.concatenate([memory**2 * one, memory * two, one])
    expected = counts @ np.concatenate([CODES, LATER, CODES]) / counts.sum()
    assert value == pytest.approx(divergence(0.1, expected).sum(), rel=1e-6)
    np.testing.assert_allclose(gradient, np.outer(one / 5, slope(0.1, expected)), rtol=1e-5)


def test_what_it_remembers_does_not_depend_on_rows_that_fill_up() -> None:
    part = Sparsity()
    past = evaluate(part, LATER)[2]
    short = evaluate(part, LATER, None, past)
    filled = evaluate(part, np.concatenate([LATER, CODES[:2]]), [1, 1, 1, 1, 0, 0], past)
    assert filled[0] == pytest.approx(short[0], rel=1e-12)
    np.testing.assert_allclose(filled[1], np.concatenate([short[1], np.zeros((2, 3))]), rtol=1e-12)
    np.testing.assert_allclose(filled[2], short[2], rtol=1e-12)
    np.testing.assert_allclose(evaluate(part, CODES, np.zeros(6), past)[2], past, rtol=1e-12)


def test_nothing_seen_is_no_loss() -> None:
    value, gradient, _ = evaluate(Sparsity(), CODES, np.zeros(6))
    assert value == pytest.approx(0, abs=1e-12)
    np.testing.assert_array_equal(gradient, 0)


def test_a_unit_that_has_moved_is_not_judged_by_its_past() -> None:
    """A past that strayed by b, beyond three standard errors of the batch, counts as variance / b² rows."""
    part, variance = Sparsity(), 0.05**2
    past = part.start(SimpleNamespace(size=1), {})._replace(
        rows=np.array([1600.0]), mean=np.array([0.02]), variance=np.array([0.0001])
    )
    low, high = np.tile([[0.0], [0.1]], (8, 1)), np.tile([[0.8], [0.9]], (8, 1))
    near, moved = evaluate(part, low, None, past), evaluate(part, high, None, past)
    assert float(near[2].rows[0]) == pytest.approx(16 + 0.99 * 1600, rel=1e-9)  # off by 0.03, as by chance
    rows = variance / ((0.85 - 0.02) ** 2 - 9 * variance / 16)
    mean = (16 * 0.85 + rows * 0.02) / (16 + rows)
    assert float(moved[2].rows[0]) == pytest.approx(16 + rows, rel=1e-9)
    assert float(moved[2].mean[0]) == pytest.approx(mean, rel=1e-9)
    assert float(moved[2].variance[0]) == pytest.approx((16 * variance + rows * 0.0001) / (16 + rows), rel=1e-9)
    assert moved[0] == pytest.approx(divergence(0.05, np.array(mean)), rel=1e-9)


@pytest.mark.parametrize("rho", [0.05, 0.3])
def test_beyond_the_ends_a_straight_line_pulls_back(rho: float) -> None:
    def at(mean: float) -> tuple[float, float]:
        value, gradient, _ = evaluate(Sparsity(rho), np.full((2, 1), mean))
        return value, float(gradient.sum())

    low, high = rho / 1000, 1 - (1 - rho) / 1000
    for edge, inward in ((low, 1), (high, -1)):
        push = float(slope(rho, np.array(edge)))
        assert -inward * push == pytest.approx(1000, rel=0.01)
        assert at(edge + inward * 1e-9)[0] == pytest.approx(divergence(rho, np.array(edge)), rel=1e-4)
        for beyond in (1e-5, 0.3, 5.0):
            value, gradient = at(edge - inward * beyond)
            assert value == pytest.approx(divergence(rho, np.array(edge)) + abs(push) * beyond, rel=1e-9)
            assert gradient == pytest.approx(push, rel=1e-9)


def test_small_batches_alone_pull_beyond_rho() -> None:
    """Units that are on in one of 20 rows are as sparse as they should be; a batch of 16 alone does not see it."""
    codes = (np.random.default_rng(3).random((16 * 400, 8)) < 0.05) * 0.9 + 0.005
    pulls = {}
    for memory in (0.0, 0.99):
        part, past, found = Sparsity(float(codes.mean()), memory=memory), None, []
        for batch in codes.reshape(400, 16, 8):
            _, gradient, past = evaluate(part, batch, None, past)
            found.append(gradient.sum(axis=0))
        pulls[memory] = np.mean(found[100:])
    assert pulls[0.0] < -2
    assert abs(pulls[0.99]) < 0.2


def test_every_unit_comes_near_rho_in_small_batches() -> None:
    """Within a fifth, and nearer than by each batch alone, whose term is also no measure of the sample."""
    found, terms = {}, {}
    with jax.enable_x64(False):
        for memory in (0.99, 0.0):
            ae = Autoencoder(
                "deterministic(64, sigmoid)",
                encoder=(),
                penalties=[f"sparsity(0.05, weight=3.0, memory={memory})"],
                scaling="minmax",
                batch_size=16,
                max_epochs=30,
                stops=(),
                validation_fraction=0,
            ).fit(DIGITS)
            found[memory] = ae.transform(DIGITS).mean(axis=0)
            terms[memory] = ae.history_[-1]["sparsity"] / (3 * divergence(0.05, found[memory]).sum())
    excess = {memory: np.abs(means / 0.05 - 1).max() for memory, means in found.items()}
    assert excess[0.99] < 0.2
    assert excess[0.99] < excess[0.0]
    assert terms[0.99] < 2
    assert terms[0.0] > 4


def test_large_steps_leave_no_unit_always_on() -> None:
    """As they do where the past counts although the unit has moved."""
    with jax.enable_x64(False):
        ae = Autoencoder(
            "deterministic(64, sigmoid)",
            encoder=(),
            penalties=["sparsity"],
            scaling="minmax",
            optimizer="adam(0.01)",
            batch_size=16,
            max_epochs=30,
            stops=(),
            validation_fraction=0,
        ).fit(DIGITS)
        means = ae.transform(DIGITS).mean(axis=0)
    assert means.min() > 0.001
    assert means.max() < 0.2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rho": 0.0}, "Sparsity.rho must be in (0, 1). Got 0.0."),
        ({"rho": 1.0}, "Sparsity.rho must be in (0, 1). Got 1.0."),
        ({"weight": -1.0}, "Sparsity.weight must be at least 0. Got -1.0."),
        ({"memory": 1.0}, "Sparsity.memory must be in [0, 1). Got 1.0."),
        ({"memory": -0.1}, "Sparsity.memory must be in [0, 1). Got -0.1."),
        ({"span": (1.0, 0.0)}, "Sparsity.span must be the lowest and the highest activation. Got (1.0, 0.0)."),
        ({"span": (0.0,)}, "Sparsity.span must be the lowest and the highest activation. Got (0.0,)."),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        Sparsity(**settings)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("activation", "on"),
    [
        ("sigmoid", lambda h: h),
        ("tanh", lambda h: (h + 1) / 2),
        ("identity", lambda h: 1 / (1 + np.exp(-h))),
        ("relu", lambda h: np.tanh(h / 2)),
        ("softplus", lambda h: np.tanh(h / 2)),
    ],
)
def test_the_activation_is_that_of_the_code(activation: str, on: Any) -> None:
    x = np.random.default_rng(0).normal(size=(30, 4))
    still: dict[str, Any] = {"optimizer": "sgd(1e-12)", "max_epochs": 1, "batch_size": 30, "scaling": None}
    code = f"deterministic(6, activation={activation})"
    ae = Autoencoder(code, encoder=(), penalties="sparsity(0.1, weight=1.0)", **still).fit(x)
    mean = on(ae.transform(x).astype(np.float64)).mean(axis=0)
    assert ae.history_[0]["sparsity"] == pytest.approx(divergence(0.1, mean).sum(), rel=1e-3)
