"""Checkpoints: the whole progress of a fit in one file, so that a killed fit goes on as if it had not been."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from isthmus import modelfile
from isthmus.epoch import Job, Progress
from isthmus.errors import CheckpointError, ModelFileError

INTERVAL = 1.0  # seconds between writes


def kept(
    epochs: Generator[Progress, None, None], path: str | os.PathLike[str], fingerprint: str
) -> Generator[Progress, None, None]:
    """Yield the epochs, writing the progress about once a second and when they end for whatever reason."""
    latest, written, last = None, None, time.monotonic()
    try:
        for latest in epochs:
            if time.monotonic() - last >= INTERVAL:
                write(path, latest, fingerprint)
                written, last = latest, time.monotonic()
            yield latest
    finally:
        if latest is not None and latest is not written:
            write(path, latest, fingerprint)


def write(path: str | os.PathLike[str], progress: Progress, fingerprint: str) -> None:
    header = {
        "kind": "checkpoint",
        "fingerprint": fingerprint,
        "histories": progress.histories,
        "reasons": progress.reasons,
    }
    modelfile.write(path, header, _arrays(progress))


def resume(path: str | os.PathLike[str], job: Job, progress: Progress, fingerprint: str) -> Progress:
    """Return the progress of a checkpoint; `progress`, that of the job's start, where there is no file yet.

    Raises
    ------
    CheckpointError
        If the file belongs to other data or settings.
    ModelFileError
        If it is not a checkpoint, or damaged.
    """
    if not Path(path).exists():
        return progress
    opened = modelfile.open_file(path, "checkpoint")
    header = opened.header
    if header.get("fingerprint") != fingerprint:
        raise CheckpointError(
            f"{path} is the checkpoint of another fit, with other data or settings: delete it, or name another file."
        )
    start = _arrays(progress)
    if {name: array.shape for name, array in start.items()} != dict(opened.shapes):
        raise ModelFileError(f"{path} is damaged: its tensors are not those of this fit.")
    found = opened.read()
    leaves = [found[name].astype(array.dtype) for name, array in start.items()]
    restored = jax.tree.unflatten(jax.tree.structure(_tree(progress)), leaves)
    histories = tuple(tuple(history) for history in header["histories"])
    reasons = tuple(
        None if reason == "max_epochs" and len(history) < job.max_epochs else reason
        for reason, history in zip(header["reasons"], histories, strict=True)
    )
    return replace(progress, **restored, histories=histories, reasons=reasons)


def fingerprint(job: Job, settings: dict[str, Any]) -> str:
    """Return a digest of all that decides the weights but the number of epochs."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for table in (job.table, job.held_out):
        for array in jax.tree.leaves(table):
            digest.update(np.ascontiguousarray(np.asarray(array)).reshape(-1).view(np.uint8).data)
    digest.update(json.dumps([job.seeds, job.batch_size]).encode())
    return digest.hexdigest()


def _tree(progress: Progress) -> dict[str, Any]:
    return {name: getattr(progress, name) for name in ("state", "best_weights", "best_loss", "factor")}


def _arrays(progress: Progress) -> dict[str, np.ndarray]:
    return {str(i): np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(_tree(progress)))}
