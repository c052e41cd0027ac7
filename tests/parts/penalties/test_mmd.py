"""The discrepancy between codes and a prior: by hand, without bias, blind to rows that only fill up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus import Autoencoder
from isthmus.contracts import Batch, Code, ForwardPass, Prior
from isthmus.core import registry
from isthmus.errors import InvalidPart
from isthmus.parts.penalties import MMD


@dataclass(frozen=True)
class TwoAndFour(Prior):
    """The numbers 2 and 4, then zeros, whatever the key."""

    def __call__(self, key: Any, n: int, size: int, label: Any = None) -> Any:
        return jnp.zeros((n, size)).at[:2, 0].set(jnp.array([2.0, 4.0]))


@pytest.fixture(scope="module", autouse=True)
def own() -> Iterator[None]:
    yield
    registry._PARTS["priors"].pop("two_and_four")


def term(penalty: MMD, draws: Any, weight: Any, key: Any = None) -> float:
    return float(_term(penalty, np.float32(draws), np.float32(weight), key))


@jax.jit
def _term(penalty: MMD, draws: Any, weight: Any, key: Any) -> Any:
    batch = Batch(jnp.zeros((len(weight), 1)), weight)
    return penalty(ForwardPass(batch, batch.x, Code(draws, draws[0]), None, None, jnp.int32(0), key))  # type: ignore[arg-type]


def test_it_is_that_worked_out_by_hand() -> None:
    """With codes 0 and 1, draws 2 and 4, k(d²) = 2 / (2 + d²): k(1) + k(4) − k(16) − k(1) = 1/3 − 1/9 = 2/9."""
    assert term(MMD(prior=TwoAndFour()), [[[0.0], [1.0]]], [1.0, 1.0]) == pytest.approx(2 / 9, rel=1e-5)
    several = term(MMD(prior=TwoAndFour()), [[[0.0], [1.0]], [[2.0], [4.0]]], [1.0, 1.0])
    assert several == pytest.approx(1 / 9, rel=1e-5)  # the mean over draws, of which the second is the prior


def test_a_row_that_only_fills_up_does_not_count() -> None:
    assert term(MMD(prior=TwoAndFour()), [[[0.0], [1.0], [9.0]]], [1.0, 1.0, 0.0]) == pytest.approx(2 / 9, rel=1e-5)


def test_it_is_zero_on_average_for_codes_of_the_prior_and_grows_with_the_distance() -> None:
    random = np.random.default_rng(0)
    values = {}
    for shift in (0.0, 1.0, 3.0):
        codes = random.normal(size=(200, 1, 64, 2)) + shift
        keys = jax.random.split(jax.random.key(1), 200)
        each = [term(MMD(), c, np.ones(64), key) for c, key in zip(codes.astype(np.float32), keys, strict=True)]
        values[shift] = np.mean(each), np.std(each) / len(each) ** 0.5
    mean, error = values[0.0]
    assert abs(mean) < 4 * error
    assert 0.05 < values[1.0][0] < values[3.0][0]


def test_an_autoencoder_with_it_has_codes_like_the_prior() -> None:
    x = np.random.default_rng(0).normal(size=(300, 2)) @ np.array([[5.0, 1, 0, 2], [0, 3.0, 1, 1]])
    settings: dict[str, Any] = {"encoder": (), "max_epochs": 150, "optimizer": "adam(0.02)", "scaling": "center"}
    plain, alike = (Autoencoder(2, penalties=each, **settings).fit_transform(x) for each in ((), "mmd(100)"))
    np.testing.assert_allclose(alike.mean(axis=0), 0, atol=0.3)
    errors = [np.abs(np.cov(codes.T) - np.eye(2)).max() for codes in (plain, alike)]
    assert errors[1] < min(0.2 * errors[0], 0.5)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InvalidPart, match=r"^MMD\.scale must be above 0\. Got 0\.0\.$"):
        MMD(scale=0.0)
    assert MMD(prior="mixture(3, by_label=True)").needs_labels  # type: ignore[arg-type]
    assert MMD(prior="mixture(3, by_label=True)").most_classes == 3  # type: ignore[arg-type]
