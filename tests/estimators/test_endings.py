"""How training ends, seen from the estimator: by a stop, settled, lost, or by Ctrl-C."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import isthmus
from isthmus import Autoencoder, Diverged
from isthmus.contracts import Stop
from isthmus.training import loop
from isthmus.training import step as steps
from tiny import progress_of, weights_of

X = np.random.default_rng(0).normal(size=(60, 5))
MOVED = "the weights moved by less than 0.9 of their length"


def test_the_estimator_keeps_the_best_start() -> None:
    x = np.random.default_rng(0).normal(size=(60, 5))
    ae = Autoencoder(2, encoder=(4,), n_starts=4, validation_fraction=0.25, max_epochs=5).fit(x)
    losses = [min(record["validation_loss"] for record in history) for history in progress_of(ae).histories]
    best = int(np.argmin(losses))
    assert min(record["validation_loss"] for record in ae.history_) == losses[best] == min(losses)
    np.testing.assert_array_equal(weights_of(ae), np.asarray(progress_of(ae).best_weights)[best])
    assert len({history[-1]["loss"] for history in progress_of(ae).histories}) == 4


def test_the_first_start_is_not_that_of_one() -> None:
    """More starts do not mean a worse answer: the best of four is no worse than any of them."""
    x = np.random.default_rng(0).normal(size=(60, 5))
    ae = Autoencoder(2, encoder=(4,), n_starts=4, max_epochs=5).fit(x)
    assert ae.history_[-1]["loss"] == min(history[-1]["loss"] for history in progress_of(ae).histories)


@pytest.mark.parametrize(
    ("stops", "stop", "reason", "epochs"),
    [
        ((), "max_epochs", "all epochs that were asked for have been taken: 30", 30),
        (None, "max_epochs", "all epochs that were asked for have been taken: 30", 30),
        ("target(1000)", "target", "the loss reached 1000", 1),
        ("time_limit(1e-9)", "time_limit", "1e-09 seconds have passed", 1),
        ("loss_change(0.9)", "loss_change", "the loss changed by less than 0.9 of itself", 2),
        ("weight_change(0.9)", "weight_change", MOVED, 1),
        (["target(1e-9)", "weight_change(0.9)"], "weight_change", MOVED, 1),
        (["weight_change(0.9)", "target(1000)"], "weight_change", MOVED, 1),
        ("patience(1, margin=0.99)", "patience", "no lower loss for 1 epochs", 2),
    ],
)
def test_the_reason_to_end_is_told(stops: Any, stop: str, reason: str, epochs: int) -> None:
    ae = Autoencoder(2, encoder=(4,), max_epochs=30, stops=stops).fit(X)
    assert (ae.stop_reason_, ae.n_iter_, len(ae.history_)) == (reason, epochs, epochs)
    assert [record.get("stop") for record in ae.history_] == [None] * (epochs - 1) + [stop]


def test_a_model_file_holds_the_stop(tmp_path: Path) -> None:
    ae = Autoencoder(2, encoder=(4,), max_epochs=3, stops="weight_change(0.9)").fit(X)
    ae.save(tmp_path / "m.safetensors")
    assert isthmus.load(tmp_path / "m.safetensors").history_[-1]["stop"] == "weight_change"


def test_one_more_epoch_ends_anew() -> None:
    ae = Autoencoder(2, encoder=(4,), max_epochs=2, stops=()).fit(X).partial_fit(X)
    assert [record.get("stop") for record in ae.history_] == [None, None, "max_epochs"]


def test_patience_ends_and_the_weights_of_before_are_kept() -> None:
    settings = {"encoder": (4,), "max_epochs": 60, "validation_fraction": 0.3, "optimizer": "adam(0.05)"}
    ae = Autoencoder(2, **settings, stops="patience(3)").fit(X)
    assert ae.stop_reason_ == "no lower loss for 3 epochs"
    losses = [record["validation_loss"] for record in ae.history_]
    assert int(np.argmin(losses)) == len(losses) - 4
    shorter = Autoencoder(2, **settings | {"max_epochs": len(losses) - 3}, stops=()).fit(X)
    np.testing.assert_array_equal(weights_of(shorter), weights_of(ae))


@pytest.mark.parametrize("optimizer", ["lbfgs(50)", "cg(50)"])
def test_a_second_order_optimizer_says_that_it_has_settled(optimizer: str) -> None:
    """A linear code of a table of rank 2: there is nothing left to find."""
    x = X[:, :2] @ np.random.default_rng(5).normal(size=(2, 5))
    ae = Autoencoder(2, encoder=(), optimizer=optimizer, max_epochs=50, stops=()).fit(x)
    assert ae.stop_reason_ == f"{optimizer[:-4]} has settled"
    assert ae.history_[-1]["stop"] == "settled"
    assert ae.n_iter_ < 50
    assert ae.history_[-1]["loss"] < 1e-3


@pytest.mark.parametrize("scale", [1e9, 1e12, 1e15])
def test_without_hope_the_likely_column_is_named(scale: float) -> None:
    table = frame(X, scale)
    ae = Autoencoder(2, encoder=(4,), scaling="none", optimizer="sgd(0.1)", max_epochs=20)
    with pytest.raises(Diverged) as caught:
        ae.fit(table)
    message = str(caught.value)
    assert "the loss is not finite, and smaller steps did not help. The likely cause is column 'price'" in message
    assert f"{np.abs(table['price']).max():.3g}" in message
    assert "use scaling='standard'" in message
    fixed = Autoencoder(2, encoder=(4,), optimizer="sgd(0.1)", max_epochs=20).fit(table)
    assert np.isfinite(fixed.transform(table)).all()


def frame(x: np.ndarray, scale: float) -> pd.DataFrame:
    found = pd.DataFrame(x, columns=["age", "height", "price", "weight", "year"])
    found["price"] *= scale
    return found


def lose_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    epoch = steps.epoch

    def lost(*arguments: Any) -> Any:
        end, seen = epoch(*arguments)
        return end, seen._replace(loss=seen.loss * np.nan)

    monkeypatch.setattr(steps, "epoch", lost)


def test_no_column_is_blamed_where_none_stands_out(monkeypatch: pytest.MonkeyPatch) -> None:
    lose_every_epoch(monkeypatch)
    with pytest.raises(Diverged) as caught:
        Autoencoder(2, encoder=(4,), max_epochs=20).fit(X)
    assert "smaller learning rate" in str(caught.value)
    assert "likely cause is column" not in str(caught.value)


def test_a_failed_fit_leaves_the_former_model_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of one table with the scaling of another would answer, and wrongly."""
    ae = Autoencoder(2, encoder=(4,), max_epochs=3).fit(X)
    codes = ae.transform(X)
    lose_every_epoch(monkeypatch)
    with pytest.raises(Diverged) as caught:
        ae.fit(1000 * X)
    assert caught.value.history == ()  # the first epoch was lost
    np.testing.assert_array_equal(ae.transform(X), codes)
    assert ae.n_iter_ == 3
    with pytest.raises(Diverged):
        clone(ae).fit(1000 * X)
    with pytest.raises(NotFittedError):
        clone(ae).transform(X)


def test_a_fit_that_is_lost_tells_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Autoencoder(2, encoder=(4,), max_epochs=3, stops=()).fit(X)
    epoch = steps.epoch

    def lost(state: Any, *rest: Any) -> Any:
        end, seen = epoch(state, *rest)
        return end, seen._replace(loss=np.where(seen.loss == whole.history_[-1]["loss"], np.nan, seen.loss))

    ae = Autoencoder(2, encoder=(4,), optimizer="adam", max_epochs=9, stops=())
    monkeypatch.setattr(loop, "RETRIES", 1)
    monkeypatch.setattr(steps, "epoch", lost)
    with pytest.raises(Diverged, match=r"^the loss is not finite, and smaller steps did not help\. ") as caught:
        ae.fit(X)
    history = caught.value.history
    assert [record["loss"] for record in history] == [record["loss"] for record in whole.history_[:2]]
    assert [record.get("stop") for record in history] == [None, "diverged"]


@dataclass(frozen=True)
class CtrlC(Stop):
    epoch: int

    def __call__(self, history: Sequence[Any]) -> str | None:
        if len(history) == self.epoch:
            raise KeyboardInterrupt
        return None


def test_ctrl_c_keeps_what_was_learned() -> None:
    ae = Autoencoder(2, encoder=(4,), max_epochs=30, stops=CtrlC(4))
    with pytest.warns(UserWarning, match="interrupted after epoch 3: what was learned is kept"):
        ae.fit(X)
    assert (ae.stop_reason_, ae.n_iter_) == ("interrupted", 3)
    assert ae.history_[-1]["stop"] == "interrupted"
    three = Autoencoder(2, encoder=(4,), max_epochs=3, stops=()).fit(X)
    np.testing.assert_array_equal(weights_of(ae), weights_of(three))
    np.testing.assert_array_equal(ae.transform(X), three.transform(X))


def test_ctrl_c_before_anything_was_learned_is_ctrl_c() -> None:
    with pytest.raises(KeyboardInterrupt):
        Autoencoder(2, encoder=(4,), stops=CtrlC(1)).fit(X)


@pytest.mark.parametrize("optimizer", ["adam(1e3)", "adam(10)"])
def test_a_training_that_diverges_to_finite_numbers_is_warned_of(optimizer: str) -> None:
    ae = Autoencoder(2, encoder=(4,), max_epochs=2, optimizer=optimizer, stops=None)
    with pytest.warns(UserWarning, match=r"has diverged: the loss was \d.* before it, and is \d.*e\+\d+ now. Use a"):
        ae.fit(X)
