"""One model by several optimizers: the same training each would be alone, told side by side."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import pytest

from isthmus import Autoencoder, InvalidPart, MissingExtra, NetworkClassifier, compare_optimizers
from isthmus.analysis import optimizers as comparison
from isthmus.contracts import Optimizer, Stop
from isthmus.core import registry
from isthmus.core.spelling import resolve
from isthmus.training import loop
from isthmus.training import step as steps
from tiny import weights_of

X = np.random.default_rng(0).normal(size=(40, 4)) @ np.random.default_rng(1).normal(size=(4, 5))
THREE = ["sgd(0.001)", "adam(0.05)", "lbfgs(3)"]


def autoencoder(**settings: Any) -> Autoencoder:
    return Autoencoder(**{"bottleneck": 2, "encoder": (), "max_epochs": 4, "stops": ()} | settings)


def losses(found: comparison.Comparison, optimizer: str, column: str = "loss") -> list[float]:
    return found.histories.loc[found.histories["optimizer"] == optimizer, column].tolist()


def test_each_is_the_fit_that_it_would_be_alone() -> None:
    ae = autoencoder(corruption="masking(0.2)", validation_fraction=0.25, penalties="l2(0.01)")
    before = dict(vars(ae))
    found = compare_optimizers(ae, X, optimizers=THREE)
    assert vars(ae) == before
    assert list(found.models) == THREE
    for optimizer in THREE:
        alone = autoencoder(**ae.get_params(deep=False) | {"optimizer": optimizer}).fit(X)
        np.testing.assert_array_equal(weights_of(found.models[optimizer]), weights_of(alone))
        for column in ("epoch", "loss", "reconstruction", "l2", "validation_loss", "weight_change"):
            assert losses(found, optimizer, column) == [record[column] for record in alone.history_]
    columns = ["optimizer", "epoch", "loss", "l2", "reconstruction", "weight_change", "validation_loss", "seconds"]
    assert list(found.histories.columns) == columns
    assert not found.histories.isna().any(axis=None)


def test_the_summary_is_of_the_weights_kept_and_the_best_comes_first() -> None:
    found = compare_optimizers(autoencoder(validation_fraction=0.25, max_epochs=12), X, optimizers=[*THREE, "sgd(0.2)"])
    summary = found.summary
    assert list(summary.columns) == ["loss", "validation_loss", "epochs", "seconds", "stop", "reason"]
    for optimizer, row in summary.iterrows():
        held_out = losses(found, str(optimizer), "validation_loss")
        assert row["validation_loss"] == min(held_out)
        assert row["loss"] == losses(found, str(optimizer))[int(np.argmin(held_out))]
        assert (row["epochs"], row["stop"], row["reason"]) == (
            12,
            "max_epochs",
            "all epochs that were asked for have been taken: 12",
        )
        assert row["seconds"] == losses(found, str(optimizer), "seconds")[-1]
    assert summary["validation_loss"].is_monotonic_increasing
    assert list(summary.index) != [*THREE, "sgd(0.2)"]
    assert summary.index[-1] == "sgd(0.001)"


def test_without_rows_held_out_the_last_loss_decides() -> None:
    found = compare_optimizers(autoencoder(), X, optimizers=["sgd(0.0001)", "adam(0.05)"])
    assert list(found.summary.columns) == ["loss", "epochs", "seconds", "stop", "reason"]
    assert list(found.summary.index) == ["adam(0.05)", "sgd(0.0001)"]
    assert found.summary["loss"].tolist() == [losses(found, name)[-1] for name in found.summary.index]


@pytest.mark.parametrize("random_state", [3, None, np.random.RandomState(5)], ids=["seed", "none", "generator"])
def test_all_start_from_the_same_weights_and_see_the_same_batches(random_state: Any) -> None:
    """With steps of nothing an epoch's loss is that of the first weights, summed in the order of the batches."""
    still = ["sgd(1e-30)", "rmsprop(1e-30)"]
    found = compare_optimizers(autoencoder(random_state=random_state, max_epochs=1), X, optimizers=still)
    assert losses(found, still[0]) == losses(found, still[1])
    np.testing.assert_allclose(
        weights_of(found.models[still[0]]), weights_of(found.models[still[1]]), rtol=0, atol=1e-20
    )


def test_by_default_every_optimizer_of_the_room_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    spellings = [str(part) for part in comparison._choose_optimizers(None)]
    assert {spelling.partition("(")[0] for spelling in spellings} >= {
        name
        for name in registry.part_names("optimizers")
        if registry.find_part("optimizers", name).__module__.startswith("isthmus.")
    }
    assert {"sgd", "sgd(momentum=0.9)", "sgd(momentum=0.9, nesterov=True)", "lbfgs(10)", "adam"} <= set(spellings)
    few = [resolve(Optimizer, name) for name in ("adam", "cg(10)")]
    monkeypatch.setattr(comparison, "_every_optimizer", lambda: iter(few))
    found = compare_optimizers(autoencoder(bottleneck="top_k(8, k=2)", penalties="dead_units"), X)
    assert found.summary["stop"].tolist() == ["max_epochs", "refused"]
    assert list(found.models) == ["adam"]
    reason = "the penalty dead_units needs an optimizer that goes step by step, as 'adam'."
    assert found.summary.loc["cg(10)", "reason"] == reason
    assert str(found).endswith(f"\ncg(10): {reason}")
    with pytest.raises(InvalidPart, match="dead_units needs an optimizer that goes step by step"):
        compare_optimizers(autoencoder(bottleneck="top_k(8, k=2)", penalties="dead_units"), X, optimizers="cg(10)")


def test_an_optimizer_that_diverges_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "RETRIES", 1)
    rising = losses(compare_optimizers(autoencoder(max_epochs=2), X, optimizers="sgd(0.08)"), "sgd(0.08)")
    epoch = steps.epoch

    def lost(*arguments: Any) -> Any:
        end, seen = epoch(*arguments)
        return end, seen._replace(loss=np.where(seen.loss == np.float32(rising[1]), np.nan, seen.loss))

    monkeypatch.setattr(steps, "epoch", lost)
    found = compare_optimizers(autoencoder(), X, optimizers=["sgd(0.08)", "adam"])
    assert list(found.summary.index) == ["adam", "sgd(0.08)"]
    assert found.summary["stop"].tolist() == ["max_epochs", "diverged"]
    assert np.isnan(found.summary.loc["sgd(0.08)", "loss"])
    assert found.summary.loc["sgd(0.08)", "reason"].startswith(
        "the loss is not finite, and smaller steps did not help."
    )
    assert list(found.models) == ["adam"]
    assert losses(found, "sgd(0.08)") == rising[:1]  # the epoch that it came through
    assert len(losses(found, "adam")) == 4


def test_nothing_is_compiled_while_the_clock_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []

    def hear(event: str, seconds: float, **rest: Any) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(event)

    train, counts = loop.train, []

    def watched(*arguments: Any) -> Any:
        before = len(compiled)
        yield from train(*arguments)
        counts.append((before, len(compiled)))

    jax.monitoring.register_event_duration_secs_listener(hear)
    monkeypatch.setattr(loop, "train", watched)
    settings = {"bottleneck": 3, "validation_fraction": 0.2}
    compare_optimizers(autoencoder(**settings), X, optimizers=["sgd", "adagrad", "lbfgs(2)"])
    assert [after - before for before, after in counts] == [0, 0, 0]
    assert 0 < counts[0][0] < counts[1][0] < counts[2][0]  # each has programs of its own


def test_stages_and_what_is_pretrained() -> None:
    ae = autoencoder().fit(X)
    model = NetworkClassifier(pretrained=ae, frozen_epochs=2, max_epochs=3, stops=None, batch_size=40)
    found = compare_optimizers(model, X, X[:, 0] > 0, optimizers=["adam", "sgd"])
    for fitted in found.models.values():
        assert fitted.pretrained_ is ae
    for optimizer in ("adam", "sgd"):
        assert losses(found, optimizer, "epoch") == [1, 2, 3, 4, 5]
        seconds = losses(found, optimizer, "seconds")
        assert seconds == sorted(seconds)  # over both stages
        assert seconds[0] > 0
    assert losses(found, "adam", "target")[0] == losses(found, "sgd", "target")[0]  # one batch: before any step


@dataclass(frozen=True)
class Pressed(Stop):
    epoch: int

    def __call__(self, history: Sequence[Any]) -> str | None:
        if len(history) == self.epoch:
            raise KeyboardInterrupt
        return None


def test_ctrl_c_ends_the_comparison_and_keeps_it() -> None:
    with pytest.warns(UserWarning, match="interrupted after epoch 1"):
        found = compare_optimizers(autoencoder(stops=Pressed(2)), X, optimizers=["adam", "sgd"])
    assert found.summary["stop"].to_dict() == {"adam": "interrupted"}
    assert found.models["adam"].n_iter_ == 1


def test_it_is_drawn_and_read() -> None:
    found = compare_optimizers(autoencoder(), X, optimizers=["adam", "sgd"])
    figure = found.plot("Two")
    assert figure.get_suptitle() == "Two"
    for panel, along in zip(figure.axes, ("epoch", "seconds"), strict=True):
        assert [line.get_label() for line in panel.lines] == ["adam", "sgd"]
        for line in panel.lines:
            np.testing.assert_array_equal(line.get_xdata(), losses(found, line.get_label(), along))
            np.testing.assert_array_equal(line.get_ydata(), losses(found, line.get_label()))
    assert [line.split()[0] for line in str(found).splitlines()[2:]] == list(found.summary.index)


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = compare_optimizers(autoencoder(max_epochs=1), X, optimizers="sgd")
    for name in [name for name in sys.modules if name.startswith("isthmus.plots")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"figures need matplotlib: pip install 'isthmus\[plots\]'"):
        found.plot()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizers": []}, "optimizers must be a list of at least one optimizer, or None. Got []."),
        ({"optimizers": ["adam", "adam(0.001)"]}, "optimizers must be a list of different ones. Got 'adam'."),
        ({"optimizers": ["adm"]}, "no optimizer is called 'adm'. Did you mean 'adam'?"),
        ({"checkpoint": "a"}, "checkpoint must be None: each optimizer starts from the same weights. Got 'a'."),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        compare_optimizers(autoencoder(), X, **settings)
    assert str(caught.value).startswith(message)


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(InvalidPart, match=r"^estimator must be a network of isthmus, as Autoencoder\(2\)\. Got 3\.$"):
        compare_optimizers(3, X)  # type: ignore[arg-type]
