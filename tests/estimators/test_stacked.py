"""Layers on top of each other: the whole computes what they compute, and learns on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

import isthmus
from isthmus import Autoencoder, InvalidData, InvalidPart, NetworkClassifier, StackedAutoencoder
from isthmus.contracts import Stop
from tiny import weights_of

X = load_digits().data[:400]


def layer(size: int, activation: str = "tanh", **settings: Any) -> Autoencoder:
    own = {"encoder": "mlp(())", "max_epochs": 12, "stops": None, "validation_fraction": 0}
    return Autoencoder(f"deterministic({size}, activation={activation})", **(own | settings))  # type: ignore[arg-type]


KINDS = {
    "plain": [layer(24), layer(6)],
    "tied": [layer(24, tied=True), layer(6, tied=True)],
    "unscaled above": [layer(24, "sigmoid"), layer(6, scaling=None, likelihood="bernoulli")],
    "minmax above, three": [layer(24), layer(12, scaling="minmax"), layer(5)],
    "deep below": [layer(24, encoder=(32,), tied=True), layer(6)],
    "any variant": [
        Autoencoder("variational(16)", encoder=(24,), likelihood="gaussian", max_epochs=5, corruption="masking"),
        Autoencoder("top_k(24, k=4)", encoder="mlp(())", penalties="l1", max_epochs=5),
    ],
}


@pytest.fixture(scope="module", params=KINDS)
def greedy(request: pytest.FixtureRequest) -> StackedAutoencoder:
    return StackedAutoencoder(KINDS[request.param], max_epochs=0, validation_fraction=0).fit(X)


def test_the_whole_computes_what_its_layers_compute(greedy: StackedAutoencoder) -> None:
    codes = X
    for each in greedy.layers_:
        codes = each.transform(codes)
    np.testing.assert_allclose(greedy.transform(X), codes, rtol=1e-4, atol=1e-4)
    rows = codes
    for each in reversed(greedy.layers_):
        rows = each.inverse_transform(rows)
    np.testing.assert_allclose(greedy.inverse_transform(codes), rows, rtol=1e-4, atol=1e-3)
    assert greedy.transform(X).shape == (400, greedy.n_components_)
    assert greedy.get_feature_names_out()[0] == "stackedautoencoder0"


def test_a_saved_whole_comes_back(greedy: StackedAutoencoder, tmp_path: Path) -> None:
    greedy.save(tmp_path / "m.safetensors")
    again = isthmus.load(tmp_path / "m.safetensors")
    assert type(again) is StackedAutoencoder
    np.testing.assert_array_equal(again.transform(X), greedy.transform(X))
    np.testing.assert_array_equal(again.reconstruct(X), greedy.reconstruct(X))
    assert [type(each) for each in again.layers] == [Autoencoder] * len(greedy.layers)


@pytest.mark.parametrize("kind", ["plain", "tied"])
def test_each_layer_lowers_its_own_error_and_fine_tuning_that_of_the_whole(kind: str) -> None:
    stack = StackedAutoencoder(KINDS[kind], max_epochs=0, validation_fraction=0).fit(X)
    for each in stack.layers_:
        losses = [record["loss"] for record in each.history_]
        assert losses[-1] < 0.8 * losses[0]
    tuned = clone(stack).set_params(max_epochs=20, stops=None).fit(X)
    assert [record["epoch"] for record in tuned.history_] == list(range(1, 21))
    assert -tuned.score(X) < 0.97 * -stack.score(X)


def test_upper_layers_are_fed_clean_codes() -> None:
    noisy = layer(24, corruption="gaussian(5.0)")
    stack = StackedAutoencoder([noisy, layer(6)], max_epochs=0).fit(X)
    alone = clone(noisy).fit(X)
    np.testing.assert_array_equal(stack.layers_[0].transform(X), alone.transform(X))
    upper = clone(stack.layers[1]).fit(alone.transform(X))
    np.testing.assert_array_equal(weights_of(stack.layers_[1]), weights_of(upper))


def test_tied_weights_stay_tied_in_the_whole() -> None:
    stack = StackedAutoencoder(KINDS["tied"], max_epochs=3).fit(X)
    model: Any = stack.model_
    storey, stairs = model.encoder.storeys[0], model.decoder.stairs[0]
    np.testing.assert_array_equal(model.head.affine.matrix, storey.neck.affine.matrix.T)
    np.testing.assert_array_equal(stairs.head.affine.matrix, model.neck.affine.matrix.T)


def test_settings_reach_into_the_layers_by_copy() -> None:
    stack = StackedAutoencoder([layer(24), layer(6)])
    shown = stack.get_params()
    assert shown["layers__1__max_epochs"] == 12
    assert shown["layers__0__bottleneck__size"] == 24
    other = clone(stack).set_params(layers__1__bottleneck__size=3, layers__0=layer(9), optimizer__learning_rate=0.1)
    assert [each.part("bottleneck").size for each in other.layers] == [9, 3]
    assert [each.part("bottleneck").size for each in stack.layers] == [24, 6]
    with pytest.raises(InvalidPart, match=r"layers has no place '7'\. It has: 0, 1\."):
        stack.set_params(layers__7__max_epochs=1)


def test_a_killed_fine_tuning_goes_on(tmp_path: Path) -> None:
    whole = StackedAutoencoder(KINDS["plain"], max_epochs=6, stops=None).fit(X)
    part = StackedAutoencoder(KINDS["plain"], max_epochs=3, stops=None).fit(X, checkpoint=tmp_path / "c")
    assert part.n_iter_ == 3
    part.set_params(max_epochs=6).fit(X, checkpoint=tmp_path / "c")
    np.testing.assert_array_equal(weights_of(part), weights_of(whole))


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        ([], r"layers must be a list of at least one Autoencoder\. Got \[\]\."),
        ([8, 4], r"layers must be a list of at least one Autoencoder\. Got \[8, 4\]\."),
        (
            [layer(24), layer(6, scaling="quantile")],
            r"the scaling quantile of layer 2 cannot become a layer of the whole: use 'standard', 'minmax' or None",
        ),
        ([layer(24), layer(6, tied=1)], r"tied must be True or False\. Got 1\."),
    ],
)
def test_what_does_not_stack_is_refused(layers: Any, sentence: str) -> None:
    with pytest.raises(InvalidPart, match=sentence):
        StackedAutoencoder(layers).fit(X)


def test_labels_are_asked_for_by_the_layer_that_needs_them() -> None:
    stack = StackedAutoencoder([layer(24), layer(6, penalties="margin(affinity=same_label)")], max_epochs=1)
    with pytest.raises(isthmus.InvalidData, match=r"the penalty margin needs labels: call fit\(X, y\)"):
        stack.fit(X)
    assert "margin" in stack.fit(X, load_digits().target[:400]).layers_[1].history_[0]


@pytest.mark.parametrize(("head", "target"), [("softmax", "categorical"), ("logistic", "bernoulli"), ("svm", "hinge")])
def test_it_becomes_a_classifier(head: str, target: str) -> None:
    made = StackedAutoencoder(KINDS["plain"]).to_classifier(head, max_epochs=7)
    assert type(made) is NetworkClassifier
    assert (made.target, made.frozen_epochs, made.max_epochs) == (target, 50, 7)


RIVAL = "adversarial(2, prior=mixture(by_label=True), rival=adam(0.01))"


def test_the_rival_of_the_top_layer_goes_on_in_the_fine_tuning() -> None:
    top = Autoencoder(RIVAL, encoder="mlp(())", max_epochs=2, stops=None)
    stack = StackedAutoencoder([layer(24), top], max_epochs=2, stops=None).fit(X, load_digits().target[:400])
    assert stack.resolve_parts().plan().discriminator == top.part("bottleneck").rival
    with pytest.raises(InvalidData, match="adversarial needs labels"):
        clone(stack).fit(X)
    assert {"rival", "adversarial"} <= set(stack.history_[-1])
    with pytest.raises(InvalidPart, match="an adversarial code needs an optimizer that goes step by step"):
        clone(stack).set_params(optimizer="lbfgs").fit(X, load_digits().target[:400])
    with pytest.raises(InvalidPart, match="validation_fraction must be None or 0 with a neighborhood or an adver"):
        clone(stack).set_params(validation_fraction=0.1).fit(X, load_digits().target[:400])


@dataclass(frozen=True)
class InterruptSecondEpoch(Stop):
    def __call__(self, history: Any) -> str | None:
        if len(history) == 2:
            raise KeyboardInterrupt
        return None


def test_ctrl_c_in_a_layer_ends_the_whole_and_keeps_the_layers() -> None:
    stack = StackedAutoencoder([layer(24), layer(6, stops=[InterruptSecondEpoch()])])
    with pytest.warns(UserWarning, match="interrupted after epoch 1"), pytest.raises(KeyboardInterrupt):
        stack.fit(X)
    assert [each.n_iter_ for each in stack.layers_] == [12, 1]
