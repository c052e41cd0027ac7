"""Objects of users and of other libraries in the place of parts: functions, modules, optax transformations.

Each is wrapped in a part that keeps the contract of its kind, so that nothing else knows of it. A model file holds
names and numbers, and so none of these, but a function of `jax.nn`, which has a name, and layers of PyTorch, which the
backbone `sequential` spells.
"""

from __future__ import annotations

from typing import Any

from isthmus.adopted.activation import adopted_activation
from isthmus.adopted.backbone import adopted_backbone
from isthmus.adopted.optimizer import adopted_optimizer
from isthmus.adopted.penalty import adopted_penalty
from isthmus.adopted.torch_layers import adopted_layers

MAKERS = {
    "activations": adopted_activation,
    "backbones": lambda value: adopted_backbone(value) or adopted_layers(value),
    "optimizers": adopted_optimizer,
    "penalties": adopted_penalty,
}


def adopt(kind: str, value: Any) -> Any:
    """Return a part of a kind that stands for an object, or None where the kind takes no such object."""
    maker = MAKERS.get(kind)
    return None if maker is None else maker(value)
