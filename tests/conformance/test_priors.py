"""What every prior keeps: pure, of the size asked for, another draw for another key, labels where it needs them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isthmus.core.registry import find_part, part_names

N = 50
LABEL = np.arange(N, dtype=np.int32) % 4 - 1  # a quarter is unlabelled


@partial(jax.jit, static_argnames="size")
def drawn(part: Any, key: Any, size: int, label: Any = None) -> Any:
    return part(key, N, size, label)


@pytest.fixture(params=part_names("priors"))
def part(request: pytest.FixtureRequest, example: Callable[[Any], Any]) -> Any:
    return example(find_part("priors", request.param))


@pytest.mark.parametrize("size", [2, 5])
def test_it_is_pure_and_draws_codes_of_the_size_asked_for(part: Any, size: int) -> None:
    once, again, other = (np.asarray(drawn(part, jax.random.key(seed), size)) for seed in (0, 0, 1))
    assert once.shape == (N, size)
    assert once.dtype == np.float32
    assert np.isfinite(once).all()
    np.testing.assert_array_equal(once, again)
    assert (once != other).any(axis=1).all(), "another key, another draw"
    assert len(np.unique(once, axis=0)) == N, "rows are drawn one by one"
    with jax.enable_x64(True):
        assert jax.eval_shape(lambda key: part(key, N, size), jax.random.key(0)).dtype == np.float64


def test_its_numbers_of_type_float_are_data(part: Any) -> None:
    drawn(part, jax.random.key(0), 5)
    before = drawn._cache_size()
    settings = [field.name for field in dataclasses.fields(part) if isinstance(getattr(part, field.name), float)]
    assert settings
    drawn(part.replace(**{name: 1.5 * getattr(part, name) for name in settings}), jax.random.key(0), 5)
    assert drawn._cache_size() == before


def test_labels_count_only_where_it_needs_them(part: Any) -> None:
    key = jax.random.key(0)
    assert not part.needs_labels, "with its defaults it goes without"
    np.testing.assert_array_equal(drawn(part, key, 2, LABEL), drawn(part, key, 2))
    if "by_label" in part.settings():
        part = part.replace(by_label=True)
        assert part.needs_labels
        assert part.most_classes >= 3
        plain, labelled = np.asarray(drawn(part, key, 2)), np.asarray(drawn(part, key, 2, LABEL))
        np.testing.assert_array_equal(labelled[LABEL < 0], plain[LABEL < 0])
        assert (labelled[LABEL >= 0] != plain[LABEL >= 0]).any(axis=1).mean() > 0.5
        turned = np.asarray(drawn(part, key, 2, jnp.where(LABEL >= 0, (LABEL + 1) % 3, -1)))
        assert (turned[LABEL >= 0] != labelled[LABEL >= 0]).any(axis=1).all()
