"""The networks of `supervised.py` in PyTorch, layer by layer the same, and a plain loop that trains them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

Build = Callable[[int, int], nn.Module]


class Block(nn.Module):
    """shortcut(x) + g(conv(relu(conv(relu(x))))), the last kernel starting at zero; g weighs channels, or is none."""

    def __init__(self, before: int, after: int, stride: int, reduction: int | None) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, 1)
        self.second = nn.Conv2d(after, after, 3, 1, 1)
        nn.init.zeros_(self.second.weight)
        is_same = before == after and stride == 1
        self.shortcut = nn.Identity() if is_same else nn.Conv2d(before, after, 1, stride)
        few = after // reduction if reduction else 0
        gate = (nn.Linear(after, few), nn.ReLU(), nn.Linear(few, after), nn.Sigmoid())
        self.gate = nn.Sequential(*gate) if reduction else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        branch = self.second(torch.relu(self.first(torch.relu(x))))
        if self.gate is not None:
            branch = branch * self.gate(branch.mean(dim=(2, 3)))[:, :, None, None]
        return self.shortcut(x) + branch


class Gru(nn.Module):
    """Rows of an image as steps; the last state, then the classes."""

    def __init__(self, side: int, classes: int) -> None:
        super().__init__()
        self.side = side
        self.cell = nn.GRU(side, 64, batch_first=True)
        self.out = nn.Linear(64, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.cell(x.reshape(-1, self.side, self.side))[1][0])


def mlp(side: int, classes: int) -> nn.Module:
    layers = (nn.Linear(side * side, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, classes))
    return nn.Sequential(*layers)


def conv(side: int, classes: int) -> nn.Module:
    stages = [nn.Unflatten(1, (1, side, side))]
    for before, after in ((1, 16), (16, 32)):
        stages += [nn.Conv2d(before, after, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*stages, nn.Flatten(), nn.Linear(32 * (side // 4) ** 2, classes))


def residual(side: int, classes: int, reduction: int | None = None) -> nn.Module:
    blocks = (Block(16, 16, 2, reduction), Block(16, 32, 2, reduction))
    ends = (nn.ReLU(), nn.Flatten(), nn.Linear(32 * (side // 4) ** 2, classes))
    return nn.Sequential(nn.Unflatten(1, (1, side, side)), nn.Conv2d(1, 16, 3, 1, 1), *blocks, *ends)


def squeeze_excite(side: int, classes: int) -> nn.Module:
    return residual(side, classes, reduction=4)


NETWORKS: dict[str, Build] = {
    "mlp": mlp,
    "conv": conv,
    "residual": residual,
    "squeeze_excite": squeeze_excite,
    "recurrent": Gru,
}


def fit(name: str, x: np.ndarray, y: np.ndarray, epochs: int, seed: int, batch: int) -> Callable[[np.ndarray], object]:
    """Train by Adam, 1e-3, on the softmax log-loss; return what predicts classes."""
    torch.manual_seed(seed)
    network = NETWORKS[name](round(x.shape[1] ** 0.5), int(y.max()) + 1)
    rows, labels = torch.from_numpy(x), torch.from_numpy(y)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    for _ in range(epochs):
        for index in torch.randperm(len(rows)).split(batch):
            loss = nn.functional.cross_entropy(network(rows[index]), labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def predict(rows: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return network(torch.from_numpy(rows)).argmax(dim=1).numpy()

    return predict
