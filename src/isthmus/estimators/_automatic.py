"""What an autoencoder takes where its parameters leave it open, and what it warns of."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Collection
from dataclasses import replace

from isthmus.contracts import Likelihood, Row, Scaling
from isthmus.core.spelling import resolve
from isthmus.data.source import Source
from isthmus.data.text_source import TextSource
from isthmus.estimators._network_parts import AutoencoderParts

LOG = logging.getLogger("isthmus")


def parts_for_images(parts: AutoencoderParts, source: Source, automatic: Collection[str]) -> AutoencoderParts:
    """Return the parts for a table: those of images have a scaling and a likelihood of their own.

    Parameters
    ----------
    automatic : the parameters that are left open, of `scaling` and `likelihood`.
    """
    limit = source.pixel_limit
    if limit is None or "scaling" not in automatic:
        return parts
    parts = replace(parts, scaling=resolve(Scaling, f"pixels({limit:g})"))
    repels = parts.neighborhood is not None and parts.neighborhood.repels
    if "likelihood" in automatic and not repels:
        parts = replace(parts, likelihood=resolve(Likelihood, "bernoulli"))
    LOG.info(
        "read %s as images: their scaling is %s, their likelihood %s", source.name, parts.scaling, parts.likelihood
    )
    return parts


def parts_for_words(parts: AutoencoderParts, source: Source, automatic: Collection[str]) -> AutoencoderParts:
    """Return the parts for texts: where their rows are words, these are explained as such.

    Parameters
    ----------
    automatic : the parameters that are left open.
    """
    are_words = source.form == TextSource.form and bool(source.row.categories) and all(source.row.categories or ())
    if not are_words or "likelihood" not in automatic:
        return parts
    return replace(parts, likelihood=resolve(Likelihood, "codes"))


def warn_of_copying(parts: AutoencoderParts, row: Row) -> None:
    """Warn where a network can learn to copy its rows: numbers can be, categories of many values not."""
    size = row.size - len(row.ignored)
    is_bound = parts.corruption is not None or parts.neighborhood is not None or bool(parts.penalties)
    if row.categories is None and not is_bound and parts.bottleneck.can_copy(size):
        warnings.warn(
            f"a code of {parts.bottleneck.size} numbers for {size} columns leaves nothing to learn: the row can be "
            "copied. Use a smaller code, penalties, a corruption, or top_k.",
            stacklevel=5,
        )
