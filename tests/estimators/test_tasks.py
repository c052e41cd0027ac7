"""Networks that know their task: ids unscaled and checked, codes that carry them, tasks added one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import isthmus
from isthmus import Autoencoder, InvalidData, InvalidPart, NetworkClassifier
from tiny import weight_arrays

GENERATOR = np.random.default_rng(0)
TASK = np.arange(120) % 3
X = np.column_stack([GENERATOR.normal(size=(120, 2)), TASK])
Y = np.where(X[:, 0] * np.array([1, -1, 1])[TASK] > 0, "up", "down")  # each task has a rule of its own
HYPER = "hyper(mlp((4,)), embedding=2, hidden=(6,), tasks=4)"
FAST: dict[str, Any] = {"optimizer": "adam(0.02)", "stops": None, "max_epochs": 60}


@pytest.fixture(scope="module")
def model() -> NetworkClassifier:
    return NetworkClassifier(HYPER, **FAST).fit(X, Y)


def test_each_task_is_learned(model: NetworkClassifier, tmp_path: Path) -> None:
    assert model.score(X, Y) > 0.9
    model.save(tmp_path / "m.safetensors")
    again = isthmus.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    with pytest.raises(InvalidData, match=r"^column 2: expected a category of the training rows \(0, 1, 2\); got 3\. "):
        again.predict([[0.0, 0.0, 3.0]])


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        (3, r"^column 2: expected a category of the training rows \(0, 1, 2\); got 3\. "),
        (4, r"^column 2: expected a category, a whole number from 0 to 3; got 4\. "),
        (0.5, r"^column 2: expected a category, a whole number from 0 to 3; got 0\.5\. "),
    ],
)
def test_an_unseen_task_is_refused(model: NetworkClassifier, task: float, sentence: str) -> None:
    with pytest.raises(InvalidData, match=sentence):
        model.predict([[0.0, 0.0, task]])


def test_a_frame_names_the_column_of_the_task() -> None:
    frame = pd.DataFrame({"site": TASK, "a": X[:, 0], "b": X[:, 1]})
    named = f"{HYPER[:-1]}, column='site')"
    model = NetworkClassifier(named, **FAST | {"max_epochs": 1}).fit(frame, Y)
    with pytest.raises(InvalidData, match=r"^column 'site': expected a category of the training rows .*; got 3"):
        model.predict(frame.assign(site=3))


def test_codes_carry_the_task_and_give_rows_back(tmp_path: Path) -> None:
    ae = Autoencoder(1, encoder=HYPER, max_epochs=2).fit(X)
    codes = ae.transform(X)
    assert codes.shape == (120, 2)
    np.testing.assert_array_equal(codes[:, 1], TASK)
    np.testing.assert_allclose(ae.inverse_transform(codes), ae.reconstruct(X), rtol=1e-5)
    other = ae.inverse_transform(np.column_stack([codes[:, 0], (TASK + 1) % 3]))
    assert np.abs(other - ae.reconstruct(X))[:, :2].max() > 1e-3


def test_segments_are_rebuilt_by_weights_of_their_own() -> None:
    """Three segments, each on a line of its own in four dimensions: one number is enough where the weights differ."""
    lines = np.linalg.qr(GENERATOR.normal(size=(4, 4)))[0][:3]
    rows = np.column_stack([GENERATOR.normal(size=(120, 1)) * lines[TASK], TASK])
    settings = FAST | {"scaling": None, "random_state": 0}
    lost = {}
    for encoder in ("mlp((8,))", "hyper(mlp((8,), activation=identity), embedding=4, hidden=(8,), tasks=3)"):
        ae = Autoencoder(1, encoder=encoder, **settings).fit(rows[:90])
        lost[encoder] = ((ae.reconstruct(rows[90:]) - rows[90:])[:, :4] ** 2).sum(axis=1).mean()
    shared, own = lost.values()
    assert own < 0.01
    assert shared > 10 * own


def test_a_decoder_alone_may_know_the_task() -> None:
    ae = Autoencoder(1, encoder="mlp((4,))", decoder=HYPER, max_epochs=1).fit(X)
    with pytest.raises(InvalidData, match=r"^column 2: expected a category, a whole number from 0 to 3; got 9"):
        ae.reconstruct(X + np.array([0, 0, 9]))


def test_a_task_is_added_and_others_stay_where_they_are_remembered() -> None:
    old, new = TASK == 0, TASK == 1
    moved = []
    for penalties in ((), ("task_memory(1.0)",)):
        settings = FAST | {"warm_start": True, "penalties": penalties}
        model = NetworkClassifier(HYPER, **settings).fit(X[old], Y[old])
        before = model.predict_proba(X[old])
        model.fit(X[new], Y[new])
        assert model.score(X[new], Y[new]) > 0.9
        moved.append(np.abs(model.predict_proba(X[old]) - before).mean())
    assert moved[1] < 0.02
    assert moved[1] < moved[0] / 5


def test_a_new_task_is_learned_by_its_embedding_alone() -> None:
    """The others answer as before, to the bit, and so does everything but the embeddings."""
    model = NetworkClassifier(HYPER, **FAST).fit(X, Y)
    before, weights = model.predict_proba(X), weight_arrays(model)
    new = np.column_stack([X[:, :2], np.full(120, 3)])
    label = np.where(X[:, 0] < 0, "up", "down")
    with pytest.raises(InvalidData):
        model.predict(new)
    model.set_params(warm_start=True, encoder__learning="tasks", max_epochs=120).fit(new, label)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    assert model.score(new, label) > 0.9
    for name, array in weight_arrays(model).items():
        if name.endswith("hypernetwork.tasks"):
            np.testing.assert_array_equal(array[:3], weights[name][:3])
            assert (array[3] != weights[name][3]).all()
        else:
            np.testing.assert_array_equal(array, weights[name])


def test_an_autoencoder_learns_a_new_task_alone_too() -> None:
    ae = Autoencoder(1, encoder=HYPER, max_epochs=2).fit(X)
    before = ae.reconstruct(X)
    ae.set_params(warm_start=True, encoder__learning="tasks").fit(np.column_stack([X[:, :2], np.full(120, 3)]))
    np.testing.assert_array_equal(ae.reconstruct(X), before)


def test_without_tasks_no_embedding_can_learn_alone() -> None:
    with pytest.raises(InvalidPart) as caught:
        Autoencoder(1, encoder="hyper(mlp, learning='tasks')").fit(X)
    assert str(caught.value) == "Hyper.learning must be 'all' where the condition is a number. Got 'tasks'."
