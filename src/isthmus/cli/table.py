"""Tables that commands read: how a file is written, what its columns hold, and which of them are learned."""

from __future__ import annotations

import functools
import glob
import inspect
import re
import sys
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from isthmus.cli import output
from isthmus.cli.manual import option
from isthmus.errors import InvalidData, IsthmusError, no_file, suggestion

if TYPE_CHECKING:
    import numpy as np

MOST_NAMED = 12  # columns in a message
PANEL = "How the table is written, where it does not show it"
LEARNED = "Columns"
STANDARD = Path("-")  # for standard input or output


@dataclass(frozen=True)
class Reading:
    """How a table is read: options that all commands share."""

    sep: Annotated[
        str | None, option("--sep", says="What stands between cells, as ';'.", panel=PANEL, default="as the file shows")
    ] = None
    decimal: Annotated[
        str | None, option("--decimal", says="The decimal sign, . or ,", panel=PANEL, default="as the file shows")
    ] = None
    encoding: Annotated[
        str | None, option("--encoding", says="As utf-8, cp1251 or utf-16.", panel=PANEL, default="as the file shows")
    ] = None
    na: Annotated[
        list[str] | None,
        option(
            "--na",
            says="A word for a missing cell in any column; for several, again.",
            panel=PANEL,
            metavar="WORD",
            default="NA, null, ? and the like among numbers and dates; among texts blanks and ?",
        ),
    ] = None
    header: Annotated[
        bool | None,
        option(
            "--header/--no-header",
            says="Whether the first line names the columns.",
            panel=PANEL,
            default="it does, and a line like a row is refused",
        ),
    ] = None

    key: Annotated[
        str | None,
        option("--key", says="The array of an NPZ file.", panel=PANEL, metavar="NAME", default="X, or the only one"),
    ] = None

    size: Annotated[
        str | None,
        option(
            "--size",
            says="Width and height that pictures are brought to, as 64x64.",
            panel=PANEL,
            metavar="WxH",
            default="as they are; all must agree",
        ),
    ] = None

    def open(self, path: Path, kinds: Sequence[str] = ()) -> Any:
        """Return the source of a file, `-` for standard input; `kinds` say what columns hold, as `--kind` has it."""
        import isthmus

        data: Any = sys.stdin.buffer if path == STANDARD else path
        separator = {"tab": "\t", "\\t": "\t"}.get(self.sep or "", self.sep)
        options: dict[str, Any] = {
            "decimal": self.decimal,
            "encoding": self.encoding,
            "header": self.header,
            "key": self.key,
            "size": self._sides(),
        }
        return isthmus.open_table(data, parse_kinds(kinds), sep=separator, na=self.na or None, **options)

    def _sides(self) -> tuple[int, int] | None:
        """Return the width and the height of pictures, None where none are said."""
        if self.size is None:
            return None
        match = re.fullmatch(r"([0-9]{1,6})[x×]([0-9]{1,6})", self.size)
        if match is None:
            raise InvalidData(f"--size: expected a width and a height, as 64x64; got {self.size!r}.")
        return int(match[1]), int(match[2])


Keep = Annotated[
    list[str] | None,
    option(
        "--columns",
        says="Only these, as a,b; or again for each.",
        panel=LEARNED,
        metavar="NAMES",
        default="all but ids",
    ),
]
Drop = Annotated[
    list[str] | None,
    option("--drop", says="All but these, as a,b; or again for each.", panel=LEARNED, metavar="NAMES"),
]
Kinds = Annotated[
    list[str] | None,
    option(
        "--kind",
        says="What a column holds, as zip=categorical, day=datetime:d/m/y or size=S,M,L; again for each.",
        panel=LEARNED,
        metavar="NAME=KIND",
        default="as its cells show",
    ),
]
Label = Annotated[
    str | None, option("--label-column", says="Holds a label of each row; not learned.", panel=LEARNED, metavar="NAME")
]
Ids = Annotated[
    list[str] | None,
    option(
        "--id", says="Holds ids of the rows: not learned, written beside each answer.", panel=LEARNED, metavar="NAME"
    ),
]
Text = Annotated[
    str | None,
    option("--text", says="Holds texts: learn from them, and from nothing else.", panel=LEARNED, metavar="NAME"),
]
TRAINING = "Training"
MaxEpochs = Annotated[
    int | None,
    option(
        "--max-epochs",
        says="How often to go through the rows at most.",
        panel=TRAINING,
        default="by the number of rows",
    ),
]
Device = Annotated[str | None, option("--device", says="cpu or gpu.", panel=TRAINING, default="gpu where there is one")]
Seed = Annotated[int | None, option("--seed", says="Of all that is drawn.", panel=TRAINING, default="0")]

Checkpoint = Annotated[
    Path | None,
    option("--checkpoint", says="A file to keep the progress in; a killed training goes on from it.", panel=TRAINING),
]


@dataclass(frozen=True)
class Learning:
    """What is learned of a table, or taken from a file: options of the commands that do either."""

    model: Annotated[
        Path | None,
        option("--model", says="What --save-model wrote; else one is trained on the table."),
    ] = None
    save_model: Annotated[
        Path | None,
        option("--save-model", says="Where to keep what was trained, .safetensors."),
    ] = None
    columns: Keep = None
    drop: Drop = None
    label_column: Label = None
    ids: Ids = None
    kind: Kinds = None
    max_epochs: MaxEpochs = None
    device: Device = None
    checkpoint: Checkpoint = None
    random_state: Seed = None

    def check(
        self, data: Path, out: Path | None, formats: Sequence[str], what: str, settings: dict[str, Any], *, force: bool
    ) -> None:
        """Refuse, before any work is done, outputs that cannot be written, and options that would do nothing.

        Parameters
        ----------
        formats : the suffixes that `out` may have.
        what : the estimator, for the message.
        settings : further options of a training.
        force : whether files that are there may be overwritten without asking.
        """
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("model", "save_model", "ids")}
        _refuse_unused(self.model, what, settings | own)
        known = [data] if self.model is None else [data, self.model]
        for path, suffixes in ((out, formats), (self.save_model, output.MODELS), (self.checkpoint, ())):
            if path is not None:
                output.check(path, suffixes, *known, force=force or path == self.checkpoint)
                known.append(path)


SHARED: tuple[type[Any], ...] = (Learning, Reading)


def with_shared(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command whose parameters of the kinds `SHARED` have become the options that these are made of."""
    signature, hints = inspect.signature(command), typing.get_type_hints(command, include_extras=True)
    groups = {name: hints[name] for name in signature.parameters if hints[name] in SHARED}
    if not groups:
        return command
    own = [p.replace(annotation=hints[name]) for name, p in signature.parameters.items() if name not in groups]
    kind, shared = inspect.Parameter.KEYWORD_ONLY, []
    for group in groups.values():
        options = typing.get_type_hints(group, include_extras=True)
        shared += [
            inspect.Parameter(f.name, kind, default=f.default, annotation=options[f.name]) for f in fields(group)
        ]

    @functools.wraps(command)
    def run_command(*arguments: Any, **keywords: Any) -> None:
        for name, group in groups.items():
            keywords[name] = group(**{option.name: keywords.pop(option.name) for option in fields(group)})
        command(*arguments, **keywords)

    run_command.__signature__ = signature.replace(parameters=[*own, *shared])  # type: ignore[attr-defined]
    return run_command


def check_paths(arguments: Mapping[str, Any]) -> None:
    """Raise `InvalidData` where a table or a model is not there, or one is in the place of the other.

    That is said before anything is loaded that takes seconds.
    """
    model, data = arguments.get("model"), arguments.get("data")
    if isinstance(data, Path) and data.suffix.lower() in output.MODELS and data.is_file():
        is_swapped = isinstance(model, Path) and model.suffix.lower() not in output.MODELS
        advice = f"Write {data} {model}: the model stands first." if is_swapped else "Name a table."
        raise InvalidData(f"{data} is a model, not a table. {advice}")
    for path in (model, data, arguments.get("stream"), arguments.get("onnx")):
        if isinstance(path, Path) and path != STANDARD and not glob.has_magic(str(path)) and not _exists(path):
            raise InvalidData(no_file(path))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # as of a name too long, or with a NUL in it
        return False


@dataclass(frozen=True)
class Chosen:
    """A table with its columns chosen, and its columns of weights and labels [rows], where they are named."""

    table: Any
    weight: np.ndarray | None = None
    label: np.ndarray | None = None


def choose(
    table: Any,
    keep: Sequence[str] = (),
    drop: Sequence[str] = (),
    weight: str | None = None,
    label: str | None = None,
    ids: Sequence[str] = (),
) -> Chosen:
    """Return a table with its columns chosen, and its columns of weights and labels where they are named.

    Parameters
    ----------
    table : its path, or its source.
    keep : names of columns, several in one text where commas part them; none keeps all.
    drop : names of columns to leave out, in the same form.
    weight, label, ids : the columns of weights, of labels and of ids; they are taken out of the others.

    Raises
    ------
    InvalidData
        If the table has no names of columns, or not these columns.
    """
    if not keep and not drop and not ids and weight is None and label is None:
        return Chosen(table)
    import isthmus

    source: Any = isthmus.open_table(table)
    known = _names_of(source)
    weights = [] if weight is None else _split_names(source, [weight])
    labels = [] if label is None else _split_names(source, [label])
    left_out = {*_split_names(source, drop), *_split_names(source, ids), *weights, *labels}
    chosen = [name for name in _split_names(source, keep) or known if name not in left_out]
    if not chosen:
        raise InvalidData(f"no column of {source.name} is left to learn from: leave out fewer.")
    return Chosen(
        source.select(chosen),
        _column(source.select(weights)) if weights else None,
        _labels(source.select(labels)) if labels else None,
    )


def ids_of(source: Any, names: Sequence[str] | None) -> dict[str, np.ndarray]:
    """Return the columns of ids of a table [rows] by name; none where none is named, but the names of pictures."""
    import numpy as np

    if not names:
        return {"file": np.array(source.files, object)} if len(source.files) else {}
    _names_of(source)
    return {name: _labels(source.select([name])) for name in _split_names(source, names)}


def rows_of(source: Any, text: str | None) -> Any:
    """Return a table, or the texts in one of its columns, a list; a missing one is empty."""
    if text is None:
        return source
    (name,) = _split_names(source, [text])[:1]
    cells = source.select([name]).whole().iloc[:, 0]
    return ["" if is_missing else str(cell) for cell, is_missing in zip(cells, cells.isna(), strict=True)]


def labels_of(table: Any, name: str) -> np.ndarray:
    """Return the labels in a column of a table, [rows], its path or its source.

    Raises
    ------
    InvalidData
        If the table has no names of columns, or not this column.
    """
    labels = choose(table, label=name).label
    assert labels is not None  # noqa: S101 -- the column is named
    return labels


def beside(values: Any, names: Sequence[str], ids: Mapping[str, np.ndarray]) -> tuple[Any, list[str]]:
    """Return answers [rows, columns], as `output.write` takes them, with columns of ids before them, and all names."""
    if not ids:
        return values, list(names)
    import pyarrow as pa

    columns = [pa.array(cells, from_pandas=True) for cells in ids.values()]
    every = [*ids, *names]
    return pa.Table.from_arrays([*columns, *output.as_arrow(values, names).columns], names=every), every


def parse_kinds(texts: Sequence[str]) -> dict[str, str | list[str]]:
    """Return what columns hold, as `Autoencoder` takes it, from texts `name=kind` or `name=first,second,…`.

    Raises
    ------
    InvalidData
        If a text is not of this form.

    Examples
    --------
    >>> parse_kinds(["zip=categorical", "size=S,M,L", "day=datetime:%b %d, %Y"])
    {'zip': 'categorical', 'size': ['S', 'M', 'L'], 'day': 'datetime:%b %d, %Y'}
    """
    kinds: dict[str, str | list[str]] = {}
    for text in texts:
        name, sign, kind = text.rpartition("=")
        if not sign or not name or not kind:
            raise InvalidData(f"--kind: expected NAME=KIND, as zip=categorical or size=S,M,L; got {text!r}.")
        kinds[name] = kind.split(",") if "," in kind and not kind.startswith("datetime:") else kind
    return kinds


FLAGS = {"penalties": "--penalty", "stops": "--stop", "random_state": "--seed", "ids": "--id"}
"""Options that are not called as the parameters that they set."""


def flag_of(parameter: str) -> str:
    """Return the option that sets a parameter.

    Examples
    --------
    >>> flag_of("max_epochs"), flag_of("random_state")
    ('--max-epochs', '--seed')
    """
    return FLAGS.get(parameter, f"--{parameter.replace('_', '-')}")


def in_options(text: str, parameters: Collection[str]) -> str:
    """Return a message that begins with the name of a parameter in the words of the command line.

    Examples
    --------
    >>> in_options("n must be at least 1. Got 0.", ["n"]), in_options("n must be at least 1. Got 0.", [])
    ('--n must be at least 1. Got 0.', 'n must be at least 1. Got 0.')
    """
    match = re.match(r"(\w+)(?= must |: )", text)
    return f"{flag_of(match[1])}{text[match.end() :]}" if match and match[1] in parameters else text


def _refuse_unused(model: Path | None, what: str, options: dict[str, Any]) -> None:
    """Refuse options of a training beside a model that is trained: they would do nothing."""
    given = [name for name, value in options.items() if value not in (None, [], ())]
    if model is not None and given:
        named = ", ".join(map(flag_of, given))
        raise IsthmusError(f"{named} is for {what} that is trained, and {model} is: leave out one of them.")


def _names_of(source: Any) -> Sequence[str]:
    """Return the names of the columns of a table, or refuse one that has none."""
    known: Sequence[str] = source.names
    if not known:
        raise InvalidData(f"{source.name} has no names of columns to choose by: choose from a CSV or Parquet file.")
    return known


def _split_names(source: Any, texts: Sequence[str]) -> list[str]:
    """Return the names in texts: each is a name, or several with commas between."""
    known, names = source.names, []
    for text in texts:
        names += [text] if text in known else [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            others = ", ".join(known[:MOST_NAMED]) + (", …" if len(known) > MOST_NAMED else "")
            raise InvalidData(f"{source.name} has no column {name!r}.{suggestion(name, known)} There are: {others}.")
    return list(dict.fromkeys(names))


def _column(source: Any) -> np.ndarray:
    """Return the numbers of a source of one column, [rows]."""
    import numpy as np

    return np.concatenate([np.empty(0), *(block[:, 0] for block in source.blocks(65_536))])


def _labels(source: Any) -> np.ndarray:
    """Return the labels in a source of one column, [rows]: numbers and truth values as they are, dates as texts."""
    import numpy as np

    column = source.whole().iloc[:, 0]
    if column.dtype.kind in "iufb":
        return column.to_numpy()
    missing, labels = column.isna(), np.empty(len(column), object)
    texts = column.astype(str) if column.dtype.kind == "M" else column  # without the time of day where it is midnight
    for row, label in enumerate(texts):
        labels[row] = None if missing[row] else label if isinstance(label, bool | int | float) else str(label)
    return labels
