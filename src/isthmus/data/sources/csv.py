"""CSV files."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from isthmus.data.arrow import ColumnSource, check_names
from isthmus.data.files import COMPRESSIONS, check_same_columns, has_suffix, list_files
from isthmus.errors import InvalidData

if TYPE_CHECKING:
    import polars as pl

TABS = (".tsv", *(f".tsv{suffix}" for suffix in COMPRESSIONS))


class Csv(ColumnSource):
    """CSV or TSV files with a header line, compressed or not; several with the same columns are one table.

    Types and dates are found from all rows of all files. Answers are pandas DataFrames.
    """

    suffixes = (".csv", *(f".csv{suffix}" for suffix in COMPRESSIONS), *TABS)
    reads_many = True

    def __init__(self, data: Any) -> None:
        import polars as pl

        files = list_files(data, self.suffixes)
        frames = [_frame(files[0])]
        for path in files[1:]:
            frame = _frame(path)
            check_same_columns(files[0], frames[0].columns, path, frame.columns)
            frames.append(frame.select(frames[0].columns))
        if len(frames) > 1 and (texts := _texts(frames)):
            frames = [_frame(path, texts).select(frames[0].columns) for path in files]
        several = len(frames) > 1
        frame = pl.concat(map(_without_types, frames), how="vertical_relaxed") if several else frames[0]
        self._table = frame.to_arrow()
        self.schema = self._table.schema
        self.n_rows = self._table.num_rows

    @classmethod
    def accepts(cls, data: Any) -> bool:
        return bool(list_files(data, cls.suffixes))

    def _read(self, rows: int) -> Iterator[pa.RecordBatch]:
        yield from self._table.to_batches(max_chunksize=rows)


def _frame(path: Path, texts: Collection[str] = ()) -> pl.DataFrame:
    """Return one file; the columns `texts` are not turned into numbers or dates."""
    import polars as pl

    separator = "\t" if has_suffix(path, TABS) else ","
    try:
        content = _content(path)
        with path.open("rb") as file:
            beginning = file.read(4096) if isinstance(content, Path) else content[:4096]
        if b"\0" in beginning:
            raise InvalidData(f"{path} cannot be read as CSV: it is not text in UTF-8.")
        # Without a header, so that polars does not rename a name that stands twice.
        head = pl.read_csv(content, separator=separator, n_rows=1, has_header=False, infer_schema=False, glob=False)
        check_names(head.row(0))
        return pl.read_csv(
            content,
            separator=separator,
            infer_schema_length=None,
            try_parse_dates=True,
            schema_overrides=dict.fromkeys(texts, pl.String),
            glob=False,
        )
    except pl.exceptions.NoDataError as error:
        raise InvalidData(f"{path}: expected a header line and rows; got an empty file.") from error
    except InvalidData:
        raise
    except (pl.exceptions.PolarsError, pa.ArrowException, OSError, ValueError) as error:
        raise InvalidData(f"{path} cannot be read as CSV: {str(error).splitlines()[0]}") from error


def _content(path: Path) -> Path | bytes:
    """Return what polars reads: a file as it is, or the content of a compressed one."""
    compression = COMPRESSIONS.get(path.suffix.lower())
    if compression is None:
        return path
    with pa.input_stream(path, compression=compression) as stream:
        return stream.read()


def _texts(frames: list[pl.DataFrame]) -> list[str]:
    """Return the columns that one type can hold only as text, as in a single file of all rows."""
    texts = []
    for name in frames[0].columns:
        types = {frame[name].dtype for frame in frames if frame[name].null_count() < len(frame)}
        if len(types) > 1 and not all(kind.is_numeric() for kind in types):
            texts.append(name)
    return texts


def _without_types(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame whose columns without any value, which polars takes for text, fit to any type."""
    import polars as pl

    return frame.cast({name: pl.Null for name in frame.columns if frame[name].null_count() == len(frame)})
