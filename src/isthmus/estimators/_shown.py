"""What a fitted model shows of itself: `summary()` in words, `plot()` in a figure."""

from __future__ import annotations

import abc
import html
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from isthmus.core.parameter_specs import ParameterSpec, parameter_specs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NO_TERMS = ("epoch", "weight_change", "changed_links", "seconds", "stop", "kept")  # of a record
HEAD = ("layer", "shapes", "weights")


@dataclass(frozen=True, repr=False)
class Summary:
    """What `summary()` answers: printed it is a text, in a notebook a table.

    Attributes
    ----------
    title : the model, from how many columns to how many numbers.
    parts : the parts of the model by parameter, as they are spelled.
    layers : of each layer its path in `model_`, the shapes of its weights, and how many they are.
    terms : the loss and its terms after the last epoch, by name.
    ended : why training ended.
    """

    title: str
    parts: dict[str, str]
    layers: tuple[tuple[str, str, int], ...]
    terms: dict[str, float]
    ended: str

    @property
    def n_weights(self) -> int:
        """How many numbers are learned."""
        return sum(weights for _, _, weights in self.layers)

    def _rows(self) -> list[tuple[str, str, str]]:
        rows = [(path, shapes, f"{weights:,}") for path, shapes, weights in self.layers]
        return [HEAD, *rows, ("", "in all", f"{self.n_weights:,}")]

    def _notes(self) -> list[str]:
        terms = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in self.terms.items())
        return [f"last epoch: {terms}", f"training ended: {self.ended}"]

    def __repr__(self) -> str:
        rows = self._rows()
        wide = [max(len(row[i]) for row in rows) for i in range(3)]
        table = [f"{a:<{wide[0]}}   {b:<{wide[1]}}   {c:>{wide[2]}}".rstrip() for a, b, c in rows]
        words = max(map(len, self.parts), default=0)
        parts = [f"{name:<{words}}   {spelled}" for name, spelled in self.parts.items()]
        return "\n".join([self.title, "", *parts, "", *table, "", *self._notes()])

    def _repr_html_(self) -> str:
        def table(rows: Sequence[Sequence[str]]) -> str:
            cells = ("".join(f"<td style='text-align:left'>{html.escape(cell)}</td>" for cell in row) for row in rows)
            return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"

        notes = "<br>".join(map(html.escape, self._notes()))
        return f"<b>{html.escape(self.title)}</b>{table([*self.parts.items()])}{table(self._rows())}{notes}"


class Shown:
    """A model with a network inside."""

    @abc.abstractmethod
    def networks(self) -> dict[str, Any]:
        """Return the fitted networks by name."""

    def summary(self) -> Summary:
        """Return the parts, the layers with their sizes, and the terms of the loss of a fitted model.

        Where several networks are inside, it is that of the first; they differ by their seeds.

        Examples
        --------
        >>> import isthmus, numpy as np
        >>> ae = isthmus.Autoencoder(2, encoder=(4,), max_epochs=1).fit(np.eye(5))
        >>> ae.summary().n_weights == 5 * 4 + 4 + 4 * 2 + 2 + 2 * 4 + 4 + 4 * 5 + 5
        True
        """
        network = next(iter(self.networks().values()))
        fitted = network.fitted_
        return Summary(
            title=f"{type(self).__name__}: {fitted.row.size} columns, a code of {fitted.n_components}",
            parts={name: spelled for name, spelled in network.describe().items() if _is_part(network, name)},
            layers=_layers(parameter_specs(fitted.skeleton)),
            terms={k: v for k, v in (fitted.history[-1] if fitted.history else {}).items() if k not in NO_TERMS},
            ended=f"{fitted.stop_reason}, after {len(fitted.history)} epochs",
        )

    def plot(self, X: Any = None, figure: str | None = None, *, color: Any = None, title: str | None = None) -> Figure:
        """Return a figure of a fitted model.

        Parameters
        ----------
        X : a table, which every figure but `"history"` is drawn of.
        figure : `"history"`, the loss by epochs; `"codes"`, of two or three numbers, as points; `"compare"`, codes of
            two numbers beside PCA, t-SNE and UMAP; `"columns"`, the mean error by column; `"worst"`, the rows of the
            largest error; `"scores"`, a histogram. None takes the history where there is no table, of a detector its
            scores, else the codes where they can be drawn, or the errors by column.
        color : what codes are coloured by: a column of `X`, by its name, or a class or a number for each row.
        title : above the figure; None names model and figure.

        Raises
        ------
        MissingExtra
            If matplotlib is not installed.
        InvalidPart
            If there is no such figure, or it needs a table.
        """
        plots = importlib.import_module("isthmus.plots")  # an optional package: nothing here needs it
        drawn: Figure = plots.of_model(self, X, figure, color, title)
        return drawn


def _is_part(network: Any, name: str) -> bool:
    return bool(network.constraints[name].parts(getattr(network, name)))


def _layers(specs: dict[str, ParameterSpec]) -> tuple[tuple[str, str, int], ...]:
    """Return the layers of a network: the paths of their weights without the last name, and these together."""
    layers: dict[str, list[ParameterSpec]] = {}
    for path, spec in specs.items():
        layers.setdefault(path.rpartition(".")[0], []).append(spec)
    return tuple(
        (path, ", ".join(" × ".join(map(str, spec.shape)) or "1" for spec in own), sum(spec.size for spec in own))
        for path, own in layers.items()
    )
