"""The command line: its commands, and what is said when one fails."""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Annotated, Any

import typer

from isthmus.cli import (
    compress,
    demo,
    detect,
    fit,
    impute,
    manual,
    onnx,
    plot,
    report,
    sample,
    screen,
    show,
    table,
    use,
)
from isthmus.errors import IsthmusError

MOMENT = 0.05  # seconds
MOST_SAID = 2000  # characters of an error
INTERRUPTED = 130  # the exit code of what Ctrl-C ends
DEBUG: ContextVar[bool] = ContextVar("debug", default=False)

app = typer.Typer(
    help="Autoencoders for tables: train one, and use it for codes, reconstructions and scores.",
    epilog=manual.EXIT_CODES,
    context_settings={"token_normalize_func": manual.meant_option},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def guard(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that ends with one sentence and exit code 1 where it fails, 130 at Ctrl-C."""

    @functools.wraps(command)
    def run_command(*arguments: Any, **keywords: Any) -> None:
        try:
            with screen.notes():
                table.check_paths(keywords)
                command(*arguments, **keywords)
        except BrokenPipeError as error:  # the reader has left, as in `isthmus parts | head -1`
            _leave_output()
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            screen.say("interrupted.")
            raise typer.Exit(INTERRUPTED) from error
        except Exception as error:  # whatever it is, it becomes one sentence
            if DEBUG.get():
                raise
            screen.say(table.in_options(sentence(error), keywords))
            raise typer.Exit(1) from error

    return run_command


def sentence(error: Exception) -> str:
    """Return what is said about an error, on one line."""
    text = " ".join(line.strip() for line in str(error).splitlines())
    text = text if len(text) <= MOST_SAID else f"{text[:MOST_SAID]}..."
    if isinstance(error, IsthmusError):
        return text
    if isinstance(error, MemoryError):
        return f"there is not enough memory ({text or 'no more was given'}): use fewer rows or columns at a time."
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror or text}."
    if isinstance(error, ValueError):  # scikit-learn's own: not fitted, another number of columns
        return text
    return f"this should not have failed ({type(error).__name__}: {text}). ISTHMUS_DEBUG=1 shows where, for a report."


@app.callback()
def options(
    version: Annotated[  # noqa: ARG001 -- its callback prints and ends
        bool, typer.Option("--version", callback=show.version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="ISTHMUS_DEBUG", help="Show the traceback of an error.")
    ] = False,
) -> None:
    DEBUG.set(debug)


COMMANDS = (
    *(fit.fit, use.transform, use.reconstruct, use.score, detect.detect, impute.impute, sample.sample, plot.plot),
    *(report.report, compress.compress, compress.decompress, onnx.export, onnx.check),
    *(show.inspect, show.parts, demo.demo),
)

for command in COMMANDS:
    text, examples = manual.manual_of(command)
    app.command(help=text, epilog=examples)(guard(table.with_shared(command)))


def run() -> None:
    """Run the command line; the entry point."""
    if os.name == "posix":
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        sys.unraisablehook = _interrupt_again
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it is closed, as under cron
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 -- for as long as the process lives
        getattr(sys, name).reconfigure(errors="replace")  # no name of a column breaks a terminal
    try:
        app(prog_name="isthmus")
    finally:
        try:
            sys.stdout.flush()
        except OSError:
            _leave_output()


def _interrupt_again(ignored: Any) -> None:
    """Interrupt again, a moment later, where Ctrl-C met a place whose errors are ignored, as JAX has in collections."""
    if ignored.exc_type is KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, MOMENT)
    else:
        sys.__unraisablehook__(ignored)


def _leave_output() -> None:
    """Point standard output nowhere, so that nothing fails when Python flushes it at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
