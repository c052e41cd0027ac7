"""`isthmus inspect` and `isthmus parts`: what is in a model file, and which parts there are."""

from __future__ import annotations

import dataclasses
import inspect as inspection
import typing
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from isthmus.cli import screen, summary
from isthmus.errors import UnknownPart, suggestion

if TYPE_CHECKING:
    from isthmus import Autoencoder, Part, StackedAutoencoder

MOST_NAMED = 20  # columns
PARTS = (
    *("encoder", "decoder", "likelihood", "corruption", "neighborhood", "scaling", "text", "optimizer"),
    *("penalties", "stops"),
)
"""Parameters that are shown first, also where they are None."""


def version(wanted: bool) -> None:
    """Print the version and end, if it was asked for."""
    if wanted:
        import isthmus

        typer.echo(f"isthmus {isthmus.__version__}")
        raise typer.Exit


def inspect(model: screen.Model) -> None:
    """Show what is in a model file.

    Examples
    --------
    isthmus inspect model.safetensors
    """
    import isthmus

    loaded, info = isthmus.load(model), isthmus.file_info(model)
    lines = {
        "file": f"{model} ({screen.size_of(model)}), written by isthmus {info.version}",
        "model": f"{type(loaded).__name__} with {info.n_weights:,} weights",
    }
    if not isinstance(
        loaded, isthmus.Autoencoder | isthmus.StackedAutoencoder
    ):  # a network that answers, or what stands around an autoencoder
        settings = {name: str(value) for name, value in loaded.get_params(deep=False).items() if value is not None}
        screen.show(screen.facts(lines | _training(loaded) | settings | {"names": _names(loaded)}))
        return
    lines |= {
        **_parameters(loaded),
        **summary.of(loaded),
        "names": _names(loaded),
        "history": _history(loaded),
    }
    screen.show(screen.facts(lines))


def parts(
    kind: Annotated[str | None, typer.Argument(help="One kind only, as bottlenecks.", show_default=False)] = None,
    find: Annotated[
        str | None,
        typer.Option(help="Only parts whose name, formula, paper or description holds this text.", show_default=False),
    ] = None,
) -> None:
    """Show the parts by kind, each with its settings and their defaults.

    Examples
    --------
    isthmus parts bottlenecks
    isthmus parts --find KL
    """
    from isthmus import find_part, part_kinds, part_names, search_parts

    if kind is not None and kind not in part_kinds():
        there = ", ".join(part_kinds())
        raise UnknownPart(f"no kind of parts is called {kind!r}.{suggestion(kind, part_kinds())} There are: {there}.")
    shown = {name: part_names(name) for name in (part_kinds() if kind is None else [kind])}
    if find is not None:
        matches = search_parts(find)
        shown = {name: named for name in shown if (named := [part for place, part in matches if place == name])}
        if not shown:
            raise UnknownPart(f"no part says anything of {find!r}: try a shorter word, or isthmus parts for all.")
    tables: list[RenderableType] = []
    for name, names in shown.items():
        table = screen.plain(show_header=False)
        table.add_column(style="cyan", overflow="fold")
        table.add_column()
        for part_name in names:
            part = find_part(name, part_name)
            table.add_row(Text(spelling(part)), Text((inspection.getdoc(part) or "").partition("\n")[0]))
        tables += [Text(name if not tables else f"\n{name}", style="bold"), table]
    screen.show(*tables)


def spelling(part: type[Part]) -> str:
    """Return how a part is written, with every setting and its default: `top_k(size, k=8)`."""
    hints = typing.get_type_hints(part)
    settings = []
    for field in dataclasses.fields(part):  # type: ignore[arg-type]  # every part is one
        default = field.default
        if default is dataclasses.MISSING:
            settings.append(field.name)
        else:
            # A part inside a part is written without quotes.
            is_part = isinstance(default, str) and _holds_part(hints[field.name])
            settings.append(f"{field.name}={default if is_part else repr(default)}")
    return f"{part.name}({', '.join(settings)})" if settings else part.name


def _holds_part(hint: Any) -> bool:
    from isthmus import Part

    return any(isinstance(inner, type) and issubclass(inner, Part) for inner in (hint, *typing.get_args(hint)))


def _parameters(model: Autoencoder | StackedAutoencoder) -> dict[str, str]:
    """Return the parameters that decide what a model is, parts as they are spelled."""
    words = model.describe()
    if words.get("decoder") == "none":
        words["decoder"] = "mirrors the encoder"
    values = model.get_params(deep=False)
    parts = {name: word for name, word in words.items() if name in PARTS}
    others = {name: word for name, word in words.items() if name not in PARTS and values[name] is not None}
    return {name: word for name, word in (parts | others).items() if name not in ("bottleneck", "verbose", "device")}


def _training(model: Any) -> dict[str, str]:
    """Return what the training of the network inside a detector or an imputer has come to; nothing of other models."""
    import isthmus

    if isinstance(model, isthmus.AnomalyDetector):
        network: Any = model.models_[0]
    elif isinstance(model, isthmus.Imputer):
        network = model.autoencoder_
    else:
        return {}
    return summary.of(network)


def _names(model: Autoencoder | StackedAutoencoder) -> str:
    names = list(getattr(model, "feature_names_in_", ()))
    if not names:
        return "none: the table had none"
    others = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + others


def _history(model: Autoencoder | StackedAutoencoder) -> str:
    """Return the losses of a few epochs, from the first to the last, and the seconds they took."""
    history: list[dict[str, Any]] = model.history_
    if not history:
        return "none: no epoch was taken"
    count = len(history)
    chosen = sorted({0, (count - 1) // 3, 2 * (count - 1) // 3, count - 1})
    lines = [f"epoch {history[i]['epoch']:.0f}: {summary.loss(history[i])}" for i in chosen]
    return "\n".join([*lines, f"{history[-1]['seconds']:.1f} seconds"])
