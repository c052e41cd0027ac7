"""A training in a few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isthmus import Autoencoder, StackedAutoencoder


def of(model: Autoencoder | StackedAutoencoder) -> dict[str, str]:
    """Return what training has come to, by name."""
    return {
        "rows": f"{model.n_samples_:,}",
        "columns": f"{model.n_features_in_:,}",
        "code": f"{model.n_components_} number{'s' * (model.n_components_ > 1)}: {model.resolve_parts().bottleneck}",
        "epochs": _epochs(model.history_),
        "loss": loss(kept(model.history_)),
        "stopped": str(model.stop_reason_),
    }


def kept(history: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    """Return the record of the epoch whose weights are kept: of the lowest held-out loss, else the last."""
    if not history:
        return {}
    return min(history, key=lambda record: record.get("validation_loss", -record["epoch"]))


def loss(record: Mapping[str, float]) -> str:
    """Return the losses of a record, as `5.91 in training, 13.2 held out`."""
    if not record:
        return "none: no epoch was taken"
    held_out = f", {record['validation_loss']:.4g} held out" if "validation_loss" in record else ""
    return f"{record['loss']:.4g} in training{held_out}"


def _epochs(history: Sequence[Mapping[str, float]]) -> str:
    best = kept(history).get("epoch", 0)
    return f"{len(history)}" + (f", the weights of epoch {best:.0f} are kept" if best < len(history) else "")
