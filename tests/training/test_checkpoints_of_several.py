"""Detectors, imputers and word vectors go on from their checkpoints to the bits of a fit that was left alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isthmus import AnomalyDetector, Imputer, InvalidPart, WordVectors
from isthmus.contracts import Stop
from isthmus.training import loop
from tiny import X, autoencoder

TEXTS = ["the cat eats fish", "the dog eats meat", "a car needs fuel", "a truck needs fuel"] * 3
GAPS = np.where(np.random.default_rng(1).random(X.shape) < 0.1, np.nan, X)


@dataclass(frozen=True)
class Leave(Stop):
    """The power goes in the third epoch of the second network, and of the first where there is one only."""

    def __call__(self, history: Sequence[Any]) -> str | None:
        if len(history) == 3 and Leave.is_armed:
            raise SystemExit
        return None


Leave.is_armed = False  # type: ignore[attr-defined]


def detector(**settings: Any) -> AnomalyDetector:
    return AnomalyDetector(autoencoder(max_epochs=4, stops=Leave()), **settings)


CASES: dict[str, tuple[Callable[[], Any], Any, Callable[[Any], np.ndarray]]] = {
    "detector": (lambda: detector(n_models=2), X, lambda model: model.anomaly_score(X)),
    "detector of dirty rows": (lambda: detector(dirty=0.1), X, lambda model: model.anomaly_score(X)),
    "imputer": (lambda: Imputer(autoencoder(max_epochs=4, stops=Leave())), GAPS, lambda model: model.transform(GAPS)),
}


@pytest.mark.parametrize("case", CASES)
def test_what_was_left_goes_on_to_the_same_bits(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, table, answer = CASES[case]
    whole = answer(make().fit(table))
    path = tmp_path / "fit.ckpt"
    monkeypatch.setattr(Leave, "is_armed", True)
    with pytest.raises(SystemExit):
        make().fit(table, checkpoint=path)
    assert [left.name for left in tmp_path.iterdir()] == ["fit.ckpt"]
    monkeypatch.setattr(Leave, "is_armed", False)
    epochs: list[int] = []
    take = loop._next
    monkeypatch.setattr(loop, "_next", lambda job, before: epochs.append(1) or take(job, before))
    later = make().fit(table, checkpoint=path)
    np.testing.assert_array_equal(answer(later), whole)
    assert len(epochs) == 4 * 2 - 2  # two had been taken; of an imputer of few rows the second network judges fillings
    assert sorted(left.name for left in tmp_path.iterdir()) == ["fit.ckpt", "fit.ckpt.1"]
    np.testing.assert_array_equal(answer(make().fit(table, checkpoint=path)), whole)
    assert len(epochs) == 4 * 2 - 2


def test_word_vectors_go_on(tmp_path: Path) -> None:
    settings = {"size": 2, "min_count": 1, "corruption": None}
    whole = WordVectors(**settings, max_epochs=4).fit(TEXTS).vectors_
    path = tmp_path / "fit.ckpt"
    WordVectors(**settings, max_epochs=2).fit(TEXTS, checkpoint=path)
    assert path.exists()
    np.testing.assert_array_equal(WordVectors(**settings, max_epochs=4).fit(TEXTS, checkpoint=path).vectors_, whole)


@pytest.mark.parametrize("model", [AnomalyDetector(random_state=None), Imputer(random_state=None)])
def test_a_seed_drawn_anew_each_time_is_refused(model: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidPart, match="random_state must be a whole number where a checkpoint is kept"):
        model.fit(X, checkpoint=tmp_path / "fit.ckpt")
