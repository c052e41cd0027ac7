"""The peers: how each trains the autoencoder of a case.

What each is given beyond its defaults is what makes the work equal; what cannot be made equal stands in its note.
"""

from __future__ import annotations

import abc
import importlib
import logging
import os
import tempfile
import warnings
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from cases import LEARNING_RATE, Case

Reconstruct = Callable[[np.ndarray], np.ndarray]
RELU_GAIN = 2**0.5  # on the limit of uniform starting weights, as in isthmus


class Trainer(abc.ABC):
    """A way to train: everything inside `fit` is timed, `prepare` is not."""

    name: ClassVar[str]
    modules: ClassVar[tuple[str, ...]]
    note: ClassVar[str] = ""

    def prepare(self) -> None:
        """Import what is needed, and set what holds for the process."""
        for module in self.modules:
            importlib.import_module(module)

    @abc.abstractmethod
    def fit(self, case: Case, x: np.ndarray, seed: int) -> Reconstruct:
        """Build and train the network on `x` [n, d]; return what it makes of rows."""


class Isthmus(Trainer):
    name = "isthmus"
    modules = ("isthmus.estimators.autoencoder",)

    def fit(self, case: Case, x: np.ndarray, seed: int) -> Reconstruct:
        from isthmus import Autoencoder

        return (
            Autoencoder(
                case.code,
                encoder=case.hidden,
                scaling="none",
                optimizer=f"adam({LEARNING_RATE})",
                batch_size=case.batch,
                max_epochs=case.epochs,
                stops=(),
                validation_fraction=0.0,
                random_state=seed,
            )
            .fit(x)
            .reconstruct
        )


class PyTorch(Trainer):
    """The loop that one writes by hand for speed: one tensor, batches by slices of a permutation, fused Adam."""

    modules = ("torch",)
    threads: ClassVar[int]

    def prepare(self) -> None:
        super().prepare()
        import torch

        torch.set_num_threads(self.threads)

    def fit(self, case: Case, x: np.ndarray, seed: int) -> Reconstruct:
        import torch

        torch.manual_seed(seed)
        rows = torch.from_numpy(x)
        network = torch_network(case, x.shape[1])
        optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=True)
        for _ in range(case.epochs):
            for index in torch.randperm(len(rows)).split(case.batch):
                batch = rows[index]
                loss = torch.nn.functional.mse_loss(network(batch), batch, reduction="sum") / len(batch)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        return of_tensors(network)


class PyTorchOneThread(PyTorch):
    name = "pytorch, 1 thread"
    threads = 1


class PyTorchTwoThreads(PyTorch):
    name = "pytorch, 2 threads"
    threads = 2


class ScikitLearn(Trainer):
    name = "scikit-learn"
    modules = ("sklearn.neural_network",)
    note = "the code ends in ReLU; starting weights without the gain for ReLU"

    def fit(self, case: Case, x: np.ndarray, seed: int) -> Reconstruct:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPRegressor

        network = MLPRegressor(
            hidden_layer_sizes=case.widths(x.shape[1])[1:-1],
            alpha=0.0,
            batch_size=case.batch,
            learning_rate_init=LEARNING_RATE,
            max_iter=case.epochs,
            tol=0.0,
            n_iter_no_change=case.epochs + 1,
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return network.fit(x, x).predict


class Keras(Trainer):
    name = "keras"
    modules = ("jax", "keras")
    note = "on its JAX backend, which was faster than its PyTorch one; more steps in one call did not help"

    def prepare(self) -> None:
        os.environ["KERAS_BACKEND"] = "jax"
        super().prepare()

    def fit(self, case: Case, x: np.ndarray, seed: int) -> Reconstruct:
        import keras

        keras.utils.set_random_seed(seed)
        layers = [
            keras.layers.Dense(
                outputs,
                activation="relu" if is_relu else None,
                kernel_initializer=keras.initializers.VarianceScaling(2.0 if is_relu else 1.0, "fan_avg", "uniform"),
            )
            for _, outputs, is_relu in case.layers(x.shape[1])
        ]
        network = keras.Sequential([keras.Input((x.shape[1],)), *layers])
        network.compile(keras.optimizers.Adam(LEARNING_RATE), "mse")
        network.fit(x, x, batch_size=case.batch, epochs=case.epochs, verbose=0)
        return lambda rows: network.predict(rows, batch_size=1000, verbose=0)


class Skorch(Trainer):
    name = "skorch"
    modules = ("torch", "skorch")

    def fit(self, case: Case, x: np.ndarray, seed: int) -> Reconstruct:
        import skorch
        import torch

        torch.manual_seed(seed)
        network = skorch.NeuralNetRegressor(
            torch_network(case, x.shape[1]),
            optimizer=torch.optim.Adam,
            optimizer__fused=True,
            lr=LEARNING_RATE,
            batch_size=case.batch,
            max_epochs=case.epochs,
            iterator_train__shuffle=True,
            train_split=None,
            verbose=0,
        )
        return network.fit(x, x).predict


class PyOD(Trainer):
    name = "pyod"
    modules = ("torch", "pyod.models.auto_encoder")
    note = (
        "batch norm, dropout, weight decay and scaling switched off; the code ends in ReLU, weights start by He's "
        "rule, the last short batch is dropped, and fit scores its rows at the end"
    )

    def fit(self, case: Case, x: np.ndarray, seed: int) -> Reconstruct:
        from pyod.models.auto_encoder import AutoEncoder

        detector = AutoEncoder(
            preprocessing=False,
            lr=LEARNING_RATE,
            epoch_num=case.epochs,
            batch_size=case.batch,
            random_state=seed,
            verbose=0,
            optimizer_params={},
            hidden_neuron_list=[*case.hidden, case.code],
            batch_norm=False,
            dropout_rate=0.0,
        )
        return of_tensors(detector.fit(x).model)


class Pythae(Trainer):
    name = "pythae"
    modules = ("torch", "pythae.models", "pythae.pipelines", "pythae.models.nn", "pythae.models.base.base_utils")
    note = "copies the best weights after each epoch, and writes logs and the model to a folder at the end"

    def prepare(self) -> None:
        super().prepare()
        logging.disable(logging.INFO)

    def fit(self, case: Case, x: np.ndarray, seed: int) -> Reconstruct:
        import torch
        from pythae.models import AE, AEConfig
        from pythae.pipelines import TrainingPipeline
        from pythae.trainers import BaseTrainerConfig

        torch.manual_seed(seed)
        layers = torch_network(case, x.shape[1])
        middle = 2 * len(case.hidden) + 1
        model = AE(
            AEConfig(input_dim=(x.shape[1],), latent_dim=case.code),
            pythae_road("embedding", "BaseEncoder", layers[:middle]),
            pythae_road("reconstruction", "BaseDecoder", layers[middle:]),
        )
        with tempfile.TemporaryDirectory() as folder:
            config = BaseTrainerConfig(
                output_dir=folder,
                per_device_train_batch_size=case.batch,
                num_epochs=case.epochs,
                optimizer_cls="Adam",
                optimizer_params={"fused": True},
                learning_rate=LEARNING_RATE,
                seed=seed,
            )
            TrainingPipeline(model=model, training_config=config)(x)
        return of_tensors(torch.nn.Sequential(*layers))


def pythae_road(field: str, base: str, layers: Any) -> Any:
    """Return layers as a module of Pythae, which answers with a dictionary."""
    from pythae.models import nn
    from pythae.models.base.base_utils import ModelOutput

    class Road(getattr(nn, base)):
        def __init__(self) -> None:
            super().__init__()
            self.layers = layers

        def forward(self, x: Any) -> Any:
            return ModelOutput(**{field: self.layers(x)})

    return Road()


def torch_network(case: Case, columns: int) -> Any:
    """Return the network, its starting weights drawn as isthmus draws them."""
    from torch import nn

    layers: list[nn.Module] = []
    for inputs, outputs, is_relu in case.layers(columns):
        layer = nn.Linear(inputs, outputs)
        nn.init.xavier_uniform_(layer.weight, RELU_GAIN if is_relu else 1.0)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.ReLU()] if is_relu else [layer]
    return nn.Sequential(*layers)


def of_tensors(network: Any) -> Reconstruct:
    """Return a module as a function of arrays."""
    import torch

    def reconstruct(x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return network(torch.from_numpy(x)).numpy()

    return reconstruct


TRAINERS = {
    trainer.name: trainer
    for trainer in (
        Isthmus(),
        PyTorchOneThread(),
        PyTorchTwoThreads(),
        ScikitLearn(),
        Keras(),
        Skorch(),
        PyOD(),
        Pythae(),
    )
}
