"""`isthmus fit`: from a table to a model file."""

from __future__ import annotations

import ast
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from isthmus.cli import output, screen, summary, table

if TYPE_CHECKING:
    from isthmus import Autoencoder


def _option(flag: str, says: str, panel: str, metavar: str | None = None) -> Any:
    return typer.Option(flag, help=says, rich_help_panel=panel, metavar=metavar)


PARTS, TRAINING, COLUMNS = "Parts, as spelled in Python; isthmus parts lists them", table.TRAINING, table.LEARNED
Text: TypeAlias = str | None
Texts: TypeAlias = list[str] | None
Whole: TypeAlias = int | None

Bottleneck = Annotated[
    Text, _option("--bottleneck", "The code: its size, as 8, or as 'top_k(64, k=8)'.", PARTS, "PART")
]
Encoder = Annotated[
    Text, _option("--encoder", "From a row to the code: widths, as '(64, 32)', or a part.", PARTS, "PART")
]
Decoder = Annotated[Text, _option("--decoder", "From the code to a row; else it mirrors the encoder.", PARTS, "PART")]
Likelihood = Annotated[Text, _option("--likelihood", "How a row is explained.", PARTS, "PART")]
Corruption = Annotated[Text, _option("--corruption", "Noise in training, as 'masking(0.3)'.", PARTS, "PART")]
Penalties = Annotated[Texts, _option("--penalty", "A further term, as 'l1(0.001)'; for several, again.", PARTS, "PART")]
Neighborhood = Annotated[Text, _option("--neighborhood", "Which rows each row must explain.", PARTS, "PART")]
Tied = Annotated[bool, _option("--tied", "The decoder's matrices are the encoder's, transposed.", PARTS)]
Init = Annotated[Text, _option("--init", "pca starts near principal components.", PARTS, "PCA")]
Scaling = Annotated[Text, _option("--scaling", "Of the columns; undone on the way out.", PARTS, "PART")]
Optimizer = Annotated[Text, _option("--optimizer", "How the weights learn, as 'adam(0.01)'.", PARTS, "PART")]
Stops = Annotated[
    Texts, _option("--stop", "When to end early, as 'patience(5)'; for several, again; None for never.", PARTS, "PART")
]
BatchSize = Annotated[Whole, _option("--batch-size", "Rows in a step.", TRAINING)]
Share = Annotated[
    float | None, _option("--validation-fraction", "Share of rows kept for validation, from 0 to 1.", TRAINING)
]
Starts = Annotated[Whole, _option("--n-starts", "Seeds to train at once; the best is kept.", TRAINING)]
Seed = Annotated[
    Whole, typer.Option("--seed", "--random-state", help="Of weights, batches and noise.", rich_help_panel=TRAINING)
]
Weight = Annotated[Text, _option("--weight-column", "Holds the weight of each row; not learned.", COLUMNS, "NAME")]


def fit(
    data: screen.Data,
    out: Annotated[Path, typer.Option(help="The model file to write, as model.safetensors.", show_default=False)],
    bottleneck: Bottleneck = None,
    encoder: Encoder = None,
    decoder: Decoder = None,
    likelihood: Likelihood = None,
    corruption: Corruption = None,
    penalties: Penalties = None,
    neighborhood: Neighborhood = None,
    tied: Tied = False,
    init: Init = None,
    scaling: Scaling = None,
    optimizer: Optimizer = None,
    stops: Stops = None,
    batch_size: BatchSize = None,
    max_epochs: table.MaxEpochs = None,
    validation_fraction: Share = None,
    n_starts: Starts = None,
    random_state: Seed = None,
    device: table.Device = None,
    checkpoint: table.Checkpoint = None,
    columns: table.Keep = None,
    drop: table.Drop = None,
    weight_column: Weight = None,
    label_column: table.Label = None,
    kind: table.Kinds = None,
    quiet: screen.Quiet = False,
    *,
    reading: table.Reading,
) -> None:
    """Train an autoencoder on a table and write it to a model file.

    As in isthmus fit sensors.parquet --bottleneck 8 --out model.safetensors.
    What is not given is as in isthmus.Autoencoder. Ctrl-C ends training and keeps what was learned.
    """
    settings = _settings(locals()) | ({"columns": table.parse_kinds(kind)} if kind else {})
    output.check(out, output.MODELS, data)
    if checkpoint is not None:
        output.check(checkpoint, (), data, out)
    with screen.silence(quiet), screen.reading(quiet):
        source = reading.open(data)
        X, weight, label = table.choose(source, columns or (), drop or (), weight_column, label_column)
        for guess in source.select([label_column]).guesses() if label_column and not quiet else ():
            screen.say(f"note: {data}: {guess}")
        with screen.progress("fit", quiet) as callbacks:
            model, seconds = _train(X, label, weight, settings, checkpoint, callbacks)
        model.save(out)
    if not quiet:
        rest = {"seconds": f"{seconds:.1f}", "file": f"{out} ({screen.size_of(out)})"}
        screen.show(screen.facts(summary.of(model) | rest))


PARAMETERS = (
    *("bottleneck", "encoder", "decoder", "likelihood", "corruption", "penalties", "neighborhood", "tied"),
    *("init", "scaling", "optimizer", "stops"),
    *("batch_size", "max_epochs", "validation_fraction", "n_starts", "random_state", "device"),
)


def as_in_python(text: str) -> Any:
    """Return the literal that a text is in Python, or the text.

    Examples
    --------
    >>> as_in_python("8"), as_in_python("(64, 32)"), as_in_python("top_k(64, k=8)")
    (8, (64, 32), 'top_k(64, k=8)')
    """
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return text


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the constructor's parameters that were given, each read as in Python."""
    settings: dict[str, Any] = {}
    for name in PARAMETERS:
        value = given[name]
        if isinstance(value, str):
            settings[name] = as_in_python(value)
        elif isinstance(value, list) and value:
            settings[name] = [part for part in map(as_in_python, value) if part is not None]
        elif isinstance(value, int | float):
            settings[name] = value
    return settings


def _train(
    X: Any, y: Any, weight: Any, settings: dict[str, Any], checkpoint: Path | None, callbacks: Any
) -> tuple[Autoencoder, float]:
    """Return the fitted model, and the seconds it took."""
    from isthmus import Autoencoder

    began = time.perf_counter()
    model = Autoencoder(**settings).fit(X, y, sample_weight=weight, checkpoint=checkpoint, callbacks=callbacks)
    return model, time.perf_counter() - began
