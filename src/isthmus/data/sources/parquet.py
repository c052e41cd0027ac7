"""Parquet files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from isthmus.data.arrow import check_names
from isthmus.data.file_source import FileSource
from isthmus.data.files import check_same_columns, is_folder, list_files
from isthmus.errors import InvalidData


class Parquet(FileSource):
    """Parquet files, streamed in blocks; several with the same columns are one table. Answers are pandas DataFrames.

    Folders called `year=2024` in a folder of files are columns of their rows, as Hive and Spark write them.
    """

    suffixes = (".parquet", ".pq")
    reads_many = True

    def __init__(self, data: Any) -> None:
        self.name = str(data)
        files = list_files(data, self.suffixes)
        partitions, self._constants = _partitions(Path(data), files) if is_folder(data) else (pa.schema([]), {})
        self._files: dict[Path, pa.Schema] = {}  # the columns of each, as it holds them
        self.n_rows = 0
        for path in files:
            self._files[path], rows = _contents(path)
            self.n_rows += rows
        schemas = list(self._files.values())
        common = schemas[0] if len(files) == 1 else _shared_schema(files, schemas)
        self.schema = pa.schema([*common, *(field for field in partitions if field.name not in common.names)])

    @classmethod
    def accepts(cls, data: Any) -> bool:
        return bool(list_files(data, cls.suffixes))

    def _read(self, rows: int) -> Iterator[pa.RecordBatch]:
        for path, own in self._files.items():
            names = [name for name in self.schema.names if name in own.names]
            with _readable(path), pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=rows, columns=names):
                    is_alone = len(self._files) == 1 and not self._constants
                    yield batch if is_alone else self._cast(batch, self._constants.get(path, {}))

    def _cast(self, batch: pa.RecordBatch, constants: Mapping[str, Any]) -> pa.RecordBatch:
        """Return a batch of one of several files with the columns and types of all."""
        columns = [
            pa.repeat(pa.scalar(constants[field.name], field.type), len(batch))
            if field.name not in batch.schema.names
            else batch.column(field.name).cast(field.type, safe=False)
            for field in self.schema
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise InvalidData(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from error


def _contents(path: Path) -> tuple[pa.Schema, int]:
    """Return the columns of a file, without the index of a frame, and the number of its rows."""
    with _readable(path), pq.ParquetFile(path) as file:
        indexes = (file.schema_arrow.pandas_metadata or {}).get("index_columns", [])
        fields = [field for field in file.schema_arrow if field.name not in indexes]
        return pa.schema(fields), file.metadata.num_rows


def _shared_schema(files: list[Path], schemas: list[pa.Schema]) -> pa.Schema:
    """Return the columns of several files, each of a type that can hold its values in all of them."""
    plain = [pa.schema([_plain(field) for field in schema]) for schema in schemas]
    common = plain[0]
    for path, schema in zip(files, plain, strict=True):
        check_names(schema.names)
        check_same_columns(files[0], common.names, path, schema.names)
        try:
            common = pa.unify_schemas([common, schema], promote_options="permissive")
        except pa.ArrowException as error:
            name = next(n for n in common.names if not _agree(common.field(n), schema.field(n)))
            raise InvalidData(
                f"column {name!r} is of type {schema.field(name).type} in {path} and of {common.field(name).type} in "
                f"{files[0]}: expected types that agree in all files that are read as one table."
            ) from error
    return common


def _plain(field: pa.Field) -> pa.Field:
    """Return a column with its values in place of references to categories: each file has categories of its own."""
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    return pa.field(field.name, kind)


def _agree(first: pa.Field, other: pa.Field) -> bool:
    try:
        pa.unify_schemas([pa.schema([first]), pa.schema([other])], promote_options="permissive")
    except pa.ArrowException:
        return False
    return True


def _partitions(folder: Path, files: list[Path]) -> tuple[pa.Schema, dict[Path, dict[str, Any]]]:
    """Return the columns that the names of folders below one stand for, and their values for each file."""
    if not any("=" in part for path in files for part in path.relative_to(folder).parts[:-1]):
        return pa.schema([]), {}
    import pyarrow.dataset as ds

    with _readable(folder):
        names = list(map(str, files))
        dataset = ds.dataset(names, format="parquet", partitioning="hive", partition_base_dir=str(folder))
        keys = {Path(file.path): ds.get_partition_keys(file.partition_expression) for file in dataset.get_fragments()}
        return dataset.partitioning.schema, keys
