"""The same seed gives the same weights, a row the same number whatever its company, and nothing else is touched."""

from __future__ import annotations

import os
import pickle
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from sklearn.base import clone

import isthmus
from isthmus import Autoencoder
from isthmus.parts.penalties import L1
from tiny import weights_of

X = np.random.default_rng(0).normal(size=(700, 5))
NAMES = list("abcde")


def autoencoder(**settings: Any) -> Autoencoder:
    return Autoencoder(**{"bottleneck": 2, "encoder": (4,), "max_epochs": 3} | settings)


SETTINGS = {
    "plain": {},
    "noise": {"corruption": "masking(0.3)", "encoder": "mlp((4,), dropout=0.2)"},
    "two starts": {"n_starts": 2, "validation_fraction": 0.2},
    "lbfgs": {"optimizer": "lbfgs(3)", "corruption": "gaussian(0.1)"},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_same_seed_gives_the_same_weights(name: str) -> None:
    one, other, third = (autoencoder(**SETTINGS[name], random_state=seed).fit(X) for seed in (5, 5, 6))
    assert weights_of(one).tobytes() == weights_of(other).tobytes()
    assert [r["loss"] for r in one.history_] == [r["loss"] for r in other.history_]
    assert not np.allclose(weights_of(one), weights_of(third), atol=1e-3)
    again = one.fit(X)
    assert weights_of(again).tobytes() == weights_of(other).tobytes()


def test_the_seed_decides_the_weights_the_order_and_the_noise() -> None:
    """Each alone, the others being the same, changes what is learned."""
    first, second = (weights_of(autoencoder(max_epochs=0, random_state=seed).fit(X)) for seed in (5, 6))
    assert not np.allclose(first, second, atol=1e-3)
    whole = {"batch_size": 700, "max_epochs": 1}  # one batch: no order
    for noise in ({"corruption": "masking(0.3)"}, {"encoder": "mlp((4,), dropout=0.2)"}):
        with_noise = autoencoder(**whole | noise, random_state=5).fit(X)
        assert not np.array_equal(weights_of(with_noise), weights_of(autoencoder(**whole, random_state=5).fit(X)))


def test_a_seed_may_be_drawn_from_what_scikit_learn_calls_a_random_state() -> None:
    one = autoencoder(random_state=np.random.RandomState(3)).fit(X)
    other = autoencoder(random_state=np.random.RandomState(3)).fit(X)
    assert weights_of(one).tobytes() == weights_of(other).tobytes()
    first, second = (autoencoder(random_state=None).fit(X) for _ in range(2))
    assert not np.allclose(weights_of(first), weights_of(second), atol=1e-3)


STORY = """
import sys, jax, numpy as np
from isthmus import Autoencoder
x = np.random.default_rng(0).normal(size=(700, 5))
ae = Autoencoder(2, encoder="mlp((4,), dropout=0.2)", corruption="masking(0.3)", max_epochs=3, random_state=5).fit(x)
weights = b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(ae.model_) if hasattr(leaf, "shape"))
sys.stdout.write(weights.hex() + " " + ae.transform(x[:3]).tobytes().hex())
"""


def test_another_process_gives_the_same_weights() -> None:
    """Whatever order its sets and hashes have."""
    here = autoencoder(**SETTINGS["noise"], random_state=5).fit(X)
    environment = os.environ | {"PYTHONHASHSEED": "4321"}
    there = subprocess.run([sys.executable, "-c", STORY], env=environment, capture_output=True, text=True, check=True)
    weights, codes = there.stdout.split(" ")
    assert weights == weights_of(here).tobytes().hex()
    assert codes == here.transform(X[:3]).tobytes().hex()


def test_the_order_of_settings_changes_nothing() -> None:
    settings = {"max_epochs": 3, "random_state": 5, "penalties": ["l1", "l2"], "encoder": (4,), "bottleneck": 2}
    one = Autoencoder(**settings).fit(X)
    other = Autoencoder(**dict(reversed(settings.items()))).fit(X)
    assert weights_of(one).tobytes() == weights_of(other).tobytes()
    two = {"bottleneck__size": 3, "penalties__l1__weight": 0.5}
    assert str(clone(one).set_params(**two)) == str(clone(one).set_params(**dict(reversed(two.items()))))


def test_fits_in_threads_are_those_alone() -> None:
    from concurrent.futures import ThreadPoolExecutor

    alone = [weights_of(autoencoder(random_state=seed).fit(X)).tobytes() for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda seed: weights_of(autoencoder(random_state=seed).fit(X)).tobytes(), range(4)))
    assert at_once == alone


KINDS: dict[str, Callable[[np.ndarray], Any]] = {
    "array": lambda x: x,
    "frame": lambda x: pd.DataFrame(x, columns=NAMES),
    "sparse": scipy.sparse.csr_array,
    "lists": lambda x: x.tolist(),
}

MODELS = {
    "standard": {},
    "quantile": {"scaling": "quantile", "likelihood": "bernoulli"},
    "minmax, top_k": {"scaling": "minmax", "bottleneck": "top_k(6, k=2)"},
}


@pytest.fixture(scope="module", params=MODELS)
def fitted(request: pytest.FixtureRequest) -> Autoencoder:
    return autoencoder(**MODELS[request.param]).fit(X)


ANSWERS: dict[str, Callable[[Autoencoder, Any], np.ndarray]] = {
    "transform": lambda ae, x: ae.transform(x),
    "reconstruct": lambda ae, x: np.asarray(ae.reconstruct(x)),
    "score_samples": lambda ae, x: ae.score_samples(x),
    "reconstruction_error": lambda ae, x: ae.reconstruction_error(x),
    "error by column": lambda ae, x: ae.reconstruction_error(x, per_feature=True),
    "inverse_transform": lambda ae, x: np.asarray(ae.inverse_transform(ae.transform(x))),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_row_has_the_same_number_in_any_company(answer: str, fitted: Autoencoder) -> None:
    ask = ANSWERS[answer]
    together = ask(fitted, X)
    for i in (0, 1, 511, 512, 699):
        np.testing.assert_array_equal(ask(fitted, X[i : i + 1])[0], together[i])
    order = np.random.default_rng(1).permutation(len(X))
    np.testing.assert_array_equal(ask(fitted, X[order]), together[order])
    np.testing.assert_array_equal(ask(fitted, X[37:600:3]), together[37:600:3])
    np.testing.assert_array_equal(ask(fitted, np.concatenate([X, X]))[700:], together)
    np.testing.assert_array_equal(ask(fitted, X), together)


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_row_has_the_same_number_after_saving_and_loading(answer: str, fitted: Autoencoder, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    copy = pickle.loads(pickle.dumps(fitted))  # noqa: S301 -- our own
    for other in (loaded, copy):
        np.testing.assert_array_equal(ANSWERS[answer](other, X), ANSWERS[answer](fitted, X))


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_has_the_same_number_in_any_kind_of_table(kind: str, fitted: Autoencoder) -> None:
    table = KINDS[kind](X)
    own = fitted if kind != "frame" else clone(fitted).fit(table)
    np.testing.assert_array_equal(own.transform(table), fitted.transform(X))
    np.testing.assert_array_equal(own.score_samples(table), fitted.score_samples(X))


def test_the_kind_of_table_changes_no_weight() -> None:
    weights = {kind: weights_of(autoencoder().fit(make(X))).tobytes() for kind, make in KINDS.items()}
    weights["polars"] = weights_of(autoencoder().fit(pl.DataFrame(X, schema=NAMES))).tobytes()
    weights["turned"] = weights_of(autoencoder().fit(np.asfortranarray(X))).tobytes()
    assert len(set(weights.values())) == 1


def everything(ae: Autoencoder, table: Any) -> None:
    ae.fit(table)
    ae.partial_fit(table)
    codes = ae.transform(table)
    ae.inverse_transform(codes)
    ae.reconstruct(table)
    ae.score(table)
    ae.score_samples(table)
    ae.reconstruction_error(table, per_feature=True)


@pytest.mark.parametrize("seed", [0, None])
def test_the_global_random_states_are_untouched(seed: int | None) -> None:
    np.random.seed(1)  # noqa: NPY002 -- it is this one that must stay
    random.seed(1)
    before = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002
    ae = autoencoder(random_state=seed, n_starts=2, corruption="masking(0.3)", validation_fraction=0.1)
    everything(ae, X)
    after = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002
    np.testing.assert_equal(after, before)


def test_the_global_random_state_decides_nothing() -> None:
    weights = set()
    for seed in (1, 2):
        np.random.seed(seed)  # noqa: NPY002
        random.seed(seed)
        weights.add(weights_of(autoencoder(corruption="masking(0.3)").fit(X)).tobytes())
    assert len(weights) == 1


SMALL = X[:40].astype(np.float32)  # of the type that training uses: nothing forces a copy
INPUTS: dict[str, Callable[[], Any]] = {
    "array": lambda: SMALL.copy(),
    "array of doubles": lambda: X[:40].copy(),
    "whole numbers": lambda: np.arange(200).reshape(40, 5) % 7,
    "turned array": lambda: np.asfortranarray(SMALL),
    "every other row": lambda: X[:80:2],
    "frame": lambda: pd.DataFrame(SMALL.copy(), columns=NAMES, index=range(100, 140)),
    "polars": lambda: pl.DataFrame(SMALL.copy(), schema=NAMES),
    "sparse": lambda: scipy.sparse.csr_matrix(SMALL * (SMALL > 0)),
    "sparse by column": lambda: scipy.sparse.csc_array(SMALL * (SMALL > 0)),
    "lists": lambda: SMALL.tolist(),
}


def image(table: Any) -> bytes:
    if scipy.sparse.issparse(table):
        return b"".join(part.tobytes() for part in (table.data, table.indices, table.indptr))
    return pickle.dumps((np.asarray(table).tobytes(), getattr(table, "index", None)))


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("scaling", ["standard", "none"])
def test_the_input_is_not_modified(kind: str, scaling: str) -> None:
    table, weight = INPUTS[kind](), np.linspace(0.5, 2, 40)
    before = image(table), weight.tobytes()
    ae = autoencoder(scaling=scaling, max_epochs=2, optimizer="adam(0.01)")
    ae.fit(table, sample_weight=weight)
    ae.partial_fit(table, sample_weight=weight)
    codes = ae.transform(table)
    kept = codes.tobytes()
    ae.inverse_transform(codes)
    ae.reconstruct(table)
    ae.score(table, sample_weight=weight)
    ae.reconstruction_error(table, per_feature=True)
    assert (image(table), weight.tobytes()) == before
    assert codes.tobytes() == kept


def test_an_input_that_may_not_be_written_is_read() -> None:
    table = SMALL.copy()
    table.flags.writeable = False
    weight = np.ones(40)
    weight.flags.writeable = False
    ae = autoencoder(scaling="none").fit(table, sample_weight=weight)
    codes = ae.transform(table)
    codes.flags.writeable = False
    assert ae.inverse_transform(codes).shape == (40, 5)


def test_an_answer_may_be_written_without_changing_the_model() -> None:
    ae = autoencoder().fit(X)
    codes, rows = ae.transform(X), ae.reconstruct(X)
    kept = codes.copy(), rows.copy()
    codes[:] = 0
    rows[:] = 0
    ae.history_[0]["loss"] = -1.0
    np.testing.assert_array_equal(ae.transform(X), kept[0])
    np.testing.assert_array_equal(ae.reconstruct(X), kept[1])


def test_a_part_is_not_changed_by_a_fit() -> None:
    part = L1(0.5)
    penalties = [part]
    one = autoencoder(penalties=penalties).fit(X)
    other = clone(one).set_params(penalties__l1__weight=0.7)
    assert (part.weight, penalties, one.penalties[0].weight) == (0.5, [part], 0.5)
    assert other.get_params()["penalties__l1__weight"] == 0.7
