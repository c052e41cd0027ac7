"""`isthmus fit`: from a table to a model file."""

from __future__ import annotations

import ast
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from isthmus.cli import output, screen, summary, table
from isthmus.cli.manual import option
from isthmus.errors import InvalidPart

if TYPE_CHECKING:
    from isthmus import Autoencoder


PARTS, TRAINING = "Parts, as spelled in Python; isthmus parts lists them", table.TRAINING
Text: TypeAlias = str | None
Texts: TypeAlias = list[str] | None
Whole: TypeAlias = int | None


def _part(flag: str, says: str, default: str, metavar: str = "PART") -> Any:
    return option(flag, says=says, panel=PARTS, metavar=metavar, default=default)


def _training(flag: str, says: str, default: str) -> Any:
    return option(flag, says=says, panel=TRAINING, default=default)


Bottleneck = Annotated[Text, _part("--bottleneck", "The code: its size, as 8, or as 'top_k(64, k=8)'.", "2")]
Encoder = Annotated[
    Text, _part("--encoder", "From a row to the code: widths of layers, as '(64, 32)', or a part.", "mlp")
]
Decoder = Annotated[Text, _part("--decoder", "From the code to a row.", "the layers of the encoder in reverse")]
Likelihood = Annotated[
    Text,
    _part("--likelihood", "How a row is explained.", "squared_error; of images bernoulli; of each category its own"),
]
Corruption = Annotated[Text, _part("--corruption", "Noise in training, as 'masking(0.3)'.", "none")]
Penalties = Annotated[Texts, _part("--penalty", "A further term, as 'l1(0.001)'; for several, again.", "none")]
Neighborhood = Annotated[Text, _part("--neighborhood", "Which rows each row must explain.", "itself")]
Tied = Annotated[bool, option("--tied", says="The decoder's matrices are the encoder's, transposed.", panel=PARTS)]
Init = Annotated[Text, _part("--init", "pca starts near principal components.", "drawn", "pca")]
Scaling = Annotated[
    Text, _part("--scaling", "Of the columns; undone on the way out.", "standard; of images pixels, from 0 to 1")
]
Optimizer = Annotated[Text, _part("--optimizer", "How the weights learn, as 'adam(0.01)'.", "adam(0.001)")]
Stops = Annotated[
    Texts,
    _part("--stop", "When to end early, as 'target(0.1)'; for several, again; None for never.", "patience(20)"),
]
BatchSize = Annotated[Whole, _training("--batch-size", "Rows in a step.", "a 32nd of them, within 32 and 256")]
MaxEpochs = Annotated[Whole, _training("--max-epochs", "How often to go through the rows at most.", "100")]
Share = Annotated[
    float | None,
    _training("--validation-fraction", "Share of rows kept for validation, from 0 to 1.", "0.1 from 1,000 rows on"),
]
Starts = Annotated[Whole, _training("--n-starts", "Seeds to train at once; the best is kept.", "1")]
Weight = Annotated[
    Text,
    option("--weight-column", says="Holds the weight of each row; not learned.", panel=table.LEARNED, metavar="NAME"),
]


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
    max_epochs: MaxEpochs = None,
    validation_fraction: Share = None,
    n_starts: Starts = None,
    random_state: table.Seed = None,
    device: table.Device = None,
    checkpoint: table.Checkpoint = None,
    columns: table.Keep = None,
    drop: table.Drop = None,
    weight_column: Weight = None,
    label_column: table.Label = None,
    kind: table.Kinds = None,
    ids: table.Ids = None,
    text: table.Text = None,
    force: output.Force = False,
    quiet: screen.Quiet = False,
    *,
    reading: table.Reading,
) -> None:
    """Train an autoencoder on a table and write it to a model file.

    Ctrl-C ends training and keeps what was learned.

    Examples
    --------
    isthmus fit sensors.parquet --bottleneck 8 --out model.safetensors
    isthmus fit sales.csv --id order --kind zip=categorical --out model.safetensors
    isthmus fit sales.csv --bottleneck "top_k(64, k=8)" --encoder "mlp((128,), activation=elu)" --out sparse.safetensors
    isthmus fit photos --encoder conv --bottleneck "variational(32)" --out faces.safetensors
    isthmus fit reviews.csv --text review --encoder "text((64,))" --bottleneck 16 --out texts.safetensors
    isthmus fit old.csv --max-epochs 500 --checkpoint progress --out model.safetensors
    """
    settings = _settings(locals()) | ({"columns": table.parse_kinds(kind)} if kind else {})
    output.check(out, output.MODELS, data, force=force)
    if checkpoint is not None:
        output.check(checkpoint, (), data, out, force=True)
    _check_settings(settings)
    with screen.silence(quiet), screen.reading(quiet):
        source = reading.open(data)
        chosen = table.choose(source, columns or (), drop or (), weight_column, label_column, ids or ())
        for guess in source.select([label_column]).guesses() if label_column and not quiet else ():
            screen.say(f"note: {data}: {guess}")
        with screen.progress("fit", quiet) as callbacks:
            X = table.rows_of(source, text) if text else chosen.table
            model, seconds = _train(X, chosen, settings, checkpoint, callbacks)
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


def _check_settings(settings: Mapping[str, Any]) -> None:
    """Raise `InvalidPart` for the first setting that is not allowed, in the words of its option."""
    from isthmus import Autoencoder

    for name in [name for name in PARAMETERS if name in settings]:
        value = settings[name]
        flag = table.flag_of(name)
        try:
            Autoencoder.constraints[name].check(flag, value)
        except InvalidPart as error:
            text = str(error)
            if text.startswith(flag):
                raise
            part, dot, rest = text.partition(".")
            is_own = dot and part.isidentifier() and part.lower() in str(value).replace("_", "").lower()
            sentence = f"its {rest}" if dot and part.isidentifier() and not is_own else text
            raise InvalidPart(f"{flag}: {sentence}") from error


def _train(
    X: Any, chosen: table.Chosen, settings: dict[str, Any], checkpoint: Path | None, callbacks: Any
) -> tuple[Autoencoder, float]:
    """Return the fitted model, and the seconds it took."""
    from isthmus import Autoencoder

    began = time.perf_counter()
    further: dict[str, Any] = {"sample_weight": chosen.weight, "checkpoint": checkpoint, "callbacks": callbacks}
    model = Autoencoder(**settings).fit(X, chosen.label, **further)
    return model, time.perf_counter() - began
