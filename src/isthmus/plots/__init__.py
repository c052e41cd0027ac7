"""Figures: one function draws one and returns it. They need matplotlib, and say so when they are imported."""

from isthmus.errors import MissingExtra

try:
    import matplotlib as matplotlib
except ImportError as error:
    raise MissingExtra("figures need matplotlib: pip install 'isthmus[plots]'") from error

from isthmus.plots.activations import activations as activations
from isthmus.plots.code_panels import code_panels as code_panels
from isthmus.plots.codes import codes as codes
from isthmus.plots.error_by_column import error_by_column as error_by_column
from isthmus.plots.exciting_rows import exciting_rows as exciting_rows
from isthmus.plots.filters import filters as filters
from isthmus.plots.history import history as history
from isthmus.plots.learning_curves import learning_curves as learning_curves
from isthmus.plots.of_model import of_model as of_model
from isthmus.plots.reconstructions import reconstructions as reconstructions
from isthmus.plots.score_histogram import score_histogram as score_histogram
from isthmus.plots.worst_rows import worst_rows as worst_rows
