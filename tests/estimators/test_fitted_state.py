"""A fit leaves one frozen state, assigned last: no refusal, setting or file mixes two models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import isthmus
from isthmus import (
    AnomalyDetector,
    Diverged,
    Imputer,
    InvalidData,
    NetworkClassifier,
    NetworkRanker,
    NetworkRegressor,
    StackedAutoencoder,
    WordVectors,
)
from tiny import X, Y, autoencoder

TEXTS = ["the cat eats fish", "the dog eats meat", "a car needs fuel", "a truck needs fuel"] * 5
SMALL: dict[str, Any] = {"encoder": (4,), "max_epochs": 1}
BAD = np.where(np.arange(60)[:, None] == 7, np.inf, X)

CASES: dict[str, tuple[Any, Any, Callable[[Any], Any], Any]] = {
    # an estimator, what it is fitted on, what it answers then, and what it refuses to be fitted on
    "autoencoder": (autoencoder(), (X,), lambda m: m.transform(X), (BAD,)),
    "stack": (StackedAutoencoder([autoencoder()], max_epochs=1), (X,), lambda m: m.transform(X), (BAD,)),
    "classifier": (NetworkClassifier(**SMALL), (X, Y), lambda m: m.predict_proba(X), (X, np.zeros(60))),
    "regressor": (NetworkRegressor(**SMALL), (X, X[:, 0]), lambda m: m.predict(X), (X, np.full(60, np.inf))),
    "ranker": (NetworkRanker(**SMALL), (X, Y), lambda m: m.predict(X), (X, Y, np.arange(60))),
    "detector": (AnomalyDetector(autoencoder()), (X,), lambda m: m.score_samples(X), (BAD,)),
    "imputer": (Imputer(autoencoder()), (X,), lambda m: m.transform(np.where(X > 2, np.nan, X)), (BAD,)),
    "word_vectors": (WordVectors(2, min_count=1, max_epochs=1), (TEXTS,), lambda m: m.vectors_, (["a"],)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_refused_fit_leaves_the_former_model_whole_or_none(name: str) -> None:
    estimator, given, answer, refused = CASES[name]
    fresh = type(estimator)(**estimator.get_params(deep=False))
    with pytest.raises(InvalidData):
        fresh.fit(*refused)
    with pytest.raises(NotFittedError):
        answer(fresh)
    before, state = answer(fresh.fit(*given)), fresh.fitted_
    with pytest.raises(InvalidData):
        fresh.fit(*refused)
    assert fresh.fitted_ is state
    np.testing.assert_array_equal(answer(fresh), before)


@pytest.mark.parametrize("name", CASES)
def test_a_file_holds_what_was_fitted_whatever_is_set_afterwards(name: str, tmp_path: Path) -> None:
    estimator, given, answer, _ = CASES[name]
    fitted = type(estimator)(**estimator.get_params(deep=False)).fit(*given)
    before = {key: str(value) for key, value in fitted.get_params(deep=False).items()}
    answers = answer(fitted)
    if name == "word_vectors":
        fitted.set_params(size=7, window=1)
    elif name in ("stack", "detector", "imputer"):
        part = "layers" if name == "stack" else "autoencoder"
        other = autoencoder(bottleneck=4)
        fitted.set_params(**{part: [other] if name == "stack" else other})
    else:
        fitted.set_params(encoder=(7, 6), scaling=None)
    fitted.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(answer(loaded), answers)
    assert loaded.get_params(deep=False).keys() == before.keys()


def test_dead_units_belong_to_the_code_that_was_fitted(tmp_path: Path) -> None:
    """A setting asked for afterwards once wrote files that could not be loaded, or could not be written."""
    path = tmp_path / "model.safetensors"
    sparse = autoencoder(bottleneck="top_k(4, k=2)").fit(X)
    dead = sparse.dead_units_.tolist()
    sparse.set_params(bottleneck=3).save(path)
    loaded = isthmus.load(path)
    assert (str(loaded.bottleneck), loaded.dead_units_.tolist()) == ("top_k(4, k=2)", dead)
    plain = autoencoder(bottleneck=3).fit(X)
    plain.set_params(bottleneck="top_k(4, k=2)").save(path)
    loaded = isthmus.load(path)
    assert str(loaded.bottleneck) == "deterministic(3)"
    with pytest.raises(AttributeError, match="has no dead_units_"):
        loaded.dead_units_  # noqa: B018 -- asking is the test
    ordered = autoencoder(bottleneck="nested(3)").fit(X)
    ordered.set_params(bottleneck=3).save(path)
    assert len(isthmus.load(path).explained_variance_ratio_) == 3


def test_a_training_that_diverges_leaves_the_former_model_and_tells_its_epochs() -> None:
    model = autoencoder(scaling=None).fit(X)
    codes = model.transform(X)
    model.set_params(optimizer="sgd(1e30)", max_epochs=5)
    with pytest.raises(Diverged) as caught:
        model.fit(X)
    assert isinstance(caught.value.history, tuple)
    np.testing.assert_array_equal(model.transform(X), codes)
    assert model.n_iter_ == 2


def test_ctrl_c_before_the_first_epoch_leaves_the_former_model(monkeypatch: pytest.MonkeyPatch) -> None:
    model = autoencoder().fit(X)
    state = model.fitted_

    def interrupt(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("isthmus.training.loop.run_epoch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:50])
    assert model.fitted_ is state


def test_a_fitted_state_is_frozen() -> None:
    state = autoencoder().fit(X).fitted_
    with pytest.raises(AttributeError, match="cannot assign to field 'weights'"):
        state.weights = state.weights


def test_a_file_is_loaded_by_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    autoencoder().fit(X).save(path)
    assert type(isthmus.load(path, kind=(AnomalyDetector, isthmus.Autoencoder))) is isthmus.Autoencoder
    with pytest.raises(isthmus.ModelFileError, match=r"holds Autoencoder; expected AnomalyDetector\.$"):
        isthmus.load(path, kind=AnomalyDetector)
    info = isthmus.file_info(path)
    assert (info.estimator, info.version, info.n_weights) == (
        "Autoencoder",
        isthmus.__version__,
        24 + 10 + 12 + 25,
    )
