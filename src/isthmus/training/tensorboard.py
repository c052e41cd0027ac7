"""`TensorBoard`: the records of a training as scalars that TensorBoard draws."""

from __future__ import annotations

import importlib
import os
from typing import Any

from isthmus.errors import MissingExtra
from isthmus.training.callbacks import Epoch

WRITERS = ("tensorboardX", "torch.utils.tensorboard")
LEFT_OUT = ("epoch", "seconds")


class TensorBoard:
    """A callback that writes loss, every term and the validation loss of each epoch to a folder, for TensorBoard.

    Where a fit trains several networks, those after the first are in folders of their own, `2`, `3`, … below it.

    Parameters
    ----------
    folder : where the event files go.

    Raises
    ------
    MissingExtra
        If neither tensorboardX (the extra `tensorboard`) nor PyTorch with TensorBoard is installed.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = os.fspath(folder)
        self._open = _writer_class()
        self._networks = 0
        self._writer: Any = None

    def __call__(self, epoch: Epoch) -> None:
        """Write the scalars of an epoch."""
        if self._writer is None or epoch.number == 1:
            self._networks += 1
            below = [str(self._networks)] if self._networks > 1 else []
            self._writer = self._open(os.path.join(self.folder, *below))  # noqa: PTH118 -- a path or an address
        for name, value in epoch.record.items():
            if name not in LEFT_OUT:
                self._writer.add_scalar(name, value, epoch.number)
        self._writer.flush()


def _writer_class() -> Any:
    for module in WRITERS:
        try:
            return importlib.import_module(module).SummaryWriter
        except ImportError:
            continue
    raise MissingExtra("TensorBoard needs the extra 'tensorboard': pip install 'isthmus[tensorboard]'.")
