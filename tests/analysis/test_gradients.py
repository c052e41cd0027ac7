"""The check of gradients: it agrees where it should, and says where it does not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import isthmus
from isthmus import Autoencoder, InvalidData, InvalidPart, NetworkClassifier, StackedAutoencoder, check_gradients
from isthmus.analysis import gradients
from isthmus.contracts import Penalty
from isthmus.estimators._dry_run import dry_run
from isthmus.training import step as steps
from tiny import weight_arrays, with_weights

X = np.random.default_rng(0).normal(size=(40, 4))
Y = np.where(X[:, 0] > 0.2, "high", "low")
AFFINE = ("neck.affine.matrix", "neck.affine.bias", "head.affine.matrix", "head.affine.bias")
SMOOTH = "mlp((3,), 'tanh')"


def autoencoder(bottleneck: Any = 2, **settings: Any) -> Autoencoder:
    return Autoencoder(bottleneck, **{"encoder": SMOOTH, "max_epochs": 3} | settings)


NOISY = {
    "encoder": "mlp((3,), 'tanh', dropout=0.2)",
    "corruption": "gaussian(0.3)",
    "penalties": ["l2(0.1)", "contractive(0.1)", "weight_decay(0.01)"],
    "validation_fraction": 0.2,
    "batch_size": 7,
}
CASES: dict[str, tuple[Any, Any]] = {
    "noise and penalties": (autoencoder(**NOISY), None),
    "fitted": (autoencoder(**NOISY).fit(X), None),
    "draws of a code": (autoencoder("variational(2)", likelihood="gaussian"), None),
    "neighbors": (autoencoder(neighborhood="nearest(3)"), None),
    "tied": (autoencoder(tied=True), None),
    "a stack": (StackedAutoencoder([autoencoder(3), autoencoder(2)]), None),
    "a classifier, head frozen at first": (NetworkClassifier(SMOOTH, frozen_epochs=2), Y),
    "a classifier, pretrained": (NetworkClassifier(pretrained=autoencoder()), Y),
    "a classifier, fitted": (NetworkClassifier(SMOOTH, target="bernoulli", max_epochs=3).fit(X, Y), Y),
}


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_is_the_slope(name: str) -> None:
    estimator, y = CASES[name]
    before = dict(vars(estimator))
    found = check_gradients(estimator, X, y)
    assert found.forward_error < 1e-5
    assert found.central_error < 1e-7
    assert found.checked == found.weights == len(found.slopes)
    assert np.abs(found.slopes["autodiff"]).max() > 0.01
    assert found.evaluations == {"autodiff": 1, "forward": found.weights + 1, "central": 2 * found.weights}
    assert vars(estimator) == before
    assert all(vars(estimator)[key] is value for key, value in before.items())


def test_each_of_two_players_has_its_own_slope() -> None:
    """The rival's weights fall with its terms, the others with the rest: the sum of all would not do."""
    found = check_gradients(autoencoder("adversarial(2, hidden=(4,))", encoder=()), X)
    assert found.central_error < 1e-6
    rival = found.slopes.index.str.startswith("neck.rival.")
    assert rival.sum() > 10
    assert (found.slopes["autodiff"][rival].abs() > 1e-3).any()


def test_loss_and_slopes_by_hand() -> None:
    """A linear autoencoder x V + c of x W + b: ∂L/∂V = 2 Zᵀ R / n, ∂L/∂W = 2 Xᵀ R Vᵀ / n, with R = X̂ − X."""
    ae = Autoencoder(2, encoder=(), scaling=None, max_epochs=3).fit(X)
    found = check_gradients(ae, X)
    x = X.astype(np.float32).astype(np.float64)
    w, b, v, c = (weight_arrays(ae)[name].astype(np.float64) for name in AFFINE)
    z = x @ w + b
    rest = z @ v + c - x
    assert found.loss == pytest.approx((rest**2).sum(axis=1).mean(), rel=1e-12)
    slopes = [x.T @ rest @ v.T, (rest @ v.T).sum(axis=0), z.T @ rest, rest.sum(axis=0)]
    by_hand = np.concatenate([2 * slope.ravel() / len(x) for slope in slopes])
    shapes = zip(AFFINE, (w.shape, b.shape, v.shape, c.shape), strict=True)
    names = [f"{path}[{', '.join(map(str, i))}]" for path, shape in shapes for i in np.ndindex(shape)]
    np.testing.assert_allclose(found.slopes.loc[names, "autodiff"], by_hand, rtol=1e-9, atol=1e-12)


def test_the_errors_are_of_the_first_and_of_the_second_order() -> None:
    """O(ε) and O(ε²): a tenth of ε, a tenth of the one and a hundredth of the other."""
    coarse, fine = (check_gradients(autoencoder(), X, step=step) for step in (1e-2, 1e-3))
    assert coarse.forward_error / fine.forward_error == pytest.approx(10, rel=0.1)
    assert coarse.central_error / fine.central_error == pytest.approx(100, rel=0.1)


def test_one_gradient_costs_a_few_losses_and_the_differences_cost_as_many_as_there_are_weights() -> None:
    """O(K) against O(K²), counted in the operations of the compiled programs: machines differ, these do not."""
    weights, ratios, costs = [], [], []
    for width in (8, 32, 128):
        stage = dry_run(Autoencoder(4, encoder=f"mlp(({width},), 'tanh')"), np.tile(X, 2), None, {})[-1]
        start = np.asarray(stage.start.state.weights[0], np.float64)
        with jax.enable_x64(True):
            arguments = gradients._arguments(stage, start, np.int32(0))
            gradient = steps.gradient.lower(*arguments).compile().cost_analysis()["flops"]
            one = (np.zeros(1, np.int32), np.zeros(1), arguments)
            loss = gradients._losses.lower(np.int32(1), *one).compile().cost_analysis()["flops"]
        weights.append(len(start))
        ratios.append(gradient / loss)
        costs.append((len(start) + 1) * loss / gradient)
    assert weights[2] > 10 * weights[0]
    assert max(ratios) < 4
    assert min(ratios) > 1.5  # so the gradient is not computed where only the loss is asked for
    np.testing.assert_allclose(np.array(costs) / weights, costs[0] / weights[0], rtol=0.5)


def test_a_kink_is_named() -> None:
    """At a unit that is exactly 0 for one row, relu falls on one side only; central differences take the mean."""
    x = np.concatenate([X, np.zeros((1, 4))])
    ae = Autoencoder("deterministic(1, activation=relu)", encoder=(), scaling=None, max_epochs=0).fit(x)
    ae = with_weights(ae, {"head.affine.bias": np.ones(4)})  # the row of zeros is not explained
    found = check_gradients(ae, x)
    assert found.worst == found.slopes.index[0] == "neck.affine.bias[0]"
    autodiff, forward, central = found.slopes.loc[found.worst, ["autodiff", "forward", "central"]]
    assert abs(forward - autodiff) > 1e-3
    assert central == pytest.approx((forward + autodiff) / 2, rel=1e-6)
    assert found.central_error == found.slopes["error"].iloc[0] > 1e-4
    assert found.slopes["error"].iloc[1] < 1e-6
    assert f"worst: neck.affine.bias[0]: autodiff {autodiff:.6g}, forward {forward:.6g}, central" in str(found)


@dataclass(frozen=True)
class Deaf(Penalty):
    """The length of the code, as if it could not be changed."""

    weight: float = 1.0

    def __call__(self, seen: Any) -> Any:
        return jnp.sum(jax.lax.stop_gradient(seen.code.draws[0]) ** 2, axis=1)


def test_a_wrong_gradient_is_found_where_it_is() -> None:
    found = check_gradients(autoencoder(penalties=Deaf()), X)
    assert found.central_error > 0.1
    wrong = found.slopes["error"] > 1e-5
    above = found.slopes.index.str.startswith(("decoder.", "head."))
    assert wrong[~above].mean() > 0.9
    assert not wrong[above].any()
    assert not found.worst.startswith(("decoder.", "head."))


def test_some_of_many_weights() -> None:
    whole = check_gradients(autoencoder(), X)
    some, again, other = (check_gradients(autoencoder(), X, most=10, random_state=seed) for seed in (0, 0, 1))
    assert (some.checked, some.weights, len(some.slopes)) == (10, whole.weights, 10)
    assert some.evaluations == {"autodiff": 1, "forward": 11, "central": 20}
    assert set(some.slopes.index) == set(again.slopes.index) != set(other.slopes.index)
    shared = whole.slopes.loc[some.slopes.index, ["autodiff", "central"]]
    np.testing.assert_allclose(some.slopes[["autodiff", "central"]], shared, rtol=1e-9)
    assert f"all weights would take {whole.weights + 1} and {2 * whole.weights} evaluations" in str(some)
    assert "would take" not in str(whole)


def test_it_reads_as_a_table() -> None:
    found = check_gradients(autoencoder(), X)
    first, head, *methods, worst = str(found).splitlines()
    assert first == f"{found.weights} of {found.weights} weights, loss {found.loss:.6g}"
    assert head.split() == ["method", "evaluations", "seconds", "largest", "error"]
    assert [line.split()[0] for line in methods] == ["autodiff", "forward", "central"]
    assert [int(line.split()[1]) for line in methods] == list(found.evaluations.values())
    assert methods[2].endswith(f"{found.central_error:.1e}")
    assert worst.startswith(f"worst: {found.worst}: autodiff ")
    assert all(seconds > 0 for seconds in found.seconds.values())


def test_noise_is_drawn_once() -> None:
    one, other = (check_gradients(autoencoder(**NOISY), X) for _ in range(2))
    assert one.loss == other.loss
    np.testing.assert_array_equal(one.slopes["central"], other.slopes["central"])
    assert check_gradients(autoencoder(**NOISY, random_state=1), X).loss != one.loss


def test_schedules_stand_at_their_start_or_at_their_end() -> None:
    scheduled = autoencoder(penalties="l2(linear(0.0, 2.0, steps=10))", max_epochs=0)
    before, after = check_gradients(scheduled, X), check_gradients(scheduled.fit(X), X)
    codes = scheduled.transform(X)
    assert after.loss - before.loss == pytest.approx(2 * (codes**2).sum(axis=1).mean(), rel=1e-5)


def test_a_fitted_model_takes_its_columns_from_a_file(tmp_path: Path) -> None:
    frame = pd.DataFrame(X, columns=list("abcd"))
    ae = autoencoder().fit(frame)
    frame.assign(other=1.0)[["other", "d", "a", "c", "b"]].to_csv(tmp_path / "rows.csv", index=False)
    assert check_gradients(ae, tmp_path / "rows.csv").loss == check_gradients(ae, frame).loss


def test_weights_of_rows_count() -> None:
    weight = np.ones(40)
    weight[:10] = 2
    weighed = check_gradients(autoencoder(scaling=None), X, sample_weight=weight)
    twice = check_gradients(autoencoder(scaling=None), np.concatenate([X, X[:10]]))
    assert weighed.loss == pytest.approx(twice.loss, rel=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"most": 0}, "most must be a whole number of at least 1. Got 0."),
        ({"most": 2.0}, "most must be a whole number of at least 1. Got 2.0."),
        ({"most": True}, "most must be a whole number of at least 1. Got True."),
        ({"step": 0}, "step must be a number above 0 and below 1, or None. Got 0."),
        ({"step": "small"}, "step must be a number above 0 and below 1, or None. Got 'small'."),
        ({"random_state": -1}, "random_state must be None, a generator of NumPy, or a whole number in [0, 2**32)"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        check_gradients(autoencoder(), X, **settings)
    assert str(caught.value).startswith(message)


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(InvalidPart, match=r"^estimator must be a network of isthmus, as Autoencoder\(2\)\. Got 3\.$"):
        isthmus.check_gradients(3, X)  # type: ignore[arg-type]


def test_a_table_that_fit_would_refuse_is_refused() -> None:
    with pytest.raises(InvalidData, match="column 1 holds"):
        check_gradients(autoencoder(), np.where(np.arange(4) == 1, np.nan, X))
    with pytest.raises(InvalidData, match="needs labels"):
        check_gradients(NetworkClassifier(SMOOTH), X)


def test_a_table_of_another_model_is_refused() -> None:
    with pytest.raises(ValueError, match="X has 3 features, but Autoencoder is expecting 4 features"):
        check_gradients(CASES["fitted"][0], X[:, :3])
    with pytest.raises(InvalidData, match="has other weights than the fitted one"):
        check_gradients(CASES["a classifier, fitted"][0], X, np.arange(40) % 3)
    changed = autoencoder().fit(X).set_params(bottleneck=1)
    with pytest.raises(InvalidData, match="has other weights than the fitted one"):
        check_gradients(changed, X)


def test_weights_beyond_the_numbers_have_no_slope() -> None:
    """Eight layers that each make a number 1e38 times as large are beyond float64."""
    ae = autoencoder(encoder="mlp((3, 3, 3), 'relu')", max_epochs=0).fit(X)
    ae = with_weights(ae, {name: np.full(array.shape, 1e38) for name, array in weight_arrays(ae).items()})
    with pytest.raises(InvalidData, match=r"the loss of these rows at these weights is (nan|inf): it has no slope"):
        check_gradients(ae, X)
