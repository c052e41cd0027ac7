"""What no file can hold is refused before training, and what can be fitted can be saved and loaded."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import isthmus
from isthmus import AnomalyDetector, Autoencoder, InvalidData, InvalidPart, ModelFileError, WordVectors
from isthmus.contracts import Stop
from isthmus.storage import container
from tiny import X, autoencoder


@dataclass(frozen=True)
class Epochs(Stop):
    """It fails where an epoch has been taken."""

    def __call__(self, history: Any) -> str | None:
        raise AssertionError("an epoch has been taken")


def refused(frame: pd.DataFrame, **settings: Any) -> str:
    """Return why a fit is refused, which takes no epoch."""
    with pytest.raises((InvalidData, InvalidPart, ModelFileError)) as caught:
        autoencoder(stops=Epochs(), **settings).fit(frame)
    return str(caught.value)


def table(categories: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"a": pd.Categorical((categories[:2] * 30)[:60], categories), "b": X[:, 0], "c": X[:, 1]})


def test_a_category_of_very_many_that_are_declared_is_saved_and_loaded(tmp_path: Path) -> None:
    frame = table([f"{i}" for i in range(100_002)])
    autoencoder(max_epochs=1).fit(frame).save(tmp_path / "model.safetensors")
    rows = isthmus.load(tmp_path / "model.safetensors").reconstruct(frame)
    assert rows["a"].dtype == frame["a"].dtype


def test_more_names_than_a_file_may_have_are_refused_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "MOST_HEADER", 10_000)
    message = refused(table([f"{i:500}" for i in range(20)]))
    assert message.startswith("no file can hold this model: names, categories and history take 1")
    with pytest.raises(ModelFileError, match="no file can hold this model"):
        WordVectors(2, min_count=1).fit(["x" * 9000 + " b", "x" * 9000 + " " + "z" * 9000])


@pytest.mark.parametrize(("wrong", "word"), [(np.inf, "inf"), (-np.inf, "-inf")])
def test_categories_that_no_file_can_hold_are_refused_before_training(wrong: float, word: str) -> None:
    asked = "expected texts, truth values or finite numbers as categories"
    assert f"column 'a': {asked}; got {word}." in refused(table([1.0, wrong]))
    frame = table(["x", "y"]).assign(a=[1.0, wrong] * 30)
    assert f"column 'a': {asked}; got {word}." in refused(frame, columns={"a": "categorical"})
    assert f"Got [1.0, {word}]" in refused(frame, columns={"a": [1.0, wrong]})
    assert "Got [1.0, nan]" in refused(frame, columns={"a": [1.0, np.nan]})


def test_a_number_of_any_type_is_a_number_in_a_file(tmp_path: Path) -> None:
    detector = AnomalyDetector(Autoencoder(1, encoder=(3,), max_epochs=1), alpha=Fraction(1, 20)).fit(X)
    detector.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    assert loaded.alpha == 0.05
    np.testing.assert_array_equal(loaded.predict(X), detector.predict(X))
