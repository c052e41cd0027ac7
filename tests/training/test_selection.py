"""Which epoch is kept, and when training ends: judged by what is trained, once every schedule has ended."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from isthmus.contracts import Bottleneck, Corruption, Optimizer, Penalty, Row, Stop
from isthmus.core.parameter_specs import assemble
from isthmus.core.spelling import resolve
from isthmus.data.device_table import DeviceTable
from isthmus.model.model import Noise, build
from isthmus.parts.backbones import MLP
from isthmus.parts.likelihoods import SquaredError
from isthmus.parts.neighborhoods import SameClass
from isthmus.training import loop
from isthmus.training.epoch import VALIDATION_KEY, Job, shuffled_batches
from isthmus.training.objective import Plan
from isthmus.training.selection import kept_epoch
from isthmus.training.step import VALIDATION_DRAWS, validation_loss
from tiny import X, autoencoder

ROWS = np.random.default_rng(1).normal(size=(40, 5)).astype(np.float32)
HELD_OUT = np.random.default_rng(2).normal(size=(16, 5)).astype(np.float32)
DROPOUT = MLP((), dropout=0.5)


def table(x: np.ndarray) -> DeviceTable:
    return DeviceTable(x, np.ones(len(x), np.float32), np.int32(len(x)))


def job(
    code: str = "deterministic(2)", optimizer: str = "adam(0.01)", penalties: Any = (), stops: Any = (), **settings: Any
) -> Job:
    """Return a job of five steps an epoch; the network is affine."""
    corruption = resolve(Corruption, settings.pop("corruption")) if "corruption" in settings else None
    plan = Plan(
        corruption,
        tuple(resolve(Penalty, penalty) for penalty in penalties),
        resolve(Optimizer, optimizer),
    )
    backbone = settings.pop("backbone", MLP(()))
    usual: dict[str, Any] = {
        "model": build(Row((5,)), backbone, resolve(Bottleneck, code), backbone, SquaredError()),
        "plan": plan,
        "table": table(ROWS),
        "held_out": None,
        "batch_size": 8,
        "max_epochs": 6,
        "stops": tuple(resolve(Stop, stop) for stop in stops),
        "seeds": (7,),
    }
    return Job(**usual | settings)


def run(job: Job) -> list[Any]:
    return list(loop.train(job, loop.start(job)))


def validation(progress: Any) -> list[float]:
    return [record["validation_loss"] for record in progress.histories[0]]


def reconstruction(job: Job, weights: Any, x: np.ndarray) -> np.ndarray:
    """Return the rows that the affine network makes of `x`, by NumPy."""
    model = assemble(job.model, np.asarray(weights))
    code = x @ model.neck.affine.matrix + model.neck.affine.bias
    return code @ model.head.affine.matrix + model.head.affine.bias


def test_validation_rows_are_corrupted_and_the_error_is_against_the_clean_ones() -> None:
    settings = job(corruption="masking(0.5)", held_out=table(HELD_OUT), max_epochs=1)
    progress = run(settings)[-1]
    errors = []
    for draw in range(VALIDATION_DRAWS):
        key = jax.random.fold_in(jax.random.wrap_key_data(VALIDATION_KEY), draw)
        noisy = settings.plan.corruption(HELD_OUT, jax.random.fold_in(key, Noise.CORRUPTION))  # type: ignore[misc]
        assert not np.array_equal(noisy, HELD_OUT)
        made = reconstruction(settings, progress.state.weights[0], np.asarray(noisy))
        errors.append(np.square(made - HELD_OUT).sum(axis=1).mean())
    assert len(set(errors)) == VALIDATION_DRAWS
    assert validation(progress) == pytest.approx([np.mean(errors)], rel=1e-5)


@pytest.mark.parametrize(
    "settings",
    [{"corruption": "gaussian(1.0)"}, {"code": "variational(2)"}, {"code": "importance_weighted(2)"}],
    ids=str,
)
def test_the_noise_of_validation_rows_is_the_same_after_every_epoch(settings: dict[str, Any]) -> None:
    """Weights that do not move have one loss, and it is not that without noise."""
    still = job(optimizer="sgd(1e-30)", held_out=table(HELD_OUT), max_epochs=3, **settings)
    losses = validation(run(still)[-1])
    assert len(set(losses)) == 1
    weights = loop.start(still).state.weights
    key = np.array([1, 2], np.uint32)
    other = validation_loss(weights, still.model, still.plan, still.held_out, key, still.suited)  # type: ignore[arg-type]
    assert other[0] != losses[0]
    assert other[0] == pytest.approx(losses[0], rel=0.3)


def test_validation_rows_of_a_variational_code_have_the_bound_that_is_trained() -> None:
    """E ‖x − x̂‖² of an affine decoder over z ~ N(μ, σ²) is the error at μ and Σ_j σ_j² ‖W_j‖²; the KL is known."""
    rows = np.random.default_rng(3).normal(size=(900, 5)).astype(np.float32)
    settings = job("variational(2)", optimizer="sgd(1e-30)", held_out=table(rows), max_epochs=1)
    progress = run(settings)[-1]
    model = assemble(settings.model, np.asarray(progress.state.weights[0]))
    mean = rows @ model.neck.mean.matrix + model.neck.mean.bias
    log_variance = 20 * np.tanh((rows @ model.neck.log_variance.matrix + model.neck.log_variance.bias) / 20)
    made = mean @ model.head.affine.matrix + model.head.affine.bias
    spread = np.exp(log_variance) @ np.square(model.head.affine.matrix).sum(axis=1)
    kl = (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1) / 2
    at_mean = np.square(rows - made).sum(axis=1) + kl
    assert spread.mean() > 0.5
    assert validation(progress)[0] == pytest.approx((at_mean + spread).mean(), rel=0.02)
    assert validation(progress)[0] > at_mean.mean() + 0.8 * spread.mean()


def test_layers_are_without_noise_for_validation_rows() -> None:
    settings = job(backbone=MLP((4,), dropout=0.5), held_out=table(HELD_OUT), max_epochs=1, optimizer="sgd(1e-30)")
    plain = job(backbone=MLP((4,)), held_out=table(HELD_OUT), max_epochs=1, optimizer="sgd(1e-30)")
    assert validation(run(settings)[-1]) == pytest.approx(validation(run(plain)[-1]), rel=1e-5)
    assert run(settings)[-1].histories[0][0]["loss"] != run(plain)[-1].histories[0][0]["loss"]


ENDS = {
    "nothing": ({}, 0),
    "weight": ({"penalties": ("l1(linear(0.0, 0.1, steps=11))",)}, 3),
    "two weights": ({"penalties": ("l1(linear(0.0, 0.1, steps=11))", "l2(cosine(0.1, steps=25))")}, 5),
    "k": ({"code": "top_k(9, k=linear(6, 2, steps=10))"}, 2),
    "beta": ({"code": "variational(2, beta=linear(0.0, 1.0, steps=21))"}, 5),
    "rate": ({"optimizer": "adam(cosine(0.01, steps=9))"}, 2),
    "rival": ({"code": "adversarial(2, weight=linear(0.0, 1.0, steps=15))"}, 3),
    "fading weight": ({"penalties": ("l1(exponential(0.1, rate=0.1, steps=5))",)}, 2),  # a hundredth after 10 steps
    "fading rate": ({"optimizer": "adam(exponential(0.01, rate=0.1, steps=5))"}, 0),
    "rate on a plateau": ({"optimizer": "sgd(plateau(0.1))"}, 0),
    "rounds": ({"penalties": ("l1(linear(0.0, 0.1, steps=4))",), "optimizer": "lbfgs(2)"}, 4),
}


@pytest.mark.parametrize("case", ENDS)
def test_epochs_are_compared_once_every_schedule_has_ended(case: str) -> None:
    settings, epochs = ENDS[case]
    assert job(**settings).first_comparable == epochs


@pytest.mark.parametrize("held_out", [None, table(HELD_OUT)], ids=["training", "validation"])
def test_no_stop_and_no_best_epoch_before_the_end_of_a_schedule(held_out: DeviceTable | None) -> None:
    """The weight rises, and so does the loss in training: a stop would end it after three epochs."""
    rising = "l2(linear(0.0, 9.0, steps=20))"
    settings = job(penalties=(rising,), stops=("patience(1)",), held_out=held_out, max_epochs=20, optimizer="sgd(1e-9)")
    seen = run(settings)
    kept = kept_epoch(settings, seen[-1].histories[0])
    assert kept >= 5  # from epoch 5 on the weight stays, and the loss but for rounding
    assert len(seen) == kept + 1  # the next one is no better
    assert seen[-1].reasons[0].stop == "patience"
    np.testing.assert_array_equal(seen[-1].best_weights, seen[kept - 1].state.weights)
    for middle in seen[:4]:  # so far the last ones are kept
        np.testing.assert_array_equal(middle.best_weights, middle.state.weights)
        assert kept_epoch(settings, middle.histories[0]) == len(middle.histories[0])


def test_a_limit_of_time_waits_for_no_schedule() -> None:
    settings = job(penalties=("l2(linear(0.0, 9.0, steps=20))",), stops=("time_limit(1e-9)",))
    assert len(run(settings)) == 1


def test_a_plateau_is_looked_for_once_losses_can_be_compared() -> None:
    """The loss rises with the weight of a penalty, which is no plateau."""
    rising = "l2(linear(0.0, 9.0, steps=20))"
    settings = job(penalties=(rising,), optimizer="sgd(plateau(0.001, rate=0.001, epochs=1))", max_epochs=4)
    changes = [record["weight_change"] for record in run(settings)[-1].histories[0]]
    assert min(changes) > 0.1 * max(changes)


def test_an_epoch_that_fails_goes_on_from_the_last_one_while_a_schedule_is_under_way() -> None:
    """The loss of the first epoch is the lowest only because the weight of a penalty is."""
    settings = job(penalties=("l2(linear(0.0, 9.0, steps=99))",), optimizer="sgd(1e-9)")
    assert [int(progress.good.step[0]) for progress in run(settings)] == [0, 5, 10, 15, 20, 25]


NOT_COMPARED = {
    "partial": {"compares": False},
    "a discriminator": {"code": "adversarial(2)"},
    "dead units": {"code": "top_k(9, k=2)", "penalties": ("dead_units",)},
    "neighbors": {"neighborhood": SameClass()},
    "noise": {"corruption": "masking(0.3)"},
    "draws": {"code": "variational(2)"},
}


@pytest.mark.parametrize("case", NOT_COMPARED)
def test_the_last_epoch_is_kept_where_its_loss_does_not_show_the_best(case: str) -> None:
    settings = job(**NOT_COMPARED[case])
    if case == "a discriminator":
        plan = settings.plan._replace(discriminator=resolve(Optimizer, "adam"))
        settings = job(plan=plan, **NOT_COMPARED[case])
    assert not settings.keeps_best
    assert kept_epoch(settings, [{"loss": 1.0}, {"loss": 2.0}]) == 2
    for known in (job(), job(corruption="masking(0.3)", optimizer="lbfgs"), job(**case_with_rows(case))):
        assert kept_epoch(known, [{"loss": 2.0}, {"loss": 1.0}, {"loss": 1.0}]) == 2


def case_with_rows(case: str) -> dict[str, Any]:
    """Return the settings with rows held out: these show the best, where epochs are compared at all."""
    return (NOT_COMPARED[case] if case != "partial" else {}) | {"held_out": table(HELD_OUT)}


def test_the_last_record_names_the_epoch_that_is_kept() -> None:
    ae = autoencoder(optimizer="sgd(0.3, momentum=0.9)", encoder=(), batch_size=30).fit(X)
    losses = [record["loss"] for record in ae.history_]
    assert ["kept" in record for record in ae.history_] == [False, True]
    assert losses[0] < losses[1]  # the steps are too large
    assert ae.history_[-1]["kept"] == 1


def test_a_schedule_that_ends_after_the_last_epoch_is_warned_of() -> None:
    ae = autoencoder(bottleneck="top_k(6, k=linear(4, 2, steps=11))", batch_size=12, max_epochs=2, encoder=())
    due = (
        r"^max_epochs=2 takes 10 steps, and a schedule ends at step 11: in use the model is as it would be then, which "
        r"it is not trained for\. Use max_epochs=3, or a shorter schedule\.$"
    )
    with pytest.warns(UserWarning, match=due):
        ae.fit(X)
    ae.set_params(bottleneck="top_k(6, k=linear(4, 2, steps=10))").fit(X)


def test_a_batch_is_filled_up_with_other_rows_of_the_table() -> None:
    """A corruption that takes values of other rows finds as many of them in the last batch as in the first."""
    settings = job(batch_size=32)
    order = shuffled_batches(settings, 7, 0)
    assert order.shape == (2, 32)
    filling = ~order[order < 0]
    assert len(filling) == 24
    assert len(set(filling)) == 24
    np.testing.assert_array_equal(filling, order[0, :24])
