"""Ragged sequences through an autoencoder: fitted, coded, rebuilt at their own lengths, scored, saved, refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isthmus
from isthmus import Autoencoder, InvalidData

RANDOM = np.random.default_rng(0)
LENGTHS = RANDOM.integers(2, 7, 40)
LENGTHS[:2] = 6, 2
X = [RANDOM.normal(size=(length, 1)) @ [[1.0, -2.0]] + [10.0, 100.0] for length in LENGTHS]


def model(**settings: Any) -> Autoencoder:
    return Autoencoder(2, **{"encoder": "recurrent((6,))", "max_epochs": 3, "optimizer": "adam(0.01)"} | settings)


@pytest.fixture(scope="module")
def fitted() -> Autoencoder:
    return model().fit(X)


def test_they_are_rebuilt_at_their_own_lengths(fitted: Autoencoder) -> None:
    losses = [record["loss"] for record in fitted.history_]
    assert losses == sorted(losses, reverse=True)
    assert fitted.transform(X).shape == (40, 2)
    rebuilt = fitted.reconstruct(X)
    assert [each.shape for each in rebuilt] == [each.shape for each in X]
    # Three epochs leave the mean: each feature was scaled by its own, over all steps that are there.
    steps = np.concatenate(X)
    assert np.abs(np.concatenate(rebuilt).mean(axis=0) - steps.mean(axis=0)).max() < 0.5 * steps.std(axis=0).max()
    whole = fitted.inverse_transform(fitted.transform(X))
    assert {each.shape for each in whole} == {(6, 2)}
    for full, cut in zip(whole, rebuilt, strict=True):
        np.testing.assert_allclose(full[: len(cut)], cut, rtol=1e-5)


def test_the_score_is_minus_the_squared_distance_over_what_is_there(fitted: Autoencoder) -> None:
    scale = np.concatenate(X).std(axis=0)
    due = [-np.sum(((x - y) / scale) ** 2) for x, y in zip(X, fitted.reconstruct(X), strict=True)]
    np.testing.assert_allclose(fitted.score_samples(X), due, rtol=1e-4)
    np.testing.assert_allclose(fitted.reconstruction_error(X), -np.array(due), rtol=1e-4)
    by_feature = fitted.reconstruction_error(X, per_feature=True)
    np.testing.assert_array_equal(by_feature[1, 4:], 0)
    assert fitted.score(X) == pytest.approx(np.mean(due), rel=1e-4)


def test_a_row_among_others_is_the_row_alone(fitted: Autoencoder) -> None:
    codes, scores = fitted.transform(X), fitted.score_samples(X)
    shortest = [i for i, length in enumerate(LENGTHS) if length == 2]
    np.testing.assert_array_equal(fitted.transform([X[i] for i in shortest]), codes[shortest])
    np.testing.assert_array_equal(fitted.score_samples([X[7]]), scores[[7]])
    assert [each.shape for each in fitted.reconstruct([X[i] for i in shortest])] == [(2, 2)] * len(shortest)


def test_a_file_keeps_what_they_are(fitted: Autoencoder, tmp_path: Path) -> None:
    fitted.save(tmp_path / "x.safetensors")
    loaded: Any = isthmus.load(tmp_path / "x.safetensors")
    np.testing.assert_array_equal(loaded.transform(X), fitted.transform(X))
    for one, other in zip(loaded.reconstruct(X[:3]), fitted.reconstruct(X[:3]), strict=True):
        np.testing.assert_array_equal(one, other)
    assert {each.shape for each in loaded.inverse_transform(np.zeros((3, 2)))} == {(6, 2)}


def test_a_weight_of_two_is_the_sequence_twice() -> None:
    weight = np.ones(12)
    weight[1] = 2
    one, other = model(batch_size=13).fit(X[:12], sample_weight=weight), model(batch_size=13).fit([*X[:12], X[1]])
    np.testing.assert_allclose(one.transform(X[:3]), other.transform(X[:3]), rtol=1e-5)


def test_sequences_of_one_feature_and_one_length_are_known_from_the_fit() -> None:
    flat = [each[:, 0] for each in X]
    ae = model(max_epochs=1).fit(flat)
    pair = [flat[1], flat[1]]
    assert len(pair[0]) == 2
    np.testing.assert_array_equal(ae.transform(pair)[0], ae.transform(flat)[1])
    assert [each.shape for each in ae.reconstruct(pair)] == [(2,), (2,)]


def test_nested_lists_are_as_good_as_arrays(fitted: Autoencoder) -> None:
    lists = [each.tolist() for each in X]
    np.testing.assert_array_equal(model().fit(lists).transform(lists), fitted.transform(X))
    alike = [each for each in lists if len(each) == 2]
    np.testing.assert_array_equal(fitted.transform(alike), fitted.transform([np.array(each) for each in alike]))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            [np.ones((7, 2))],
            "sequence 0 has length 7, and the longest that the model was fitted with has length 6: cut",
        ),
        ([np.ones((3, 4))], "X holds sequences of 4 features, and the model was fitted with 2."),
        (np.ones((4, 3, 2)), "X has 6 features, but Autoencoder is expecting 12 features as input."),
        (np.ones((4, 2, 6)), r"X holds sequences of \(2, 6\), and the model was fitted on \(6, 2\)\."),
        ([*X[:2], np.empty((0, 2))], "sequence 2 has length 0: leave it out"),
        (X[0], r"X: expected a list of sequences; got one sequence, of length 6\. Pass \[X\]\.$"),
    ],
)
def test_what_does_not_belong_to_the_fit_is_refused(fitted: Autoencoder, data: Any, message: str) -> None:
    with pytest.raises(InvalidData if "Autoencoder" not in message else ValueError, match=f"^{message}"):
        fitted.transform(data)


def test_a_road_that_sees_no_holes_takes_them_as_the_mean() -> None:
    """A perceptron is given 0, the mean after scaling, where a sequence has ended; only what is there is explained."""
    ae = model(encoder="mlp((8,))").fit(X)
    assert [each.shape for each in ae.reconstruct(X)] == [each.shape for each in X]
    assert np.isfinite(ae.score_samples(X)).all()


@pytest.mark.parametrize("setting", ["likelihood", "bottleneck", "corruption"])
def test_other_parts_bear_them(setting: str) -> None:
    value = {"likelihood": "gaussian", "bottleneck": "variational(2)", "corruption": "masking(0.2)"}[setting]
    ae = model(**{setting: value} if setting != "bottleneck" else {}, max_epochs=2)
    ae = ae.set_params(bottleneck=value) if setting == "bottleneck" else ae
    ae.fit(X)
    assert np.isfinite([record["loss"] for record in ae.history_]).all()
    assert np.isfinite(ae.score_samples(X)).all()
