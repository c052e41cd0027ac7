"""An `nn.Sequential` of PyTorch in the place of an encoder or a decoder.

PyTorch is large, and not needed: these stand-ins have its names and what is asked of its layers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import erf
from sklearn.base import clone

import isthmus
from isthmus import Autoencoder, InvalidPart
from isthmus.contracts import Backbone
from isthmus.core.spelling import resolve
from tiny import X, autoencoder

RANDOM = np.random.default_rng(0)


class Module:
    """What all layers of PyTorch are; one with its name is made by `layer`."""

    __module__ = "torch.nn.modules.module"

    def __call__(self, x: Any) -> Any:
        raise AssertionError("it is converted, not called")


class Sequential(Module):
    __module__ = "torch.nn.modules.container"

    def __init__(self, *layers: Any) -> None:
        self.layers = layers

    def __iter__(self) -> Any:
        return iter(self.layers)


class Tensor:
    """An array that comes by way of `detach().cpu().numpy()`."""

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values, np.float32)

    def detach(self) -> Tensor:
        return self

    cpu = detach

    def numpy(self) -> np.ndarray:
        return self.values


def layer(name: str, **settings: Any) -> Any:
    made = type(name, (Module,), {"__module__": "torch.nn.modules.other"})()
    vars(made).update(settings)
    return made


def linear(inputs: int, outputs: int, *, bias: bool = True) -> Any:
    values = RANDOM.normal(size=(outputs, inputs)), RANDOM.normal(size=outputs)
    return layer("Linear", weight=Tensor(values[0]), bias=Tensor(values[1]) if bias else None)


def normalised(width: int, *, affine: bool = True) -> Any:
    weight, bias = (Tensor(RANDOM.normal(size=width)) if affine else None for _ in range(2))
    statistics = {"running_mean": Tensor(RANDOM.normal(size=width)), "running_var": Tensor(RANDOM.random(width) + 0.5)}
    return layer("BatchNorm1d", weight=weight, bias=bias, eps=1e-5, **statistics)


def gelu(x: np.ndarray) -> np.ndarray:
    return x * (1 + erf(x / np.sqrt(2))) / 2


def by_hand(module: Any, x: np.ndarray) -> np.ndarray:
    """Return what PyTorch says in its documentation that a layer gives in inference."""
    name = type(module).__name__
    if name == "Sequential":
        for inner in module:
            x = by_hand(inner, x)
        return x
    if name == "Linear":
        return x @ module.weight.numpy().T + (0 if module.bias is None else module.bias.numpy())
    if name == "BatchNorm1d":
        x = (x - module.running_mean.numpy()) / np.sqrt(module.running_var.numpy() + module.eps)
        return x if module.weight is None else x * module.weight.numpy() + module.bias.numpy()
    known = {
        "ReLU": lambda x: np.maximum(x, 0),
        "GELU": gelu,
        "SiLU": lambda x: x / (1 + np.exp(-x)),
        "Tanh": np.tanh,
        "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "LeakyReLU": lambda x: np.where(x > 0, x, 0.2 * x),
        "ELU": lambda x: np.where(x > 0, x, 0.5 * np.expm1(x)),
    }
    return known.get(name, lambda x: x)(x)  # Dropout, Flatten and Identity give what they are given


ACTIVATIONS = (
    *(layer(name) for name in ("ReLU", "SiLU", "Tanh", "Sigmoid", "Flatten", "Identity")),
    *(layer("GELU", approximate="none"), layer("LeakyReLU", negative_slope=0.2), layer("ELU", alpha=0.5)),
)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda module: type(module).__name__)
def test_layers_compute_what_they_computed(activation: Any) -> None:
    rows = RANDOM.normal(size=(7, 5)).astype(np.float32)
    inner = Sequential(linear(4, 3, bias=False), normalised(3, affine=False))
    module = Sequential(layer("Flatten"), linear(5, 4), normalised(4), activation, layer("Dropout", p=0.5), inner)
    ae = Autoencoder(2, encoder=module, max_epochs=0, scaling=None).fit(X)
    np.testing.assert_allclose(ae.model_.encoder(rows, None), by_hand(module, rows), rtol=2e-5, atol=2e-6)


ENCODER = Sequential(linear(5, 8), layer("GELU", approximate="none"), linear(8, 2))
DECODER = Sequential(linear(2, 8), layer("Tanh"), layer("Dropout", p=0.1), linear(8, 5))


def test_an_autoencoder_of_two_answers_at_once_as_they_do(tmp_path: Path) -> None:
    ae = Autoencoder(2, encoder=ENCODER, decoder=DECODER, init="identity", scaling=None, max_epochs=0).fit(X)
    codes = by_hand(ENCODER, X)
    np.testing.assert_allclose(ae.transform(X), codes, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ae.reconstruct(X), by_hand(DECODER, codes), rtol=1e-4, atol=1e-5)
    ae.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.reconstruct(X), ae.reconstruct(X))
    assert str(loaded.part("encoder")) == "sequential(('linear(8)', 'gelu', 'linear(2)'))"


def test_they_learn_and_keep_habits() -> None:
    ae = autoencoder(encoder=ENCODER, decoder=DECODER, max_epochs=5, optimizer="adam(0.01)")
    trained = clone(ae).fit(X)
    assert trained.history_[-1]["loss"] < trained.history_[0]["loss"]
    alone = autoencoder(encoder=ENCODER, max_epochs=1).fit(X)
    assert alone.reconstruct(X).shape == X.shape


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Sequential(layer("Conv2d")), "the layer Conv2d of PyTorch has no counterpart here. There are: BatchNorm1d, "),
        (layer("Net"), "Net of PyTorch: expected an nn.Sequential of Linear, activations, Dropout and BatchNorm1d. "),
        (Sequential(linear(4, 2)), "the Sequential takes 4 numbers, and a row has 5: give it that many."),
        (
            Sequential(layer("BatchNorm1d", running_var=None)),
            "BatchNorm1d of PyTorch: expected one that keeps its statistics, track_running_stats=True.",
        ),
    ],
)
def test_what_has_no_counterpart_is_refused(module: Any, message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        autoencoder(encoder=module).fit(X)
    assert str(caught.value).startswith(message)


def test_an_identity_needs_ends_of_the_width_of_code_and_row() -> None:
    with pytest.raises(
        InvalidPart, match=r"^init='identity' needs an affine layer from the encoder into the code that"
    ):
        Autoencoder(1, encoder=ENCODER, init="identity", max_epochs=0).fit(X)


def test_layers_are_spelled() -> None:
    part = resolve(Backbone, "sequential(['linear(4)', 'leaky_relu(0.2)', 'dropout(0.1)', 'scale'])")  # type: ignore[type-abstract]
    assert autoencoder(encoder=part, max_epochs=1).fit(X).transform(X).shape == (len(X), 2)
    for text, message in (("linear(x)", r"layers\[0\]: expected linear\(width\)"), ("linear(0)", "of at least 1")):
        with pytest.raises(InvalidPart, match=message):
            isthmus.backbones.Sequential((text,))
