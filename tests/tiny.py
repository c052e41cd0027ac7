"""The few shapes that tests share, so that their programs are compiled once, and what a model holds, read in public."""

from __future__ import annotations

import functools
import inspect
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import safetensors.numpy

import isthmus
from isthmus import Autoencoder
from isthmus.core.parameter_specs import assemble
from isthmus.storage import container

X = np.random.default_rng(0).normal(size=(60, 5))
"""A table of numbers."""
Y = np.arange(60) % 3
"""Three classes for its rows."""
NAMES = list("abcde")


def autoencoder(**settings: Any) -> Autoencoder:
    """Return a small autoencoder of two epochs."""
    return Autoencoder(**{"bottleneck": 2, "encoder": (4,), "max_epochs": 2} | settings)


def tensors_of(model: Any, start: str = "") -> dict[str, np.ndarray]:
    """Return what a model file holds, by name, of the tensors whose names begin so, without that beginning."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        model.save(path)
        tensors = safetensors.numpy.load(path.read_bytes())
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def header_of(model: Any) -> dict[str, Any]:
    """Return what a model file holds beside its tensors."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        model.save(path)
        return container.open_file(path, "model").header


def weight_arrays(model: Any) -> dict[str, np.ndarray]:
    """Return the weights as a file has them, by name: `encoder.layers.0.affine.matrix`; what is tied stands once."""
    return tensors_of(model, "weights.")


def weights_of(model: Any) -> np.ndarray:
    """Return all numbers of the trained network, flat; what is tied stands twice."""
    leaves = [leaf for leaf in jax.tree.leaves(model.model_) if isinstance(leaf, np.ndarray | jax.Array)]
    return np.concatenate([np.ravel(leaf) for leaf in leaves])


def scaling_of(model: Any) -> dict[str, np.ndarray]:
    """Return what the scaling has learned of the columns, by name."""
    return tensors_of(model, "scaling.")


def with_weights(model: Any, weights: Mapping[str, Any]) -> Any:
    """Return the model as it is loaded from a file in which these weights stand, by name."""
    return forged(model, {f"weights.{name}": value for name, value in weights.items()}, {})


def with_flat_weights(model: Any, flat: np.ndarray) -> Any:
    """Return the model as it is loaded from a file with all its weights replaced, in the order of the network."""
    leaves = jax.tree_util.tree_leaves_with_path(model.model_)
    arrays = [(path, leaf) for path, leaf in leaves if isinstance(leaf, np.ndarray | jax.Array)]
    pieces = np.split(flat, np.cumsum([leaf.size for _, leaf in arrays])[:-1])
    names = [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in arrays]
    return with_weights(model, dict(zip(names, pieces, strict=True)))


def forged(model: Any, tensors: Mapping[str, Any], header: Mapping[str, Any]) -> Any:
    """Return the model as it is loaded from a file in which these tensors and these words stand, its checksum right."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        model.save(path)
        opened = container.open_file(path, "model")
        told = {name: value for name, value in opened.header.items() if name != "checksum"}
        held = opened.read()
        for name, value in tensors.items():
            held[name] = np.ascontiguousarray(value, held[name].dtype).reshape(held[name].shape)
        container.write(path, told | header, held)
        return isthmus.load(path)


def progress_of(model: Any) -> Any:
    """Return where training stood at its end: links, factors, the history of each start."""
    return model.fitted_.progress


def scaled(model: Any, x: np.ndarray) -> np.ndarray:
    """Return rows in the units of the network, where its scaling is `standard`, `minmax` or `none`."""
    learned = scaling_of(model)
    center = learned.get("mean", learned.get("lowest", 0))
    return np.asarray((x - center) / learned.get("deviation", learned.get("range", 1)), np.float32)


@jax.tree_util.register_pytree_node_class
class Compiled:
    """A module or an outcome whose methods are compiled as wholes, once for all of its structure and shapes.

    Operation by operation each of them would take a dozen programs. Numbers, words and None among the arguments are
    part of the program, as they stand; what comes back and has methods of its own is compiled too.
    """

    def __init__(self, tree: Any) -> None:
        self.tree = tree

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.tree, name)
        if inspect.ismethod(value):
            return functools.partial(self._run, name)
        return _wrapped(value)

    def __call__(self, *arguments: Any) -> Any:
        return self._run("__call__", *arguments)

    def _run(self, name: str, *arguments: Any) -> Any:
        static = tuple((i, each) for i, each in enumerate(arguments) if isinstance(each, int | float | str | None))
        rest = [each for each in arguments if not isinstance(each, int | float | str | None)]
        return _wrapped(_method(name, static)(self.tree, *rest))

    def tree_flatten(self) -> tuple[tuple[Any], None]:
        return (self.tree,), None

    @classmethod
    def tree_unflatten(cls, _: None, children: tuple[Any]) -> Compiled:
        return cls(*children)


def _wrapped(value: Any) -> Any:
    plain = (str, int, float, tuple, list, dict, np.ndarray, jax.Array, type(None))
    return value if isinstance(value, plain) or not jax.tree.leaves(value) else Compiled(value)


@functools.cache
def _method(name: str, static: tuple[tuple[int, Any], ...]) -> Callable[..., Any]:
    def run(tree: Any, *rest: Any) -> Any:
        arguments = list(rest)
        for place, each in static:
            arguments.insert(place, each)
        return getattr(tree, name)(*arguments)

    return jax.jit(run)


def assembled(skeleton: Any, flat: Any) -> Compiled:
    """Return a network with its weights, whose methods are compiled."""
    return Compiled(assemble(skeleton, flat))
