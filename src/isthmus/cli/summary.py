"""A summary of a training: rows, columns, code, epochs, losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isthmus import Autoencoder, StackedAutoencoder


def of(model: Autoencoder | StackedAutoencoder) -> dict[str, str]:
    """Return what training has come to, by name."""
    return {
        "rows": f"{model.n_samples_:,}",
        "columns": _columns(model),
        "code": f"{model.n_components_} number{'s' * (model.n_components_ > 1)}: {model.resolve_parts().bottleneck}",
        "epochs": _epochs(model.history_),
        "loss": loss(best_record(model.history_)),
        "stopped": str(model.stop_reason_),
    }


def _columns(model: Autoencoder | StackedAutoencoder) -> str:
    """Return how many columns there are, and of a mixed table of which kinds."""
    kinds = model.fitted_.reader.describe().partition(": ")[2]
    return f"{model.n_features_in_:,}" + (f": {kinds}" if ", " in kinds else "")


def best_record(history: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    """Return the record of the epoch whose weights are kept."""
    if not history:
        return {}
    if "kept" in history[-1]:
        return history[int(history[-1]["kept"]) - 1]
    # In files of earlier versions, that of the lowest validation loss, else the last.
    return min(history, key=lambda record: record.get("validation_loss", -record["epoch"]))


def loss(record: Mapping[str, float]) -> str:
    """Return the losses of a record, as `5.91 in training, 13.2 in validation`."""
    if not record:
        return "none: no epoch was taken"
    validation = f", {record['validation_loss']:.4g} in validation" if "validation_loss" in record else ""
    return f"{record['loss']:.4g} in training{validation}"


def _epochs(history: Sequence[Mapping[str, float]]) -> str:
    best = best_record(history).get("epoch", 0)
    return f"{len(history)}" + (f", the weights of epoch {best:.0f} are kept" if best < len(history) else "")
