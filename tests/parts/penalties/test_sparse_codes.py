"""An over-complete code becomes sparse by its penalty: on digits of 64 columns, with 100 units."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from isthmus import Autoencoder

X = load_digits().data / 16
KEPT = ({"tied": True}, ()), ({"tied": False}, ("weight_decay(0.001)",))


def share_and_error(penalty: str, settings: dict[str, bool] | None = None, others: tuple[str, ...] = ()) -> np.ndarray:
    """Return the share of activations near zero, beside the code's own size, and the error of a row."""
    ae = Autoencoder(
        "deterministic(100, relu)",
        encoder=(),
        penalties=[penalty, *others],
        scaling="none",
        batch_size=32,
        max_epochs=30,
        stops=(),
        validation_fraction=0,
        **(settings or {"tied": True}),
    ).fit(X)
    code = ae.transform(X)
    is_near = np.abs(code) < 0.05 * np.sqrt((code**2).mean())
    return np.array([is_near.mean(), ((X - ae.reconstruct(X)) ** 2).sum(axis=1).mean()])


@pytest.mark.parametrize(("settings", "others"), KEPT, ids=["tied weights", "weight decay"])
def test_the_more_l1_the_more_units_are_off(settings: dict[str, bool], others: tuple[str, ...]) -> None:
    """A code that only shrinks, while the decoder grows, would not count: near zero is beside its own size."""
    found = [share_and_error(f"l1({weight})", settings, others) for weight in (0.01, 0.1, 0.3)]
    share, error = np.transpose(found)
    assert np.diff(share).min() > 0.08
    assert share[-1] > 0.8
    assert error.max() < 0.25 * ((X - X.mean(axis=0)) ** 2).sum(axis=1).mean()


def test_l1_turns_more_units_off_than_l2_at_no_larger_error() -> None:
    one, two = share_and_error("l1(0.1)"), share_and_error("l2(0.3)")
    assert one[0] > two[0] + 0.02
    assert one[1] < two[1]
