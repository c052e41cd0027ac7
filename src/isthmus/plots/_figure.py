"""Figures that notebooks show."""

from __future__ import annotations

import io

from matplotlib import figure


class Figure(figure.Figure):
    """A figure of matplotlib that a notebook shows where a cell ends in it, though `pyplot` is not imported there."""

    def _repr_png_(self) -> bytes:
        picture = io.BytesIO()
        self.savefig(picture, format="png", dpi=100)
        return picture.getvalue()
