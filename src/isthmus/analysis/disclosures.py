"""What a model file tells of the rows that a model was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from isthmus.core.coercion import short
from isthmus.errors import InvalidData
from isthmus.storage.state import Storable

MOST_NAMED = 8  # columns
ENDS = ("ranges", "constants", "landmarks", "values", "lower", "upper")  # of what scalings hold: values of the rows


def disclosures(model: Any) -> list[str]:
    """Return what a file of a fitted model tells of the rows it was trained on, a phrase for each kind; [] if nothing.

    Every model file names its columns and holds means of them; weights can tell of single rows too, which nobody can
    rule out. Listed is what stands in the file as it stood in the table: rows, which a detector compares with
    (`AnomalyDetector(reference=0)` keeps none), categories, classes, words, and the ends of numbers.

    Examples
    --------
    >>> import isthmus
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> isthmus.disclosures(isthmus.AnomalyDetector(isthmus.Autoencoder(1, max_epochs=1)).fit(X))
    ['60 rows, scaled', 'the least and the most of 3 columns of numbers']
    """
    if not isinstance(model, Storable):
        raise InvalidData(f"expected a fitted model of isthmus; got {type(model).__name__}.")
    state = model.to_state()
    said = [*_of_rows(state.tensors), *_of_names(state.json), *_of_codes(state.tensors), *_of_ends(state.tensors)]
    return list(dict.fromkeys(said))


def _of_rows(tensors: Mapping[str, np.ndarray]) -> Iterator[str]:
    rows = sum(len(array) for name, array in tensors.items() if name.endswith(".points"))
    if rows:
        yield f"{rows:,} rows, scaled"


def _of_names(json: Mapping[str, Any]) -> Iterator[str]:
    """Yield what stands in the header: categories, classes and words, also those of models inside."""
    for name, value in json.items():
        if name == "schema" and isinstance(value, list):
            columns = [column for column in value if column["values"]]
            if columns:
                count = sum(len(column["values"]) for column in columns)
                named = ", ".join(short(column["name"]) for column in columns[:MOST_NAMED])
                more = ", …" if len(columns) > MOST_NAMED else ""
                yield f"{count:,} categories of {len(columns):,} columns ({named}{more})"
        elif name in ("words", "classes") and isinstance(value, list) and value:
            yield f"{len(value):,} {name}"
        elif isinstance(value, Mapping) and name != "parameters":
            yield from _of_names(value)


def _of_codes(tensors: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Yield what a codec holds of its columns: the texts that it writes as numbers, and borders between numbers."""
    texts = [array for name, array in tensors.items() if name.startswith("lengths.")]
    if texts:
        yield f"{sum(map(len, texts)):,} texts of {len(texts):,} columns"
    if any(name.startswith("edges.") for name in tensors):
        yield "values of numbers, as borders between those that are as frequent"


def _of_ends(tensors: Mapping[str, np.ndarray]) -> Iterator[str]:
    columns = [array.shape[-1] for name, array in tensors.items() if ".scaling." in f".{name}" and name.endswith(ENDS)]
    if columns:
        yield f"the least and the most of {max(columns):,} columns of numbers"
