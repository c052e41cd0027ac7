"""A hypernetwork around any backbone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from jaxtyping import Array

from isthmus.contracts import Activation, Backbone, BackboneModule, Row, affine, spelling
from isthmus.errors import InvalidPart, require
from isthmus.layers.hypernetwork import Form, Generated, Last, hypernetwork


@dataclass(frozen=True)
class Hyper(Backbone):
    """Encoders and decoders whose weights θ = g(condition, chunk) another network g makes; only g learns.

    A column of the table is the condition: the number of a task, for which an embedding is learned, or any number. The
    encoder and the decoder are not given it; they have other weights for another condition. All their weights are made,
    by one hypernetwork for each of them and each last layer: in chunks, g([condition, embedding of the chunk]), the
    surplus of the last chunk cut off. They start with exactly the scale that the layers ask for, whatever g is: its
    last layer is given features of mean square 1 and starts so that it gives numbers of the variance needed. The last
    layer of the decoder is affine; what a bottleneck adds of its own is shared by all conditions.

    With tasks, a batch costs as much as if the rows of each task in it came through a network of their own; one task
    costs nothing beside making the weights once. With a number for a condition, or more tasks than rows, weights are
    made for every row: time for rows times weights, and in training memory too.

    Parameters
    ----------
    backbone : whose weights are made.
    column : the condition: its name, or its place; -1 is the last.
    tasks : how many there are; the column holds 0, 1, … and is not scaled. None for a condition that is a number.
    embedding : numbers that are learned for each task and each chunk.
    hidden : widths of the hidden layers of g.
    chunk : weights made at once; None for as many as give g about as many weights as it makes.
    activation : of the hidden layers of g.
    learning : `"all"`, or `"tasks"`: only the embeddings of tasks learn, of those that have rows, and g and all else of
        the model stay as they are. So a new task is learned, with `warm_start`, and the others answer as before.

    References
    ----------
    Ha, Dai and Le (2017), HyperNetworks.
    von Oswald, Henning, Grewe and Sacramento (2020), Continual learning with hypernetworks.
    Chang, Flokas and Lipson (2020), Principled weight initialization for hypernetworks.

    Examples
    --------
    >>> encoder, width = Hyper("mlp((32,))", column="task", tasks=3).encoder(Row((5,), ("a", "b", "c", "d", "task")))
    >>> width, encoder.hypernetwork.tasks.shape
    (32, (3, 8))
    """

    backbone: Backbone = spelling("mlp")
    column: int | str = -1
    tasks: int | None = None
    embedding: int = 8
    hidden: tuple[int, ...] = (50,)
    chunk: int | None = None
    activation: Activation = spelling("relu")
    learning: Literal["all", "tasks"] = "all"

    def __post_init__(self) -> None:
        has_tasks = self.tasks is not None or self.learning == "all"
        require(has_tasks, "Hyper.learning", "'all' where the condition is a number", self.learning)
        require(self.tasks is None or self.tasks >= 1, "Hyper.tasks", "at least 1, or None", self.tasks)
        require(self.embedding >= 1, "Hyper.embedding", "at least 1", self.embedding)
        require(all(width >= 1 for width in self.hidden), "Hyper.hidden", "widths of at least 1", self.hidden)
        require(self.chunk is None or self.chunk >= 1, "Hyper.chunk", "at least 1, or None", self.chunk)

    def encoder(self, row: Row) -> tuple[BackboneModule, int]:
        module, width = self.backbone.encoder(self._rest(row))
        return self._generated(module, row, self._place(row)), width

    def decoder(self, row: Row, size: int) -> tuple[BackboneModule, int]:
        module, width = self.backbone.decoder(self._rest(row), size - 1)
        return self._generated(module, row, size - 1, hands_on=True), width + 1

    def output_layer(self, row: Row, width: int, total: int) -> Callable[[Array], Array]:
        return self._generated(Last(affine(width - 1, total)), row, width - 1)

    def target_layer(self, row: Row, width: int, total: int) -> Callable[[Array], Array]:
        return self.output_layer(row, width, total)

    def learns(self, path: str) -> bool:
        return self.learning == "all" or path.endswith(".hypernetwork.tasks")

    def condition(self, row: Row) -> tuple[int, ...]:
        return (self._place(row),)

    def categories(self, row: Row) -> dict[int, int]:
        place = self._place(row)
        inner = self.backbone.categories(self._rest(row))
        own = {} if self.tasks is None else {place: self.tasks}
        return own | {other + (other >= place): count for other, count in inner.items()}

    def _generated(self, module: BackboneModule, row: Row, place: int, hands_on: bool = False) -> Generated:
        """Return a module whose weights are made; the condition stands at `place` in what it is given."""
        form = Form(self.tasks, self.embedding, self.hidden, self.chunk, self.activation)
        return Generated(hypernetwork(module, self._place(row), form), place, hands_on)

    def _place(self, row: Row) -> int:
        """Return where the condition stands in a row."""
        if isinstance(self.column, int):
            allowed = f"a place from {-row.size} to {row.size - 1}"
            require(-row.size <= self.column < row.size, "Hyper.column", allowed, self.column)
            return self.column % row.size
        require(row.columns is not None, "Hyper.column", "a place, as the table names no columns", self.column)
        names = row.columns or ()
        require(self.column in names, "Hyper.column", f"a column of the table ({', '.join(names)})", self.column)
        return names.index(self.column)

    def _rest(self, row: Row) -> Row:
        """Return a row without its condition, as the backbone sees it: flat."""
        place = self._place(row)
        if row.size < 2:
            raise InvalidPart("hyper needs columns beside its condition: the table has no other.")
        columns = None if row.columns is None else row.columns[:place] + row.columns[place + 1 :]
        categories = None if row.categories is None else row.categories[:place] + row.categories[place + 1 :]
        rest = replace(row, shape=(row.size - 1,), columns=columns, categories=categories, is_sequence=False)
        is_free = not self.backbone.condition(rest)
        require(is_free, "Hyper.backbone", "a backbone without a condition of its own", str(self.backbone))
        return rest
