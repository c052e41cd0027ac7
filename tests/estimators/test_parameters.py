"""Parameters that are parts, as scikit-learn's tools change them: copied, nested, searched, routed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from isthmus import Autoencoder, InvalidPart
from isthmus.parts.backbones import MLP
from isthmus.parts.bottlenecks import Deterministic, TopK
from isthmus.parts.penalties import L1
from tiny import weights_of

X = np.random.default_rng(0).normal(size=(60, 5))


def autoencoder(**settings: Any) -> Autoencoder:
    return Autoencoder(**{"bottleneck": 2, "encoder": (4,), "max_epochs": 3} | settings)


def test_the_constructor_only_stores() -> None:
    """Nonsense is kept as it is, and said by `fit`."""
    nonsense = object()
    ae = Autoencoder(nonsense, encoder=nonsense, penalties=nonsense, max_epochs="many")  # type: ignore[arg-type]
    assert ae.bottleneck is nonsense
    assert ae.penalties is nonsense
    assert ae.max_epochs == "many"
    assert ae.get_params(deep=False)["encoder"] is nonsense
    assert "encoder__hidden" not in ae.get_params()


def test_a_clone_has_equal_parameters_and_no_model() -> None:
    ae = autoencoder(penalties=[L1(0.5), "l2"], encoder="mlp((4,), elu(0.7))").fit(X)
    copy = clone(ae)
    assert {key: str(value) for key, value in copy.get_params().items()} == {
        key: str(value) for key, value in ae.get_params().items()
    }
    assert not hasattr(copy, "history_")
    assert not copy.__sklearn_is_fitted__()
    assert copy.penalties[0] == ae.penalties[0]
    np.testing.assert_array_equal(weights_of(copy.fit(X)), weights_of(ae))


def test_the_settings_inside_are_shown_two_levels_down() -> None:
    ae = autoencoder(
        bottleneck="top_k(6, k=3)",
        encoder="mlp((4,), elu(0.7), dropout=0.1)",
        penalties=["l1(0.5)", "l2", "l1(0.25)"],
        optimizer="adam(cosine(0.01, steps=9))",
        stops="patience(4)",
    )
    found = ae.get_params()
    assert found["bottleneck"] == "top_k(6, k=3)"
    assert (found["bottleneck__size"], found["bottleneck__k"]) == (6, 3)
    assert (found["encoder__hidden"], found["encoder__dropout"], found["encoder__activation__alpha"]) == (
        (4,),
        0.1,
        0.7,
    )
    assert (found["penalties__l1__weight"], found["penalties__l1_2__weight"]) == (0.5, 0.25)
    assert found["optimizer__learning_rate__steps"] == 9
    assert found["stops__patience__epochs"] == 4


def test_settings_inside_are_set_in_a_copy() -> None:
    neck, road, penalty = TopK(6, 3), MLP((4,), "elu(0.7)"), L1(0.5)
    ae = autoencoder(bottleneck=neck, encoder=road, penalties=[penalty, "l2"], stops="patience(4)")
    same = autoencoder(bottleneck=neck, encoder=road, penalties=[penalty, "l2"])
    ae.set_params(
        bottleneck__k=4,
        encoder__activation__alpha=0.2,
        penalties__l1__weight=0.1,
        stops__patience__epochs=2,
        optimizer__learning_rate=0.5,
        max_epochs=7,
    )
    found = ae.get_params()
    assert (found["bottleneck__k"], found["bottleneck__size"]) == (4, 6)
    assert (found["encoder__activation__alpha"], found["encoder__hidden"]) == (0.2, (4,))
    assert (found["penalties__l1__weight"], found["penalties__l2__weight"]) == (0.1, L1().weight)
    assert (found["stops__patience__epochs"], found["optimizer__learning_rate"], found["max_epochs"]) == (2, 0.5, 7)
    assert (neck, road, penalty) == (TopK(6, 3), MLP((4,), "elu(0.7)"), L1(0.5))
    assert same.get_params()["bottleneck__k"] == 3


def test_a_part_and_a_setting_of_it_come_in_one_call() -> None:
    ae = autoencoder().set_params(bottleneck__k=2, bottleneck="top_k(9)")
    assert str(ae.bottleneck) == "top_k(9, k=2)"
    assert ae.set_params(bottleneck=3).get_params()["bottleneck__size"] == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bottlneck": 3}, r"Invalid parameter 'bottlneck' for estimator Autoencoder\. Did you mean 'bottleneck'\?"),
        ({"bottleneck__k": 3}, r"deterministic has no setting 'k'\. It has: size, activation"),
        ({"bottleneck__size": 0}, r"Deterministic\.size must be at least 1\. Got 0"),
        ({"penalties__l2__weight": 1}, r"penalties has no part 'l2'\. It has: l1"),
        ({"corruption__fraction": 0.5}, "corruption is None, not a part: it has no setting 'fraction'"),
        ({"max_epochs__x": 1}, "max_epochs is 3, not a part: it has no setting 'x'"),
        ({"encoder__hidden__x": 1}, "not a part"),
    ],
)
def test_what_cannot_be_set_is_said(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart, match=message):
        autoencoder(penalties="l1").set_params(**settings)


@pytest.mark.parametrize("bottleneck", [2, "deterministic(2)", Deterministic(2), "deterministic(size=2)", np.int64(2)])
def test_what_stands_for_a_part_is_the_part(bottleneck: Any) -> None:
    np.testing.assert_array_equal(
        weights_of(autoencoder(bottleneck=bottleneck).fit(X)), weights_of(autoencoder().fit(X))
    )


@pytest.mark.parametrize("encoder", [(4,), [4], "mlp((4,))", "mlp([4])", MLP((4,)), MLP([4])])
def test_what_stands_for_a_backbone_is_the_backbone(encoder: Any) -> None:
    np.testing.assert_array_equal(weights_of(autoencoder(encoder=encoder).fit(X)), weights_of(autoencoder().fit(X)))


def test_a_decoder_of_its_own_is_no_mirror() -> None:
    ae = autoencoder(decoder="mlp((3, 6))").fit(X)
    shapes = [layer.affine.matrix.shape for layer in ae.model_.decoder.layers]
    assert shapes == [(2, 6), (6, 3)]
    assert [layer.affine.matrix.shape for layer in ae.model_.encoder.layers] == [(5, 4)]


def test_a_grid_is_searched_two_levels_down() -> None:
    # Two thirds of the rows, and the same shapes for every fold.
    grid = {"bottleneck__size": [1, 2], "penalties__l1__weight": [0.001, 100.0]}
    x = X[:, :2] @ np.random.default_rng(1).normal(size=(2, 5))
    base = Autoencoder(2, encoder=(), optimizer="lbfgs(30)", max_epochs=3, penalties="l1")
    search = GridSearchCV(base, grid, cv=3, error_score="raise").fit(x)
    assert search.best_params_ == {"bottleneck__size": 2, "penalties__l1__weight": 0.001}
    assert search.best_estimator_.n_components_ == 2
    assert search.transform(x).shape == (60, 2)
    assert base.get_params()["penalties__l1__weight"] == L1().weight
    scores = search.cv_results_["mean_test_score"]
    assert len(set(np.round(scores, 3))) > 2


def test_a_pipeline_learns_from_codes() -> None:
    digits = load_digits(n_class=3)
    x, y = digits.data[:300], digits.target[:300]
    ae = Autoencoder(4, encoder=(16,), optimizer="lbfgs(50)", max_epochs=2)
    pipeline = make_pipeline(StandardScaler(), ae, LogisticRegression())
    assert cross_val_score(pipeline, x, y, cv=2).min() > 0.8
    pipeline.set_params(autoencoder__bottleneck__size=5).fit(x, y)
    assert list(pipeline[:-1].get_feature_names_out()) == [f"autoencoder{i}" for i in range(5)]
    assert pipeline[1].get_params()["bottleneck__size"] == 5


@pytest.fixture
def routing() -> Iterator[None]:
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def test_weights_of_rows_are_routed(routing: None) -> None:
    """Through a pipeline and a search to `fit` and `score`, where they are asked for."""
    weight = np.linspace(0.1, 3, 60)
    alone = autoencoder().fit(X, sample_weight=weight)
    asks = autoencoder().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    pipeline = make_pipeline(asks).fit(X, sample_weight=weight)
    np.testing.assert_array_equal(weights_of(pipeline[0]), weights_of(alone))
    assert pipeline.score(X, sample_weight=weight) == pytest.approx(alone.score(X, sample_weight=weight))
    assert alone.score(X, sample_weight=weight) != pytest.approx(alone.score(X))

    search = GridSearchCV(asks, {"max_epochs": [3]}, cv=2).fit(X, sample_weight=weight)
    np.testing.assert_array_equal(weights_of(search.best_estimator_), weights_of(alone))

    declines = make_pipeline(autoencoder().set_fit_request(sample_weight=False)).fit(X)
    np.testing.assert_array_equal(weights_of(declines[0]), weights_of(autoencoder().fit(X)))
    with pytest.raises(TypeError, match="sample_weight"):
        make_pipeline(autoencoder().set_fit_request(sample_weight=False)).fit(X, sample_weight=weight)


def test_what_prints_is_what_was_set() -> None:
    assert repr(Autoencoder(3)) == "Autoencoder(bottleneck=3)"
    assert "top_k(6, k=3)" in repr(Autoencoder("top_k(6, k=3)", max_epochs=5))
    assert repr(Autoencoder()) == "Autoencoder()"
    assert "Autoencoder" in Autoencoder()._repr_html_()
