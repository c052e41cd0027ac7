"""Checks before an estimator trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from isthmus.contracts import Activation, Likelihood, Part, Row
from isthmus.core.coercion import short, singular
from isthmus.data.source import Source
from isthmus.data.validation import check_labels
from isthmus.errors import InvalidData, InvalidPart
from isthmus.layers.hypernetwork import made
from isthmus.model.model import Model

MOST_NAMED = 4  # columns in a message


def check_slopes(model: Model) -> None:
    """Raise `InvalidPart` where no gradient comes through an activation: what is below it would learn nothing."""
    networks = (model, *made(model))  # to a model, what hypernetworks make is structure
    for leaf in jax.tree.leaves(networks, is_leaf=lambda node: isinstance(node, Activation)):
        if isinstance(leaf, Activation) and not leaf.has_slope:
            raise InvalidPart(
                f"no gradient comes through the activation {leaf.name}, so the layers below it cannot learn: use "
                "'sigmoid' or 'relu', or max_epochs=0 for a network that is not trained."
            )


def check_categories(row: Row, likelihood: Likelihood | None) -> None:
    """Raise `InvalidPart` where rows of nothing but categories are to be explained as if they were numbers."""
    if likelihood is not None and row.categories and all(row.categories) and likelihood.explains != "categories":
        raise InvalidPart(
            f"rows hold categories only, as those of words, and the likelihood {likelihood.name} explains numbers: use "
            "likelihood='codes'."
        )


def check_size(source: Source, weight: np.ndarray, least: int) -> None:
    """Raise `InvalidData` for a table with too few columns or rows, in the words of scikit-learn, or of a file."""
    shape = f"shape=({source.n_rows}, {source.row.size})"
    left_out = [str(source.names[place]) for place in source.row.ignored]
    size = source.row.size - len(left_out)
    if size < least:
        why = ": with one column there is nothing to compress" if size == 1 else ""
        beside = f", beside what is left out ({', '.join(map(short, left_out[:MOST_NAMED]))})," if left_out else ""
        texts = " Texts are learned from a list of them, fit(list(frame['text'])) (--text NAME)." if left_out else ""
        what = f"{source.name}: {size} column(s)" if source.is_file else f"X has {size} feature(s) ({shape})"
        raise InvalidData(f"{what}{beside} while a minimum of {least} is required{why}.{texts}")
    count = np.count_nonzero(weight)
    if count < 2:
        what = f"{source.name}: {count} row(s)" if source.is_file else f"X has {count} sample(s)"
        raise InvalidData(f"{what} that count ({shape}) while a minimum of 2 is required.")


def check_part_labels(parts: Sequence[Part | None], y: Any, rows: int) -> np.ndarray | None:
    """Return the labels that parts need, [rows] int32 with -1 for none, or None where none needs some.

    Raises
    ------
    InvalidData
        If they are not labels, or of more classes than a part has places for.
    """
    needing = [part for part in parts if part is not None and part.needs_labels]
    if not needing:
        return None
    labels, classes = check_labels(y, rows, f"the {singular(needing[0].kind)} {needing[0].name}")
    for part in needing:
        if part.most_classes is not None and len(classes) > part.most_classes:
            raise InvalidData(
                f"y holds {len(classes)} classes, and the {singular(part.kind)} {part.name} has places for "
                f"{part.most_classes}."
            )
    return labels


def likely_cause(row: Row, x: np.ndarray) -> str:
    """Return what a training that left the numbers is most likely due to, from its scaled rows [n, d]."""
    reach = np.abs(np.nan_to_num(x)).max(axis=0)
    column, usual = int(reach.argmax()), float(np.median(reach))
    if reach[column] < 100 * usual:
        return "No column stands out: use a smaller learning rate."
    return (
        f"The likely cause is {row.column(column)}, whose scaled values reach {reach[column]:.3g} (those of "
        f"the median column {usual:.3g}): use scaling='standard' or 'quantile', or a smaller learning rate."
    )
