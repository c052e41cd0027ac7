"""Tables of every library, and of classes derived from theirs, are read as what they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse

from isthmus import AnomalyDetector, Imputer, InvalidData, InvalidPart, NetworkClassifier
from tiny import NAMES, X, Y, autoencoder

FRAME = pd.DataFrame(X, columns=NAMES).assign(t=["x", "y"] * 30)
NUMBERS = FRAME[NAMES]
TEXTS = ["a b c", "b c d", "a c d", "e a b"] * 8
SEQUENCES = [X[i : i + 2 + i % 3, :2] for i in range(40)]


class OwnFrame(pd.DataFrame):
    """As GeoDataFrame is one."""


class OwnPolars(pl.DataFrame):
    """The same of polars."""


class OwnSparse(scipy.sparse.csr_matrix):
    """The same of SciPy."""


@pytest.mark.parametrize("frame", [FRAME, NUMBERS], ids=["with texts", "of numbers"])
def test_a_frame_of_a_class_derived_from_one_is_a_frame(frame: pd.DataFrame) -> None:
    own = OwnFrame(frame)
    model = autoencoder().fit(own)
    assert model.feature_names_in_.tolist() == list(frame)
    pd.testing.assert_frame_equal(pd.DataFrame(model.reconstruct(own)), autoencoder().fit(frame).reconstruct(frame))
    np.testing.assert_array_equal(autoencoder().fit(frame).transform(own), model.transform(frame))
    assert list(Imputer(autoencoder()).fit_transform(own)) == list(frame)
    detector = AnomalyDetector(autoencoder()).fit(own)
    assert detector.explain(own)["contribution"].columns.tolist() == list(frame)
    classifier = NetworkClassifier(encoder=(4,), max_epochs=1).fit(own, Y)
    assert classifier.predict(own).shape == (60,)
    polars = OwnPolars(pl.from_pandas(frame))
    assert isinstance(autoencoder().fit(polars).reconstruct(polars), pl.DataFrame)


def test_a_sparse_matrix_of_a_class_derived_from_one_is_sparse() -> None:
    sparse = OwnSparse(X)
    np.testing.assert_array_equal(autoencoder().fit(sparse).transform(sparse), autoencoder().fit(X).transform(X))


@pytest.mark.parametrize("frame", [FRAME, NUMBERS], ids=["with texts", "of numbers"])
def test_a_lazy_frame_is_the_collected_one(frame: pd.DataFrame) -> None:
    eager = pl.from_pandas(frame)
    lazy = eager.lazy()
    detector = AnomalyDetector(autoencoder()).fit(lazy)
    np.testing.assert_array_equal(
        detector.anomaly_score(lazy), AnomalyDetector(autoencoder()).fit(eager).anomaly_score(eager)
    )
    assert detector.explain(lazy)["expected"].columns.tolist() == list(frame)
    assert Imputer(autoencoder()).fit_transform(lazy).equals(eager)
    assert autoencoder().fit(lazy).reconstruct(lazy).columns == list(frame)


@pytest.mark.parametrize("frame", [FRAME, NUMBERS], ids=["with texts", "of numbers"])
def test_a_table_of_arrow_has_names(frame: pd.DataFrame) -> None:
    table = pa.Table.from_pandas(frame)
    model = autoencoder().fit(table)
    assert model.feature_names_in_.tolist() == list(frame)
    assert model.reconstruct(table).schema.names == list(frame)
    np.testing.assert_array_equal(model.transform(frame), model.transform(table))


def test_a_detector_reads_texts_and_sequences() -> None:
    detector = AnomalyDetector(autoencoder()).fit(TEXTS)
    explained = detector.explain(TEXTS[:3])
    words = detector.models_[0].fitted_.row.columns
    assert explained["contribution"].columns.tolist() == explained["expected"].columns.tolist() == list(words)
    np.testing.assert_allclose(explained["contribution"].sum(axis=1), detector.anomaly_score(TEXTS[:3]))
    series = AnomalyDetector(autoencoder(encoder="recurrent((3,))")).fit(SEQUENCES)
    assert series.predict(SEQUENCES).shape == (40,)


CELLS: dict[str, tuple[Any, str]] = {
    "a date": (np.datetime64("2024-01-01").item(), r"got values of type date \('2024-01-01', row 3\)"),
    "an object": ({}, r"got values of type dict \('\{\}', row 3\)"),
    "a text": ("soon", r"got text \('soon', row 3\)"),
}


@pytest.mark.parametrize("case", CELLS)
def test_a_cell_of_nested_lists_that_is_no_number_is_named(case: str) -> None:
    cell, message = CELLS[case]
    rows = X[:, :3].tolist()
    rows[3][1] = cell
    with pytest.raises(InvalidData, match=f"^column 1: expected numbers; {message}"):
        autoencoder().fit(rows)


def test_what_is_missing_in_an_array_of_objects_is_missing() -> None:
    lacking = np.array(X, dtype=object)
    lacking[0, 0], lacking[1, 1], lacking[2, 2] = pd.NA, None, pd.NaT
    model = Imputer(autoencoder()).fit(lacking)
    assert np.argwhere(model.missing(lacking)).tolist() == [[0, 0], [1, 1], [2, 2]]
    assert model.transform(lacking)[0, 1] == X[0, 1]


@pytest.mark.parametrize("settings", [{"encoder": "recurrent((3,))"}, {"text": "tokens", "encoder": "text((4,))"}])
def test_principal_components_are_of_numbers(settings: dict[str, Any]) -> None:
    table = TEXTS if "text" in settings else SEQUENCES
    likelihood = "codes" if "text" in settings else "squared_error"
    with pytest.raises(InvalidPart, match=r"^init='pca' needs numbers, and none missing"):
        autoencoder(init="pca", likelihood=likelihood, **settings).fit(table)
