"""The card of a model: what it is, how it was trained, and how to use it."""

from __future__ import annotations

from typing import Any

import isthmus

SHOWN = ("loss", "validation_loss")
LONGEST = 80  # characters of a setting


def card(model: Any, repo_id: str) -> str:
    """Return the card, Markdown with a header that the Hub reads."""
    name = type(model).__name__
    lines = [
        *("---", "library_name: isthmus", "tags:", "- autoencoder", "- tabular", "---", ""),
        *(f"# {repo_id.rpartition('/')[2]}", ""),
        f"A fitted `{name}` of [isthmus](https://pypi.org/project/isthmus/) {isthmus.__version__}.",
        *("", "```python", "import isthmus", ""),
        f'model = isthmus.from_pretrained("{repo_id}")',
        *("```", ""),
        *_training(model),
        *("## Settings", "", "| parameter | value |", "| --- | --- |"),
        *(f"| {cell(key)} | {cell(value)} |" for key, value in model.describe().items()),
        *("", "## What the file tells of its training rows", ""),
        *(f"- {cell(told)}" for told in isthmus.disclosures(model) or ["Nothing that stood in the table as it is."]),
        "",
    ]
    return "\n".join(lines)


def _training(model: Any) -> list[str]:
    """Return how training ended, of the first network of the model."""
    inside = [*getattr(model, "models_", ()), getattr(model, "autoencoder_", None)]
    network = next((one for one in inside if one is not None), model)
    history = getattr(network, "history_", None)
    if not history:
        return []
    figures = ", ".join(f"{name.replace('_', ' ')} {history[-1][name]:.4g}" for name in SHOWN if name in history[-1])
    rows = getattr(network, "n_samples_", None)
    of = "" if rows is None else f" on {rows:,} rows"
    return ["## Training", "", f"{len(history):,} epochs{of}; in the last one: {figures}, means over rows.", ""]


def cell(text: Any) -> str:
    """Return a text as a cell of a table that nothing in it can end, or turn into a link or a tag."""
    shown = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    shown = shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"
    for character in "\\`*_[]<>|":
        shown = shown.replace(character, f"\\{character}")
    return shown
