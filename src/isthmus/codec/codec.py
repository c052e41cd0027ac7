"""`Codec`: tables to bytes and back, as a scikit-learn estimator."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import clone

from isthmus.codec.cells import Cells, concatenate
from isthmus.codec.codes import code_cells, fit_code_columns
from isthmus.codec.columns import Column
from isthmus.codec.container import Stream, checksum
from isthmus.codec.fitted import FittedCodec, fit_columns, restore_fitted, tolerances_of
from isthmus.codec.forms import Form, open_form
from isthmus.codec.grids import GridCodec, fit_grid
from isthmus.codec.lanes import Layout
from isthmus.codec.learning import fit_alphabets, fit_network
from isthmus.codec.plain import FINGERPRINT, PlainCodec, without_levels
from isthmus.codec.reports import Rate, rate, report
from isthmus.codec.single import SingleRows
from isthmus.codec.streams import AnyCodec, TableReader, in_order, pressed
from isthmus.codec.tolerance import Errors
from isthmus.core.constraints import Choice, Constraint, Flag, Seed, Whole
from isthmus.data.reader import Reader
from isthmus.errors import InvalidData, InvalidPart, ModelFileError, require
from isthmus.estimators._estimator import Estimator, Estimators
from isthmus.estimators._seeds import seed_of
from isthmus.estimators.autoencoder import Autoencoder
from isthmus.onnx.graph import Graph
from isthmus.storage import state
from isthmus.storage.container import Opened
from isthmus.storage.files import write_file
from isthmus.storage.state import State, header_field

MOST_LEARNED = 500_000  # rows
MOST_COLUMNS = 2_000
STEPS = (200, 6000)  # of a training, at least and at most, where none are said
USUAL_SYMBOLS = 3000  # of all columns; of more, a step takes longer
TRIED = 4096  # rows, on which it is seen whether a code pays
AT_ONCE = 1024  # rows that are written alone
ROW_CHECK = 2  # bytes of the checksum of a row by itself


@dataclass(kw_only=True, eq=False, repr=False)
class Codec(Estimator[AnyCodec]):
    """Compress tables to bytes and back, lossless or within an error that is never exceeded, by what it has learned.

    Values become whole numbers: exactly, or on a lattice that is as wide as the error allows. What a lattice cannot
    give back in the type of the values, and NaN, infinities and −0.0, are kept as raw bits, so the error holds by
    construction. An autoregressive network says how likely each number is, given the other columns of the row, and
    where rows come in an order, the row before; an entropy coder writes it in as many bits. The network computes in
    whole numbers: every machine reads what another has written. In each block of rows each column is written by the
    network, by pcodec, by zstd, or raw, whichever is smallest.

    Images and fields, which are arrays of three axes or more, come as grids: each value is written given those beside
    it, or by wavelets where an error is allowed; that takes no model, so any codec reads such a stream.

    Parameters
    ----------
    autoencoder : an `Autoencoder`, cloned and fitted, whose code is written before each row, in sixteenths of its
        range, for the network to see; kept only where rows then take fewer bits, which `uses_code_` says.
    error : None is lossless; a number is the largest error in columns of floats (of an array: in all); a dict has
        numbers by column, or pairs as `(0.01, "range")`, all other columns lossless.
    relative_to : what a number in `error` is relative to: `"range"`, that of the column in the fit (of a grid: of all
        values), `"value"`, each value, or None for an absolute error.
    grid : whether an array is one of images or fields [n, ...], whose neighboring values tell of each other, rather
        than a table of columns; None where it has three axes or more, and there is no autoencoder, no error by column
        and no `history`.
    history : whether the network looks at the row before; None where the fit finds that it says something. Rows that
        are sent one at a time need False.
    hidden : units of the network: more learn more, and take longer.
    steps : of the training, of 256 rows each; None goes through the rows 20 times, within 200 and 6,000 steps,
        and fewer times where columns are many.
    embed : whether each stream holds the model, so that it needs no other file; one that is smaller without a model is
        written without, each column by pcodec, zstd, raw, or mixed contexts (Mahoney, 2005), which take no model.
    random_state : seed of the training.
    effort : `"network"`, which is learned in the fit; `"contexts"`: nothing is learned, and streams need no model;
        `"fast"`: nor are contexts mixed, which is ten times as fast. Grids take no network.

    Attributes
    ----------
    n_features_in_ : how many columns the table of the fit had.

    References
    ----------
    Uria et al. (2016), Neural autoregressive distribution estimation.
    Ballé, Johnston and Minnen (2019), Integer networks for data compression with latent-variable models.

    Examples
    --------
    >>> X = np.random.default_rng(0).integers(0, 9, (300, 1)) * np.ones((1, 3))
    >>> codec = Codec(steps=100).fit(X)
    >>> stream = codec.compress(X)
    >>> bool((codec.decompress(stream) == X).all()), len(stream) < X.nbytes / 10
    (True, True)
    """

    autoencoder: Autoencoder | None = field(default=None, kw_only=False)
    error: float | Mapping[str | int, Any] | None = None
    relative_to: str | None = None
    history: bool | None = None
    hidden: int = 64
    steps: int | None = None
    embed: bool = False
    random_state: int | np.random.RandomState | None = 0
    grid: bool | None = None
    effort: str = "network"

    constraints: ClassVar[Mapping[str, Constraint]] = {
        "autoencoder": Estimators(Autoencoder, "an Autoencoder, or None", optional=True),
        "error": Errors(),
        "relative_to": Choice((None, "range", "value")),
        "history": Choice((None, True, False)),
        "hidden": Whole(1, at_most=1000),
        "steps": Whole(1, at_most=10**7, optional=True),
        "embed": Flag(),
        "random_state": Seed(),
        "grid": Choice((None, True, False)),
        "effort": Choice(("network", "contexts", "fast")),
    }

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn what the columns of a table hold, and how likely their values are.

        Parameters
        ----------
        X : a frame, an array [n, ...], or the path of a file, as in `Autoencoder.fit`; of long ones the first 500,000
            rows.
        y : not used.

        Raises
        ------
        InvalidPart
            If a parameter is not allowed.
        InvalidData
            If the table cannot be used as it is; the message names the place.
        """
        self.check_parameters()
        form, blocks = open_form(X, needs_rows=True, as_grid=self._takes_grids())
        if len(form.schema) > MOST_COLUMNS:
            raise InvalidData(f"X: expected at most {MOST_COLUMNS:,} columns; got {len(form.schema):,}.")
        cells = _first_rows(blocks)
        if not cells or not len(cells[0]):
            raise InvalidData("X: expected at least one row to learn from; got none.")
        if form.is_grid:
            tolerance = tolerances_of(form, self.error, self.relative_to).get("x")
            self._fitted = fit_grid(self.to_json(), form, cells[0].values, tolerance)
            return self
        columns = fit_columns(form, cells, tolerances_of(form, self.error, self.relative_to))
        if self.effort != "network":
            plain = [without_levels(column) for column in columns]
            self._fitted = PlainCodec(form, plain, self.to_json(), self.effort != "fast")
            return self
        fitted, bits = self._learn(form, cells, columns)
        if self.autoencoder is not None:
            model = clone(self.autoencoder).fit(X)
            code = code_cells(model, form, cells)
            with_code, its_bits = self._learn(form, [*code, *cells], [*fit_code_columns(code), *columns])
            if its_bits < bits:
                fitted = replace(with_code, autoencoder=model)
        self._fitted = fitted
        return self

    def compress(self, X: Any) -> bytes:
        """Return a table as bytes.

        Raises
        ------
        InvalidData
            If it has other columns than that of the fit, or of other types.
        """
        sink = io.BytesIO()
        pressed(self.fitted_, *self._open(X), self._embedded()).write(sink)
        return sink.getvalue()

    def compress_to(self, X: Any, path: str | os.PathLike[str]) -> None:
        """Write a table to a file, block by block, at once or not at all.

        Raises
        ------
        InvalidData, ModelFileError
            If the table has other columns than that of the fit, or the file cannot be written.
        """
        form, blocks = self._open(X)
        table = pressed(self.fitted_, form, blocks, self._embedded())
        write_file(path, table.write)

    def decompress(self, stream: bytes | str | Path, rows: slice | Sequence[int] | None = None) -> Any:
        """Return the table of a stream in the form it had; one with an embedded model needs no fit.

        Parameters
        ----------
        stream : what `compress` returned, or the path of such a file.
        rows : which, as a slice or places; only their blocks are read.

        Raises
        ------
        ModelFileError
            If the stream is damaged, or was written with another model.
        """
        reader = self.open(stream)
        return reader.form.restore(list(reader.blocks()) if rows is None else [reader.rows(rows)])

    def open(self, stream: bytes | str | Path) -> TableReader:
        """Return the table of a stream, to be read block by block.

        Raises
        ------
        ModelFileError
            If the stream is damaged, or was written with another model.
        """
        opened = Stream(stream)
        if "grid" in opened.header:
            return TableReader(opened, GridCodec.from_json(opened.header["grid"], opened.name))
        if opened.header["model"] == FINGERPRINT:
            form = Form.from_json(opened.header.get("form"), opened.name)
            return TableReader(opened, PlainCodec.from_json(opened.header.get("plain"), form, opened.name))
        embedded = opened.embedded if self._fitted is None else None
        return TableReader(opened, self.fitted_ if embedded is None else _embedded_codec(embedded).fitted_)

    def compress_rows(self, X: Any) -> list[bytes]:
        """Return each row of a table as bytes of its own, that need no other row: a few bytes, two of them a checksum.

        Raises
        ------
        InvalidData
            If the table has other columns than that of the fit, or of other types.
        """
        fitted, answer = self._table(), []
        form, blocks = open_form(X)
        for block in (in_order(fitted, form, block) for block in blocks):
            for start in range(0, len(block[0]), AT_ONCE):
                messages = fitted.blocks.write_rows([cells.part(slice(start, start + AT_ONCE)) for cells in block])
                answer += [checksum(data, fitted.fingerprint, ROW_CHECK) + data for data in messages]
        return answer

    def decompress_rows(self, rows: Sequence[bytes]) -> Any:
        """Return the table of rows that `compress_rows` has written, in the form that the table of the fit had.

        Raises
        ------
        ModelFileError
            If one is damaged, or was written with another model: of 65,536 such one is not noticed.
        """
        fitted = self._table()
        for place, row in enumerate(rows):
            self._check_row(place, row)
        pieces_of_rows = (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))
        parts = [fitted.blocks.read_rows([row[ROW_CHECK:] for row in piece]) for piece in pieces_of_rows]
        parts = [part[fitted.n_codes :] for part in parts]
        columns = zip(*parts, strict=True)
        return fitted.form.restore([[concatenate(column) for column in columns]] if parts else [])

    def compress_row(self, row: Any) -> bytes:
        """Return one row, a dict from columns to values, as the bytes that `compress_rows` gives, in far less time.

        Raises
        ------
        InvalidData
            If it has other columns than the table of the fit, or values of other types.
        """
        if not isinstance(row, Mapping):
            kind = type(row).__name__
            raise InvalidData(f"row: expected a dict from columns to values; got {kind}. Use compress_rows for tables.")
        data = self._singles().write(row)
        return checksum(data, self.fitted_.fingerprint, ROW_CHECK) + data

    def decompress_row(self, row: bytes) -> dict[str, Any]:
        """Return a row that `compress_row` or `compress_rows` has written, as a dict with values of Python.

        Raises
        ------
        ModelFileError
            If it is damaged, or was written with another model: of 65,536 such one is not noticed.
        """
        singles = self._singles()
        self._check_row(0, row)
        return singles.read(row[ROW_CHECK:])

    def rate(self, X: Any) -> Rate:
        """Return how many bytes a row of a table takes, with and without the model."""
        return rate(self.fitted_, *self._open(X), 0 if self.fitted_.is_alone else len(self._model_bytes()))

    def report(self, X: Any) -> Any:
        """Return a pandas DataFrame with a row for each column of a table: how it is written, and what is lost.

        Its columns are `column`, `method` (that of most of its bytes), `bytes`, `original` (bytes in memory) and
        `greatest_error` (0 for a lossless column).
        """
        return report(pressed(self.fitted_, *self._open(X), self._embedded()))

    @property
    def uses_code_(self) -> bool:
        """Whether the code of the autoencoder is written before each row, since rows then take fewer bits."""
        return self.fitted_.autoencoder is not None

    @property
    def n_features_in_(self) -> int:
        """How many columns the table of the fit had; of images or fields, how many values a row."""
        return self.fitted_.cells_of_row - self.fitted_.n_codes

    def add_to_graph(self, graph: Graph) -> Reader:
        """Refuse it."""
        raise InvalidPart(
            "a codec cannot be written as ONNX: what it gives is a stream of bytes, and a graph gives tensors."
        )

    def graph_answers(self, X: Any) -> dict[str, np.ndarray]:
        """Return nothing: there is no graph."""
        return {}

    def check_combination(self) -> None:
        """Refuse a unit without an error."""
        if self.grid:
            require(self.autoencoder is None, "autoencoder", "None where grid is True", self.autoencoder)
            require(not isinstance(self.error, Mapping), "error", "a number where grid is True", self.error)
        if self.effort != "network":
            require(self.autoencoder is None, "autoencoder", 'None where effort is not "network"', self.autoencoder)
        if self.relative_to is not None:
            require(self.error is not None, "relative_to", "None where there is no error", self.relative_to)

    def to_state(self) -> State:
        """Return all that a file must hold of this estimator."""
        return self.fitted_.to_state()

    @classmethod
    def from_state(cls, stored: Opened) -> Self:
        """Return the fitted estimator of a file, which may hold anything."""
        codec = cls.from_json(header_field(stored, "parameters", dict))
        codec.check_parameters()
        codec._fitted = _restored(stored, codec)
        return codec

    def _learn(self, form: Form, cells: Sequence[Cells], columns: Sequence[Column]) -> tuple[FittedCodec, float]:
        """Return what is learned of columns, and how many bits some of the rows take."""
        pairs = [column.numbers(part) for column, part in zip(columns, cells, strict=True)]
        numbers = np.stack([numbers for numbers, _ in pairs], axis=1)
        special = np.stack([special for _, special in pairs], axis=1)
        alphabets, history = fit_alphabets(numbers, special, self.history)
        layout = Layout(alphabets, history)
        steps = _default_steps(len(numbers), int(layout.starts[-1])) if self.steps is None else self.steps
        network = fit_network(layout, numbers, special, self.hidden, steps, seed_of(self.random_state))
        fitted = FittedCodec(self.to_json(), form, columns, layout, network)
        some = [part.part(slice(TRIED)) for part in cells] if self.autoencoder is not None else []
        return fitted, sum(size for _, size in fitted.blocks.write(some)[1]) if some else 0.0

    def _takes_grids(self) -> bool | None:
        """Return whether arrays are grids; None where that is for their axes to say."""
        if self.grid is not None:
            return self.grid
        asks_for_columns = self.autoencoder is not None or self.history is not None or isinstance(self.error, Mapping)
        return False if asks_for_columns else None

    def _open(self, X: Any) -> tuple[Form, Iterator[list[Cells]]]:
        return open_form(X, as_grid=self.fitted_.form.is_grid)

    def _table(self) -> FittedCodec:
        """Return what was fitted, where that is a table, whose rows can stand alone."""
        fitted = self.fitted_
        if isinstance(fitted, GridCodec):
            raise InvalidData("a codec of images or fields writes no rows alone: use compress, or Codec(grid=False).")
        if isinstance(fitted, PlainCodec):
            raise InvalidData('a codec without a network writes no rows alone: use compress, or effort="network".')
        return fitted

    def _singles(self) -> SingleRows:
        fitted = self._table()
        if self.uses_code_ or self.fitted_.form.is_array:
            what = "an autoencoder" if self.uses_code_ else "rows of arrays"
            raise InvalidData(f"a codec with {what} writes no rows as dicts: use compress_rows and decompress_rows.")
        return fitted.singles

    def _check_row(self, place: int, row: bytes) -> None:
        if not isinstance(row, bytes) or row[:ROW_CHECK] != checksum(
            row[ROW_CHECK:], self.fitted_.fingerprint, ROW_CHECK
        ):
            raise ModelFileError(f"row {place} is damaged, or was written with another model.")

    def _model_bytes(self) -> bytes:
        """Return the model file."""
        with tempfile.TemporaryDirectory(prefix="isthmus-") as folder:
            path = Path(folder) / "codec.safetensors"
            state.save(self, path)
            return path.read_bytes()

    def _embedded(self) -> bytes:
        return self._model_bytes() if self.embed and not self.fitted_.is_alone else b""


def _restored(stored: Opened, codec: Codec) -> AnyCodec:
    """Return the fitted state of a file, which may hold anything, beside the parameters."""
    settings, name = codec.to_json(), str(stored.path)
    if "grid" in stored.header:
        return GridCodec.from_json(stored.header["grid"], name, settings)
    if "plain" in stored.header:
        form = Form.from_json(stored.header.get("form"), name)
        plain = PlainCodec.from_json(stored.header["plain"], form, name)
        return replace(plain, settings=settings, may_mix=codec.effort != "fast")
    return restore_fitted(stored, settings)


def _embedded_codec(model: bytes) -> Codec:
    with tempfile.TemporaryDirectory(prefix="isthmus-") as folder:
        path = Path(folder) / "codec.safetensors"
        path.write_bytes(model)
        codec: Codec = state.load(path, Codec)
        return codec


def _default_steps(rows: int, symbols: int) -> int:
    """Return how many steps a training takes for so many rows, whose columns have so many symbols together."""
    least, most = STEPS
    return int(np.clip(20 * rows // 256, least, max(most * min(USUAL_SYMBOLS / symbols, 1), least)))


def _first_rows(blocks: Iterable[Sequence[Cells]]) -> list[Cells]:
    """Return the cells of the first rows of a table, by column: as many as are learned from."""
    parts: list[Sequence[Cells]] = []
    for block in blocks:
        parts.append(block)
        if sum(len(part[0]) for part in parts) >= MOST_LEARNED:
            break
    return [concatenate(column).part(slice(MOST_LEARNED)) for column in zip(*parts, strict=True)]
