"""Images that commands write: a folder of pictures, or rows of pixels in a table."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import isthmus
from isthmus.cli import output, screen
from isthmus.errors import IsthmusError


def is_folder(out: Path) -> bool:
    """Say whether an output is a folder: one that is there, or a name without a suffix."""
    return out != output.STANDARD and (out.is_dir() or not out.suffix)


def check(out: Path, *inputs: Path, force: bool) -> None:
    """Refuse an output that is no folder for pictures and no file of a table, before any work is done for it."""
    if not is_folder(out):
        output.check(out, list(output.FORMATS), *inputs, force=force)
        return
    if not out.parent.is_dir():
        raise IsthmusError(f"there is no folder {out.parent} for {out.name}. Make it first.")
    if out.resolve() in [other.resolve() for other in inputs]:
        raise IsthmusError(f"{out} is named twice: give the output another name than the other files have.")
    if out.is_dir() and any(out.iterdir()) and not force:
        output.ask_to_overwrite(out)


def tell(out: Path, count: int, quiet: bool) -> None:
    """Say how many pictures were written."""
    if not quiet:
        screen.tell(f"{out}: {count:,} picture{'s' * (count > 1)}")


def flat(values: Any, out: Path) -> Any:
    """Return answers [rows, columns], of images a column for each pixel, but for .npy; pictures have no columns."""
    if isinstance(values, list):
        raise IsthmusError("the model answers pictures: name a folder for them, as --out pictures.")
    return values.reshape(len(values), -1) if values.ndim > 2 and out.suffix.lower() != ".npy" else values


def write(out: Path, values: Any, model: Any, names: Sequence[str] = ()) -> int:
    """Write images to a folder, as PNG, and return how many.

    Parameters
    ----------
    values : what the model answers, as `isthmus.to_images` takes it.
    names : of the files that they came from; none numbers them.
    """
    pictures = isthmus.to_images(model, values)
    names = names or [f"{place:05}" for place in range(len(pictures))]
    for picture, name in zip(pictures, names, strict=True):
        path = (out / name).with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        isthmus.write_file(path, functools.partial(picture.save, format="PNG"))
    return len(pictures)
