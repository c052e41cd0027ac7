"""A table as it comes: numbers, categories, booleans, dates and holes, in and out, with no setting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import isthmus
from isthmus import (
    Autoencoder,
    InvalidData,
    InvalidPart,
    ModelFileError,
    NetworkClassifier,
    NetworkRanker,
    NetworkRegressor,
    StackedAutoencoder,
)
from isthmus.storage import container as modelfile
from tiny import scaling_of

ROWS = 80
RANDOM = np.random.default_rng(0)
GROUP = RANDOM.integers(0, 3, ROWS)


def autoencoder(**settings: Any) -> Autoencoder:
    return Autoencoder(**{"bottleneck": 3, "encoder": (8,), "max_epochs": 2, "batch_size": 40} | settings)


def table() -> pd.DataFrame:
    """Return columns that go together, without holes."""
    return pd.DataFrame(
        {
            "age": 20 + 20 * GROUP + RANDOM.integers(0, 5, ROWS),
            "visits": pd.array(GROUP, dtype="Int64"),
            "pay": GROUP + RANDOM.normal(0, 0.1, ROWS),
            "job": np.array(["nurse", "cook", "clerk"])[GROUP],
            "city": pd.Categorical(np.array(["x", "y", "x"])[GROUP], ["z", "y", "x"]),
            "size": pd.Categorical(np.array(["S", "M", "L"])[GROUP], ["S", "M", "L"], ordered=True),
            "paid": GROUP > 0,
            "maybe": pd.array(GROUP > 1, dtype="boolean"),
            "seen": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(24 * GROUP, unit="h"),
        },
        index=[f"r{i}" for i in range(ROWS)],
    )


WHOLE = table()
LACKING = ("visits", "pay", "job", "city", "size", "maybe", "seen")


def with_holes() -> pd.DataFrame:
    frame = WHOLE.copy()
    for name in LACKING:
        frame.loc[RANDOM.random(ROWS) < 0.15, name] = None
    return frame


FRAME = with_holes()


@pytest.fixture(scope="module")
def fitted() -> Autoencoder:
    return autoencoder(max_epochs=60, optimizer="adam(0.01)").fit(FRAME)


def test_every_method_answers(fitted: Autoencoder) -> None:
    codes = fitted.transform(FRAME)
    assert codes.shape == (ROWS, 3)
    assert np.isfinite(codes).all()
    assert fitted.score_samples(FRAME).shape == (ROWS,)
    assert np.isfinite(fitted.score(FRAME))
    assert fitted.history_[-1]["loss"] < 0.7 * fitted.history_[0]["loss"]
    assert fitted.feature_names_in_.tolist() == list(FRAME)


def test_a_frame_comes_back_with_its_names_types_and_categories(fitted: Autoencoder) -> None:
    back = fitted.reconstruct(FRAME)
    pd.testing.assert_series_equal(back.dtypes, FRAME.dtypes)
    pd.testing.assert_index_equal(back.index, FRAME.index)
    assert not back.isna().any().any()
    for name in ("job", "city", "size", "paid", "maybe", "visits"):
        assert (back[name].astype(str) == WHOLE[name].astype(str)).mean() > 0.9, name
    assert np.corrcoef(back["pay"], WHOLE["pay"])[0, 1] > 0.8
    inverse = fitted.inverse_transform(fitted.transform(FRAME))
    pd.testing.assert_frame_equal(inverse.set_index(FRAME.index), back)


def test_a_missing_cell_changes_neither_code_nor_loss_whatever_it_held(fitted: Autoencoder) -> None:
    """To the bit: hidden in the frame is what was there, and a number that could be anything."""
    assert FRAME.isna().sum().sum() > 0
    absurd = pl.from_pandas(FRAME.reset_index(drop=True)).with_columns(pay=pl.Series(FRAME["pay"]).fill_null(np.nan))
    np.testing.assert_array_equal(fitted.transform(absurd), fitted.transform(FRAME))
    np.testing.assert_array_equal(fitted.score_samples(absurd), fitted.score_samples(FRAME))
    errors = fitted.reconstruction_error(FRAME, per_feature=True)
    assert (errors[FRAME.isna().to_numpy()] == 0).all()


def test_the_error_of_a_category_is_whether_it_is_wrong(fitted: Autoencoder) -> None:
    errors, back = fitted.reconstruction_error(FRAME, per_feature=True), fitted.reconstruct(FRAME)
    for name in ("job", "city", "paid"):
        wrong = (back[name].astype(str) != FRAME[name].astype(str)) & FRAME[name].notna()
        np.testing.assert_array_equal(errors[:, list(FRAME).index(name)], wrong)


def test_it_is_the_same_after_saving(fitted: Autoencoder, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.transform(FRAME), fitted.transform(FRAME))
    pd.testing.assert_frame_equal(loaded.reconstruct(FRAME), fitted.reconstruct(FRAME))


def test_polars_is_the_same_table(fitted: Autoencoder) -> None:
    plain = FRAME.reset_index(drop=True)
    frame = pl.from_pandas(plain).with_columns(pl.col("city").cast(pl.String).cast(pl.Enum(["z", "y", "x"])))
    ours = autoencoder(max_epochs=1, columns={"size": ["S", "M", "L"]}).fit(frame)
    theirs = autoencoder(max_epochs=1).fit(plain)
    np.testing.assert_array_equal(ours.transform(frame), theirs.transform(plain))
    assert ours.reconstruct(frame).schema == frame.schema
    assert ours.reconstruct(frame.lazy()).schema == frame.schema
    assert fitted.reconstruct(frame)["job"].to_list() == fitted.reconstruct(FRAME)["job"].tolist()


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_file_is_the_same_table(fitted: Autoencoder, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    more = FRAME.assign(other="text")[["other", *reversed(list(FRAME))]]
    more.to_parquet(path) if suffix == ".parquet" else more.to_csv(path, index=False)
    # A CSV does not tell texts from categories, and needs no telling in use.
    np.testing.assert_array_equal(fitted.transform(path), fitted.transform(FRAME))
    assert list(fitted.reconstruct(path)) == list(FRAME)


def test_a_category_never_seen_has_a_place(fitted: Autoencoder) -> None:
    new = FRAME.assign(job="pilot", city="w")
    hidden = FRAME.assign(job=None, city=None)
    np.testing.assert_array_equal(fitted.transform(new), fitted.transform(hidden))
    assert set(fitted.reconstruct(new)["job"]) <= {"nurse", "cook", "clerk"}


IN_USE: dict[str, tuple[Any, str]] = {
    "a column less": (lambda f: f.drop(columns="pay"), r"^column 'pay' is missing\. There are: "),
    "numbers as text": (lambda f: f.assign(pay="cheap"), r"column 'pay': expected numbers; got 'cheap' \(row 0\)"),
    "numbers for texts": (
        lambda f: f.assign(job=2.5),
        "column 'job': expected values of type .* in the fit; got values of type double",
    ),
    "text for dates": (lambda f: f.assign(seen="soon"), r"column 'seen': expected dates, .*; got 'soon' \(row 0\)"),
    "inf": (lambda f: f.assign(pay=np.inf), r"column 'pay' holds inf in 80 rows \(first: 0\)"),
    "mixed types": (lambda f: f.assign(job=[1, "a"] * 40), "column 'job' mixes types or holds objects"),
    "no frame": (
        lambda f: np.zeros((4, 9)),
        "expected a frame or a file with the columns age, visits, pay, job, ",
    ),
}


def test_a_row_may_be_a_dict_or_a_series(fitted: Autoencoder) -> None:
    expected = fitted.transform(FRAME[:2])
    rows = FRAME[:2].to_dict("records")
    np.testing.assert_array_equal(fitted.transform(rows), expected)
    np.testing.assert_array_equal(fitted.transform(rows[0]), expected[:1])
    np.testing.assert_array_equal(fitted.transform(dict(reversed(rows[0].items()))), expected[:1])
    np.testing.assert_array_equal(fitted.transform(FRAME.iloc[0]), expected[:1])
    np.testing.assert_array_equal(fitted.transform(FRAME[:2].to_dict("list")), expected)
    with pytest.raises(InvalidData, match=r"^column 'pay' is missing\. There are: "):
        fitted.transform({name: value for name, value in rows[0].items() if name != "pay"})


@pytest.mark.parametrize("case", IN_USE)
def test_what_a_fitted_model_cannot_use_is_named(fitted: Autoencoder, case: str) -> None:
    spoil, message = IN_USE[case]
    with pytest.raises(ValueError, match=message):
        fitted.transform(spoil(FRAME))


IN_FIT: dict[str, tuple[Any, str]] = {
    "all missing": (lambda f: f.assign(pay=np.nan), "column 'pay' holds no values at all: leave it out"),
    "numbers as text": (lambda f: f.assign(pay="1.5"), r"column 'pay' holds numbers written as text \('1\.5', row 0\)"),
    "a name twice": (
        lambda f: pd.concat([f, f[["job"]]], axis=1),
        "column 'job' stands 2 times: give every column its own name",
    ),
    "mixed types": (lambda f: f.assign(job=[1, "a"] * 40), "column 'job' mixes types or holds objects"),
}


@pytest.mark.parametrize("case", IN_FIT)
def test_what_cannot_be_learned_is_named(case: str) -> None:
    spoil, message = IN_FIT[case]
    with pytest.raises(InvalidData, match=message) as caught:
        autoencoder().fit(spoil(FRAME))
    assert "\n" not in str(caught.value)


def test_columns_of_one_value_are_learned() -> None:
    frame = FRAME.assign(pay=1.5, job="nurse", paid=True)
    back = autoencoder(max_epochs=60, optimizer="adam(0.01)").fit(frame).reconstruct(frame)
    assert set(back["job"]) == {"nurse"}
    assert set(back["paid"]) == {True}
    np.testing.assert_allclose(back["pay"], 1.5, atol=0.5)


def test_dates_that_do_not_parse_are_named() -> None:
    frame = FRAME.assign(seen="2024-01-01")
    frame.loc["r7", "seen"] = "31.12.2024"
    with pytest.raises(InvalidData, match=r"column 'seen': expected dates, .*; got '31\.12\.2024' \(row 7\)"):
        autoencoder(columns={"seen": "datetime"}).fit(frame)


@pytest.mark.parametrize(
    "columns", [["job"], {"job": "kind"}, {"job": []}, {"job": [1, 1]}, {3: "numeric"}, {"job": 1}]
)
def test_what_is_said_of_columns_is_a_kind_or_a_list(columns: Any) -> None:
    with pytest.raises(InvalidPart, match=r"^columns"):
        autoencoder(columns=columns).fit(FRAME)


def test_columns_are_said_of_tables_with_names() -> None:
    with pytest.raises(
        InvalidData,
        match=r"^expected a frame or a file, since columns says what their columns hold; got a table without names",
    ):
        autoencoder(columns={"a": "numeric"}).fit(RANDOM.normal(size=(20, 4)))


def test_what_is_said_of_columns_is_kept(tmp_path: Path) -> None:
    said = {"visits": "categorical", "job": ["clerk", "cook", "nurse"]}
    ae = autoencoder(columns=said, max_epochs=1).fit(FRAME)
    assert ae.model_.categories == (0, 3, 0, 0, 2, 0, 2, 2, 0)
    ae.save(tmp_path / "model.safetensors")
    assert isthmus.load(tmp_path / "model.safetensors").columns == said


X = RANDOM.normal(size=(60, 1)) @ np.ones((1, 4)) + 0.1 * RANDOM.normal(size=(60, 4))
HOLES = RANDOM.random(X.shape) < 0.2


def test_an_array_with_holes_is_learned_and_told() -> None:
    lacking = np.where(HOLES, np.nan, X)
    ae = autoencoder(bottleneck=1, max_epochs=150, optimizer="adam(0.01)").fit(lacking)
    back = ae.reconstruct(lacking)
    assert np.isfinite(back).all()
    # Of what was hidden the row's other cells tell nearly all, its column's mean tells nothing.
    assert np.mean((back - X)[HOLES] ** 2) < 0.2 * np.var(X)
    scores = ae.score_samples(lacking)
    due = -(np.where(HOLES, 0, (back - lacking) / lacking[~HOLES].std()) ** 2)
    assert np.corrcoef(scores, np.nan_to_num(due).sum(axis=1))[0, 1] > 0.9
    assert ae.__sklearn_tags__().input_tags.allow_nan


def test_a_model_that_has_seen_no_holes_refuses_them() -> None:
    ae = autoencoder(bottleneck=1, max_epochs=1).fit(X)
    assert ae.model_.categories is None
    with pytest.raises(InvalidData, match=r"holds NaN \(missing\) in \d+ rows .*: fill or drop them first\.$"):
        ae.transform(np.where(HOLES, np.nan, X))


def test_principal_components_need_every_number() -> None:
    with pytest.raises(InvalidPart, match="init='pca' needs numbers, and none missing: use init=None for this table"):
        autoencoder(init="pca").fit(np.where(HOLES, np.nan, X))


def test_the_scaling_is_that_of_the_cells_that_are_there() -> None:
    lacking = np.where(HOLES, np.nan, X)
    ae = autoencoder(max_epochs=0).fit(lacking)
    learned = scaling_of(ae)
    np.testing.assert_allclose(learned["mean"], np.nanmean(lacking, axis=0), rtol=1e-9)
    np.testing.assert_allclose(learned["deviation"], np.nanstd(lacking, axis=0), rtol=1e-9)


def test_a_classifier_stands_on_a_pretrained_model_of_a_mixed_table(fitted: Autoencoder) -> None:
    model = NetworkClassifier(pretrained=fitted, max_epochs=30, optimizer="adam(0.01)").fit(FRAME, GROUP)
    assert model.score(FRAME, GROUP) > 0.9


SUPERVISED: dict[str, Any] = {"encoder": (8,), "max_epochs": 60, "batch_size": 40, "optimizer": "adam(0.01)"}


@pytest.mark.parametrize("reconstruction", [0.0, 0.5])
def test_a_classifier_reads_a_mixed_table(reconstruction: float, tmp_path: Path) -> None:
    model = NetworkClassifier(columns={"visits": "categorical"}, reconstruction=reconstruction, **SUPERVISED)
    model.fit(FRAME, GROUP)
    assert model.score(FRAME, GROUP) > 0.9
    assert model.model_.categories is not None
    model.save(tmp_path / "m.safetensors")
    again = isthmus.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict_proba(FRAME), model.predict_proba(FRAME))
    np.testing.assert_allclose(model.predict_proba(pl.from_pandas(FRAME)), model.predict_proba(FRAME), rtol=1e-6)


def test_a_regressor_and_a_ranker_read_a_mixed_table() -> None:
    rest = FRAME.drop(columns="pay")
    assert NetworkRegressor(**SUPERVISED).fit(rest, WHOLE["pay"]).score(rest, WHOLE["pay"]) > 0.8
    groups = np.arange(ROWS) // 8
    assert NetworkRanker(**SUPERVISED).fit(FRAME, GROUP, groups).score(FRAME, GROUP, groups) > 0.9


def test_a_classifier_learns_from_rows_with_holes() -> None:
    lacking, y = np.where(HOLES, np.nan, X), X.mean(axis=1) > 0
    model = NetworkClassifier(**SUPERVISED).fit(lacking, y)
    assert model.score(lacking, y) > 0.9
    assert np.isfinite(model.predict_proba(np.full((1, 4), np.nan))).all()


def test_another_fit_reads_the_table_anew() -> None:
    ae = autoencoder().fit(FRAME).fit(FRAME.drop(columns="job"))
    assert list(ae.reconstruct(FRAME.drop(columns="job"))) == [name for name in FRAME if name != "job"]
    lacking = np.where(HOLES, np.nan, X)
    again = autoencoder(bottleneck=1).fit(X).fit(lacking)
    assert np.isfinite(again.reconstruct(lacking)).all()


def test_a_refused_second_fit_leaves_the_former_model_whole() -> None:
    """Weights of one table with the categories of another would answer, and wrongly."""
    ae = autoencoder().fit(FRAME)
    codes = ae.transform(FRAME)
    with pytest.raises(InvalidData, match=r"^sample_weight"):
        ae.fit(FRAME.assign(job=FRAME["city"].astype(object)), sample_weight=-np.ones(ROWS))
    np.testing.assert_array_equal(ae.transform(FRAME), codes)


def test_what_is_said_of_columns_to_a_classifier_is_checked() -> None:
    with pytest.raises(InvalidPart, match=r"^columns\['job'\] must be one of numeric, .* Got 'words'\.$"):
        NetworkClassifier(columns={"job": "words"}).fit(FRAME, GROUP)
    with pytest.raises(InvalidData, match=r"^columns: expected names of columns of the table; got 'zip'"):
        NetworkClassifier(columns={"zip": "categorical"}).fit(FRAME, GROUP)


def test_a_stack_reads_a_mixed_table(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"max_epochs": 60, "optimizer": "adam(0.01)"}
    layers = [autoencoder(bottleneck=6, **settings), autoencoder(bottleneck=3, **settings)]
    stack = StackedAutoencoder(layers, max_epochs=0).fit(FRAME)
    by_hand = stack.layers_[1].transform(stack.layers_[0].transform(FRAME))
    np.testing.assert_allclose(stack.transform(FRAME), by_hand, rtol=1e-3, atol=1e-4)
    back = stack.reconstruct(FRAME)
    pd.testing.assert_series_equal(back.dtypes, FRAME.dtypes)
    assert (back["job"].astype(str) == WHOLE["job"].astype(str)).mean() > 0.8
    stack.set_params(max_epochs=2).fit(FRAME).save(tmp_path / "s.safetensors")
    pd.testing.assert_frame_equal(isthmus.load(tmp_path / "s.safetensors").reconstruct(FRAME), stack.reconstruct(FRAME))


def test_a_damaged_schema_is_no_model(fitted: Autoencoder, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    fitted.save(path)
    opened = modelfile.open_file(path, "model")
    tensors = opened.read()
    for spoil in (
        lambda header: header["schema"][3].update(kind="eval"),
        lambda header: header["schema"][3].update(values=[]),
        lambda header: header["schema"].pop(),
        lambda header: header["schema"][0].update(name="other"),
    ):
        header = modelfile.open_file(path, "model").header
        spoil(header)
        modelfile.write(tmp_path / "other.safetensors", header, tensors)
        with pytest.raises(ModelFileError):
            isthmus.load(tmp_path / "other.safetensors")
