"""What `--help` says: paragraphs, defaults of options, examples; and other words for options."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import typer
from rich.markup import escape

EXIT_CODES = """Exit codes: 0 it is done; 1 it failed, and one sentence on standard error says why; 2 the command is not
written as --help has it; 130 Ctrl-C ended it."""
EXAMPLES = "\n\nExamples\n--------\n"
OTHER_WORDS = {
    **dict.fromkeys(("random-state", "random-seed"), "seed"),
    **dict.fromkeys(("epochs", "n-epochs", "num-epochs", "max-iter"), "max-epochs"),
    **dict.fromkeys(("latent-dim", "n-components", "encoding-dim", "code-size"), "bottleneck"),
    **dict.fromkeys(("hidden-dims", "hidden-layers"), "encoder"),
    **dict.fromkeys(("loss", "reconstruction-loss"), "likelihood"),
    **dict.fromkeys(("validation-split", "val-size"), "validation-fraction"),
    **dict.fromkeys(("output", "output-file"), "out"),
    **dict.fromkeys(("overwrite", "yes"), "force"),
    **dict.fromkeys(("delimiter", "separator"), "sep"),
    "n-init": "n-starts",
    "id-column": "id",
}
"""Words of other tools for options, without `--`; they are read, and not shown."""


def meant_option(word: str) -> str:
    """Return the option that a word means, both without `--`; the word itself where it means none.

    Examples
    --------
    >>> meant_option("max_epochs"), meant_option("latent-dim"), meant_option("sep")
    ('max-epochs', 'bottleneck', 'sep')
    """
    plain = word.replace("_", "-")
    return OTHER_WORDS.get(plain, plain)


def option(
    *flags: str, says: str, panel: str | None = None, metavar: str | None = None, default: str | None = None
) -> Any:
    """Return an option, its default in words where None stands for one."""
    shown = says if default is None else f"{says} {escape(f'[default: {default}]')}"
    return typer.Option(*flags, help=shown, rich_help_panel=panel, metavar=metavar, show_default=False)


def manual_of(command: Callable[..., Any]) -> tuple[str, str]:
    """Return the help of a command and, behind its options, its examples, from its docstring.

    Each paragraph is one line, as the terminal folds it; the last one, headed `Examples`, keeps its lines.
    """
    text = inspect.getdoc(command) or ""
    body, _, examples = text.partition(EXAMPLES)
    words = "\n\n".join(" ".join(paragraph.split()) for paragraph in body.split("\n\n"))
    lines = [line.strip() for line in examples.splitlines()]
    return escape(words), escape("\n".join(["Examples:", *(f"  {line}" for line in lines)]))
