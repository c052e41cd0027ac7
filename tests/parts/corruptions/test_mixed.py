"""Noise on tables of numbers, codes and holes: on numbers only, unless a variant can tell more."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.core.registry import find_part, part_kinds, part_names
from isthmus.core.spelling import resolve
from isthmus.parts.corruptions import Block, Masking, Swap, VariedMasking

IS_CODE = np.array([True, False, True, False])
X = np.stack([np.arange(600) % 3, np.linspace(-1, 1, 600), np.arange(600) % 2, np.linspace(5, 9, 600)], axis=1)
X[::5, 1] = X[::7, 2] = np.nan
X = X.astype(np.float32)


@pytest.mark.parametrize("name", part_names("corruptions"))
def test_what_is_seen_of_codes_is_a_code_or_nothing(name: str) -> None:
    part: Any = resolve(part_kinds()["corruptions"], name)
    found = np.asarray(part.on_table(jnp.array(X), jax.random.key(0), IS_CODE))
    assert found.shape == X.shape
    assert np.isin(found[:, 0], [0, 1, 2, np.nan]).sum() + np.isnan(found[:, 0]).sum() == 600
    assert np.isin(found[:, 2], [0, 1]).sum() + np.isnan(found[:, 2]).sum() == 600
    np.testing.assert_array_equal(found, part.on_table(jnp.array(X), jax.random.key(0), IS_CODE))


@pytest.mark.parametrize("name", ["gaussian", "salt_and_pepper"])
def test_noise_acts_on_numbers_that_are_there(name: str) -> None:
    part: Any = find_part("corruptions", name)()  # type: ignore[call-arg]
    found = np.asarray(part.on_table(jnp.array(X), jax.random.key(0), IS_CODE))
    np.testing.assert_array_equal(found[:, IS_CODE], X[:, IS_CODE])
    np.testing.assert_array_equal(np.isnan(found), np.isnan(X))
    assert (found[:, 3] != X[:, 3]).any()


# A block of two of four columns begins at the first, second or third: an outer column is in one of three.
@pytest.mark.parametrize(("part", "due"), [(Masking(0.4), 0.4), (Block(0.5), 1 / 3), (VariedMasking(0.4, 0.4), 0.4)])
def test_what_is_masked_is_missing(part: Any, due: float) -> None:
    found = np.asarray(part.on_table(jnp.array(X), jax.random.key(0), IS_CODE))
    is_masked = np.isnan(found) & ~np.isnan(X)
    np.testing.assert_array_equal(found[~is_masked], X[~is_masked])
    share = np.isnan(found[:, [0, 3]]).mean()
    assert abs(share - due) < 4.5 * np.sqrt(0.25 / 1200)


def test_swapped_is_what_the_column_holds_or_lacks_elsewhere() -> None:
    found = np.asarray(Swap(0.5).on_table(jnp.array(X), jax.random.key(0), IS_CODE))
    for column in range(4):
        assert np.isin(found[:, column], X[:, column]).sum() + np.isnan(found[:, column]).sum() == 600
    assert (np.isnan(found) & ~np.isnan(X)).any()
    assert (~np.isnan(found) & np.isnan(X)).any()


def test_the_fraction_varies_from_row_to_row() -> None:
    """The share of row i is uniform in [a, b]: its mean is (a + b) / 2, its variance (b − a)² / 12."""
    found = np.asarray(VariedMasking(0.2, 0.8)(jnp.ones((3000, 400)), jax.random.key(0)))
    shares = (found == 0).mean(axis=1)
    within = np.mean(shares * (1 - shares)) / 400
    assert abs(shares.mean() - 0.5) < 4.5 * np.sqrt(0.03 / 3000)
    np.testing.assert_allclose(shares.var() - within, 0.6**2 / 12, rtol=0.08)


@pytest.mark.parametrize("settings", [(-0.1, 0.5), (0.6, 0.5), (0.5, 1.1)])
def test_fractions_are_shares_in_order(settings: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"VariedMasking\.(least|most) must be "):
        VariedMasking(*settings)
