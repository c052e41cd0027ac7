"""How a file of separated cells is written: its encoding, its separator, its lines; and its cells as texts."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from isthmus.core.coercion import short
from isthmus.data.cells.format import TEXT
from isthmus.errors import InvalidData, require

SEPARATORS = ",;\t|"
SAMPLE = 65_536  # characters that the separator is noticed from
BLOCK = 65_536  # lines at a time
MOST_SIDE = 10_000  # pixels of a picture
MOST_BYTES = 1 << 24  # of a line that is cut without looking for quotes
MAGIC = {
    b"\x1f\x8b": ("compressed by gzip", ".csv.gz"),
    b"PK\x03\x04": ("a ZIP archive, as .xlsx and .npz files are", ".xlsx or .npz"),
    b"BZh": ("compressed by bzip2", ".csv.bz2"),
    b"\x28\xb5\x2f\xfd": ("compressed by Zstandard", ".csv.zst"),
    b"PAR1": ("a Parquet file", ".parquet"),
    b"ARROW1": ("an Arrow file", ".arrow"),
}
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class ReadingOptions(NamedTuple):
    """What a user says of how a file is written; None lets the file show it."""

    sep: str | None = None  # between cells
    decimal: str | None = None  # . or ,
    encoding: str | None = None
    na: Sequence[str] | None = None  # words for a missing cell
    header: bool | None = None  # whether the first line holds the names of the columns
    key: str | None = None  # of an NPZ file: the name of an array
    size: Sequence[int] | None = None  # of pictures: the width and height that they are brought to

    def check(self) -> None:
        """Raise `InvalidPart` for what no file can be read by."""
        is_sign = self.sep is None or (isinstance(self.sep, str) and len(self.sep) == 1 and self.sep not in '"\r\n')
        require(is_sign, "sep", "one character that may stand between cells, or None", self.sep)
        require(self.decimal in (None, ".", ","), "decimal", "'.', ',' or None", self.decimal)
        require(
            self.encoding is None or _is_encoding(self.encoding), "encoding", "one that Python knows", self.encoding
        )
        is_words = self.na is None or (
            isinstance(self.na, Sequence) and not isinstance(self.na, str) and all(isinstance(w, str) for w in self.na)
        )
        require(is_words, "na", "a list of texts, or None", self.na)
        require(self.header in (None, True, False), "header", "True, False or None", self.header)
        require(self.key is None or isinstance(self.key, str), "key", "the name of an array, or None", self.key)
        is_size = self.size is None or (
            isinstance(self.size, Sequence)
            and len(self.size) == 2
            and all(type(side) is int and 1 <= side <= MOST_SIDE for side in self.size)
        )
        require(is_size, "size", f"a width and a height, from 1 to {MOST_SIDE:,}, or None", self.size)


AS_SHOWN = ReadingOptions()


@dataclass(frozen=True)
class Dialect:
    """How a file is written."""

    encoding: str
    separator: str
    line_end: str = "\n"
    quoted: tuple[bool, ...] = ()  # of each column whether all of its cells stand in quotes
    names_quoted: tuple[bool, ...] = ()  # the same of their names

    def describe(self) -> str:
        """Return what of it is not as in most files."""
        sign = {";": "semicolons", "\t": "tabs", "|": "bars", ",": ""}.get(self.separator, repr(self.separator))
        encoding = "" if self.encoding in ("utf-8", "utf-8-sig") else self.encoding
        return ", ".join(word for word in (encoding, sign and f"separated by {sign}") if word)

    def write(
        self, file: IO[bytes], names: Sequence[str], columns: Sequence[Sequence[str]], separator: str | None = None
    ) -> None:
        """Write the cells of columns as this dialect has it, below a line of their names."""
        sign = separator or self.separator
        special = {sign, '"', "\n", "\r"}
        plain = (False,) * len(names)
        quoted, names_quoted = (
            flags if len(flags) == len(names) else plain for flags in (self.quoted, self.names_quoted)
        )
        text = io.TextIOWrapper(file, encoding=self.encoding, newline="")
        for row, flags in itertools.chain(
            [(names, names_quoted)], zip(zip(*columns, strict=True), itertools.repeat(quoted))
        ):
            cells = (_quote(cell, special, always) for cell, always in zip(row, flags, strict=True))
            text.write(sign.join(cells) + self.line_end)
        text.flush()
        text.detach()


class Cells(NamedTuple):
    """The cells of a file."""

    first: list[str]  # those of its first line
    table: list[pa.Array]  # of each column all below
    dialect: Dialect


def read_cells(name: str, content: bytes, separator: str | None, options: ReadingOptions) -> Cells:
    """Return the cells of a file.

    Parameters
    ----------
    name : of the file, for messages.
    separator : what its suffix says of what stands between cells; None says nothing.

    Raises
    ------
    InvalidData
        If it is no text, or its lines are longer than its first; the message names the line.
    """
    text, encoding = _decode(name, content, options.encoding)
    text = _without_comments(text)
    sign = options.sep or _notice_separator(text, separator)
    head = text[:SAMPLE]
    line_end = "\r\n" if "\r\n" in head else "\n"
    if (plain := _split_plain(text, sign)) is not None:
        return Cells(*plain, Dialect(encoding, sign, line_end))
    blocks: list[list[pa.Array]] = []
    lines = _lines(name, text, sign)
    try:
        first = next(lines)
    except StopIteration:
        raise InvalidData(f"{name}: expected a header line and rows; got an empty file.") from None
    rows: list[list[str]] = []
    for row in lines:
        rows.append(row)
        if len(rows) == BLOCK:
            blocks.append(_columns(rows, len(first)))
            rows = []
    blocks.append(_columns(rows, len(first)))
    table = [pa.concat_arrays([block[i] for block in blocks]) for i in range(len(first))]
    return Cells(first, table, Dialect(encoding, sign, line_end, *_notice_quotes(head, sign, len(first))))


def _split_plain(text: str, separator: str) -> tuple[list[str], list[pa.Array]] | None:
    """Return the cells of the first line, and of each column those below, as `_lines` does and many times as fast.

    None where that needs more than to cut the text: where there are quotes, or lines of other lengths than the first.
    """
    line, _, below = text.partition("\n")
    first = line.removesuffix("\r").split(separator)
    needs_more = len(first) == 1 or not line.strip() or '"' in text or "\0" in text or below.startswith("\ufeff")
    if needs_more or not separator.isascii() or text.count("\r") != text.count("\r\n"):
        return None
    try:
        cells = pa_csv.read_csv(
            io.BytesIO(below.encode()),
            pa_csv.ReadOptions(autogenerate_column_names=True, block_size=MOST_BYTES),
            pa_csv.ParseOptions(delimiter=separator, quote_char=False),
            pa_csv.ConvertOptions(column_types={f"f{i}": TEXT for i in range(len(first))}),
        )
    except pa.ArrowException:
        return None
    table = [pa.concat_arrays(column.chunks) for column in cells.columns]
    longest = max((pc.max(pc.binary_length(column)).as_py() for column in table), default=0)
    is_same = len(table) == len(first) and longest <= csv.field_size_limit()
    return (first, table) if is_same else None


def _lines(name: str, text: str, separator: str) -> Iterator[list[str]]:
    """Yield the cells of each line that is not blank, as many as the first has."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    width, lacking = None, []
    before = 0
    try:
        for row in reader:
            line, before = before + 1, reader.line_num
            if not row or (len(row) == 1 and not row[0].strip()):
                continue
            width = width or len(row)
            if len(row) > width:
                raise InvalidData(
                    f"{name} cannot be read as CSV: line {line} has {len(row)} cells, and the first line has {width}. "
                    f"Put a cell that holds {separator!r} in quotes, or say what stands between cells (sep=, --sep)."
                )
            if len(row) < width:
                lacking.append(line)
                row += [""] * (width - len(row))
            yield row
    except csv.Error as error:
        raise InvalidData(f"{name} cannot be read as CSV: {error} (line {reader.line_num}).") from error
    if lacking:
        others = f", and so have {len(lacking) - 1} more" if len(lacking) > 1 else ""
        warnings.warn(
            f"{name}: line {lacking[0]} has fewer cells than the first{others}: what lacks at the end is missing.",
            stacklevel=2,
        )


def _columns(rows: list[list[str]], width: int) -> list[pa.Array]:
    columns = zip(*rows, strict=True) if rows else ([] for _ in range(width))
    return [pa.array(column, TEXT) for column in columns]


def _decode(name: str, content: bytes, encoding: str | None) -> tuple[str, str]:
    """Return the text of a file, and its encoding."""
    for magic, (what, suffix) in MAGIC.items():
        if content.startswith(magic):
            raise InvalidData(f"{name} cannot be read as CSV: it is {what}. Give it the suffix {suffix}.")
    if encoding is not None:
        try:
            return content.decode(encoding).removeprefix("\ufeff"), encoding
        except UnicodeError as error:
            raise InvalidData(f"{name} cannot be read as CSV: it is not text in {encoding}.") from error
    known = next((BOMS[bom] for bom in BOMS if content.startswith(bom)), None) or _notice_utf16(content)
    for candidate in (known,) if known else ("utf-8",):
        try:
            return content.decode(candidate), candidate
        except UnicodeError:
            pass
    guess = _notice_code_page(content)
    try:
        if b"\0" in content[:4096] or known:
            raise UnicodeError
        text = content.decode(guess)
    except UnicodeError:
        raise InvalidData(
            f"{name} cannot be read as CSV: it is not text in UTF-8. Say its encoding (encoding=, --encoding)."
        ) from None
    warnings.warn(
        f"{name} is not text in UTF-8: it is read as {guess}; encoding= (--encoding) says otherwise.", stacklevel=2
    )
    return text, guess


def _notice_utf16(content: bytes) -> str | None:
    """Return the order of bytes of UTF-16 without a mark: every other byte of Latin letters is zero."""
    head = np.frombuffer(content[:4096], np.uint8)
    if len(head) < 4 or len(content) % 2:
        return None
    zeros = [float((head[start::2] == 0).mean()) for start in (0, 1)]
    if zeros[1] > 0.4 and not zeros[0]:
        return "utf-16-le"
    return "utf-16-be" if zeros[0] > 0.4 and not zeros[1] else None


def _notice_code_page(content: bytes) -> str:
    """Return the code page of Windows: in Cyrillic words letters beyond ASCII stand side by side."""
    is_high = np.frombuffer(content[: 1 << 20], np.uint8) >= 0xC0
    beside = is_high[1:] & is_high[:-1]
    return "cp1251" if beside.sum() > 0.4 * is_high.sum() else "cp1252"


def _quote(cell: str, special: set[str], is_always: bool) -> str:
    """Return a cell in quotes where it needs them, or its column has them."""
    if not (is_always and cell) and special.isdisjoint(cell):
        return cell
    return '"' + cell.replace('"', '""') + '"'


def _is_encoding(name: object) -> bool:
    try:
        return isinstance(name, str) and "é".encode(name, "ignore") is not None
    except (LookupError, ValueError):
        return False


def _without_comments(text: str) -> str:
    """Return a text without lines at its beginning that start with # and hold fewer cells than the next."""
    while text.startswith("#"):
        line, end, rest = text.partition("\n")
        following = rest.partition("\n")[0]
        if not end or any(
            line.count(sign) >= max(following.count(sign), 1) for sign in SEPARATORS if sign in following
        ):
            break
        text = rest
    return text


def _notice_separator(text: str, usual: str | None) -> str:
    """Return what stands between cells: what cuts the first lines into as many cells each, and more than one."""
    if usual == "\t":
        return usual
    head = text[:SAMPLE]
    head = head if len(head) == len(text) else head[: head.rfind("\n")]
    best, most = ",", 0.0
    for sign in SEPARATORS:
        try:
            rows = [len(row) for row in csv.reader(io.StringIO(head, newline=""), delimiter=sign) if row]
        except csv.Error:
            continue
        share = float(np.mean([count == rows[0] for count in rows])) if rows and rows[0] > 1 else 0.0
        if share > most:
            best, most = sign, share
    return best


def _notice_quotes(head: str, separator: str, width: int) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
    """Return of each column whether its first cells all stand in quotes, and whether its name does."""
    if '"' not in head:
        return (), ()
    lines = csv.reader(head.splitlines()[:100], delimiter=separator, quoting=csv.QUOTE_NONE)
    names, *rows = [row for row in lines if len(row) == width] or [[""] * width]
    columns = [[row[i] for row in rows if row[i]] for i in range(width)]
    is_quoted = [bool(cells) and all(cell.startswith('"') for cell in cells) for cells in columns]
    return tuple(is_quoted), tuple(name.startswith('"') for name in names)


def no_header(name: str, first: Sequence[str]) -> InvalidData:
    """Return the error for a first line that looks like a row."""
    shown = ", ".join(short(cell) for cell in first[:3]) + (", …" if len(first) > 3 else "")
    return InvalidData(
        f"{name}: expected a first line of names; got one like the rows below it ({shown}). Say header=False "
        "(--no-header) where it is a row, or header=True (--header) where these are names."
    )
