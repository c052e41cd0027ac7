"""What a training shows of itself after each epoch, and who may ask it to stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.contracts import Record
from isthmus.errors import InvalidPart, short

Callback = Callable[["Epoch"], object]
Callbacks = Callback | Sequence[Callback] | None


@dataclass(frozen=True, eq=False, repr=False)
class Epoch:
    """An epoch of a training that has just ended.

    Attributes
    ----------
    number : 1, 2, …; where a fit trains several networks one after the other, each counts its own.
    most : how many epochs there are at most.
    record : what `history_` keeps of it: `loss`, every term by name, `validation_loss` where rows are kept for
        validation, `weight_change`, `seconds`.
    history : the records so far, this one among them.

    Examples
    --------
    >>> import isthmus
    >>> X = np.random.default_rng(0).normal(size=(60, 4))
    >>> def report(epoch):
    ...     print(epoch.number, epoch.most, sorted(epoch.record)[:2])
    ...     return epoch.number == 2  # True, or a text, ends the training
    >>> ae = isthmus.Autoencoder(1, max_epochs=9).fit(X, callbacks=report)
    1 9 ['epoch', 'loss']
    2 9 ['epoch', 'loss']
    >>> ae.stop_reason_
    'a callback ended training after epoch 2'
    """

    number: int
    most: int
    history: tuple[Record, ...]
    _fitted: Callable[[], Any] | None = None

    @property
    def record(self) -> Record:
        """What `history_` keeps of this epoch."""
        return self.history[-1]

    @property
    def loss(self) -> float:
        """The loss that decides: of validation rows where there are some, else in training."""
        return self.record.get("validation_loss", self.record["loss"])

    def estimator(self) -> Any:
        """Return the estimator as it would be if training ended here: fitted, a copy.

        Raises
        ------
        InvalidPart
            If the network is one of several that a fit trains, as the layers of a stack.
        """
        if self._fitted is None:
            raise InvalidPart("estimator() is known where a fit trains one network, as that of an Autoencoder.")
        return self._fitted()

    def __repr__(self) -> str:
        losses = [f"{name.replace('_', ' ')} {self.record[name]:.4g}" for name in LOSSES if name in self.record]
        return f"epoch {self.number} of {self.most}: {', '.join(losses)}"


LOSSES = ("loss", "validation_loss")


def check_callbacks(callbacks: Callbacks) -> tuple[Callback, ...]:
    """Return callbacks as a tuple.

    Raises
    ------
    InvalidPart
        If one cannot be called.
    """
    listed = () if callbacks is None else tuple(callbacks) if isinstance(callbacks, list | tuple) else (callbacks,)
    for callback in listed:
        if not callable(callback):
            raise InvalidPart(f"callbacks: expected a function of an epoch, or a list of such; got {short(callback)}.")
    return listed


def reason_to_stop(callbacks: Sequence[Callback], epoch: Epoch) -> str | None:
    """Call each callback, and return why training is to end: the text of one, or that it answers True."""
    reason = None
    for callback in callbacks:
        answer = callback(epoch)
        if isinstance(answer, str):
            reason = answer
        elif isinstance(answer, bool | np.bool_) and answer:
            reason = f"a callback ended training after epoch {epoch.number}"
    return reason
