"""The common scale of the parts of an anomaly score, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from isthmus.anomaly.calibration import Means, Surprise

SIZES = np.exp(np.random.default_rng(0).normal(size=100))


def surprise(*parts: np.ndarray, share: list[float] | None = None) -> Surprise:
    weights = [np.ones(len(part)) for part in parts]
    return Surprise.of(parts, weights, np.full(len(parts), 1 / len(parts)) if share is None else np.array(share))


def test_the_worth_of_a_part_is_minus_the_log_of_the_share_at_least_as_large() -> None:
    share = (SIZES[:, None] <= SIZES).mean(axis=1)
    few = share >= 0.1  # up to where ten rows are as large
    worth = surprise(SIZES).worth(SIZES[None])[0]
    np.testing.assert_allclose(worth[few], -np.log(share[few]), rtol=1e-12)
    assert worth.mean() == pytest.approx(1.0, abs=0.1)  # of −log of an even share it is 1


def test_beyond_the_last_level_it_grows_with_the_log() -> None:
    last = np.sort(SIZES)[-10]
    worth = surprise(SIZES).worth(np.array([[last, last * np.e, last * np.e**3]]))[0]
    np.testing.assert_allclose(np.diff(worth), 0.5 / np.log(SIZES).std() * np.array([1, 2]), rtol=1e-9)


def test_parts_count_alike_and_those_not_used_for_nothing() -> None:
    one, other = surprise(SIZES), surprise(SIZES, SIZES[:50], share=[1.0, 0.0])
    rows = np.stack([SIZES, SIZES])
    np.testing.assert_allclose(other.worth(rows)[0], one.worth(rows[:1])[0], rtol=1e-12)
    assert (other.worth(rows)[1] == 0).all()
    both = surprise(SIZES, SIZES).worth(rows)
    np.testing.assert_allclose(both.sum(axis=0), one.worth(rows[:1])[0], rtol=1e-12)
    uneven = surprise(SIZES, SIZES, share=[0.75, 0.25]).worth(rows)
    np.testing.assert_allclose(uneven, np.array([[0.75], [0.25]]) * one.worth(rows[:1]), rtol=1e-12)


def test_what_a_file_may_hold() -> None:
    sound = surprise(SIZES, SIZES)
    assert sound.is_sound()
    for name, value in {"share": [0.5, 0.6], "slope": [0.0, 1.0], "levels": sound.levels[:, ::-1]}.items():
        assert not replace(sound, **{name: np.array(value)}).is_sound()
    assert not replace(sound, share=np.array([1.5, -0.5])).is_sound()
    assert not replace(sound, share=np.array([np.nan, 0.5])).is_sound()


def test_a_weight_of_two_is_the_row_twice() -> None:
    weight = np.random.default_rng(1).integers(1, 3, size=100)
    one = Surprise.of([SIZES], [weight.astype(float)], np.ones(1))
    other = surprise(SIZES.repeat(weight))
    np.testing.assert_allclose(one.worth(SIZES[None]), other.worth(SIZES[None]), rtol=1e-9)


def test_many_rows_are_kept_as_few_levels() -> None:
    many = np.exp(np.random.default_rng(2).normal(size=5000))
    kept = surprise(many)
    assert kept.levels.shape[1] <= 512
    share = (np.sort(many)[None] >= many[:200, None]).mean(axis=1)
    among = share >= 0.01
    np.testing.assert_allclose(kept.worth(many[None, :200])[0][among], -np.log(share[among]), atol=0.02)


def test_equal_sizes_and_zero_are_no_trouble() -> None:
    worth = surprise(np.ones(20)).worth(np.array([[0.0, 1.0, 2.0]]))[0]
    assert worth[:2].tolist() == [0.0, 0.0]
    assert worth[2] == pytest.approx(0.5 / 0.1 * np.log(2))  # no steeper, though all rows are alike


def test_early_files_count_a_part_over_its_mean() -> None:
    means = Means(np.array([2.0, 4.0]))
    assert means.worth(np.array([[2.0], [8.0], [5.0]])).ravel().tolist() == [0.5, 1.0, 0.0]
    alone = Means(np.array([0.0, 4.0]))
    assert alone.worth(np.array([[2.0], [8.0], [5.0]])).ravel().tolist() == [0.0, 2.0, 0.0]
    assert not Means(np.array([1e-9, 1.0])).is_sound()
