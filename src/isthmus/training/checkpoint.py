"""Checkpoints: the whole progress of a fit in one file, so that a killed fit goes on as if it had not been."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import time
import warnings
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from isthmus.contracts import End, Record
from isthmus.core.constraints import is_whole
from isthmus.errors import CheckpointError, ModelFileError, require
from isthmus.storage import container as modelfile
from isthmus.training.epoch import Job, Progress
from isthmus.training.selection import why_end

_ARRAYS = ("state", "good", "good_loss", "best_weights", "best_loss", "factor")
INTERVAL = 1.0  # seconds between writes


def checkpoint_paths(path: str | os.PathLike[str] | None, seed: Any) -> Iterator[str | os.PathLike[str] | None]:
    """Yield the checkpoint of each network of a fit of several: the path, then with .1, .2, … behind it.

    Raises
    ------
    InvalidPart
        If there is a path and the seed of the fit is no whole number: another fit could not know what was drawn.
    """
    if path is None:
        return itertools.repeat(None)
    require(is_whole(seed), "random_state", "a whole number where a checkpoint is kept", seed)
    return itertools.chain([path], (f"{os.fspath(path)}.{number}" for number in itertools.count(1)))


def with_checkpoints(
    epochs: Generator[Progress, None, None], path: str | os.PathLike[str], fingerprint: str
) -> Generator[Progress, None, None]:
    """Yield the epochs, writing the progress about once a second and when they end for whatever reason.

    Where it cannot be written, one warning says so, and the epochs go on.
    """
    writer = _Writer(path, fingerprint)
    latest, written, last = None, None, time.monotonic()
    try:
        for latest in epochs:
            if time.monotonic() - last >= INTERVAL:
                writer.write(latest)
                written, last = latest, time.monotonic()
            yield latest
    finally:
        if latest is not None and latest is not written:
            writer.write(latest)


class _Writer:
    """Writes the progress of one fit to one file, unless another fit has taken it."""

    def __init__(self, path: str | os.PathLike[str], fingerprint: str) -> None:
        self._path, self._fingerprint = Path(path), fingerprint
        self._own: tuple[int, int] | None = None  # the file that was written last, as the system knows it
        self._has_warned = False

    def write(self, progress: Progress) -> None:
        try:
            if (there := self._mark()) and there != self._own:
                _check_fingerprint(modelfile.open_file(self._path, "checkpoint"), self._fingerprint)
            write(self._path, progress, self._fingerprint)
            self._own = self._mark()
        except (CheckpointError, ModelFileError) as error:
            if not self._has_warned:
                self._has_warned = True
                warnings.warn(f"training goes on without its checkpoint: {error}", stacklevel=2)

    def _mark(self) -> tuple[int, int] | None:
        """Return what tells the file there from one that replaces it."""
        try:
            there = self._path.stat()
        except OSError:  # `write` says why
            return None
        return there.st_ino, there.st_mtime_ns


def write(path: str | os.PathLike[str], progress: Progress, fingerprint: str) -> None:
    header = {
        "kind": "checkpoint",
        "fingerprint": fingerprint,
        "histories": progress.histories,
        "reasons": progress.reasons,
    }
    modelfile.write(path, header, _arrays(progress))


def _check_fingerprint(opened: modelfile.Opened, fingerprint: str) -> None:
    """Raise `CheckpointError` for the file of another fit."""
    if opened.header.get("fingerprint") != fingerprint:
        raise CheckpointError(
            f"{opened.path} is the checkpoint of another fit, with other data or settings: delete it, or name another "
            "file."
        )


def resume(path: str | os.PathLike[str], job: Job, progress: Progress, fingerprint: str) -> Progress:
    """Return the progress of a checkpoint; `progress`, that of the job's start, where there is no file yet.

    Raises
    ------
    CheckpointError
        If the file belongs to other data or settings, or has more epochs than are asked for.
    ModelFileError
        If it is not a checkpoint, or damaged.
    """
    if not os.path.lexists(path):
        return progress
    opened = modelfile.open_file(path, "checkpoint")
    header = opened.header
    _check_fingerprint(opened, fingerprint)
    start = _arrays(progress)
    if opened.tensors != modelfile.describe_arrays(start):
        raise ModelFileError(f"{path} is damaged: its tensors are not those of this fit.")
    histories, reasons = _read_histories(path, header, len(job.seeds))
    epochs = max(map(len, histories))
    if epochs > job.max_epochs:
        raise CheckpointError(
            f"{path} holds {epochs} epochs, and max_epochs is {job.max_epochs}: no training of so few gives its "
            "weights. Use more epochs, or name another file."
        )
    arrays = opened.read()
    restored = jax.tree.unflatten(jax.tree.structure(_tree(progress)), [arrays[name] for name in start])
    # Other stops, or more epochs, may be asked for now: what has not failed or settled is decided again.
    reasons = tuple(
        reason if reason and reason.stop in ("diverged", "settled") else why_end(job, history)
        for reason, history in zip(reasons, histories, strict=True)
    )
    return replace(progress, **restored, histories=histories, reasons=reasons)


def _read_histories(
    path: str | os.PathLike[str], header: dict[str, Any], starts: int
) -> tuple[tuple[tuple[Record, ...], ...], tuple[End | None, ...]]:
    """Return the histories and the reasons of a header, one for each start."""
    histories: Any = header.get("histories")
    reasons: Any = header.get("reasons")
    is_whole = isinstance(histories, list) and isinstance(reasons, list) and len(histories) == len(reasons) == starts
    if not is_whole or not all(_is_history(history) for history in histories):
        raise ModelFileError(f"{path} is damaged: it does not tell what was trained.")
    if not all(reason is None or _is_end(reason) for reason in reasons):
        raise ModelFileError(f"{path} is damaged: it does not tell why training ended.")
    return tuple(tuple(history) for history in histories), tuple(None if end is None else End(*end) for end in reasons)


def _is_end(reason: Any) -> bool:
    return isinstance(reason, list) and len(reason) == 2 and all(isinstance(word, str) for word in reason)


def _is_history(history: Any) -> bool:
    return isinstance(history, list) and all(_is_record(record) for record in history)


def _is_record(record: Any) -> bool:
    required = {"epoch", "loss", "weight_change", "seconds"}
    is_full = isinstance(record, dict) and required <= set(record)
    return is_full and all(type(value) in (int, float) for value in record.values())


def fingerprint(job: Job, settings: dict[str, Any], start: Progress) -> str:
    """Return a digest of all that decides the weights but the number of epochs."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for tree in (job.table, job.held_out, start.state.weights):
        for array in jax.tree.leaves(tree):
            digest.update(np.ascontiguousarray(np.asarray(array)).reshape(-1).view(np.uint8).data)
    digest.update(json.dumps([job.seeds, job.batch_size, sorted(job.known.items())]).encode())
    return digest.hexdigest()


def _tree(progress: Progress) -> dict[str, Any]:
    return {name: getattr(progress, name) for name in _ARRAYS}


def _arrays(progress: Progress) -> dict[str, np.ndarray]:
    return {str(i): np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(_tree(progress)))}
