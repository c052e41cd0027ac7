"""Bad tables, codes, weights and settings: each refused with a sentence that names the place and what to do."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from sklearn.exceptions import NotFittedError

from isthmus import Autoencoder, InvalidData, InvalidPart, IsthmusError, UnknownPart
from isthmus.contracts import Scaling
from isthmus.core.spelling import resolve
from isthmus.data.validation import check_weight
from tiny import weights_of

X = np.random.default_rng(0).normal(size=(40, 5))
NAMES = ["age", "height", "price", "weight", "year"]


def autoencoder(**settings: Any) -> Autoencoder:
    return Autoencoder(**{"bottleneck": 2, "encoder": (4,), "max_epochs": 2} | settings)


def spoiled(*cells: tuple[int, int, float]) -> np.ndarray:
    x = X.copy()
    for row, column, value in cells:
        x[row, column] = value
    return x


NAN, INF = np.nan, np.inf

BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "NaN": (lambda: spoiled((7, 2, NAN)), r"^column 2 holds NaN \(missing\) in 1 row \(first: 7\): fill or drop them"),
    "NaNs": (
        lambda: pd.DataFrame(spoiled((7, 2, NAN), (3, 2, NAN), (39, 2, NAN)), columns=NAMES),
        r"^column 'price' holds NaN \(missing\) in 3 rows \(first: 3\): fill or drop them first\.$",
    ),
    "inf": (
        lambda: pd.DataFrame(spoiled((17, 2, INF), (20, 2, -INF), (30, 2, INF)), columns=NAMES),
        r"^column 'price' holds inf in 3 rows \(first: 17\): fill or drop them first\.$",
    ),
    "minus inf": (lambda: spoiled((5, 0, -INF)), r"^column 0 holds inf in 1 row \(first: 5\)"),
    "inf before NaN": (
        lambda: spoiled((2, 1, INF), (5, 1, NAN), (6, 1, NAN)),
        r"^column 1 holds NaN \(missing\) in 2 rows \(first: 5\)",
    ),
    "NaN before inf": (
        lambda: spoiled((2, 1, NAN), (5, 1, INF)),
        r"^column 1 holds NaN \(missing\) in 1 row \(first: 2\)",
    ),
    "two columns": (
        lambda: spoiled((7, 2, NAN), (8, 4, INF)),
        r"^column 2 holds NaN \(missing\) in 1 row \(first: 7\), and so does one more column",
    ),
    "all columns": (
        lambda: np.full((40, 5), NAN),
        r"^column 0 holds NaN \(missing\) in 40 rows \(first: 0\), and so do 4 more columns",
    ),
    "NaN in a sparse matrix": (
        lambda: scipy.sparse.csr_matrix(spoiled((7, 2, NAN))),
        r"^column 2 holds NaN \(missing\) in 1 row \(first: 7\)",
    ),
    "a gap in polars": (
        lambda: pl.DataFrame({"a": [1.0, None, 3.0], "b": [1, 2, 3]}),
        r"^column 'a' holds NaN \(missing\) in 1 row \(first: 1\)",
    ),
    "NaN in a late block": (
        lambda: np.concatenate([np.zeros((9000, 5)), spoiled((7, 2, NAN)), np.zeros((9000, 5))]),
        r"^column 2 holds NaN \(missing\) in 1 row \(first: 9007\)",
    ),
    "text": (
        lambda: pd.DataFrame(X, columns=NAMES).assign(price="cheap"),
        r"^column 'price': expected numbers; got text \('cheap', row 0\)\. Turn it into numbers or leave it out\.$",
    ),
    "numbers written as text": (
        lambda: pd.DataFrame(X, columns=NAMES).assign(price=[str(i) for i in range(40)]),
        r"^column 'price' holds numbers written as text \('0', row 0\): turn it into numbers, or say",
    ),
    "text in polars": (
        lambda: pl.DataFrame(X, schema=NAMES).with_columns(year=pl.lit("x")),
        r"^column 'year': expected numbers; got text \('x', row 0\)",
    ),
    "text in an array": (
        lambda: np.array([["1", "2"], ["3", "four"]]),
        r"^column 1: expected numbers; got text \('four', row 1\)\. Turn it into numbers or",
    ),
    "text in lists": (lambda: [[1, 2], [3, "four"]], r"^column 1: expected numbers; got text \('four', row 1\)"),
    "categories": (
        lambda: pd.DataFrame(X, columns=NAMES).assign(price=pd.Categorical(["a", "b"] * 20)),
        r"^column 'price': expected numbers; got text \('a', row 0\)",
    ),
    "dates": (
        lambda: pd.DataFrame(X, columns=NAMES).assign(year=pd.Timestamp("2020-01-01")),
        r"^column 'year': expected numbers; got values of type timestamp",
    ),
    "dates in an array": (
        lambda: np.zeros((9, 3), "M8[s]"),
        r"^X: expected numbers; got values of type datetime64\[s\]",
    ),
    "mixed types": (
        lambda: pd.DataFrame({"a": [1, "x", 2.5], "b": [1, 2, 3]}),
        "^column 'a' mixes types or holds objects .*make all its values numbers",
    ),
    "lists in cells": (
        lambda: pd.DataFrame({"a": [[1], [2], [3]], "b": [1, 2, 3]}),
        r"^column 'a': expected numbers.*; got values of type list",
    ),
    "an empty column": (lambda: pd.DataFrame({"a": [None] * 3, "b": [1, 2, 3]}), "^column 'a' holds no values at all"),
    "a name twice": (
        lambda: pd.DataFrame(X, columns=["a", "b", "a", "c", "a"]),
        r"^column 'a' stands 3 times: give every column its own name",
    ),
    "no rows": (lambda: X[:0], r"^X has 0 sample\(s\) \(shape=\(0, 5\)\): expected at least one row"),
    "no rows in a frame": (lambda: pd.DataFrame(X, columns=NAMES)[:0], r"^X has 0 sample\(s\)"),
    "no columns": (lambda: X[:, :0], r"^X has 0 feature\(s\) \(shape=\(40, 0\)\) while a minimum of 2 is required"),
    "no columns in a frame": (lambda: pd.DataFrame(index=range(4)), r"^X has 0 feature\(s\)"),
    "nothing": (list, "^Expected 2D array, got 1D array"),
    "one row": (lambda: X[:1], r"^X has 1 sample\(s\) that count \(shape=\(1, 5\)\) while a minimum of 2 is required"),
    "one column": (lambda: X[:, :1], r"^X has 1 feature\(s\) \(shape=\(40, 1\)\).*there is nothing to compress"),
    "1-D": (lambda: X[0], r"^Expected 2D array, got 1D array instead.*X\.reshape\(-1, 1\) for one column"),
    "1-D series": (lambda: pd.Series([1.0, 2.0]), "^Expected 2D array, got 1D array instead"),
    "5-D": (
        lambda: X.reshape(4, 5, 2, 1, 5),
        r"^X: expected 2 dimensions, or 3 or 4 for images; got 5 \(4 x 5 x 2 x 1 x 5\)\. Pass X\.reshape\(len\(X\), -1",
    ),
    "sparse 1-D": (lambda: scipy.sparse.coo_array(X[0]), r"^X: expected 2 dimensions, \[rows, columns\]; got 1"),
    "complex": (lambda: X + 1j, "^Complex data not supported: split real and imaginary parts"),
    "sparse complex": (lambda: scipy.sparse.csr_array(X + 1j), "^Complex data not supported"),
    "ragged": (lambda: [[1, 2], [3]], "^X is not a table: its rows differ in length"),
    "a set": (lambda: {1, 2}, r"set.* is not a table"),
    "None": (lambda: None, "None.* is not a table"),
    "a number": (lambda: 3, "int.* is not a table"),
    "bytes": (lambda: b"a,b", "bytes.* is not a table"),
    "too large for a square": (
        lambda: X * [1, 1e200, 1, 1, 1],
        "^column 1 holds .*too large to compute with",
    ),
    "too large for a sum": (
        lambda: np.add(X, [0, 1.7e308, 0, 0, 0]),
        "^column 1 holds .*too large to compute with",
    ),
}


FITS = ("NaN", "NaNs", "NaN in a sparse matrix", "a gap in polars", "NaN in a late block", "text", "text in polars")
FITS += ("categories", "dates")
"""What a model of a table of numbers refuses, and `fit` takes as it is."""
IN_FIT = {
    "inf before NaN": r"^column 1 holds inf in 1 row \(first: 2\): fill or drop them first\.$",
    "NaN before inf": r"^column 1 holds inf in 1 row \(first: 5\): fill or drop them first\.$",
    "two columns": r"^column 4 holds inf in 1 row \(first: 8\): fill or drop them first\.$",
    "all columns": r"^column 0 holds no values at all: leave it out\.$",
}
"""What `fit` says of a table, where that is something else: cells that are missing are no fault."""


@pytest.mark.parametrize("case", sorted(BAD.keys() - FITS))
def test_a_table_that_cannot_be_fitted_says_where_and_what_to_do(case: str) -> None:
    make, message = BAD[case]
    message = IN_FIT.get(case, message)
    ae = autoencoder()
    with pytest.raises(InvalidData, match=message) as caught:
        ae.fit(make())
    assert "\n" not in str(caught.value)
    with pytest.raises(NotFittedError):
        ae.transform(X)


IN_USE = [
    "NaN",
    "inf before NaN",
    "NaN in a late block",
    "minus inf",
    "complex",
    "ragged",
    "1-D",
    "5-D",
    "a set",
    "None",
]


@pytest.mark.parametrize("case", [*IN_USE, "no rows", "NaN in a sparse matrix", "too large for a square"])
@pytest.mark.parametrize("ask", ["transform", "reconstruct", "score", "reconstruction_error", "partial_fit"])
def test_the_same_is_said_when_a_fitted_model_is_asked(case: str, ask: str) -> None:
    make, message = BAD[case]
    ae = autoencoder().fit(X)
    with pytest.raises(InvalidData, match=message):
        getattr(ae, ask)(make())


@pytest.mark.parametrize("case", ["text", "text in polars", "categories", "dates"])
def test_a_model_of_numbers_refuses_what_is_none(case: str) -> None:
    make, message = BAD[case]
    table = make()
    ae = autoencoder().fit(type(table)(X, NAMES) if "polars" in case else pd.DataFrame(X, columns=NAMES))
    with pytest.raises(InvalidData, match=message):
        ae.transform(table)


def test_too_little_is_enough_in_use() -> None:
    ae = autoencoder().fit(X)
    assert ae.transform(X[:1]).shape == (1, 2)
    assert ae.score_samples(X[:1]).shape == (1,)


@pytest.mark.parametrize("scaling", ["standard", "minmax", "quantile", "none"])
def test_values_too_large_to_compute_with_are_refused_in_use(scaling: str) -> None:
    """Rather than answered with inf, or NaN, and a warning of NumPy's."""
    ae = autoencoder(scaling=scaling).fit(X)
    huge = spoiled((7, 2, 1e300))
    for ask in (ae.transform, ae.reconstruct, ae.score, ae.reconstruction_error):
        with pytest.raises(InvalidData, match=r"column 2 holds 1e\+300.*too large to compute with"):
            ask(huge)


def test_another_number_of_columns_is_refused() -> None:
    ae = autoencoder().fit(X)
    for table in (X[:, :4], X[:, :4].tolist(), scipy.sparse.csr_matrix(X[:, :4])):
        for ask in (ae.transform, ae.reconstruct, ae.score, ae.score_samples, ae.reconstruction_error, ae.partial_fit):
            with pytest.raises(ValueError, match="X has 4 features, but Autoencoder is expecting 5 features as input"):
                ask(table)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_columns_are_found_by_their_names(library: str) -> None:
    make = {
        "pandas": lambda x, names: pd.DataFrame(x, columns=names),
        "polars": lambda x, names: pl.DataFrame(x, names),
    }
    table = make[library]
    ae = autoencoder().fit(table(X, NAMES))
    with pytest.warns(UserWarning, match=r"^left out columns that the fit has not had: 'cost'\.$"):
        more = ae.transform(table(np.hstack([X[:, :1], X]), ["cost", *NAMES]))
    np.testing.assert_array_equal(more, ae.transform(table(X, NAMES)))
    np.testing.assert_array_equal(ae.transform(table(X[:, ::-1], NAMES[::-1])), ae.transform(table(X, NAMES)))
    with pytest.raises(InvalidData, match=r"^column 'year' is missing\. There are: age, height, price, weight\.$"):
        ae.transform(table(X[:, :4], NAMES[:4]))
    with pytest.raises(ValueError, match=r"(?s)names unseen at fit time:\n- a\n.*yet now missing:\n- age"):
        ae.transform(table(X, list("abcde")))
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        ae.transform(X)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.ones((3, 5)), "the codes have 5 columns, and those of this model have 2"),
        (np.ones((3, 1)), "the codes have 1 columns, and those of this model have 2"),
        (np.ones(2), "Expected 2D array, got 1D array"),
        (np.ones((3, 1, 1, 1, 2)), "X: expected 2 dimensions, or 3 or 4 for images; got 5"),
        (np.array([[1, 2], [NAN, 3]]), r"column 0 holds NaN \(missing\) in 1 row \(first: 1\)"),
        (np.array([[1, 2], [3, INF]]), r"column 1 holds inf in 1 row \(first: 1\)"),
        ([["a", "b"]], r"column 0: expected numbers; got text \('a', row 0\)"),
        (np.full((3, 2), 1e300), "too large to compute with"),
    ],
)
def test_codes_that_are_none_are_refused(codes: Any, message: str) -> None:
    ae = autoencoder().fit(X)
    with pytest.raises(InvalidData, match=message):
        ae.inverse_transform(codes)


def test_a_value_outside_the_support_is_named() -> None:
    inside = (X - X.min(axis=0)) / np.ptp(X, axis=0)
    ae = autoencoder(likelihood="bernoulli", scaling="none").fit(inside)
    assert np.isfinite(ae.score_samples(inside)).all()
    for cell, value in (((9, 2), 1.5), ((9, 2), -0.25)):
        outside = inside.copy()
        outside[cell] = value
        message = rf"^column 2 holds {value:g}, and the likelihood bernoulli needs values in \[0, 1\]: use scaling="
        for table in (outside, np.concatenate([inside] * 50 + [outside])):
            with pytest.raises(InvalidData, match=message):
                autoencoder(likelihood="bernoulli", scaling="none").fit(table)
    with pytest.raises(InvalidData, match="the likelihood bernoulli needs values in"):
        autoencoder(likelihood="bernoulli").fit(X)  # scaled to deviation 1
    autoencoder(likelihood="bernoulli", scaling="minmax").fit(X)
    autoencoder(likelihood="bernoulli", scaling="quantile").fit(X)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (-np.ones(40), "sample_weight must be finite and at least 0 in every row"),
        (np.r_[-1e-9, np.ones(39)], "sample_weight must be finite and at least 0 in every row"),
        (np.r_[NAN, np.ones(39)], "sample_weight must be finite and at least 0 in every row"),
        (np.r_[INF, np.ones(39)], "sample_weight must be finite and at least 0 in every row"),
        (np.ones(39), r"sample_weight.shape == \(39,\), expected \(40,\)"),
        (np.ones((40, 1)), "Sample weights must be 1D array or scalar"),
        (np.zeros(40), "sample_weight is zero in every row"),
        (np.r_[1, np.zeros(39)], r"X has 1 sample\(s\) that count"),
        (["a"] * 40, "sample_weight"),
        (np.full(40, 1e300), "sample_weight"),
        ({"a": 1}, "sample_weight"),
    ],
)
def test_weights_that_are_none_are_refused(weight: Any, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        autoencoder().fit(X, sample_weight=weight)


def test_weights_may_come_in_any_form() -> None:
    weight = np.arange(1, 41)
    due = weights_of(autoencoder().fit(X, sample_weight=weight))
    for form in (
        weight.tolist(),
        pd.Series(weight, index=range(100, 140)),
        pl.Series(weight),
        weight.astype(np.float32),
    ):
        np.testing.assert_array_equal(weights_of(autoencoder().fit(X, sample_weight=form)), due)
    np.testing.assert_array_equal(check_weight(None, 3), np.ones(3))
    np.testing.assert_array_equal(check_weight(2, 3), np.full(3, 2.0))


SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "max_epochs": ({"max_epochs": -1}, r"max_epochs must be a whole number of at least 0\. Got -1"),
    "max_epochs a fraction": ({"max_epochs": 2.5}, r"max_epochs must be a whole number of at least 0\. Got 2\.5"),
    "max_epochs text": ({"max_epochs": "3"}, "max_epochs must be a whole number of at least 0. Got '3'"),
    "max_epochs truth": ({"max_epochs": True}, "max_epochs must be a whole number of at least 0. Got True"),
    "batch_size": ({"batch_size": 0}, r"batch_size must be a whole number of at least 1, or None\. Got 0"),
    "batch_size a fraction": (
        {"batch_size": 32.0},
        r"batch_size must be a whole number of at least 1, or None\. Got 32\.0",
    ),
    "validation_fraction": (
        {"validation_fraction": 1.5},
        r"validation_fraction must be in \[0, 1\), or None\. Got 1\.5",
    ),
    "validation_fraction 1": (
        {"validation_fraction": 1},
        r"validation_fraction must be in \[0, 1\), or None\. Got 1\.",
    ),
    "validation_fraction below": ({"validation_fraction": -0.1}, "validation_fraction must be"),
    "validation_fraction NaN": ({"validation_fraction": NAN}, "validation_fraction must be"),
    "validation_fraction text": ({"validation_fraction": "a tenth"}, "validation_fraction must be"),
    "n_starts": ({"n_starts": 0}, r"n_starts must be a whole number of at least 1 and at most 10,000\. Got 0"),
    "random_state": ({"random_state": "a"}, r"random_state must be .*a whole number in \[0, 2\*\*32\)\. Got 'a'"),
    "random_state below": ({"random_state": -1}, "random_state must be .*a whole number"),
    "random_state above": ({"random_state": 2**32}, "random_state must be .*a whole number"),
    "random_state a fraction": ({"random_state": 1.5}, "random_state must be .*a whole number"),
    "device": ({"device": "tpu9"}, "device.*'tpu9'.*'cpu'|device.*'cpu'.*'tpu9'"),
    "device a number": ({"device": 3}, "device"),
    "bottleneck": ({"bottleneck": None}, "bottleneck must be"),
    "bottleneck size": ({"bottleneck": 0}, r"Deterministic\.size must be at least 1\. Got 0"),
    "bottleneck a fraction": ({"bottleneck": 2.5}, r"Deterministic\.size must be a whole number\. Got 2\.5"),
    "encoder": ({"encoder": None}, "encoder must be"),
    "likelihood": ({"likelihood": None}, "likelihood must be"),
    "optimizer": ({"optimizer": None}, "optimizer must be"),
    "stops": ({"stops": 3}, "expected a stop or its spelling. Got 3"),
    "penalties": ({"penalties": [0.1]}, "expected a penalty or its spelling. Got 0.1"),
    "a part of another room": ({"corruption": resolve(Scaling, "minmax")}, "expected a corruption or its spelling"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_a_setting_that_cannot_be_is_said_by_fit(case: str) -> None:
    settings, message = SETTINGS[case]
    for fit in ("fit", "partial_fit"):
        ae = autoencoder(**settings)
        with pytest.raises((InvalidPart, InvalidData), match=message):
            getattr(ae, fit)(X)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"bottleneck": "top_q(6)"},
            r"no bottleneck is called 'top_q'\. Did you mean 'top_k'\? There are: .*deterministic",
        ),
        ({"optimizer": "adm"}, r"no optimizer is called 'adm'\. Did you mean 'adam'\?"),
        ({"likelihood": "bernouli"}, r"no likelihood is called 'bernouli'\. Did you mean 'bernoulli'\?"),
        ({"corruption": "mask"}, r"no corruption is called 'mask'\. Did you mean 'masking'\?"),
        ({"penalties": ["l1", "l9"]}, r"no penalty is called 'l9'\. .*There are: .*l1, l2"),
        ({"stops": "patient"}, r"no stop is called 'patient'\. Did you mean 'patience'\?"),
        ({"scaling": "minmx"}, r"no scaling is called 'minmx'\. Did you mean 'minmax'\?"),
        ({"encoder": "mpl"}, r"no backbone is called 'mpl'\. Did you mean 'mlp'\?"),
        ({"encoder": "mlp((4,), 'rleu')"}, r"no activation is called 'rleu'\. Did you mean 'relu'\?"),
    ],
)
def test_an_unknown_part_is_said_with_the_nearest(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownPart, match=message):
        autoencoder(**settings).fit(X)


def test_settings_are_looked_at_before_the_table() -> None:
    with pytest.raises(UnknownPart, match="no optimizer is called 'adm'"):
        autoencoder(optimizer="adm").fit("no such file.csv")


def test_what_is_wrong_is_of_one_family() -> None:
    """One `except` catches what isthmus raises on purpose, and scikit-learn's tools see a ValueError."""
    for error in (InvalidData, InvalidPart, UnknownPart):
        assert issubclass(error, IsthmusError)
        assert issubclass(error, ValueError)


def test_no_warning_of_numpy_reaches_the_user() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for scale in (1e-200, 1e-30, 1e9, 1e15, 1e30, 1e90):
            ae = autoencoder().fit(X * [1, scale, 1, 1, 1])
            assert np.isfinite(ae.transform(X * [1, scale, 1, 1, 1])).all()
