"""From a table to rows in memory: held out, scaled, filled up, folded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from isthmus import Autoencoder
from isthmus.contracts import Likelihood, Scaling
from isthmus.core.spelling import resolve
from isthmus.data.device_table import build_tables, padded_size
from isthmus.data.rows import FOLD, Rows
from isthmus.data.sources import open_numbers
from isthmus.data.split import ValidationSplit

X = np.random.default_rng(0).normal(size=(40, 5))
NAMES = ["age", "height", "price", "weight", "year"]


def autoencoder(**settings: Any) -> Autoencoder:
    return Autoencoder(**{"bottleneck": 2, "encoder": (4,), "max_epochs": 2} | settings)


def held_out(rows: int, share: float, seed: int = 0) -> tuple[int, int]:
    x = np.arange(2 * rows, dtype=float).reshape(rows, 2)
    table, out = tables(Rows(open_numbers(x), np.ones(rows)), share, seed)
    kept = np.asarray(table.x)[: table.rows]
    left = np.zeros((0, 2)) if out is None else np.asarray(out.x)[: out.rows]
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, left]), axis=0), x)  # each row once
    return len(kept), len(left)


def tables(rows: Rows, share: float = 0.0, seed: int = 0) -> Any:
    return build_tables(
        rows, resolve(Scaling, "none"), {}, resolve(Likelihood, "squared_error"), ValidationSplit(share, seed)
    )


@pytest.mark.parametrize(
    ("rows", "share", "sizes"),
    [
        (10, 0.0, (10, 0)),
        (10, 0.04, (10, 0)),
        (10, 0.1, (9, 1)),
        (10, 0.5, (5, 5)),
        (10, 0.99, (1, 9)),
        (2, 0.9, (1, 1)),
        (7, 0.3, (5, 2)),
        (3000, 0.2, (2400, 600)),
    ],
)
def test_the_share_held_out(rows: int, share: float, sizes: tuple[int, int]) -> None:
    assert held_out(rows, share) == sizes


def test_rows_are_held_out_by_chance() -> None:
    x = np.arange(4000, dtype=float).reshape(2000, 2)
    picked = []
    for seed in (0, 0, 1):
        _, out = tables(Rows(open_numbers(x), np.ones(2000)), 0.25, seed)
        picked.append(np.sort(np.asarray(out.x)[: out.rows, 0]))
    np.testing.assert_array_equal(picked[0], picked[1])
    assert len(np.intersect1d(picked[0], picked[2])) < 250
    assert 800 < picked[0].mean() / 2 < 1200  # from everywhere


@pytest.mark.parametrize(("rows", "is_held_out"), [(999, False), (1000, True)])
def test_a_tenth_is_held_out_from_a_thousand_rows_on(rows: int, is_held_out: bool) -> None:
    x = np.random.default_rng(0).normal(size=(rows, 5))
    ae = autoencoder(max_epochs=1).fit(x)
    assert ("validation_loss" in ae.history_[0]) is is_held_out
    assert "validation_loss" not in autoencoder(max_epochs=1, validation_fraction=0).fit(x).history_[0]


def test_a_table_is_scaled_once_and_filled_up_with_nothing() -> None:
    x = np.random.default_rng(0).normal(size=(2100, 5)) * 7 + 3
    rows = Rows(open_numbers(x), np.ones(2100))
    scaling = resolve(Scaling, "standard")
    table, out = build_tables(
        rows, scaling, scaling.fit(rows), resolve(Likelihood, "squared_error"), ValidationSplit(0.0, seed=0)
    )
    assert out is None
    assert table.rows == 2100
    assert len(table.x) == len(table.weight) == padded_size(2100)
    np.testing.assert_allclose(np.asarray(table.x)[:2100], (x - x.mean(axis=0)) / x.std(axis=0), atol=1e-6)
    assert not np.asarray(table.x)[2100:].any()
    assert not np.asarray(table.weight)[2100:].any()
    np.testing.assert_allclose(np.asarray(table.weight)[:2100], 1)


def test_weights_average_one_in_each_table() -> None:
    x = np.arange(4000, dtype=float).reshape(2000, 2)
    weight = np.linspace(1, 9, 2000)
    for table in tables(Rows(open_numbers(x), weight), 0.3):
        kept = np.asarray(table.weight)[: table.rows]
        by_row = dict(zip(np.asarray(table.x)[: table.rows, 0], kept, strict=True))
        assert kept.mean() == pytest.approx(1, rel=1e-5)
        first, second = np.asarray(table.x)[:2, 0]
        assert by_row[first] / by_row[second] == pytest.approx(
            weight[int(first / 2)] / weight[int(second / 2)], rel=1e-4
        )


@pytest.mark.parametrize("rows", [1, 2, 15, 16, 17, 31, 33, 100, 1000, 1025, 65_537, 10**7])
def test_sizes_are_few_and_little_above(rows: int) -> None:
    assert rows <= padded_size(rows) <= rows * 9 / 8 + 1
    assert padded_size(padded_size(rows)) == padded_size(rows)


def test_sizes_are_few() -> None:
    sizes = [padded_size(rows) for rows in range(1, 4097)]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) < 100
    assert [padded_size(rows) for rows in range(1, 17)] == list(range(1, 17))
    assert [padded_size(rows) for rows in (17, 18, 100, 104, 105)] == [18, 18, 104, 104, 112]


def test_equal_rows_of_a_small_table_are_folded() -> None:
    x = np.array([[1.0, 2], [3, 4], [1, 2], [1, 2], [5, 6]])
    rows = Rows(open_numbers(x), np.array([1.0, 2, 3, 0.5, 0]))
    ((folded, weight),) = rows()
    np.testing.assert_array_equal(folded, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(weight, [4.5, 2])
    assert rows.count == 2
    assert [len(block) for block, _ in rows()] == [2]  # as often as wanted


def test_a_large_table_is_not_folded() -> None:
    x = np.ones((FOLD + 1, 2))
    rows = Rows(open_numbers(x), np.ones(FOLD + 1))
    assert sum(len(block) for block, _ in rows()) == rows.count == FOLD + 1


def test_rows_without_weight_are_left_out() -> None:
    x = np.arange(2 * 3000, dtype=float).reshape(3000, 2)
    weight = (np.arange(3000) % 3 > 0).astype(float)
    rows = Rows(open_numbers(x), weight)
    found = np.concatenate([block for block, _ in rows()])
    np.testing.assert_array_equal(found, x[weight > 0])
    assert rows.count == 2000


def test_rows_that_belong_together_are_held_out_together() -> None:
    groups = np.repeat(np.arange(30), 4)
    is_out = ValidationSplit(0.3, 0, together=groups).draw(120).reshape(30, 4)
    assert (is_out == is_out[:, :1]).all()
    assert is_out[:, 0].sum() == 9


def test_of_every_kind_the_same_share_is_held_out() -> None:
    kinds = np.arange(200) < 20
    is_out = ValidationSplit(0.1, 0, strata=kinds).draw(200)
    assert is_out[kinds].sum() == 2
    assert is_out[~kinds].sum() == 18
