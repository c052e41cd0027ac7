"""Missing cells are filled from the others, of new rows too; what is there stays; how far off is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import isthmus
from isthmus import Autoencoder, Imputer, InvalidData, InvalidPart, ModelFileError, pool
from isthmus.storage import container as modelfile

ROWS = 700
RANDOM = np.random.default_rng(0)
GROUP = RANDOM.integers(0, 3, ROWS)


def small(**settings: Any) -> Imputer:
    parameters = {"encoder": (24,), "corruption": "varied_masking", "batch_size": 50, "optimizer": "adam(0.01)"}
    return Imputer(Autoencoder(**{"bottleneck": 8, "max_epochs": 30, **parameters} | settings))


WHOLE = pd.DataFrame(
    {
        "pay": 10.0 * GROUP + RANDOM.normal(size=ROWS),
        "age": pd.array(30 + 10 * GROUP + RANDOM.integers(0, 3, ROWS), dtype="Int64"),
        "job": np.array(["nurse", "cook", "clerk"])[GROUP],
        "city": pd.Categorical(np.array(["x", "y", "z"])[GROUP]),
        "seen": pd.Timestamp("2024-01-01") + pd.to_timedelta(24 * GROUP, unit="h"),
    }
)
HOLES = RANDOM.random(WHOLE.shape) < 0.2
LACKING = WHOLE.mask(HOLES)


@pytest.fixture(scope="module")
def fitted() -> Imputer:
    return small().fit(LACKING[:600])


def test_cells_of_new_rows_are_filled_with_what_the_others_tell(fitted: Imputer) -> None:
    filled, holes = fitted.transform(LACKING[600:]), HOLES[600:]
    assert not filled.isna().any().any()
    pd.testing.assert_series_equal(filled.dtypes, LACKING.dtypes)
    pd.testing.assert_index_equal(filled.index, LACKING[600:].index)
    several = holes.sum(axis=1) < 3
    pays = several & holes[:, 0]
    assert np.sqrt(np.mean((filled["pay"] - WHOLE["pay"][600:])[pays] ** 2)) < 0.4 * WHOLE["pay"].std()
    for place, name in ((2, "job"), (3, "city")):
        wrong = (filled[name].astype(str) != WHOLE[name][600:].astype(str))[several & holes[:, place]]
        assert wrong.mean() < 0.15  # a guess is wrong two times in three


def test_numbers_that_go_together_are_filled_given_the_others() -> None:
    """Two pairs of columns and a code of one number: what it does not tell, a column tells of the other of its pair."""
    random = np.random.default_rng(1)
    factors = random.normal(size=(600, 2))
    rows = np.repeat(factors, 2, axis=1) + 0.2 * random.normal(size=(600, 4))
    missing = random.random(rows.shape) < 0.2
    lacking = np.where(missing, np.nan, rows)
    model = Autoencoder(
        1, encoder=(16,), likelihood="gaussian(full)", corruption="varied_masking", optimizer="adam(0.01)",
        max_epochs=60, batch_size=50, stops=(), validation_fraction=0.0,
    )  # fmt: skip
    imputer = Imputer(model).fit(lacking)
    filled, plain = imputer.transform(lacking), imputer.autoencoder_.reconstruct(lacking)
    error, of_plain = (np.sqrt(np.mean((made - rows)[missing] ** 2)) for made in (filled, plain))
    assert error < 0.8 * of_plain < 0.8


def test_what_is_there_stays_to_the_bit(fitted: Imputer) -> None:
    for filled in (fitted.transform(LACKING), *fitted.impute(LACKING, 2)):
        for place, name in enumerate(LACKING):
            pd.testing.assert_series_equal(filled[name][~HOLES[:, place]], LACKING[name][~HOLES[:, place]])
    pd.testing.assert_frame_equal(fitted.transform(WHOLE), WHOLE)
    odd = LACKING.assign(pay=np.where(HOLES[:, 0], np.nan, 1 / 3 + 1e9))
    assert (fitted.transform(odd)["pay"].to_numpy()[~HOLES[:, 0]] == 1 / 3 + 1e9).all()


def test_every_form_is_filled_in_its_own(fitted: Imputer, tmp_path: Path) -> None:
    due = fitted.transform(LACKING)
    LACKING.to_parquet(tmp_path / "x.parquet")
    pd.testing.assert_frame_equal(fitted.transform(tmp_path / "x.parquet"), due, check_dtype=False)
    frame = pl.from_pandas(LACKING)
    found = fitted.transform(frame)
    assert found.schema == frame.schema
    assert found["job"].to_list() == due["job"].tolist()
    assert found["age"].to_list() == due["age"].tolist()
    np.testing.assert_array_equal(found["pay"].to_numpy(), due["pay"].to_numpy())


SKEWED = pd.DataFrame(
    {
        "count": np.float64(RANDOM.poisson(0.7, 300)),  # whole numbers, as pandas holds them beside missing ones
        "price": np.round(RANDOM.gamma(0.5, size=300), 2) + 0.29,
        "share": RANDOM.random(300),
        "day": pd.Timestamp("2024-03-01") + pd.to_timedelta(RANDOM.integers(0, 9, 300), unit="D"),
    }
)
SKEWED_HOLES = RANDOM.random(SKEWED.shape) < 0.3
SKEWED_LACKING = SKEWED.mask(SKEWED_HOLES)


@pytest.fixture(scope="module")
def of_skewed() -> Imputer:
    return small(max_epochs=3).fit(SKEWED_LACKING)


@pytest.mark.parametrize("form", ["pandas", "polars", "array"])
def test_fillings_are_within_what_was_seen_with_its_decimals(form: str) -> None:
    numbers = SKEWED_LACKING.iloc[:, :3].to_numpy()
    table = {"pandas": SKEWED_LACKING, "polars": pl.from_pandas(SKEWED_LACKING), "array": numbers}[form]
    model = small(max_epochs=1).fit(table)
    for filled in (model.transform(table), *model.impute(table, 3)):
        rows = filled if isinstance(filled, np.ndarray) else filled[["count", "price", "share"]].to_numpy()
        for place, name in enumerate(("count", "price", "share")):
            seen, made = SKEWED_LACKING[name].dropna(), rows[SKEWED_HOLES[:, place], place]
            assert seen.min() <= made.min() <= made.max() <= seen.max()
            if place < 2:
                np.testing.assert_array_equal(made, np.round(made, (0, 2)[place]))
    if isinstance(filled, pd.DataFrame):
        assert filled["day"].between(SKEWED_LACKING["day"].min(), SKEWED_LACKING["day"].max()).all()


def test_intervals_stay_within_too_and_a_cell_that_is_there_is_both_ends(of_skewed: Imputer) -> None:
    low, high = of_skewed.interval(SKEWED_LACKING.assign(price=np.where(np.arange(300) == 0, 1e4, np.nan)), 0.99)
    assert low[0, 1] == pytest.approx(1e4)
    assert high[0, 1] == pytest.approx(1e4)
    seen = SKEWED_LACKING["price"]
    assert (low[1:, 1] >= seen.min()).all()
    assert (high[1:, 1] <= seen.max()).all()


def test_a_user_says_what_a_column_can_hold(tmp_path: Path) -> None:
    bounds = {"count": (2, None), "price": (None, 0.5), "share": (-9.0, 9.0)}
    model = small(max_epochs=1).set_params(bounds=bounds).fit(SKEWED_LACKING)
    model.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    assert loaded.bounds == {"count": [2.0, None], "price": [None, 0.5], "share": [-9.0, 9.0]}
    for each in (model, loaded):
        drawn = pd.concat(each.impute(SKEWED_LACKING, 5)).to_numpy()[:, :3].astype(float)
        made = [drawn[np.tile(SKEWED_HOLES[:, place], 5), place] for place in range(3)]
        assert made[0].min() == 2
        assert made[1].max() == 0.5
        assert made[2].min() < 0  # wider than what was seen
    by_place = small(max_epochs=1).set_params(bounds={0: (5, 6)})
    filled = by_place.fit_transform(SKEWED_LACKING.iloc[:, :3].to_numpy())
    assert set(filled[SKEWED_HOLES[:, 0], 0]) <= {5.0, 6.0}


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({"count": (1,)}, r"^bounds must be a dict from columns to \(least, most\), each a number or None\. Got"),
        ({"count": (2, 1)}, "^bounds must be a dict"),
        ({"count": (np.nan, 1)}, "^bounds must be a dict"),
        ({1.5: (0, 1)}, "^bounds must be a dict"),
        ([0, 1], "^bounds must be a dict"),
        ({"nosuch": (0, 1)}, r"^bounds\['nosuch'\] must be those of a column of numbers\. Got \(0, 1\)\.$"),
        ({"job": (0, 1)}, r"^bounds\['job'\] must be those of a column of numbers"),
    ],
)
def test_bounds_that_cannot_be_are_refused(bounds: Any, said: str) -> None:
    table = SKEWED_LACKING.assign(job=np.resize(["a", "b"], 300))
    with pytest.raises(InvalidPart, match=said):
        small(max_epochs=1).set_params(bounds=bounds).fit(table)


def test_draws_differ_as_far_as_they_may(fitted: Imputer) -> None:
    draws = fitted.impute(LACKING, 20)
    assert len(draws) == 20
    pays = np.stack([draw["pay"] for draw in draws])
    spread = np.ptp(pays, axis=0)
    assert (spread[~HOLES[:, 0]] == 0).all()
    assert (spread[HOLES[:, 0]] > 0).all()
    for again, draw in zip(fitted.impute(LACKING, 2), draws, strict=False):
        pd.testing.assert_frame_equal(again, draw)
    assert not fitted.impute(LACKING, 1, random_state=1)[0]["pay"].equals(draws[0]["pay"])


def test_intervals_hold_as_often_as_they_say(fitted: Imputer) -> None:
    low, high = fitted.interval(LACKING, 0.9)
    assert np.isnan(low[:, [2, 3]]).all()
    there = ~HOLES[:, 0]
    np.testing.assert_allclose(low[there, 0], WHOLE["pay"][there], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(high[there, 0], low[there, 0])
    pays = WHOLE["pay"].to_numpy()
    inside = ((low[:, 0] <= pays) & (pays <= high[:, 0]))[HOLES[:, 0]]
    assert 0.8 < inside.mean() < 0.99


def test_intervals_hold_of_values_that_are_missing_since_they_are_large() -> None:
    """A third of the cells is gone, by the rank among those of their column: 2 % of the least, 70 % of the largest."""
    random = np.random.default_rng(3)
    rows = random.normal(size=(600, 1)) + random.normal(size=(600, 4))
    chance = 0.02 + 0.68 * (rows.argsort(axis=0).argsort(axis=0) / 600)
    gone = random.random(rows.shape) < chance
    low, high = small(max_epochs=10).fit(lacking := np.where(gone, np.nan, rows)).interval(lacking, 0.9)
    assert ((low <= rows) & (rows <= high))[gone].mean() > 0.75


def test_the_quantiles_of_ranks_are_those_of_the_fit_and_do_not_learn() -> None:
    table = np.random.default_rng(5).exponential(size=(64, 2))
    table[0, 0] = np.nan
    model = small(encoder="mlp((8,), ranks=5)", optimizer="adam(0.01, weight_decay=10)", max_epochs=2).fit(table)
    scaled = (table - np.nanmean(table, axis=0)) / np.nanstd(table, axis=0)
    due = np.nanquantile(scaled, np.linspace(0, 1, 5), axis=0, method="inverted_cdf")
    np.testing.assert_allclose(model.autoencoder_.model_.encoder.knots.reshape(5, 2), due, rtol=1e-5)
    filled = np.where(np.isnan(table), model.transform(table), table)
    assert np.isfinite(filled).all()


def test_uncertainty_is_of_what_was_filled(fitted: Imputer) -> None:
    uncertainty = fitted.uncertainty(LACKING)
    assert (uncertainty[~HOLES] == 0).all()
    assert (uncertainty[HOLES] >= 0).all()
    assert (uncertainty[:, [2, 3]] <= 2 / 3 + 1e-6).all()
    alone = HOLES.sum(axis=1) == 1  # four cells tell the group, one tells less
    few = HOLES.sum(axis=1) >= 3
    assert uncertainty[alone & HOLES[:, 2], 2].mean() < uncertainty[few & HOLES[:, 2], 2].mean()


def test_pooled_draws_tell_the_mean(fitted: Imputer) -> None:
    """Of a table whose pay lacks at random the pooled interval holds the mean of the whole."""
    draws = fitted.impute(LACKING, 10)
    found = pool([d["pay"].mean() for d in draws], [d["pay"].var() / ROWS for d in draws], ROWS - 1)
    low, high = found.interval(0.999)
    assert low < WHOLE["pay"].mean() < high
    assert found.between > 0


def test_it_is_the_same_after_saving(fitted: Imputer, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    assert type(loaded) is Imputer
    pd.testing.assert_frame_equal(loaded.transform(LACKING), fitted.transform(LACKING))
    np.testing.assert_allclose(loaded.interval(LACKING)[0], fitted.interval(LACKING)[0], rtol=1e-4, atol=1e-4)
    assert loaded.autoencoder.get_params()["bottleneck__size"] == 8
    assert loaded.get_feature_names_out().tolist() == list(LACKING)


HOSTILE: dict[str, tuple[Any, str]] = {
    "another estimator": (lambda h, t: h.update(estimator="Autoencoder"), "no model that can be built"),
    "no model": (lambda h, t: h.pop("model"), "there is no model 'model' in it"),
    "a model of another kind": (lambda h, t: h["model"].update(estimator="Imputer"), "no model that can be built"),
    "an unknown parameter": (lambda h, t: h["parameters"].update(other=1), "no parameter 'other'"),
    "a setting": (lambda h, t: h["parameters"].update(sweeps=-1), "sweeps must be a whole number of at least 0"),
    "no residuals": (lambda h, t: t.pop("residuals"), "residuals is missing"),
    "few residuals": (lambda h, t: t.update(residuals=t["residuals"][:3]), "residuals is F64 [3, "),
    "residuals NaN": (lambda h, t: t["residuals"].fill(np.nan), "residuals holds values that are not finite"),
    "no calibration": (lambda h, t: t.pop("calibration"), "calibration is missing"),
    "few shares": (lambda h, t: t.update(log_shares=t["log_shares"][:2]), "log_shares is F64 [2]; the model needs"),
    "shares NaN": (lambda h, t: t["log_shares"].fill(np.nan), "log_shares holds values that are not finite"),
    "a trust of 2": (lambda h, t: t["calibration"].fill(2.0), "its calibration is none that a fit leaves"),
    "one more tensor": (lambda h, t: t.update(more=np.ones(1)), "the model has no tensor 'more'"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_file_that_is_none_of_an_imputer_is_refused(case: str, fitted: Imputer, tmp_path: Path) -> None:
    change, why = HOSTILE[case]
    fitted.save(tmp_path / "model.safetensors")
    opened = modelfile.open_file(tmp_path / "model.safetensors", "model")
    header = {name: value for name, value in opened.header.items() if name not in ("checksum", "format")}
    tensors = {name: tensor.copy() for name, tensor in opened.read().items()}
    change(header, tensors)
    modelfile.write(tmp_path / "other.safetensors", header, tensors)
    with pytest.raises(ModelFileError) as caught:
        isthmus.load(tmp_path / "other.safetensors")
    assert why in str(caught.value)


def test_missing_cells_are_told(fitted: Imputer) -> None:
    np.testing.assert_array_equal(fitted.missing(LACKING), LACKING.isna())


X = RANDOM.normal(size=(120, 1)) @ np.ones((1, 4)) + 0.1 * RANDOM.normal(size=(120, 4))
GAPS = RANDOM.random(X.shape) < 0.2


def test_a_table_without_holes_teaches_to_fill_them() -> None:
    imputer = small(max_epochs=60).fit(X)
    filled = imputer.transform(np.where(GAPS, np.nan, X))
    np.testing.assert_array_equal(filled[~GAPS], X[~GAPS])
    assert np.mean((filled - X)[GAPS] ** 2) < 0.2 * X.var()
    np.testing.assert_array_equal(imputer.transform(X), X)


def test_pandas_is_an_output(fitted: Imputer) -> None:
    frame = pd.DataFrame(np.where(GAPS, np.nan, X), columns=list("abcd"))
    imputer = small(max_epochs=1).fit(frame).set_output(transform="polars")
    assert imputer.transform(frame).columns == list("abcd")
    assert list(imputer.get_feature_names_out()) == list("abcd")
    assert imputer.set_output(transform="pandas").transform(frame).shape == X.shape


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"autoencoder": 3}, "autoencoder must be an Autoencoder, or None"),
        ({"n_imputations": 0}, "n_imputations must be a whole number of at least 1"),
        ({"sweeps": -1}, "sweeps must be a whole number of at least 0"),
        ({"sweeps": True}, "sweeps must be a whole number of at least 0"),
        ({"random_state": "a"}, "random_state must be"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart, match=message):
        Imputer(**settings).fit(X)


def test_it_is_fitted_first_and_on_columns_with_values(fitted: Imputer) -> None:
    with pytest.raises(NotFittedError):
        clone(fitted).transform(X)
    with pytest.raises(InvalidData, match="column 2 holds no values at all: leave it out"):
        small().fit(np.where([False, False, True, False], np.nan, X))
    with pytest.raises(InvalidPart, match=r"coverage must be in \(0, 1\)"):
        fitted.interval(LACKING, 1.5)


def test_texts_have_no_cells() -> None:
    images, sequences = RANDOM.random((20, 3, 3)), [RANDOM.random((steps, 2)) for steps in (3, 4, 5)]
    for table in (["a cat", "a dog", "the cat"] * 4, images, sequences):
        with pytest.raises(InvalidData, match="X: expected a table of columns, whose cells can be filled; got"):
            small(max_epochs=1, corruption=None).fit(table)
