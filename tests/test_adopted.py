"""Functions, Equinox modules and optax transformations in the place of parts."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.base import clone

import isthmus
from isthmus import MLP, Autoencoder, InvalidPart, ModelFileError
from isthmus.contracts import Activation, Optimizer
from isthmus.core.spelling import resolve
from tiny import X, Y, autoencoder, weights_of

ENCODER = eqx.nn.MLP(5, 4, 8, depth=1, key=jax.random.key(0))
DECODER = eqx.nn.MLP(2, 4, 8, depth=1, key=jax.random.key(1))


def cube(x: Any) -> Any:
    return x**3


def absolute(code: Any) -> Any:
    return 0.5 * jnp.abs(code).sum(axis=1)


def test_a_function_is_an_activation() -> None:
    part = MLP((4,), activation=cube).activation
    np.testing.assert_array_equal(part(jnp.array([2.0, -1.0])), [8, -1])
    assert str(MLP((4,), activation=cube)) == "mlp((4,), activation=cube)"
    assert MLP((4,), activation=cube) == MLP((4,), activation=cube)
    assert MLP((4,), activation=cube) != MLP((4,), activation=jnp.sin)
    with pytest.raises(InvalidPart, match=r"^the activation cube answers \(\) for \(2,\): it must keep the shape\.$"):
        MLP((4,), activation=type("cube", (), {"__name__": "cube", "__call__": lambda self, x: x.sum()})()).activation(
            jnp.ones(2)
        )


@pytest.mark.parametrize(
    ("function", "name"),
    [(jax.nn.silu, "function"), (jax.nn.mish, "function('mish')"), (jax.nn.relu, "relu"), (jnp.tanh, "tanh")],
)
def test_a_function_that_has_a_name_is_saved(function: Any, name: str, tmp_path: Path) -> None:
    part = resolve(Activation, function)  # type: ignore[type-abstract]
    assert str(part) == name
    numbers = np.linspace(-3, 3, 7, dtype=np.float32)
    np.testing.assert_allclose(part(numbers), function(numbers), rtol=1e-6)
    ae = autoencoder(encoder=MLP((4,), activation=function), max_epochs=1).fit(X)
    ae.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(isthmus.load(tmp_path / "model.safetensors").transform(X), ae.transform(X))


def test_a_function_of_the_code_is_a_penalty() -> None:
    own, known = (autoencoder(penalties=p, max_epochs=1).fit(X) for p in ([absolute], "l1(0.5)"))
    assert own.history_[0]["absolute"] == pytest.approx(known.history_[0]["l1"], rel=1e-5)
    np.testing.assert_allclose(weights_of(own), weights_of(known), atol=1e-5)
    lone = autoencoder(penalties=lambda code: jnp.mean(code**2), max_epochs=1).fit(X)
    assert lone.history_[0]["own_penalty"] > 0
    with pytest.raises(InvalidPart) as caught:
        autoencoder(penalties=cube, max_epochs=1).fit(X)
    assert str(caught.value).startswith("the penalty cube answers (")
    assert str(caught.value).endswith("it must give a number for each row, or one.")


def test_a_transformation_of_optax_is_an_optimizer() -> None:
    own, known = (autoencoder(optimizer=optimizer).fit(X) for optimizer in (optax.adam(0.01), "adam(0.01)"))
    np.testing.assert_allclose(weights_of(own), weights_of(known), atol=1e-6)
    schedule = optax.exponential_decay(0.1, 5, 0.5)
    chained = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule))
    assert np.isfinite(autoencoder(optimizer=chained, n_starts=2).fit(X).history_[-1]["loss"])
    assert resolve(Optimizer, chained) == resolve(Optimizer, chained)  # type: ignore[type-abstract]


def test_modules_of_equinox_are_encoder_and_decoder_with_their_weights() -> None:
    ae = Autoencoder(2, encoder=ENCODER, decoder=DECODER, max_epochs=0).fit(X)
    rows, codes = ae.scaled_rows(X), X[:, :2].astype(np.float32)
    np.testing.assert_allclose(ae.model_.encoder(rows, None), jax.vmap(ENCODER)(rows), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ae.model_.decoder(codes, None), jax.vmap(DECODER)(codes), rtol=1e-5, atol=1e-6)
    trained = Autoencoder(2, encoder=ENCODER, decoder=DECODER, max_epochs=5, optimizer="adam(0.01)").fit(X)
    assert trained.history_[-1]["loss"] < trained.history_[0]["loss"]


def test_a_module_alone_has_the_decoder_of_a_perceptron() -> None:
    assert autoencoder(encoder=ENCODER).fit(X).reconstruct(X).shape == X.shape
    model = isthmus.NetworkClassifier(encoder=ENCODER, max_epochs=1, reconstruction=0.1).fit(X, Y)
    assert model.predict(X).shape == (60,)
    drawn = [autoencoder(encoder=isthmus.from_equinox(ENCODER), max_epochs=0, random_state=i).fit(X) for i in (0, 1)]
    assert not np.array_equal(weights_of(drawn[0]), weights_of(drawn[1]))  # weights of `from_equinox` are drawn


def test_a_module_reads_a_table_of_categories_as_any_encoder_does() -> None:
    import pandas as pd

    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": np.where(X[:, 2] > 0, "u", "v")})
    module = eqx.nn.MLP(6, 4, 8, depth=1, key=jax.random.key(0))  # two numbers, their indicators, two categories
    ae = autoencoder(encoder=module, max_epochs=0).fit(frame)
    flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(eqx.filter(module, eqx.is_inexact_array))])
    assert np.isin(flat, weights_of(ae)).all()


@pytest.mark.parametrize(
    ("settings", "piece"),
    [
        ({"encoder": MLP((4,), activation=cube)}, "activation cube"),
        ({"penalties": ["l2", absolute]}, "penalty absolute"),
        ({"optimizer": optax.sgd(0.1)}, "optimizer of optax"),
        ({"encoder": ENCODER}, "backbone MLP"),
    ],
    ids=["activation", "penalty", "optimizer", "backbone"],
)
def test_habits_of_scikit_learn_stay_and_files_refuse_code(settings: Any, piece: str, tmp_path: Path) -> None:
    ae = autoencoder(**settings, max_epochs=1)
    twin = clone(ae)
    assert twin.get_params(deep=False).keys() == ae.get_params(deep=False).keys()
    assert clone(twin.set_params(bottleneck__size=1)).fit(X).n_components_ == 1
    fitted = twin.fit(X)
    with pytest.raises(ModelFileError) as caught:
        fitted.save(tmp_path / "model.safetensors")
    assert str(caught.value) == (
        f"the {piece} cannot be saved: a model file holds names and numbers, no code. Make it a part, a class in a "
        "module of yours (examples/own_parts.py), or keep the process, or pickle the estimator."
    )
    assert not list(tmp_path.iterdir())


def test_what_can_be_pickled_is() -> None:
    ae = autoencoder(penalties=[absolute], max_epochs=1).fit(X)
    again = pickle.loads(pickle.dumps(ae))  # noqa: S301 -- our own bytes
    np.testing.assert_array_equal(again.transform(X), ae.transform(X))


@pytest.mark.parametrize(
    ("module", "start"),
    [
        (eqx.nn.MLP(4, 2, 8, depth=1, key=jax.random.key(0)), "the module MLP does not take a row of shape (5,): "),
        (eqx.nn.Lambda(jnp.sum), "the module Lambda answers no vector for a row of shape (5,)."),
    ],
)
def test_a_module_that_does_not_fit_is_refused(module: Any, start: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        autoencoder(encoder=module).fit(X)
    assert str(caught.value).startswith(start)
