"""What a fit leaves of a codec: one frozen object, and what a file holds of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from isthmus.codec.blocks import Blocks
from isthmus.codec.cells import Cells
from isthmus.codec.codes import TYPE
from isthmus.codec.columns import Column, NumberColumn, TextColumn, fit_words
from isthmus.codec.forms import Form, storage_types
from isthmus.codec.lanes import Lanes, Layout
from isthmus.codec.network import IntegerNetwork, outlets
from isthmus.codec.quantisers import Levels, Quantiser, fit_quantiser
from isthmus.codec.single import SingleRows
from isthmus.codec.symbols import FARTHEST, MOST_SYMBOLS, SPECIAL, Alphabet
from isthmus.codec.tolerance import Tolerance
from isthmus.errors import InvalidData, InvalidPart, ModelFileError, suggestion
from isthmus.estimators.autoencoder import Autoencoder
from isthmus.storage.container import Opened
from isthmus.storage.state import Shapes, State, compare_shapes, header_field, load_state, named_state

MOST_HIDDEN = 1024
MOST_BIAS = 2**28
NO_LEVELS = np.empty(0, np.int64)
SETTINGS: dict[str, dict[str, type]] = {
    "Bits": {},
    "Levels": {},
    "Decimals": {"digits": int},
    "Steps": {"error": int},
    "Lattice": {"error": float, "step": float},
    "Relative": {"error": float, "parts": int},
}


@dataclass(frozen=True)
class FittedCodec:
    """The fitted state of a codec."""

    settings: dict[str, Any]  # the parameters of the fit as JSON
    form: Form
    columns: Sequence[Column]
    layout: Layout
    network: IntegerNetwork
    autoencoder: Autoencoder | None = None  # whose code stands before the columns, where that pays
    is_alone: ClassVar[bool] = False  # whether its streams need no model

    @property
    def n_codes(self) -> int:
        """How many numbers of a code stand before the columns of the table."""
        return len(self.columns) - len(self.form.schema)

    @cached_property
    def blocks(self) -> Blocks:
        """How blocks of rows are written and read."""
        return Blocks(self.columns, Lanes(self.layout, self.network))

    @cached_property
    def singles(self) -> SingleRows:
        """How rows are written and read one by one."""
        return SingleRows(self.form.schema, self.columns, Lanes(self.layout, self.network))

    @cached_property
    def fingerprint(self) -> str:
        """The checksum of all that streams depend on."""
        state = self._own_state()
        digest = hashlib.sha256(json.dumps(state.json, sort_keys=True).encode())
        for name, tensor in sorted(state.tensors.items()):
            digest.update(
                f"{name} {tensor.dtype.str} {tensor.shape} ".encode() + np.ascontiguousarray(tensor).tobytes()
            )
        return digest.hexdigest()

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return list(self.form.schema.names)

    @property
    def cells_of_row(self) -> int:
        """How many values a row has, those of a code counted."""
        return len(self.columns)

    def header(self, form: Form) -> dict[str, Any]:
        """Return the header of a stream of a table of a form."""
        described = form.to_json(to_pack=True)
        is_known = described == self.form.to_json(to_pack=True)
        return {"model": self.fingerprint, "form": None if is_known else described}

    def places(self, form: Form) -> list[int]:
        """Return where the columns of the fit stand in a table of a form.

        Raises
        ------
        InvalidData
            If a column is missing, was not there at the fit, or is of another type.
        """
        check_form(self.form, form)
        names = list(form.schema.names)
        return [names.index(name) for name in self.names]

    def arranged(self, form: Form) -> FittedCodec:
        """Return the same, which takes columns in any order."""
        return self

    def to_state(self) -> State:
        """Return what a file holds."""
        state = State({"parameters": self.settings}) | self._own_state()
        return state if self.autoencoder is None else state | named_state(self.autoencoder).inside("autoencoder")

    def _own_state(self) -> State:
        tensors: dict[str, np.ndarray] = {f"network.{name}": array for name, array in vars(self.network).items()}
        described = []
        for place, (column, alphabet) in enumerate(zip(self.columns, self.layout.alphabets, strict=True)):
            described.append(
                {
                    "follows": alphabet.follows,
                    "low": alphabet.low,
                    "high": alphabet.high,
                    "bins": len(alphabet.edges),
                    "contexts": len(alphabet.contexts),
                }
                | _describe(column)
            )
            tensors |= {f"edges.{place}": alphabet.edges, f"contexts.{place}": alphabet.contexts}
            tensors |= {f"{name}.{place}": array for name, array in _tensors_of(column).items()}
        json = {
            "form": self.form.to_json(),
            "history": self.layout.history,
            "hidden": self.network.inputs.shape[1],
            "columns": described,
        }
        return State(json, tensors)


def check_form(known_form: Form, form: Form) -> None:
    """Compare a table with that of the fit.

    Raises
    ------
    InvalidData
        If a column is missing, was not there at the fit, or is of another type.
    """
    names, known = list(form.schema.names), list(known_form.schema.names)
    if form.is_array != known_form.is_array or (form.is_array and form.shape != known_form.shape):
        raise InvalidData(f"X: expected {shown_form(known_form)}, as at the fit; got {shown_form(form)}.")
    for name in names:
        if name not in known:
            raise InvalidData(
                f"column {name!r} was not there at the fit.{suggestion(name, known)} Leave it out, or fit again."
            )
    if missing := [name for name in known if name not in names]:
        raise InvalidData(f"column {missing[0]!r} is missing: expected the {len(known)} columns of the fit.")
    if form.is_array and form.dtype != known_form.dtype:
        raise InvalidData(f"X: expected values of type {known_form.dtype}, as at the fit; got {form.dtype}.")
    expected, given = storage_types(known_form.schema), storage_types(form.schema)
    for name, dtype in zip(known, expected, strict=True):
        is_missing = pa.types.is_null(form.schema.field(name).type)  # in all rows: of any type, as Arrow has it
        if given[names.index(name)] != dtype and not is_missing:
            was, now = known_form.schema.field(name).type, form.schema.field(name).type
            raise InvalidData(f"column {name!r}: expected values of type {was}, as at the fit; got {now}.")


def fit_columns(form: Form, cells: Sequence[Cells], tolerances: Mapping[str, Tolerance]) -> list[Column]:
    """Return what a codec knows of each column."""
    columns: list[Column] = []
    for name, dtype, part in zip(form.schema.names, storage_types(form.schema), cells, strict=True):
        if dtype is None:
            columns.append(TextColumn(fit_words(part)))
        else:
            columns.append(NumberColumn(fit_quantiser(part.values[~part.is_null], tolerances.get(name))))
    return columns


def tolerances_of(form: Form, error: Any, relative_to: str | None) -> dict[str, Tolerance]:
    """Return the error that is allowed by name of a column; those not in it are lossless.

    Raises
    ------
    InvalidData, InvalidPart
        If an error is given for a column that there is not, or that holds no numbers.
    """
    kind = "absolute" if relative_to is None else relative_to
    types = dict(zip(form.schema.names, storage_types(form.schema), strict=True))
    if error is None:
        return {}
    if not isinstance(error, Mapping):
        lossy = [n for n, dtype in types.items() if _may_lose(form, n, dtype) and (form.is_array or dtype.kind == "f")]
        return {name: Tolerance(float(error), kind) for name in lossy}
    answer = {}
    for key, wish in error.items():
        name = f"x{key}" if form.is_array and not isinstance(key, str) else str(key)
        if name not in types:
            raise InvalidData(f"error: there is no column {key!r}.{suggestion(name, types)}")
        if not _may_lose(form, name, types[name]):
            raise InvalidPart(
                f"error: column {name!r} must hold numbers to lose some. Got {form.schema.field(name).type}."
            )
        if wish is not None:
            amount, unit = wish if isinstance(wish, list | tuple) else (wish, kind)
            answer[name] = Tolerance(float(amount), unit)
    return answer


def _may_lose(form: Form, name: str, dtype: np.dtype | None) -> bool:
    column = form.schema.field(name).type
    is_number = str(column) in ("halffloat", "float", "double") or str(column).startswith(("int", "uint"))
    return dtype is not None and is_number and np.dtype(form.dtype or "f8").kind in "iuf"


def restore_fitted(stored: Opened, settings: dict[str, Any]) -> FittedCodec:
    """Return the fitted state of a file, which may hold anything.

    Raises
    ------
    ModelFileError
        If it holds none; no memory is taken for tensors before their shapes are known.
    """
    form = Form.from_json(header_field(stored, "form", dict), str(stored.path))
    hidden, described = header_field(stored, "hidden", int), header_field(stored, "columns", list)
    history = header_field(stored, "history", bool)
    autoencoder = load_state(stored.inside("autoencoder")) if "autoencoder" in stored.header else None
    codes = len(described) - len(form.schema)
    is_code = isinstance(autoencoder, Autoencoder) and codes == autoencoder.fitted_.n_components
    if not 0 < hidden <= MOST_HIDDEN or not (is_code if codes else autoencoder is None):
        raise _damage(stored, "it does not say what its network is")
    for data in described:
        _check_description(stored, data)
    sizes = [SPECIAL + data["bins"] - 1 for data in described]
    features = sum(sizes) + sum(SPECIAL + data["contexts"] - 1 for data in described if data["follows"])
    shapes: Shapes = {
        "network.inputs": ("I8", (features * (2 if history else 1) + 1, hidden)),
        "network.hidden_bias": ("I32", (len(sizes), hidden)),
        "network.outputs": ("I8", (sum(sizes), hidden)),
        "network.output_bias": ("I32", (sum(sizes),)),
        "network.shifts": ("I32", (len(sizes),)),
    }
    for place, data in enumerate(described):
        shapes |= {f"edges.{place}": ("I64", (data["bins"],)), f"contexts.{place}": ("I64", (data["contexts"],))}
        shapes |= {f"{name}.{place}": shape for name, shape in _shapes_of(data).items()}
    own = {name: kind for name, kind in stored.tensors.items() if not name.startswith("autoencoder.")}
    compare_shapes(Opened(stored.path, stored.header, own), shapes)
    tensors = stored.read()
    columns, alphabets = [], []
    types = [TYPE] * codes + storage_types(form.schema)
    for place, (data, dtype) in enumerate(zip(described, types, strict=True)):
        alphabets.append(_restore_alphabet(stored, data, tensors[f"edges.{place}"], tensors[f"contexts.{place}"]))
        columns.append(_restore_column(stored, data, dtype, tensors, place))
    network = IntegerNetwork(**{n.removeprefix("network."): t for n, t in tensors.items() if n.startswith("network.")})
    layout = Layout(alphabets, history)
    is_small = np.abs(network.hidden_bias).max(initial=0) < MOST_BIAS and layout.width < 2**12
    if not is_small or not ((network.shifts >= 0) & (network.shifts < 32)).all():
        raise _damage(stored, "its network is larger than any may be")
    try:
        outlets(network, layout.starts)
    except OverflowError as error:
        raise _damage(stored, "the sums of its network would not be exact") from error
    return FittedCodec(settings, form, columns, layout, network, autoencoder)


def _describe(column: Column) -> dict[str, Any]:
    if isinstance(column, TextColumn):
        return {"quantiser": "words", "levels": len(column.words), "bytes": sum(map(len, column.words))}
    quantiser = column.quantiser
    kind = type(quantiser).__name__
    return {"quantiser": kind, "levels": len(quantiser.levels_in()), "settings": quantiser.settings()}


def _tensors_of(column: Column) -> dict[str, np.ndarray]:
    if isinstance(column, TextColumn):
        lengths = np.array([len(word) for word in column.words], np.int32)
        return {"lengths": lengths, "words": np.frombuffer(b"".join(column.words), np.uint8)}
    levels = column.quantiser.levels_in()
    return {"levels": levels} if len(levels) else {}


def _shapes_of(data: dict[str, Any]) -> Shapes:
    if data["quantiser"] == "words":
        return {"lengths": ("I32", (data["levels"],)), "words": ("U8", (data["bytes"],))}
    return {"levels": ("I64", (data["levels"],))} if data["levels"] else {}


def _check_description(stored: Opened, data: Any) -> None:
    names = {"follows": bool, "low": int, "high": int, "bins": int, "contexts": int, "quantiser": str, "levels": int}
    is_whole = isinstance(data, dict) and all(type(data.get(name)) is kind for name, kind in names.items())
    is_words = is_whole and data["quantiser"] == "words" and type(data.get("bytes")) is int
    if not is_whole or not (is_words or data["quantiser"] in SETTINGS):
        raise _damage(stored, "it does not say what a column is")
    is_range = -FARTHEST <= data["low"] <= data["high"] <= FARTHEST
    sizes = (data["bins"], data["contexts"])
    if not is_range or any(not 2 <= size <= MOST_SYMBOLS - SPECIAL + 1 for size in sizes) or data["levels"] < 0:
        raise _damage(stored, "the range of a column is none")


def _restore_alphabet(stored: Opened, data: dict[str, Any], edges: np.ndarray, contexts: np.ndarray) -> Alphabet:
    for array in (edges, contexts):
        if (np.abs(array) > 2 * FARTHEST).any() or (array[1:] <= array[:-1]).any():
            raise _damage(stored, "the bins of a column do not increase")
    return Alphabet(data["follows"], data["low"], data["high"], edges, contexts)


def _restore_column(
    stored: Opened, data: dict[str, Any], dtype: np.dtype | None, tensors: Mapping[str, np.ndarray], place: int
) -> Column:
    if (dtype is None) != (data["quantiser"] == "words"):
        raise _damage(stored, "a column is not of its type")
    if dtype is None:
        lengths, words = tensors[f"lengths.{place}"], tensors[f"words.{place}"].tobytes()
        if (lengths < 0).any() or int(lengths.sum(dtype=np.int64)) != len(words):
            raise _damage(stored, "the texts of a column do not fill their bytes")
        ends = np.cumsum(lengths, dtype=np.int64).tolist()
        parts = tuple(words[end - size : end] for end, size in zip(ends, lengths.tolist(), strict=True))
        if len(set(parts)) < len(parts):
            raise _damage(stored, "a text of a column stands twice")
        return TextColumn(parts)
    levels = tensors.get(f"levels.{place}", NO_LEVELS)
    quantiser = quantiser_from(data["quantiser"], data.get("settings"), dtype, levels)
    if quantiser is None:
        raise _damage(stored, "it does not say how a column becomes numbers")
    return NumberColumn(quantiser)


def quantiser_from(kind: Any, settings: Any, dtype: np.dtype, levels: np.ndarray = NO_LEVELS) -> Quantiser | None:
    """Return the quantiser of a name and its settings, which may be anything; None where they are of none."""
    wanted = SETTINGS.get(kind) if isinstance(kind, str) else None
    if wanted is None or not isinstance(settings, dict) or set(settings) != set(wanted):
        return None
    if any(type(settings[name]) is not of or not settings[name] >= 0 for name, of in wanted.items()):
        return None
    is_fit = {
        "Levels": len(levels) > 0 and bool((levels[1:] > levels[:-1]).all()),
        "Steps": dtype.kind in "iu" and settings.get("error", 0) < 2**60,
        "Decimals": dtype.kind == "f" and settings.get("digits", 0) <= 22,
        "Lattice": dtype.kind == "f" and 0 < settings.get("step", 0) < np.inf,
        "Relative": 0 < settings.get("parts", 0) <= 2**40,
    }.get(kind, True)
    if not is_fit or (len(levels) > 0) != (kind == "Levels"):
        return None
    return Levels(dtype, levels) if kind == "Levels" else Quantiser.known[kind](dtype, **settings)


def _damage(stored: Opened, what: str) -> ModelFileError:
    return ModelFileError(f"{stored.path} is damaged: {what}.")


def shown_form(form: Form) -> str:
    """Return in words what a form is."""
    return f"an array with rows of shape {form.shape}" if form.is_array else "a table with names of columns"
