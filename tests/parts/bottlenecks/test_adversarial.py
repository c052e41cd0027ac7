"""Adversarial codes: both sides' terms by hand, each side's gradient on its own weights only, and who decides what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import isthmus
import tiny
from isthmus import Autoencoder
from isthmus.contracts import Batch, Code, ForwardPass, Row
from isthmus.core.parameter_specs import parameter_specs, weight_range
from isthmus.errors import InvalidData, InvalidPart
from isthmus.model.model import build
from isthmus.parts.backbones import MLP
from isthmus.parts.bottlenecks import Adversarial
from isthmus.parts.likelihoods import SquaredError
from isthmus.parts.optimizers import Sgd
from isthmus.training.objective import Plan, loss
from tiny import assembled, weight_arrays, weights_of

POINT = np.array([[0.5, -1.0], [2.0, 0.3], [-3.0, 4.0]])
LABEL = np.array([1, -1, 0], np.int32)
SLOPE, BIAS = np.array([0.7, -0.4]), 0.2
AT = "mixture(1, radius=3.0, deviation=1e-07)"  # every draw is (3, 0)
MIXED = "mixture(2, radius=3.0, deviation=1e-07, by_label=True)"  # (3, 0) and (-3, 0)


def softplus(x: Any) -> Any:
    return np.logaddexp(0, x)


def neck(part: Adversarial, rival: np.ndarray) -> Any:
    """Return the neck with the rival's weights given, those of the code 0."""
    return assembled(part.build(4), jnp.array(np.concatenate([np.zeros(4 * 2 + 2), rival])))


def seen(key: Any, label: Any = None, step: int = 0, point: np.ndarray = POINT) -> ForwardPass:
    batch = Batch(jnp.zeros((len(point), 3)), jnp.ones(len(point)), label)
    code = Code(jnp.array(point)[None], jnp.array(point))
    return ForwardPass(batch, batch.x, code, None, None, jnp.int32(step), key)  # type: ignore[arg-type]


def terms(net: Any, key: Any, **what: Any) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    found = seen(key, **what)
    likelihood = -jnp.arange(1.0, len(found.code.point) + 1)[None]
    return jax.tree.map(np.asarray, (net.terms(likelihood, found), net.discriminator_terms(found)))


@pytest.mark.parametrize(
    ("settings", "weight", "smoothness"),
    [
        ({}, 10.0, 0.1),
        ({"weight": 2.5, "smoothness": 3.0}, 2.5, 3.0),
        ({"weight": "linear(1.0, 0.5, 10)"}, 0.75, 0.1),  # at step 5
    ],
)
def test_the_terms_of_an_affine_rival_by_hand(settings: dict[str, Any], weight: float, smoothness: float) -> None:
    net = neck(Adversarial(2, AT, hidden=(), **settings), np.append(SLOPE, BIAS))
    own, against = terms(net, jax.random.key(0), step=5)
    logit = POINT @ SLOPE + BIAS  # 0.95, 1.48, -3.5
    assert set(own) == {"reconstruction", "adversarial"}
    np.testing.assert_array_equal(own["reconstruction"], [1, 2, 3])
    np.testing.assert_allclose(own["adversarial"], weight * softplus(-logit), rtol=1e-6)
    assert set(against) == {"rival", "rival_slope"}
    np.testing.assert_allclose(against["rival"], softplus(-(3 * 0.7 + 0.2)) + softplus(logit), rtol=1e-6)
    np.testing.assert_allclose(against["rival_slope"], smoothness / 2 * 2 * (0.49 + 0.16) * np.ones(3), rtol=1e-6)


def test_a_rival_that_cannot_tell() -> None:
    own, against = terms(neck(Adversarial(2, hidden=()), np.zeros(3)), jax.random.key(0))
    np.testing.assert_allclose(own["adversarial"], 10 * np.log(2), rtol=1e-6)
    np.testing.assert_allclose(against["rival"], 2 * np.log(2), rtol=1e-6)
    np.testing.assert_array_equal(against["rival_slope"], 0)


def test_a_rival_with_a_hidden_layer_by_hand() -> None:
    random = np.random.default_rng(0)
    matrix, bias, out, last = random.normal(size=(2, 3)), random.normal(size=3), random.normal(size=3), 0.4
    net = neck(Adversarial(2, AT, hidden=(3,)), np.concatenate([matrix.ravel(), bias, out, [last]]))

    def logit_and_steepness(code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        hidden = code @ matrix + bias
        slope = np.where(hidden > 0, 1, 0.2)  # of a leaky rectifier
        return (slope * hidden) @ out + last, (((slope * out) @ matrix.T) ** 2).sum(axis=1)

    (real, steep), (fake, steeper) = logit_and_steepness(np.array([[3.0, 0.0]])), logit_and_steepness(POINT)
    own, against = terms(net, jax.random.key(0))
    np.testing.assert_allclose(own["adversarial"], 10 * softplus(-fake), rtol=1e-5)
    np.testing.assert_allclose(against["rival"], softplus(-real) + softplus(fake), rtol=1e-5)
    np.testing.assert_allclose(against["rival_slope"], 0.05 * (steep + steeper), rtol=1e-5)


def test_a_rival_sees_labels_where_the_prior_goes_by_them() -> None:
    marks = np.array([10.0, 20.0, -30.0])  # of class 0, of class 1, of no label
    net = neck(Adversarial(2, MIXED, hidden=()), np.concatenate([SLOPE, marks, [BIAS]]))
    marked = POINT @ SLOPE + BIAS + marks[[1, 2, 0]]
    own, against = terms(net, jax.random.key(0), label=jnp.array(LABEL))
    np.testing.assert_allclose(own["adversarial"], 10 * softplus(-marked), rtol=1e-5)
    labelled = [0, 2]  # the second row is drawn from either component
    real = np.array([[-3.0, 0.0], [3.0, 0.0]]) @ SLOPE + BIAS + marks[[1, 0]]
    expected = softplus(-real) + softplus(marked[labelled])
    np.testing.assert_allclose(against["rival"][labelled], expected, rtol=1e-5)
    either = softplus(-(np.array([3, -3]) * 0.7 + BIAS + marks[2])) + softplus(marked[1])
    assert np.abs(against["rival"][1] - either).min() < 1e-4
    np.testing.assert_allclose(against["rival_slope"], 0.1 * 0.65, rtol=1e-5)  # of the code, not of the marks
    unknown, _ = terms(net, jax.random.key(0))
    np.testing.assert_allclose(unknown["adversarial"], 10 * softplus(-(POINT @ SLOPE + BIAS - 30)), rtol=1e-5)


def test_without_a_key_there_is_no_rival_and_no_noise() -> None:
    net = neck(Adversarial(2, hidden=(), noise=0.5), np.append(SLOPE, BIAS))
    own, against = terms(net, None)
    np.testing.assert_allclose(own["adversarial"], 10 * softplus(-(POINT @ SLOPE + BIAS)), rtol=1e-6)
    assert against == {}


def test_noise_is_added_to_codes_and_draws_before_the_rival_sees_them() -> None:
    net = neck(Adversarial(2, AT, hidden=(), noise=0.5, weight=1.0), np.append(SLOPE, BIAS))
    many = np.repeat(POINT[:1], 20_000, axis=0)
    own, against = terms(net, jax.random.key(0), point=many)
    fake, spread = 0.95, 0.5 * 0.65**0.5  # the logit of the code, and what noise makes of it
    logit = -np.log(np.expm1(own["adversarial"]))
    assert logit.mean() == pytest.approx(fake, abs=5 * spread / 20_000**0.5)
    assert logit.std() == pytest.approx(spread, rel=0.03)
    grid = np.linspace(-8, 8, 4001)
    density = np.exp(-(grid**2) / 2) / (2 * np.pi) ** 0.5 * (grid[1] - grid[0])
    sides = [softplus(-(3 * 0.7 + BIAS + spread * grid)), softplus(fake + spread * grid)]
    means = [density @ side for side in sides]
    variances = [density @ side**2 - mean**2 for side, mean in zip(sides, means, strict=True)]
    assert against["rival"].mean() == pytest.approx(sum(means), abs=5 * (sum(variances) / 20_000) ** 0.5)
    assert against["rival"].var() == pytest.approx(sum(variances), rel=0.06)  # the two are shaken apart


def test_a_prior_is_drawn_anew_for_each_key() -> None:
    net = neck(Adversarial(2, hidden=()), np.append(SLOPE, BIAS))
    first, again, other = (terms(net, jax.random.key(seed))[1]["rival"] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def test_samples_are_draws_of_the_prior() -> None:
    part = Adversarial(3, "swiss_roll")
    found = neck(part.replace(size=2), np.zeros(2 * 64 + 64 + 64 * 64 + 64 + 65)).sample(jax.random.key(4), 50)
    np.testing.assert_allclose(found, part.prior(jax.random.key(4), 50, 2), rtol=1e-5)


ROAD = MLP((3,), activation="tanh")
SETTINGS: dict[str, Any] = {"hidden": (3,), "smoothness": 0.7, "noise": 0.1}
X = np.random.default_rng(1).normal(size=(5, 3))
WEIGHT = np.array([2.0, 0.5, 1.0, 1.5, 0.0])


@pytest.mark.parametrize("prior", ["normal", "mixture(3, by_label=True)"])
def test_each_side_learns_from_its_own_terms_only(prior: str) -> None:
    skeleton = build(Row((3,)), ROAD, Adversarial(2, prior, **SETTINGS), ROAD, SquaredError())
    count = sum(spec.size for spec in parameter_specs(skeleton).values())
    low, high = weight_range(skeleton, "neck.rival")
    weights = 0.7 * np.random.default_rng(2).normal(size=count)
    with jax.enable_x64(True):
        batch = Batch(jnp.array(X), jnp.array(WEIGHT), jnp.array([0, 1, -1, 2, -1], jnp.int32))

        @jax.jit
        def evaluate(flat: Any) -> Any:
            """Return the sum of the encoder's terms, that of the rival's, and the gradient of both together."""
            of = lambda flat: loss(  # noqa: E731
                assembled(skeleton, flat), Plan(None, (), Sgd()), batch, jnp.int32(3), jax.random.key(7)
            )
            (both, found), gradient = jax.value_and_grad(of, has_aux=True)(flat)
            return jnp.stack([found.loss, both - found.loss]), gradient, found.terms

        _, gradient, found = evaluate(weights)
        assert set(found) == {"reconstruction", "adversarial", "rival", "rival_slope"}
        step = 1e-5 * np.eye(count)
        slopes = np.array([evaluate(weights + s)[0] - evaluate(weights - s)[0] for s in step]) / 2e-5  # [count, 2]
    is_rival = (np.arange(count) >= low) & (np.arange(count) < high)
    # Each side's terms depend on the weights of the other, yet learning sees only its own.
    last = count - 1  # the decoder's: the rival never sees it
    assert np.abs(slopes[is_rival, 0]).max() > 0.1
    assert np.abs(slopes[~is_rival, 1]).max() > 0.01
    assert abs(slopes[last, 1]) < 1e-8
    np.testing.assert_allclose(gradient[~is_rival], slopes[~is_rival, 0], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(gradient[is_rival], slopes[is_rival, 1], rtol=1e-6, atol=1e-8)


TABLE = np.random.default_rng(0).normal(size=(64, 5))


def fitted(bottleneck: Any, y: Any = None, **settings: Any) -> Autoencoder:
    chosen = {"encoder": (4,), "max_epochs": 2, "batch_size": 32} | settings
    return Autoencoder(bottleneck, **chosen).fit(TABLE, y)


@pytest.mark.parametrize(
    ("optimizer", "rival", "moves"), [("sgd(1e-30)", "sgd(0.1)", "rival"), ("sgd(0.01)", "sgd(1e-30)", "other")]
)
def test_one_loop_moves_each_side_by_its_own_optimizer(optimizer: str, rival: str, moves: str) -> None:
    part = Adversarial(2, hidden=(3,), rival=rival)
    ae = fitted(part, optimizer=optimizer)
    start = fitted(part, optimizer=optimizer, max_epochs=0)
    before, after = weight_arrays(start), weight_arrays(ae)
    has_moved = np.concatenate([np.ravel(np.abs(after[name] - before[name]) > 1e-20) for name in after])
    is_rival = np.concatenate([np.full(array.size, name.startswith("neck.rival.")) for name, array in after.items()])
    should_move = is_rival if moves == "rival" else ~is_rival
    assert has_moved[should_move].mean() > 0.5  # not where a rectifier sleeps
    assert not has_moved[~should_move].any()


def test_the_same_seed_gives_the_same_weights_and_a_file_gives_them_back(tmp_path: Path) -> None:
    part = Adversarial(2, "mixture(3, by_label=True)", hidden=(3,), noise=0.1)
    y = np.arange(64) % 3
    one, other, third = (fitted(part, y, random_state=seed) for seed in (5, 5, 6))
    assert weights_of(one).tobytes() == weights_of(other).tobytes()
    assert weights_of(one).tobytes() != weights_of(third).tobytes()
    assert set(one.history_[-1]) >= {"loss", "reconstruction", "adversarial", "rival", "rival_slope"}
    record = one.history_[-1]
    assert record["loss"] == pytest.approx(record["reconstruction"] + record["adversarial"], rel=1e-5)
    one.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    assert loaded.bottleneck == part
    np.testing.assert_array_equal(loaded.transform(TABLE), one.transform(TABLE))
    assert weights_of(loaded).tobytes() == weights_of(one).tobytes()


def test_the_prior_says_whether_labels_are_needed() -> None:
    labelled = Adversarial(2, "mixture(3, by_label=True)")
    assert (labelled.needs_labels, labelled.most_classes) == (True, 3)
    assert (Adversarial(2).needs_labels, Adversarial(2).most_classes) == (False, None)
    with pytest.raises(InvalidData, match=r"^the bottleneck adversarial needs labels: call fit\(X, y\)\."):
        fitted(labelled)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "Adversarial.size must be at least 1. Got 0."),
        ({"hidden": (4, 0)}, "Adversarial.hidden must be widths of at least 1. Got (4, 0)."),
        ({"weight": -1.0}, "Adversarial.weight must be at least 0. Got -1.0."),
        ({"smoothness": -1.0}, "Adversarial.smoothness must be at least 0. Got -1.0."),
        ({"noise": -0.1}, "Adversarial.noise must be at least 0. Got -0.1."),
        ({"rival": "lbfgs"}, "Adversarial.rival must be an optimizer that goes step by step. Got 'lbfgs'."),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        Adversarial(**{"size": 2} | settings)
    assert str(caught.value) == message


def test_a_prior_refuses_a_size_before_training() -> None:
    with pytest.raises(InvalidPart) as caught:
        fitted(Adversarial(1, "swiss_roll"))
    assert str(caught.value) == "the size of a code whose prior is a swiss_roll must be at least 2. Got 1."


def test_recorded_weight_decay_leaves_out_the_discriminator() -> None:
    """Its matrices do not learn from the term: only those of the network are counted."""
    settings: dict[str, Any] = {"penalties": "weight_decay(1.0)", "optimizer": "sgd(1e-12)", "batch_size": 60}
    ae = tiny.autoencoder(bottleneck="adversarial(2)", max_epochs=1, **settings).fit(tiny.X)
    matrices = {name: array for name, array in tiny.weight_arrays(ae).items() if array.ndim == 2}
    own = sum(float(np.square(array).sum()) for name, array in matrices.items() if not name.startswith("neck.rival"))
    assert len([name for name in matrices if name.startswith("neck.rival")]) == 3
    assert ae.history_[0]["weight_decay"] == pytest.approx(own, rel=1e-4)
