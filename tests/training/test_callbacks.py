"""Callbacks: what they get after each epoch, and how they end a fit; the loop of epochs in public; progress shown."""

from __future__ import annotations

import logging
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isthmus
from isthmus import Epoch, InvalidPart, MissingExtra, ProgressBar, TensorBoard
from isthmus.training import progress_bar
from tiny import X, Y, autoencoder, weights_of

LAYER = autoencoder(bottleneck=3)


def epoch(number: int, most: int = 3, **record: float) -> Epoch:
    return Epoch(number, most, ({"epoch": number, "loss": 2.0, "seconds": 0.1} | record,))


def test_a_callback_gets_each_epoch_and_changes_nothing() -> None:
    seen: list[Epoch] = []
    ae = autoencoder(max_epochs=3).fit(X, callbacks=seen.append)
    assert [(e.number, e.most, len(e.history)) for e in seen] == [(1, 3, 1), (2, 3, 2), (3, 3, 3)]
    plain = autoencoder(max_epochs=3).fit(X)
    assert weights_of(ae).tobytes() == weights_of(plain).tobytes()
    assert [e.record["loss"] for e in seen] == [record["loss"] for record in plain.history_]
    assert "callback" not in str(ae.get_params())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(True, "a callback ended training after epoch 2"), (np.bool_(True), None), ("good enough", "good enough")],
)
def test_a_callback_ends_a_fit(answer: Any, reason: str | None) -> None:
    ae = autoencoder(max_epochs=9).fit(X, callbacks=[lambda e: None, lambda e: answer if e.number == 2 else False])
    assert (ae.n_iter_, ae.history_[-1]["stop"]) == (2, "callback")
    assert ae.stop_reason_ == (reason or "a callback ended training after epoch 2")
    np.testing.assert_array_equal(weights_of(ae), weights_of(autoencoder(max_epochs=2).fit(X)))


def test_what_is_no_truth_value_ends_nothing() -> None:
    assert autoencoder(max_epochs=3).fit(X, callbacks=lambda e: e.number).n_iter_ == 3


@pytest.mark.parametrize("callbacks", [3, [print, "early"]])
def test_what_cannot_be_called_is_refused(callbacks: Any) -> None:
    with pytest.raises(InvalidPart, match=r"^callbacks: expected a function of an epoch, or a list of such; got "):
        autoencoder().fit(X, callbacks=callbacks)


def test_an_error_of_a_callback_leaves_the_former_model() -> None:
    ae = autoencoder().fit(X)
    before = weights_of(ae).copy()
    with pytest.raises(ZeroDivisionError):
        ae.fit(X * 2, callbacks=lambda e: 1 / 0)
    np.testing.assert_array_equal(weights_of(ae), before)


def test_ctrl_c_in_a_callback_keeps_what_was_learned() -> None:
    def interrupt(e: Epoch) -> None:
        if e.number == 2:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="interrupted after epoch 2: what was learned is kept"):
        ae = autoencoder(max_epochs=5).fit(X, callbacks=interrupt)
    assert ae.is_interrupted_


def test_an_epoch_gives_the_estimator_that_it_would_leave() -> None:
    taken: list[Any] = []
    ae = autoencoder(max_epochs=3)
    ae.fit(X, callbacks=lambda e: taken.append(e.estimator()))
    for number, copy in enumerate(taken, 1):
        np.testing.assert_array_equal(copy.transform(X), autoencoder(max_epochs=number).fit(X).transform(X))
    with pytest.raises(InvalidPart, match=r"^estimator\(\) is known where a fit trains one network"):
        epoch(1).estimator()


def test_the_loop_of_epochs_is_the_fit() -> None:
    looped, fitted = autoencoder(max_epochs=3), autoencoder(max_epochs=3).fit(X)
    assert [str(e).partition(":")[0] for e in looped.fit_epochs(X)] == [f"epoch {i} of 3" for i in (1, 2, 3)]
    assert weights_of(looped).tobytes() == weights_of(fitted).tobytes()


def test_a_loop_that_is_left_leaves_what_was_learned() -> None:
    ae = autoencoder(max_epochs=9)
    epochs = ae.fit_epochs(X)
    assert next(epochs).number == 1
    assert not ae.__sklearn_is_fitted__()
    epochs.close()
    assert (ae.n_iter_, ae.stop_reason_) == (1, "the loop over epochs was left after epoch 1")


def test_a_refused_loop_leaves_the_former_model() -> None:
    ae = autoencoder().fit(X)
    before = weights_of(ae).copy()
    with pytest.raises(InvalidPart):
        next(ae.set_params(bottleneck=0).fit_epochs(X))
    np.testing.assert_array_equal(weights_of(ae), before)


@pytest.mark.parametrize(
    ("fit", "networks"),
    [
        (
            lambda seen: isthmus.StackedAutoencoder([LAYER, autoencoder(bottleneck=1)], max_epochs=2).fit(
                X, callbacks=seen
            ),
            3,
        ),
        (lambda seen: isthmus.NetworkClassifier((4,), max_epochs=2).fit(X, Y, callbacks=seen), 1),
        (
            lambda seen: isthmus.NetworkClassifier(pretrained=autoencoder(), frozen_epochs=2, max_epochs=2).fit(
                X, Y, callbacks=seen
            ),
            3,
        ),
        (lambda seen: isthmus.NetworkRegressor((4,), max_epochs=2).fit(X, X[:, 0], callbacks=seen), 1),
        (lambda seen: isthmus.NetworkRanker((4,), max_epochs=2).fit(X, Y, callbacks=seen), 1),
        (lambda seen: isthmus.AnomalyDetector(autoencoder(), n_models=2).fit(X, callbacks=seen), 2),
        (lambda seen: isthmus.Imputer(autoencoder()).fit(X, callbacks=seen), 2),
        (lambda seen: isthmus.WordVectors(1, min_count=1, max_epochs=2).fit(["a b", "b c"], callbacks=seen), 1),
    ],
    ids=["stack", "classifier", "stages", "regressor", "ranker", "detector", "imputer", "words"],
)
def test_callbacks_see_every_network_of_a_fit(fit: Any, networks: int) -> None:
    seen: list[int] = []
    fit(lambda e: seen.append(e.number))
    assert seen == [1, 2] * networks


def test_a_log_holds_a_line_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "isthmus"):
        autoencoder(max_epochs=30, stops="patience(1)", optimizer="sgd(0.5)", validation_fraction=0.5).fit(X)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[1].startswith("epoch 1 of 30: loss ")
    assert "of at most 30 epochs: no lower loss for 1 epochs; the weights of epoch" in lines[-1]
    assert len(lines) == 3


def test_verbose_says_at_the_end_what_training_did(capsys: pytest.CaptureFixture[str]) -> None:
    autoencoder(verbose=1).fit(X)
    assert capsys.readouterr().err == "fit: 2 of at most 2 epochs: all of them.\n"


def test_lines_of_a_log_come_now_and_then(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(progress_bar.time, "monotonic", lambda: now[0])
    with ProgressBar("detector") as bar:
        for number, clock in ((1, 5.0), (2, 31.0), (3, 42.0), (1, 70.0)):
            now[0] = clock
            bar(epoch(number, validation_loss=1.5))
    assert capsys.readouterr().err.splitlines() == [
        "detector: epoch 2 of 3: loss 2, validation loss 1.5",
        "detector, network 2: epoch 1 of 3: loss 2, validation loss 1.5",
    ]


def test_a_terminal_shows_a_bar_that_begins_without_a_loss(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    with ProgressBar("fit") as bar:
        bar(epoch(1))
    shown = capsys.readouterr().err
    assert "fit: reading the table" in shown
    assert "fit: epoch 1 of 3: loss 2" in shown
    assert "nan" not in shown


def test_a_notebook_shows_a_bar_that_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[Any] = []
    handle = types.SimpleNamespace(update=lambda page, raw: pages.append(page["text/html"]))

    def display(page: Any, raw: bool, display_id: bool) -> Any:
        handle.update(page, raw)
        return handle

    shell = types.SimpleNamespace(kernel=object())
    modules = {"IPython": {"get_ipython": lambda: shell}, "IPython.display": {"display": display}}
    for name, members in modules.items():
        module = types.ModuleType(name)
        module.__spec__ = types.SimpleNamespace(name=name)  # type: ignore[assignment]
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    with ProgressBar("<fit>") as bar:
        bar(epoch(2))
    assert pages == [
        "<progress></progress> &lt;fit&gt;: reading the table",
        "<progress value='2' max='3'></progress> &lt;fit&gt;: epoch 2 of 3: loss 2",
    ]


def test_tensorboard_gets_a_scalar_of_each_term(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Any] = []

    class SummaryWriter:
        def __init__(self, folder: str) -> None:
            self.folder = folder

        def add_scalar(self, name: str, value: float, step: int) -> None:
            written.append((Path(self.folder).name, name, value, step))

        def flush(self) -> None:
            pass

    module = types.ModuleType("tensorboardX")
    module.SummaryWriter = SummaryWriter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorboardX", module)
    board = TensorBoard(tmp_path / "run")
    for e in (epoch(1), epoch(2, l1=0.5), epoch(1)):
        board(e)
    assert written == [("run", "loss", 2.0, 1), ("run", "loss", 2.0, 2), ("run", "l1", 0.5, 2), ("2", "loss", 2.0, 1)]


def test_without_a_writer_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tensorboardX", "torch.utils.tensorboard"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra) as caught:
        TensorBoard(tmp_path)
    assert str(caught.value) == "TensorBoard needs the extra 'tensorboard': pip install 'isthmus[tensorboard]'."
