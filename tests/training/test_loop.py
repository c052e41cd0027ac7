"""The loop: one epoch after the other, lowered steps, several starts, reasons to end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest

from isthmus import Diverged
from isthmus.contracts import End, Row
from isthmus.core.parameter_specs import assemble, draw_weights
from isthmus.core.spelling import resolve
from isthmus.data.device_table import DeviceTable
from isthmus.model.model import build
from isthmus.parts.backbones import MLP
from isthmus.parts.bottlenecks import Deterministic
from isthmus.parts.likelihoods import SquaredError
from isthmus.parts.optimizers import Adam, Lbfgs, Sgd
from isthmus.parts.penalties import L1, L2
from isthmus.training import loop
from isthmus.training import step as steps
from isthmus.training.epoch import Job, Progress
from isthmus.training.objective import Plan

ROWS = np.random.default_rng(1).normal(size=(40, 5)).astype(np.float32)
HELD_OUT = np.random.default_rng(2).normal(size=(16, 5)).astype(np.float32)
MODEL = build(Row((5,)), MLP((4,)), Deterministic(2), MLP((4,)), SquaredError())


def table(x: np.ndarray) -> DeviceTable:
    return DeviceTable(x, np.ones(len(x), np.float32), np.int32(len(x)))


def job(**settings: Any) -> Job:
    optimizer = settings.pop("optimizer", Adam(0.01))
    plan = Plan(settings.pop("corruption", None), settings.pop("penalties", ()), optimizer)
    usual: dict[str, Any] = {
        "model": MODEL,
        "plan": plan,
        "table": table(ROWS),
        "held_out": None,
        "batch_size": 8,
        "max_epochs": 5,
        "stops": (),
        "seeds": (7,),
    }
    return Job(**usual | settings)


def last(job: Job, progress: Progress | None = None) -> Progress:
    return list(loop.train(job, progress or loop.start(job)))[-1]


def without_noise(weights: np.ndarray, x: np.ndarray) -> float:
    """Return the squared error of a model, mean over rows, computed by hand."""
    model = assemble(MODEL, np.asarray(weights))
    hidden = np.maximum(x @ model.encoder.layers[0].affine.matrix + model.encoder.layers[0].affine.bias, 0)
    code = hidden @ model.neck.affine.matrix + model.neck.affine.bias
    hidden = np.maximum(code @ model.decoder.layers[0].affine.matrix + model.decoder.layers[0].affine.bias, 0)
    return float(((hidden @ model.head.affine.matrix + model.head.affine.bias - x) ** 2).sum(axis=1).mean())


def test_a_record_holds_every_term_by_name() -> None:
    progress = last(job(penalties=(L1(0.01), L2(0.02), L1(0.03)), held_out=table(HELD_OUT)))
    names = {"epoch", "loss", "reconstruction", "l1", "l2", "l1_2", "weight_change", "validation_loss", "seconds"}
    for number, record in enumerate(progress.histories[0]):
        assert set(record) == names
        assert record["epoch"] == number + 1
        assert record["loss"] == pytest.approx(sum(record[name] for name in ("reconstruction", "l1", "l2", "l1_2")))
        assert record["l1_2"] == pytest.approx(3 * record["l1"], rel=1e-5)
        assert all(type(value) in (int, float) for value in record.values())
    seconds = [record["seconds"] for record in progress.histories[0]]
    assert seconds == sorted(seconds)
    assert seconds[0] > 0


def test_the_held_out_loss_is_that_of_the_weights_after_the_epoch() -> None:
    settings = job(held_out=table(HELD_OUT))
    for progress in loop.train(settings, loop.start(settings)):
        by_hand = without_noise(progress.state.weights[0], HELD_OUT)
        assert progress.histories[0][-1]["validation_loss"] == pytest.approx(by_hand, rel=1e-5)


def test_the_held_out_loss_is_weighed() -> None:
    weight = np.linspace(0.2, 2, len(HELD_OUT), dtype=np.float32)
    held_out = DeviceTable(HELD_OUT, weight / weight.mean(), np.int32(16))
    progress = last(job(held_out=held_out, max_epochs=1))
    errors = [without_noise(progress.state.weights[0], row[None]) for row in HELD_OUT]
    by_hand = np.average(errors, weights=weight)
    assert progress.histories[0][-1]["validation_loss"] == pytest.approx(by_hand, rel=1e-5)


def resolve_corruption(text: str) -> Any:
    from isthmus.contracts import Corruption

    return resolve(Corruption, text)


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows() -> None:
    """With steps of nothing the weights stay, so each batch sees the first ones; the last batch is shorter."""
    settings = job(optimizer=Sgd(1e-30), batch_size=12, max_epochs=1)
    start = loop.start(settings)
    record = last(settings, start).histories[0][0]
    assert record["loss"] == pytest.approx(without_noise(start.state.weights[0], ROWS), rel=1e-5)
    assert record["weight_change"] == 0


def test_rows_that_only_fill_up_change_nothing() -> None:
    filled = DeviceTable(
        np.concatenate([ROWS, np.full((8, 5), 1e6, np.float32)]),
        np.concatenate([np.ones(40, np.float32), np.full(8, 5, np.float32)]),
        np.int32(40),
    )
    one, other = last(job(batch_size=16)), last(job(batch_size=16, table=filled))
    np.testing.assert_allclose(other.state.weights, one.state.weights, rtol=1e-6)
    assert other.histories[0][-1]["loss"] == pytest.approx(one.histories[0][-1]["loss"], rel=1e-6)


def test_the_weight_change_is_the_distance_over_the_length_before() -> None:
    settings = job()
    before = loop.start(settings).state.weights
    for progress in loop.train(settings, loop.start(settings)):
        after = np.asarray(progress.state.weights)
        by_hand = np.linalg.norm(after - before) / np.linalg.norm(before)
        assert progress.histories[0][-1]["weight_change"] == pytest.approx(by_hand, rel=1e-4)
        before = after


def test_every_row_is_seen_once_an_epoch_in_an_order_of_its_own() -> None:
    """With steps of nothing and batches of one row, a penalty can watch the rows go by."""
    from isthmus.training import epoch

    settings = job(batch_size=8)
    orders = [epoch.shuffled_batches(settings, 7, number) for number in (0, 1)] + [
        epoch.shuffled_batches(settings, 8, 0)
    ]
    for order in orders:
        assert sorted(order.ravel()) == list(range(40))
    assert not np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2])


def test_one_step_of_gradient_descent_is_the_gradient() -> None:
    """Against finite differences of the loss computed by hand."""
    settings = job(optimizer=Sgd(0.5), batch_size=40, max_epochs=1)
    start = loop.start(settings)
    before = start.state.weights[0].astype(np.float64)
    step = (before - np.asarray(last(settings, start).state.weights[0])) / 0.5
    for i in range(0, len(before), 5):
        up, down = before.copy(), before.copy()
        up[i] += 1e-6
        down[i] -= 1e-6
        slope = (without_noise(up, ROWS.astype(np.float64)) - without_noise(down, ROWS.astype(np.float64))) / 2e-6
        assert step[i] == pytest.approx(slope, rel=1e-3, abs=1e-4)


def test_with_rows_held_out_the_weights_of_the_lowest_loss_are_kept() -> None:
    settings = job(optimizer=Sgd(0.2), held_out=table(HELD_OUT), max_epochs=12)
    seen = [(p.histories[0][-1]["validation_loss"], np.asarray(p.state.weights[0])) for p in _all(settings)]
    losses = [loss for loss, _ in seen]
    best = int(np.argmin(losses))
    assert 0 < best < 11  # it rises again, so the last weights are not the best
    progress = last(settings)
    np.testing.assert_array_equal(progress.best_weights[0], seen[best][1])
    assert progress.best_loss[0] == pytest.approx(losses[best])


def _all(job: Job) -> list[Progress]:
    return list(loop.train(job, loop.start(job)))


def test_without_rows_held_out_the_weights_of_the_lowest_loss_in_training_are_kept() -> None:
    seen = _all(job(optimizer=Sgd(0.2, momentum=0.9), max_epochs=12))  # a step so large that the loss rises again
    losses = [progress.histories[0][-1]["loss"] for progress in seen]
    best = int(np.argmin(losses))
    assert 0 < best < 11
    np.testing.assert_array_equal(seen[-1].best_weights, seen[best].state.weights)
    assert seen[-1].best_loss[0] == pytest.approx(losses[best])


def test_weights_of_the_lowest_loss_are_kept_where_an_epoch_is_one_batch() -> None:
    """Its loss is that before its step: the weights after it may be the worst of all."""
    settings = job(optimizer=Sgd(0.1, momentum=0.9), batch_size=40, max_epochs=5)
    seen = _all(settings)
    losses = [progress.histories[0][-1]["loss"] for progress in seen]
    best = int(np.argmin(losses))
    assert 0 < best < 4
    kept = [without_noise(progress.best_weights[0], ROWS) for progress in seen]
    assert kept[-1] == pytest.approx(losses[best], rel=1e-5)
    np.testing.assert_array_equal(seen[-1].best_weights, seen[best - 1].state.weights)
    for progress in seen[: best + 1]:  # so far each step was better than those before it
        is_lowest = progress.best_loss[0] == progress.histories[0][-1]["loss"]
        assert not is_lowest or np.array_equal(progress.best_weights, progress.state.weights)


def test_the_start_is_kept_where_the_one_batch_of_each_epoch_makes_it_worse() -> None:
    settings = job(optimizer=Sgd(5.0), batch_size=40, max_epochs=3)
    first, *_, end = _all(settings)
    np.testing.assert_array_equal(first.best_weights, first.state.weights)  # not yet judged
    np.testing.assert_array_equal(end.best_weights[0], draw_weights(MODEL, 7))


def test_no_epoch_at_all_keeps_the_drawn_weights() -> None:
    settings = job(max_epochs=0)
    assert _all(settings) == []
    progress = loop.start(settings)
    assert progress.reasons == (End("max_epochs", "all epochs that were asked for have been taken: 0"),)
    np.testing.assert_array_equal(progress.best_weights[0], draw_weights(MODEL, 7))


STARTS = {
    "adam": {},
    "sgd": {"optimizer": Sgd(0.05, momentum=0.5)},
    "held out": {"held_out": table(HELD_OUT)},
    "noise": {"corruption": "masking(0.3)"},
    "penalties": {"penalties": (L1(0.01), L2(0.01))},
    "lbfgs": {"optimizer": Lbfgs(3), "max_epochs": 3},
    "patience": {"held_out": table(HELD_OUT), "optimizer": Adam(0.1), "stops": "patience(1)", "max_epochs": 12},
    "schedule": {"optimizer": "sgd(plateau(0.1, epochs=1))", "held_out": table(HELD_OUT)},
}


def settled(name: str) -> dict[str, Any]:
    kinds = {"corruption": "Corruption", "optimizer": "Optimizer", "stops": "Stop"}
    from isthmus import contracts

    found = dict(STARTS[name])
    for key in kinds.keys() & found.keys():
        if isinstance(found[key], str):
            part = resolve(getattr(contracts, kinds[key]), found[key])
            found[key] = (part,) if key == "stops" else part
    return found


@pytest.mark.parametrize("name", STARTS)
def test_starts_trained_at_once_are_those_trained_alone(name: str) -> None:
    settings = job(**settled(name), seeds=(3, 4, 5))
    together = last(settings)
    ends = set()
    for i, seed in enumerate(settings.seeds):
        alone = last(replace(settings, seeds=(seed,)))
        assert together.reasons[i] == alone.reasons[0]
        assert len(together.histories[i]) == len(alone.histories[0])
        ends.add(len(alone.histories[0]))
        np.testing.assert_allclose(together.best_weights[i], alone.best_weights[0], rtol=1e-5, atol=1e-5)
        for one, other in zip(together.histories[i], alone.histories[0], strict=True):
            assert one["loss"] == pytest.approx(other["loss"], rel=1e-5)
    if name == "patience":
        assert len(ends) > 1  # so some ended while others went on


def test_starts_are_trained_in_one_program(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    epoch = steps.epoch
    monkeypatch.setattr(steps, "epoch", lambda *arguments: calls.append(arguments[1].shape) or epoch(*arguments))
    last(job(seeds=(3, 4, 5), max_epochs=2))
    assert calls == [(3, 5, 8)] * 2


def test_the_best_start_is_that_of_the_lowest_held_out_loss() -> None:
    settings = job(seeds=(3, 4, 5, 6), held_out=table(HELD_OUT))
    progress = last(settings)
    losses = [min(record["validation_loss"] for record in history) for history in progress.histories]
    assert len(set(losses)) == 4
    assert progress.best == np.argmin(losses)


@pytest.mark.parametrize("batch_size", [8, 40])
@pytest.mark.parametrize("rate", [8.0, 100.0])
def test_a_step_too_large_is_lowered_until_training_goes_on(rate: float, batch_size: int) -> None:
    settings = job(optimizer=Sgd(rate), batch_size=batch_size, max_epochs=40)
    begin = loop.start(settings)
    progress = last(settings, begin)
    losses = [record["loss"] for record in progress.histories[0]]
    assert progress.factor[0] < 1
    assert np.isfinite(losses).all()
    assert np.isfinite(progress.best_weights).all()
    assert losses[-1] < without_noise(begin.state.weights[0], ROWS)
    assert len(losses) == 40
    assert progress.reasons == (End("max_epochs", "all epochs that were asked for have been taken: 40"),)


def test_a_failed_epoch_starts_anew_from_a_good_state_with_smaller_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The third epoch fails twice: it is taken from where one began that went well, with a sixteenth of the step."""
    taken = []
    epoch = steps.epoch

    def failing(state: Any, order: Any, key: Any, factor: Any, *rest: Any) -> Any:
        taken.append((np.asarray(state.weights), float(factor[0])))
        end, seen = epoch(state, order, key, factor, *rest)
        if len(taken) in (3, 4):
            end = end._replace(weights=end.weights * np.nan)
            seen = seen._replace(loss=seen.loss * np.nan)
        return end, seen

    monkeypatch.setattr(steps, "epoch", failing)
    progress = last(job(optimizer=Sgd(0.02), max_epochs=4))
    assert [factor for _, factor in taken] == [1, 1, 1, 0.25, 0.0625, 0.0625]
    for attempt in (3, 4):
        assert any(np.array_equal(taken[attempt][0], weights) for weights, _ in taken[:3])
    assert len(progress.histories[0]) == 4
    assert np.isfinite(progress.best_weights).all()


@pytest.mark.parametrize("batch_size", [8, 40])
def test_the_weights_kept_are_never_beyond_the_numbers(batch_size: int) -> None:
    """An epoch's loss is that of the weights before each step: the last step of all must be looked at too."""
    for epochs in range(1, 8):
        progress = last(job(optimizer=Sgd(8.0), batch_size=batch_size, max_epochs=epochs))
        assert np.isfinite(without_noise(progress.best_weights[0], ROWS))


def test_only_the_start_that_fails_is_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = job(optimizer=Sgd(0.02), seeds=(3, 4), max_epochs=3)
    epoch = steps.epoch

    def failing(state: Any, order: Any, key: Any, factor: Any, *rest: Any) -> Any:
        end, seen = epoch(state, order, key, factor, *rest)
        lost = np.array([False, bool(factor[1] > 0.2)])
        return end, seen._replace(loss=np.where(lost, np.nan, seen.loss))

    monkeypatch.setattr(steps, "epoch", failing)
    progress = last(settings)
    assert progress.factor.tolist() == [1, 0.0625]
    monkeypatch.setattr(steps, "epoch", epoch)
    np.testing.assert_allclose(
        progress.best_weights[0], last(replace(settings, seeds=(3,))).best_weights[0], rtol=1e-5, atol=1e-6
    )


def always_lost(which: Sequence[bool], until: float = 0.0) -> Any:
    epoch = steps.epoch

    def failing(state: Any, order: Any, key: Any, factor: Any, *rest: Any) -> Any:
        end, seen = epoch(state, order, key, factor, *rest)
        return end, seen._replace(loss=np.where(np.array(which), np.inf, seen.loss))

    return failing


def test_a_start_that_stays_lost_ends_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "epoch", always_lost([True, False]))
    progress = last(job(seeds=(3, 4)))
    assert progress.reasons == (
        End("diverged", "diverged"),
        End("max_epochs", "all epochs that were asked for have been taken: 5"),
    )
    assert [len(history) for history in progress.histories] == [0, 5]
    assert progress.best == 1
    assert np.isfinite(progress.best_weights).all()


def test_a_start_that_ended_well_outlives_the_loss_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = job(seeds=(3, 4))
    middle = _all(settings)[1]
    monkeypatch.setattr(steps, "epoch", always_lost([False, True]))
    reached = End("target", "the loss reached 9")
    progress = last(settings, replace(middle, reasons=(reached, None)))
    assert progress.reasons == (reached, End("diverged", "diverged"))
    assert progress.best == 0
    np.testing.assert_array_equal(progress.best_weights[0], middle.best_weights[0])


def test_all_starts_lost_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "epoch", always_lost([True, True]))
    with pytest.raises(Diverged, match="the loss is not finite, and smaller steps did not help"):
        last(job(seeds=(3, 4)))


def test_a_held_out_loss_that_is_no_number_counts_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The epoch's own loss is of the weights before its last step; what that step did only the next one sees."""
    held_out = steps.validation_loss
    calls = []

    def failing(*arguments: Any) -> np.ndarray:
        calls.append(1)
        return held_out(*arguments) * (np.nan if len(calls) == 2 else 1)

    monkeypatch.setattr(steps, "validation_loss", failing)
    progress = last(job(held_out=table(HELD_OUT), max_epochs=3))
    assert progress.factor[0] == 0.25
    assert all(np.isfinite(record["validation_loss"]) for record in progress.histories[0])
    assert len(progress.histories[0]) == 3


def test_training_taken_up_from_any_progress_is_the_same() -> None:
    settings = job(corruption=resolve_corruption("gaussian(0.1)"), held_out=table(HELD_OUT), seeds=(3, 4))
    for middle in _all(settings)[:-1]:
        on_disk = jax.tree.map(np.asarray, middle.state)
        again = last(settings, replace(middle, state=on_disk))
        np.testing.assert_array_equal(again.best_weights, last(settings).best_weights)
