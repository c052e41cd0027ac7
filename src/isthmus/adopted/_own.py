"""What parts that wrap an object of a user share: they have no spelling, no settings, and no place in a model file."""

from __future__ import annotations

from typing import Any

from isthmus.core.coercion import short, singular
from isthmus.core.part import Part
from isthmus.storage.state import OWN_PIECE


class Own(Part, abstract=True):
    """A part that wraps an object; it is the same part for the same object."""

    held: Any

    @property
    def title(self) -> str:
        """What the object is called."""
        return str(getattr(self.held, "__name__", type(self.held).__name__))

    def settings(self) -> dict[str, Any]:
        return {}

    def to_json(self) -> dict[str, Any]:
        return {"part": OWN_PIECE, "settings": {"piece": f"{singular(self.kind)} {self.title}"}}

    def __str__(self) -> str:
        return short(self.title).strip("'")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, Own) and other.held is self.held

    def __hash__(self) -> int:
        return hash((type(self), id(self.held)))
