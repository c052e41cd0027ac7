"""Labels where a part needs them, and the sides of an adversarial code kept apart."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import isthmus
from isthmus import Autoencoder, InvalidData, InvalidPart
from isthmus.cli.main import app
from isthmus.contracts import Batch, Row
from isthmus.core.parameter_specs import assemble, draw_weights, weight_range
from isthmus.data.rows import Rows
from isthmus.data.validation import check_labels
from isthmus.parts.optimizers import Sgd
from isthmus.parts.penalties import WeightDecay
from isthmus.training.objective import Plan, loss
from tiny import weight_arrays

X = np.random.default_rng(0).normal(size=(60, 4))
Y = np.arange(60) % 3


@pytest.mark.filterwarnings("ignore:y holds -1 in 1 row")
@pytest.mark.parametrize(
    ("y", "labels", "classes"),
    [
        ([3, 1, 3], [1, 0, 1], [1, 3]),
        ([3, 1, -1, 5], [1, 0, -1, 2], [1, 3, 5]),
        ([-1, 1, 1], [0, 1, 1], [-1, 1]),
        ([2.0, np.nan, 1.0], [1, -1, 0], [1.0, 2.0]),
        (["b", None, "a"], [1, -1, 0], ["a", "b"]),
        ([[1], [0], [1]], [1, 0, 1], [0, 1]),
        ([True, False, True], [1, 0, 1], [False, True]),
    ],
)
def test_labels_become_places_in_the_sorted_classes(y: Any, labels: list[int], classes: list[Any]) -> None:
    y = np.array(y, dtype=object) if None in y else y
    found, known = check_labels(y, len(y), "the test")
    assert found.tolist() == labels
    assert known.tolist() == classes


@pytest.mark.parametrize(
    ("settings", "whose"),
    [
        ({"penalties": "margin(affinity=same_label)"}, "the penalty margin"),
        ({"neighborhood": "same_class"}, "the neighborhood same_class"),
        ({"bottleneck": "adversarial(2, prior=mixture(by_label=True))"}, "the bottleneck adversarial"),
    ],
)
def test_a_part_that_needs_labels_says_so(settings: dict[str, Any], whose: str) -> None:
    model = Autoencoder(**({"bottleneck": 2, "encoder": (4,), "max_epochs": 1} | settings))
    with pytest.raises(InvalidData, match=rf"{whose} needs labels: call fit\(X, y\)\."):
        model.fit(X)
    assert model.fit(X, Y).n_iter_ == 1


def test_more_classes_than_a_prior_has_places_are_refused() -> None:
    model = Autoencoder("adversarial(2, prior=mixture(2, by_label=True))", encoder=(4,), max_epochs=1)
    with pytest.raises(InvalidData, match=r"y holds 3 classes, and the bottleneck adversarial has places for 2\."):
        model.fit(X, Y)


def test_equal_rows_of_different_labels_are_not_one() -> None:
    twice, labels = np.vstack([X[:20], X[:20]]), np.repeat([0, 1], 20)
    model = Autoencoder(2, encoder=(4,), penalties="margin(affinity=same_label)", max_epochs=1)
    model.fit(twice, labels)
    rows = Rows(model.open_rows(twice), np.ones(40), labels)
    assert rows.count == 40
    assert rows.label is not None
    assert sorted(rows.label.tolist()) == labels.tolist()


def test_an_adversarial_code_is_refused_what_does_not_go_with_it() -> None:
    with pytest.raises(InvalidPart, match="an adversarial code needs an optimizer that goes step by step"):
        Autoencoder("adversarial(2)", optimizer="lbfgs").fit(X)
    with pytest.raises(InvalidPart, match="validation_fraction must be None or 0 with a neighborhood or an advers"):
        Autoencoder("adversarial(2)", validation_fraction=0.2).fit(X)
    with pytest.raises(InvalidPart, match="validation_fraction must be None or 0 with a neighborhood or an advers"):
        Autoencoder(2, neighborhood="nearest", validation_fraction=0.2).fit(X)


def test_tied_weights_leave_the_rival_alone() -> None:
    model = Autoencoder("adversarial(2)", encoder="mlp(())", tied=True, max_epochs=2, stops=None).fit(X)
    paths = weight_arrays(model)
    assert "head.affine.matrix" not in paths
    assert any(path.startswith("neck.rival.") and path.endswith("matrix") for path in paths)


def test_no_penalty_teaches_a_rival() -> None:
    skeleton = Autoencoder("adversarial(2)", encoder=(3,)).resolve_parts().build(Row((4,)))
    low, high = weight_range(skeleton, "neck.rival")
    batch = Batch(jnp.array(X, jnp.float32), jnp.ones(60))

    @jax.jit
    @jax.grad
    def slope(weights: Any) -> Any:
        plan = Plan(None, (WeightDecay(1.0),), Sgd(), Sgd())
        return loss(assemble(skeleton, weights), plan, batch, jnp.int32(0), None)[1].terms["weight_decay"]

    gradient = np.asarray(slope(draw_weights(skeleton, 0)))
    np.testing.assert_array_equal(gradient[low:high], 0)
    assert np.abs(gradient[:low]).max() > 0


def test_a_name_in_two_rooms_must_say_which() -> None:
    both = r"isthmus.corruptions.Gaussian or isthmus.likelihoods.Gaussian"
    with pytest.raises(AttributeError, match=rf"isthmus.Gaussian could be {both}: write which\."):
        _ = isthmus.Gaussian
    assert isthmus.Variational is isthmus.bottlenecks.Variational


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_label_column_teaches_and_is_no_column(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(kind=np.array(["x", "y", "z"])[Y])
    frame.to_csv("t.csv", index=False)
    frame.to_parquet("t.parquet")
    options = ["--label-column", "kind", "--neighborhood", "same_class", "--max-epochs", "1", "--bottleneck", "2"]
    words = ["fit", f"t.{suffix}", "--out", "m.safetensors", "--tied", "--encoder", "(8,)", *options]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    model = isthmus.load("m.safetensors")
    assert model.feature_names_in_.tolist() == list("abcd")
    assert model.tied is True
    refused = CliRunner().invoke(app, [*(word.replace("kind", "knd") for word in words), "--force"])
    assert "has no column 'knd'. Did you mean 'kind'?" in refused.output
