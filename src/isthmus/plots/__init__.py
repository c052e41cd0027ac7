"""Figures: one function draws one and returns it. They need matplotlib, and say so at the door."""

from isthmus.errors import MissingExtra

try:
    import matplotlib as matplotlib
except ImportError as error:
    raise MissingExtra("figures need matplotlib: pip install 'isthmus[plots]'") from error

from isthmus.plots.learning_curves import learning_curves as learning_curves
from isthmus.plots.reconstructions import reconstructions as reconstructions
