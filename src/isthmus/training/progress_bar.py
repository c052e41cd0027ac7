"""A progress bar around the epochs of a fit: epoch, loss, time left; silent where nobody looks."""

from __future__ import annotations

import sys
from collections.abc import Generator

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from isthmus.training import epoch


def with_progress_bar(
    epochs: Generator[epoch.Progress, None, None], most: int, is_wanted: bool
) -> Generator[epoch.Progress, None, None]:
    """Yield the epochs, drawing a bar on standard error if it is a terminal and the bar is wanted."""
    if not (is_wanted and sys.stderr.isatty()):
        yield from epochs
        return
    columns = (
        TextColumn("epoch {task.completed}/{task.total}"),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.4g}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("fit", total=most, loss=float("nan"))
        for latest in epochs:
            history = max(latest.histories, key=len)
            last = history[-1] if history else {}
            bar.update(task, completed=len(history), loss=last.get("validation_loss", last.get("loss", float("nan"))))
            yield latest
