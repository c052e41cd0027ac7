"""What schedules share whose length is given in steps or in epochs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from isthmus.contracts import Schedule
from isthmus.errors import require

USUAL_STEPS = 1000  # where nobody says how long it takes


class Timed(Schedule, abstract=True):
    """A schedule of so many steps, or of so many epochs, which a training turns into steps."""

    steps: int | None
    epochs: int | None

    def check_contract(self) -> None:
        name = type(self).__name__
        is_one = self.steps is None or self.epochs is None
        require(is_one, f"{name}.epochs", f"None where {name}.steps is given", self.epochs)
        for setting in ("steps", "epochs"):
            length = getattr(self, setting)
            require(length is None or length >= 1, f"{name}.{setting}", "at least 1", length)

    @property
    def length(self) -> int:
        """Return how many steps it takes; of epochs, one step each, as far as no training says more."""
        return self.steps or self.epochs or USUAL_STEPS

    def in_steps(self, steps_per_epoch: int) -> Timed:
        if self.epochs is None:
            return self
        return cast(Timed, replace(cast(Any, self), steps=self.epochs * steps_per_epoch, epochs=None))
