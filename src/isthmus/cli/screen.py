"""Output on the terminal: results on standard output, messages on standard error."""

from __future__ import annotations

import logging
import sys
import unicodedata
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from isthmus import ProgressBar

Data = Annotated[
    Path,
    typer.Argument(
        help="A table: CSV, TSV (also compressed), Parquet, Arrow, JSON lines, Excel, NPY, NPZ; a folder or pattern of "
        "the first three, or of pictures; - for standard input.",
        show_default=False,
    ),
]
Model = Annotated[Path, typer.Argument(help="A file that isthmus fit wrote.", show_default=False)]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show errors only.")]

_ACTING = ("Cc", "Cs", "Zl", "Zp")  # kinds of characters
_TURNING = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
WIDE = 1000  # characters in a line where no terminal folds it


def visible(text: str) -> str:
    r"""Return a text with what a terminal would act on escaped: control characters, and those that turn its direction.

    Examples
    --------
    >>> print(visible(chr(27) + "]0;title" + chr(7) + " naïve"))
    \x1b]0;title\x07 naïve
    """
    is_shown = (c in "\n\t" or (unicodedata.category(c) not in _ACTING and c not in _TURNING) for c in text)
    return "".join(c if shown else ascii(c)[1:-1] for c, shown in zip(text, is_shown, strict=True))


class _Table(Table):
    """A table whose cells are texts, shown as they are."""

    def add_row(self, *cells: Any, **style: Any) -> None:
        super().add_row(*(Text(visible(cell)) if isinstance(cell, str) else cell for cell in cells), **style)


def show(*results: RenderableType) -> None:
    """Write results to standard output; the names in them are shown as they are, never read as markup."""
    results = tuple(visible(result) if isinstance(result, str) else result for result in results)
    on_terminal = sys.stdout.isatty()
    console = Console(width=None if on_terminal else WIDE, markup=False, highlight=False, emoji=False)
    if on_terminal:
        console.print(*results, sep="\n")
        return
    with console.capture() as captured:
        console.print(*results, sep="\n")
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def plain(show_header: bool = True) -> Table:
    """Return an empty table without lines."""
    return _Table(box=None, show_header=show_header, pad_edge=False, padding=(0, 3, 0, 0))


def facts(pairs: Mapping[str, str]) -> Table:
    """Return a table of two columns: what, and its value."""
    table = plain(show_header=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs.items():
        table.add_row(name, value)
    return table


def say(message: str) -> None:
    """Write a message to standard error."""
    typer.echo(visible(f"isthmus: {message}"), err=True)


def can_ask() -> bool:
    """Say whether somebody can answer: standard input is a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def ask(question: str) -> bool:
    """Ask on standard error, and return whether the answer is yes; Enter is no."""
    try:
        return typer.confirm(visible(f"isthmus: {question}"), err=True)
    except typer.Abort as error:  # Ctrl-C, or the end of the input
        raise KeyboardInterrupt from error


def tell(line: str) -> None:
    """Write a line to standard output."""
    typer.echo(visible(line))


@contextmanager
def notes() -> Iterator[None]:
    """Show each warning as one line, once; what libraries warn their developers of is not for here."""
    shown = set()

    def note(message: Warning | str, *_: Any, **__: Any) -> None:
        text = " ".join(str(message).split())
        if text not in shown:
            shown.add(text)
            say(f"note: {text}")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = note
        yield


@contextmanager
def silence(quiet: bool) -> Iterator[None]:
    """Show no notes if it is to be quiet."""
    with warnings.catch_warnings():
        if quiet:
            warnings.simplefilter("ignore")
        yield


class _FirstMessage(logging.Handler):
    """Shows the first message of the library: how the table was read; of its parts, read again, nothing more.

    Of images it shows what they are taken for, too.

    Notes wait for it, so that it stands before them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_shown = False
        self.show_note = warnings.showwarning
        self.waiting: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        is_of_reading = text.startswith("read ")
        if is_of_reading and not self.is_shown:
            say(f"{text}. --kind NAME=KIND says otherwise." if " column" in text else f"{text}.")
        elif is_of_reading and " as images: " in text:
            say(f"{text}. --scaling and --likelihood say otherwise.")
        self.flush_notes()

    def note(self, *given: Any, **named: Any) -> None:
        """Show a warning, once the message is shown."""
        self.show_note(*given, **named) if self.is_shown else self.waiting.append((given, named))

    def flush_notes(self) -> None:
        self.is_shown = True
        while self.waiting:
            given, named = self.waiting.pop(0)
            self.show_note(*given, **named)


@contextmanager
def reading(quiet: bool) -> Iterator[None]:
    """Say how the table of a training is read, on one line, before any note; nothing if it is to be quiet."""
    if quiet:
        yield
        return
    logger, handler = logging.getLogger("isthmus"), _FirstMessage()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    warnings.showwarning = handler.note
    try:
        yield
    finally:
        warnings.showwarning = handler.show_note
        handler.flush_notes()
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextmanager
def progress(name: str, quiet: bool) -> Iterator[tuple[ProgressBar, ...]]:
    """Show on standard error how far a training is, by the callbacks that it is given; none if it is to be quiet."""
    if quiet:
        yield ()
        return
    import isthmus

    with isthmus.ProgressBar(name) as bar:
        yield (bar,)


def size_of(path: Path) -> str:
    """Return the size of a file, as `12.3 kB`."""
    size = float(path.stat().st_size)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.4g} {unit}"
        size /= 1000
    return f"{size:.4g} GB"
