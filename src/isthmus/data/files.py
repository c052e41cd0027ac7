"""Paths of tables: a file, a folder of files, or a pattern that names several."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.core.extras import is_made_by
from isthmus.errors import InvalidData, is_file

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
MOST_PATH = 4096  # characters
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}
"""The suffixes that a compressed file of text has behind its own, and the names that pyarrow knows them by."""


def is_one_file(data: Any, suffixes: Sequence[str]) -> bool:
    """Say whether `data` is the path of a file that ends in one of `suffixes`, in any case."""
    return isinstance(data, str | Path) and has_suffix(data, suffixes) and is_file(Path(data))


def has_suffix(path: str | Path, suffixes: Sequence[str]) -> bool:
    """Say whether a path ends in one of `suffixes`, in any case."""
    return os.path.basename(path).lower().endswith(tuple(suffixes))  # noqa: PTH119 -- a text is no path yet


def list_files(data: Any, suffixes: Sequence[str]) -> list[Path]:
    """Return the files that end in one of `suffixes`: that of a path, those below a folder or matching a pattern.

    They are sorted by their paths. What is called `.name` or `_name` in a folder, as `_SUCCESS`, is left out.
    """
    if not isinstance(data, str | Path):
        return []
    if is_file(Path(data)):
        return [Path(data)] if has_suffix(data, suffixes) else []
    paths = _below(Path(data)) if is_folder(data) else map(Path, glob.glob(str(data), recursive=True))  # noqa: PTH207
    return sorted(path for path in paths if has_suffix(path, suffixes) and is_file(path))


def are_pictures(data: Any) -> bool:
    """Say whether `data` is a list, an array or a series of paths of files of pictures."""
    paths = _listed_paths(data)
    return bool(paths) and all(has_suffix(path, PICTURES) and is_file(Path(path)) for path in paths)


def are_files(data: Any) -> bool:
    """Say whether `data` is a list, an array or a series of paths of files that exist."""
    paths = _listed_paths(data)
    return bool(paths) and all(is_file(Path(path)) for path in paths)


def _listed_paths(data: Any) -> list[str | Path]:
    """Return the paths in a list, an array or a series; none where something else is in it."""
    if not isinstance(data, list | tuple):
        is_series = any(is_made_by(data, library, "Series") for library in ("pandas", "polars"))
        is_row = is_series or (isinstance(data, np.ndarray) and data.ndim == 1)
        data = data.tolist() if is_row and isinstance(data, np.ndarray) else list(data) if is_row else []
    paths = list(data)
    looks_like_path = bool(paths) and isinstance(paths[0], str | Path) and len(str(paths[0])) < MOST_PATH
    return paths if looks_like_path and all(isinstance(path, str | Path) for path in paths) else []


def is_folder(path: str | Path) -> bool:
    """Say whether a path is that of a folder; one that cannot be is not."""
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):  # as of a name too long, or with a NUL in it
        return False


def is_pattern(path: str | Path) -> bool:
    """Say whether a path names files by `*`, `?` or `[…]`."""
    return glob.has_magic(str(path))


def check_same_columns(first: Path, names: Sequence[str], other: Path, others: Sequence[str]) -> None:
    """Raise `InvalidData` where two files that are read as one table have different columns."""
    for has, lacks, name in (
        *((first, other, name) for name in names if name not in others),
        *((other, first, name) for name in others if name not in names),
    ):
        raise InvalidData(
            f"{lacks} has no column {name!r}, which {has} has: expected the same columns in all files that are read "
            "as one table. Make them agree, or pass the files one by one."
        )


def _below(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        yield from (Path(where, name) for name in files if not name.startswith((".", "_")))
