"""Normal scaling: even columns as scikit-learn standardises them, skewed ones as SciPy's normal scores."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from sklearn.preprocessing import StandardScaler

from isthmus import Autoencoder
from isthmus.contracts import Arrays
from isthmus.errors import InvalidPart
from isthmus.parts.scalings import Normal

RANDOM = np.random.default_rng(0)
EVEN = RANDOM.normal(3.0, 2.0, size=400)
SKEWED = RANDOM.exponential(size=400) ** 2
TIED = RANDOM.choice([0.0, 1.0, 50.0], size=400, p=[0.7, 0.2, 0.1])
X = np.stack([EVEN, SKEWED, TIED], axis=1)


def fitted(x: np.ndarray, weight: np.ndarray | None = None, **options: float) -> tuple[Normal, Arrays]:
    part = Normal(**options)  # type: ignore[arg-type]
    return part, part.fit(lambda: iter([(x, np.ones(len(x)) if weight is None else weight)]))


def normal_scores(column: np.ndarray) -> np.ndarray:
    """Return Φ⁻¹ of middle ranks, by SciPy, brought to mean 0 and deviation 1."""
    scores = scipy.stats.norm.ppf((scipy.stats.rankdata(column) - 0.5) / len(column))
    return np.asarray((scores - scores.mean()) / scores.std())


def test_an_even_column_is_standardised_and_a_skewed_one_gets_normal_scores() -> None:
    part, learned = fitted(X, quantiles=1000)
    scaled = part.apply(learned, X)
    np.testing.assert_allclose(scaled[:, 0], StandardScaler().fit_transform(X)[:, 0], atol=1e-9)
    np.testing.assert_allclose(scaled[:, 1], normal_scores(SKEWED), atol=1e-9)
    np.testing.assert_allclose(scaled[:, 2], normal_scores(TIED), atol=1e-9)


def test_one_absurd_value_makes_no_column_skewed() -> None:
    wild = EVEN[:90].copy()
    wild[17] = 400.0
    part, learned = fitted(wild[:, None])
    np.testing.assert_allclose(part.apply(learned, wild[:, None]), StandardScaler().fit_transform(wild[:, None]))


def test_few_quantiles_are_near_the_scores_of_all_rows() -> None:
    part, learned = fitted(X, quantiles=100)
    np.testing.assert_allclose(part.apply(learned, X)[:, 1], normal_scores(SKEWED), atol=0.1)
    np.testing.assert_allclose(part.apply(learned, X)[:, 2], normal_scores(TIED), atol=1e-9)


def test_values_come_back_also_from_beyond_the_ends() -> None:
    part, learned = fitted(X)
    beyond = np.array([[-90.0, -5.0, -7.0], [900.0, 1e4, 80.0]])
    for rows in (X, beyond):
        np.testing.assert_allclose(part.undo(learned, part.apply(learned, rows)), rows, rtol=1e-9, atol=1e-9)


def test_beyond_the_ends_a_skewed_column_goes_on_by_asinh_and_an_even_one_straight() -> None:
    part, learned = fitted(X)
    last = X.max(axis=0)
    step = part.apply(learned, (last + 2 * X.std(axis=0))[None]) - part.apply(learned, last[None])
    np.testing.assert_allclose(step, [[2.0, np.arcsinh(2.0), np.arcsinh(2.0)]], rtol=1e-9)
    far = part.undo(learned, np.full((1, 3), 1e6))
    assert np.isfinite(far).all()


def test_near_the_limit_a_column_counts_both_ways() -> None:
    column = np.exp(0.45 * RANDOM.normal(size=2000))
    skewness = scipy.stats.skew(np.clip(column, *np.quantile(column, [0.01, 0.99], method="hazen")))
    # At the limit half and half; at 5/4 of it by its ranks alone, at 3/4 not at all.
    half = (normal_scores(column) + scipy.stats.zscore(column)) / 2
    wanted = {
        skewness: half / half.std(),
        skewness / 1.26: normal_scores(column),
        skewness / 0.74: scipy.stats.zscore(column),
    }
    for limit, answer in wanted.items():
        part, learned = fitted(column[:, None], skew=limit, quantiles=2000)
        np.testing.assert_allclose(part.apply(learned, column[:, None])[:, 0], answer, atol=1e-6)


def test_a_weight_of_two_is_the_row_twice_and_of_zero_no_row() -> None:
    weight = RANDOM.integers(0, 3, size=len(X)).astype(float)
    twice = X.repeat(weight.astype(int), axis=0)
    (part, one), (_, other) = fitted(X, weight, quantiles=1000), fitted(twice, quantiles=1000)
    np.testing.assert_allclose(part.apply(one, X)[:, 1], part.apply(other, X)[:, 1], atol=1e-9)
    np.testing.assert_allclose(part.apply(one, X)[:, 2], part.apply(other, X)[:, 2], atol=1e-9)


def test_a_constant_column_and_one_row_pass() -> None:
    part, learned = fitted(np.full((5, 2), 7.0))
    assert part.apply(learned, np.array([[7.0, 9.0]])).tolist() == [[0.0, 2.0]]
    part, learned = fitted(np.array([[4.0]]))
    assert part.undo(learned, part.apply(learned, np.array([[4.0], [6.0]]))).ravel().tolist() == [4.0, 6.0]


def test_columns_with_holes_are_learned_one_by_one() -> None:
    holes = X.copy()
    holes[::7, 1] = np.nan
    model = Autoencoder(2, scaling="normal", max_epochs=1).fit(holes)
    back = model.inverse_transform(model.transform(holes))
    assert back.shape == X.shape
    assert np.isfinite(back).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"skew": -1.0}, "Normal.skew must be at least 0. Got -1.0."),
        ({"quantiles": 1}, "Normal.quantiles"),
        ({"rows": 1}, "Normal.rows"),
    ],
)
def test_wrong_parameters_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidPart, match=message):
        Normal(**options)  # type: ignore[arg-type]
