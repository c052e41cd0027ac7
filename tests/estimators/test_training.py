"""Weights of rows, and training one epoch at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isthmus
from isthmus import Autoencoder
from tiny import scaling_of, weights_of

NAMES = ["age", "height", "price", "weight", "year"]
X = np.random.default_rng(0).normal(size=(40, 5)) * [1, 10, 100, 0.1, 5] + [0, 50, 1000, -3, 2000]


def autoencoder(**settings: Any) -> Autoencoder:
    return Autoencoder(**{"bottleneck": 2, "encoder": (4,), "max_epochs": 3} | settings)


@pytest.mark.parametrize("optimizer", ["adam(0.01)", "lbfgs(5)"])
def test_weight_2_is_the_row_twice_to_the_bit_in_a_small_table(optimizer: str) -> None:
    weight = np.ones(40)
    weight[:10] = 2
    weighed = autoencoder(optimizer=optimizer).fit(X, sample_weight=weight)
    twice = autoencoder(optimizer=optimizer).fit(np.concatenate([X, X[:10]]))
    assert weights_of(weighed).tobytes() == weights_of(twice).tobytes()
    np.testing.assert_array_equal(weighed.transform(X), twice.transform(X))
    plain = autoencoder(optimizer=optimizer).fit(X)
    assert not np.allclose(weighed.transform(X), plain.transform(X), atol=1e-4)


def test_weight_0_is_no_row_to_the_bit_in_a_small_table() -> None:
    weight = np.ones(40)
    weight[5:9] = 0
    x = X.copy()
    x[5:9] = 1e6  # what does not count is not even scaled
    left_out = autoencoder().fit(np.delete(X, slice(5, 9), axis=0))
    assert weights_of(autoencoder().fit(x, sample_weight=weight)).tobytes() == weights_of(left_out).tobytes()


def test_weights_are_relative() -> None:
    one, other = (autoencoder().fit(X, sample_weight=np.full(40, weight)) for weight in (1, 7))
    np.testing.assert_allclose(other.transform(X), one.transform(X), rtol=1e-5, atol=1e-6)
    scalar = autoencoder().fit(X, sample_weight=3.0)
    np.testing.assert_allclose(scalar.transform(X), one.transform(X), rtol=1e-5, atol=1e-6)


def test_weight_2_is_the_row_twice_in_a_large_table() -> None:
    """Over all rows at once: only the order of the sums differs."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(1500, 2)) @ rng.normal(size=(2, 5)) + 0.3 * rng.normal(size=(1500, 5)) + [0, 0, 9, 0, 0]
    weight = np.ones(1500)
    weight[:700] = 2
    settings = {"optimizer": "lbfgs(10)", "validation_fraction": 0, "max_epochs": 1}
    weighed = autoencoder(**settings).fit(x, sample_weight=weight)
    twice = autoencoder(**settings).fit(np.concatenate([x, x[:700]]))
    plain = autoencoder(**settings).fit(x)
    np.testing.assert_allclose(weighed.history_[-1]["loss"], twice.history_[-1]["loss"], rtol=1e-3)
    gap = np.abs(weighed.transform(x) - twice.transform(x)).max()
    assert gap < 0.02
    assert np.abs(weighed.transform(x) - plain.transform(x)).max() > 5 * gap
    for name in ("mean", "deviation"):
        np.testing.assert_allclose(scaling_of(weighed)[name], scaling_of(twice)[name], rtol=1e-10)


def test_partial_fit_goes_on_from_epoch_to_epoch() -> None:
    whole = autoencoder(max_epochs=4, stops=()).fit(X)
    ae = autoencoder()
    for number in range(4):
        assert ae.partial_fit(X) is ae
        assert ae.n_iter_ == number + 1
    np.testing.assert_array_equal(weights_of(ae), weights_of(whole))
    assert [r["loss"] for r in ae.history_] == [r["loss"] for r in whole.history_]


def test_partial_fit_keeps_the_scaling_of_the_first_call() -> None:
    ae = autoencoder().partial_fit(X)
    learned = scaling_of(ae)
    weights = weights_of(ae).copy()
    ae.partial_fit(X[:10] * 2)
    now = scaling_of(ae)
    assert all(np.array_equal(learned[name], now[name]) for name in ("mean", "deviation"))
    seen = np.vstack([X, X[:10] * 2])  # what columns have held is known of all rows
    np.testing.assert_array_equal(now["ranges"], [seen.min(axis=0), seen.max(axis=0), [-1] * 5])
    assert not np.array_equal(weights_of(ae), weights)


def test_partial_fit_goes_on_after_fit() -> None:
    ae = autoencoder(stops=()).fit(X).partial_fit(X)
    assert ae.n_iter_ == 4
    np.testing.assert_array_equal(weights_of(ae), weights_of(autoencoder(max_epochs=4, stops=()).fit(X)))


def test_partial_fit_goes_on_from_the_weights_that_were_kept() -> None:
    """Not from the last ones, which were worse on the rows held out."""
    ae = autoencoder(optimizer="sgd(0.2)", validation_fraction=0.3, max_epochs=40).fit(X)
    kept = weights_of(ae).copy()
    assert np.argmin([record["validation_loss"] for record in ae.history_]) < ae.n_iter_ - 1
    ae.set_params(optimizer="sgd(1e-30)").partial_fit(X)
    np.testing.assert_array_equal(weights_of(ae), kept)


def test_partial_fit_goes_on_after_loading(tmp_path: Path) -> None:
    ae = autoencoder(optimizer="sgd(0.01)", stops=()).fit(X)
    ae.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    before = loaded.score(X)
    for _ in range(3):
        loaded.partial_fit(X)
    assert loaded.score(X) > before
    assert all(np.array_equal(array, scaling_of(loaded)[name]) for name, array in scaling_of(ae).items())


def test_partial_fit_counts_weights() -> None:
    weight = np.ones(40)
    weight[:10] = 2
    one = autoencoder().partial_fit(X, sample_weight=weight).partial_fit(X, sample_weight=weight)
    twice = np.concatenate([X, X[:10]])
    other = autoencoder().partial_fit(twice).partial_fit(twice)
    np.testing.assert_array_equal(weights_of(one), weights_of(other))


def test_partial_fit_compares_columns_and_values() -> None:
    ae = autoencoder(likelihood="bernoulli", scaling="minmax").partial_fit(X)
    with pytest.raises(ValueError, match="X has 4 features, but Autoencoder is expecting 5 features"):
        ae.partial_fit(X[:, :4])
    with pytest.raises(isthmus.InvalidData, match=r"column 0 holds .*needs values in \[0, 1\]"):
        ae.partial_fit(X * 100)


def test_a_second_fit_forgets_the_first() -> None:
    ae = autoencoder().fit(X * 3 + 1)
    ae.partial_fit(X)
    np.testing.assert_array_equal(weights_of(ae.fit(X)), weights_of(autoencoder().fit(X)))
    wide = np.concatenate([X, X], axis=1)
    assert ae.fit(wide).transform(wide).shape == (40, 2)
    assert ae.n_features_in_ == 10


def test_a_schedule_in_epochs_is_that_in_steps_to_the_bit() -> None:
    """Of 40 rows an epoch takes two steps."""
    settings: dict[str, Any] = {"bottleneck": "variational(2, beta=linear(0.0, 1.0, {}))", "max_epochs": 3}
    optimizer = "clipped(adam(warmup(cosine(0.1, {}), {})), 1.0)"
    fits = [
        autoencoder(
            **settings | {"bottleneck": settings["bottleneck"].format(way)}, optimizer=optimizer.format(way, rise)
        ).fit(X)
        for way, rise in (("epochs=2", "epochs=1"), ("steps=4", "steps=2"))
    ]
    assert weights_of(fits[0]).tobytes() == weights_of(fits[1]).tobytes()
    np.testing.assert_array_equal(fits[0].score_samples(X), fits[1].score_samples(X))
