"""Tables that commands read: how a file is written, what its columns hold, and which of them are learned."""

from __future__ import annotations

import functools
import glob
import inspect
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isthmus.cli import output
from isthmus.errors import InvalidData, IsthmusError, no_file, suggestion

if TYPE_CHECKING:
    import numpy as np

MOST_NAMED = 12  # columns in a message
PANEL = "How the table is written, where it does not show it"
LEARNED = "Columns"
STANDARD = Path("-")  # for standard input or output


def _option(*flags: str, says: str, panel: str, metavar: str | None = None) -> Any:
    return typer.Option(*flags, help=says, rich_help_panel=panel, metavar=metavar, show_default=False)


@dataclass(frozen=True)
class Reading:
    """How a table is read: options that all commands share."""

    sep: Annotated[str | None, _option("--sep", says="What stands between cells, as ';'.", panel=PANEL)] = None
    decimal: Annotated[str | None, _option("--decimal", says="The decimal sign, . or ,", panel=PANEL)] = None
    encoding: Annotated[str | None, _option("--encoding", says="As utf-8, cp1251 or utf-16.", panel=PANEL)] = None
    na: Annotated[
        list[str] | None,
        _option(
            "--na", says="A word for a missing cell in any column; for several, again.", panel=PANEL, metavar="WORD"
        ),
    ] = None
    header: Annotated[
        bool | None, _option("--header/--no-header", says="Whether the first line names the columns.", panel=PANEL)
    ] = None

    def open(self, path: Path, kinds: Sequence[str] = ()) -> Any:
        """Return the source of a file, `-` for standard input; `kinds` say what columns hold, as `--kind` has it."""
        import isthmus

        data: Any = sys.stdin.buffer if path == STANDARD else path
        separator = {"tab": "\t", "\\t": "\t"}.get(self.sep or "", self.sep)
        options: dict[str, Any] = {"decimal": self.decimal, "encoding": self.encoding, "header": self.header}
        return isthmus.open_table(data, parse_kinds(kinds), sep=separator, na=self.na or None, **options)


Keep = Annotated[
    list[str] | None,
    _option("--columns", says="Only these, as a,b; or again for each.", panel=LEARNED, metavar="NAMES"),
]
Drop = Annotated[
    list[str] | None,
    _option("--drop", says="All but these, as a,b; or again for each.", panel=LEARNED, metavar="NAMES"),
]
Kinds = Annotated[
    list[str] | None,
    _option(
        "--kind",
        says="What a column holds, as zip=categorical, day=datetime:d/m/y or size=S,M,L; again for each.",
        panel=LEARNED,
        metavar="NAME=KIND",
    ),
]
Label = Annotated[
    str | None, _option("--label-column", says="Holds a label of each row; not learned.", panel=LEARNED, metavar="NAME")
]
TRAINING = "Training"
MaxEpochs = Annotated[
    int | None, _option("--max-epochs", says="How often to go through the rows at most.", panel=TRAINING)
]
Device = Annotated[str | None, _option("--device", says="cpu or gpu.", panel=TRAINING)]
Seed = Annotated[int | None, typer.Option("--seed", "--random-state", help="Of all that is drawn.", show_default=False)]


Checkpoint = Annotated[
    Path | None,
    _option("--checkpoint", says="A file to keep the progress in; a killed training goes on from it.", panel=TRAINING),
]


@dataclass(frozen=True)
class Learning:
    """What is learned of a table, or taken from a file: options of the commands that do either."""

    model: Annotated[
        Path | None,
        typer.Option("--model", help="What --save-model wrote; else one is trained on the table.", show_default=False),
    ] = None
    save_model: Annotated[
        Path | None,
        typer.Option("--save-model", help="Where to keep what was trained, .safetensors.", show_default=False),
    ] = None
    columns: Keep = None
    drop: Drop = None
    label_column: Label = None
    kind: Kinds = None
    max_epochs: MaxEpochs = None
    device: Device = None
    checkpoint: Checkpoint = None
    random_state: Seed = None

    def check(self, data: Path, out: Path | None, formats: Sequence[str], what: str, settings: dict[str, Any]) -> None:
        """Refuse, before any work is done, outputs that cannot be written, and options that would do nothing.

        Parameters
        ----------
        formats : the suffixes that `out` may have.
        what : the estimator, for the message.
        settings : further options of a training.
        """
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("model", "save_model")}
        _refuse_unused(self.model, what, settings | own)
        known = [data] if self.model is None else [data, self.model]
        for path, suffixes in ((out, formats), (self.save_model, output.MODELS), (self.checkpoint, ())):
            if path is not None:
                output.check(path, suffixes, *known)
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
    """Raise `InvalidData` where a table or a model is not there: before anything is loaded that takes seconds."""
    for name in ("model", "data"):
        path = arguments.get(name)
        if isinstance(path, Path) and path != STANDARD and not glob.has_magic(str(path)) and not _exists(path):
            raise InvalidData(no_file(path))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # as of a name too long, or with a NUL in it
        return False


def choose(
    table: Any, keep: Sequence[str], drop: Sequence[str], weight: str | None = None, label: str | None = None
) -> tuple[Any, np.ndarray | None, np.ndarray | None]:
    """Return a table with its columns chosen, and its columns of weights and labels [rows] where they are named.

    Parameters
    ----------
    table : its path, or its source.
    keep : names of columns, several in one text where commas part them; none keeps all.
    drop : names of columns to leave out, in the same form.
    weight, label : the columns of weights and of labels; they are taken out of the others.

    Raises
    ------
    InvalidData
        If the table has no names of columns, or not these columns.
    """
    if not keep and not drop and weight is None and label is None:
        return table, None, None
    import isthmus

    source: Any = isthmus.open_table(table)
    known = source.names
    if not known:
        raise InvalidData(f"{source.name} has no names of columns to choose by: choose from a CSV or Parquet file.")
    weights = [] if weight is None else _split_names(source, [weight])
    labels = [] if label is None else _split_names(source, [label])
    left_out = {*_split_names(source, drop), *weights, *labels}
    chosen = [name for name in _split_names(source, keep) or known if name not in left_out]
    if not chosen:
        raise InvalidData(f"no column of {source.name} is left to learn from: leave out fewer.")
    weight_values = _column(source.select(weights)) if weights else None
    return source.select(chosen), weight_values, _labels(source.select(labels)) if labels else None


def labels_of(table: Any, name: str) -> np.ndarray:
    """Return the labels in a column of a table, [rows], its path or its source.

    Raises
    ------
    InvalidData
        If the table has no names of columns, or not this column.
    """
    labels = choose(table, (), (), label=name)[2]
    assert labels is not None  # noqa: S101 -- the column is named
    return labels


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


def _refuse_unused(model: Path | None, what: str, options: dict[str, Any]) -> None:
    """Refuse options of a training beside a model that is trained: they would do nothing."""
    given = [name for name, value in options.items() if value not in (None, [], ())]
    if model is not None and given:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise IsthmusError(f"{named} is for {what} that is trained, and {model} is: leave out one of them.")


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
