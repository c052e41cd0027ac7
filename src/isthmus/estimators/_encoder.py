"""The base of networks: codes, their names, and the history of the training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import validate_data

from isthmus.contracts import Row
from isthmus.data.labels import Labels
from isthmus.data.reader import Reader, TableOptions
from isthmus.data.source import Source
from isthmus.estimators._device import on_device
from isthmus.estimators._fitted import Fitted
from isthmus.estimators._shown import Shown
from isthmus.estimators._sklearn import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from isthmus.model import inference
from isthmus.model.model import Model


class Encoder(Shown, ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """A network that gives each row a code."""

    if TYPE_CHECKING:
        device: str | None
        random_state: Any

        def check_parameters(self) -> None: ...
        def __sklearn_is_fitted__(self) -> bool: ...

        @property
        def fitted_(self) -> Fitted: ...

    def networks(self) -> dict[str, Any]:
        """Return the network itself."""
        return {"": self}

    @on_device
    def transform(self, X: Any) -> np.ndarray:
        """Return the code of each row, [n, n_components_], without noise."""
        source = self.open_rows(X)
        return self.fitted_.apply(inference.encode, source, self.n_components_)

    def open_rows(self, X: Any) -> Source:
        """Return the source of a table like that of the fit, its columns compared with those.

        Raises
        ------
        InvalidData
            If it is another table.
        """
        reader = self.fitted_.reader
        source = reader.open(X)
        if reader.text is not None:
            validate_data(self, _heading(Row(source.row.shape)), skip_check_array=True, reset=False)
        elif not source.is_file:  # of a file the reader takes the columns by name
            labels = source.labels()
            if not _has_columns_of(reader, source.row, labels):  # then scikit-learn says what differs
                validate_data(self, _heading(source.row, labels), skip_check_array=True, reset=False)
        source.require_rows()
        return source

    def scaled_rows(self, X: Any) -> np.ndarray:
        """Return the rows of a table as the model sees them, [n, d] float32."""
        return np.concatenate(list(self.fitted_.reader.scale(self.open_rows(X))))

    def marked_rows(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the same, and where a category is that the fit has not had, [n, d] bool."""
        blocks, marks = zip(*self.fitted_.reader.scale_marked(self.open_rows(X)), strict=True)
        return np.concatenate(blocks), np.concatenate(marks)

    @property
    def model_(self) -> Model:
        """The trained model, an Equinox module."""
        return self.fitted_.model

    @property
    def n_features_in_(self) -> int:
        """How many columns a row has."""
        return self.fitted_.row.size

    @property
    def feature_names_in_(self) -> np.ndarray:
        """The names of the columns, where all of them are text."""
        reader = self.fitted_.reader
        if not reader.has_names:
            raise AttributeError("the columns of the table of the fit had no names.")
        return np.array(reader.row.columns, dtype=object)

    @property
    def n_components_(self) -> int:
        """How many columns a code has."""
        return self.fitted_.n_components

    @property
    def n_samples_(self) -> int:
        """How many rows the table of the fit had."""
        return self.fitted_.n_samples

    @property
    def history_(self) -> list[dict[str, Any]]:
        """A record for each epoch of the start that is kept."""
        return [dict(record) for record in self.fitted_.history]

    @property
    def n_iter_(self) -> int:
        """How many epochs there were."""
        return len(self.fitted_.history)

    @property
    def stop_reason_(self) -> str | None:
        """Why training ended, a sentence."""
        return self.fitted_.stop_reason

    @property
    def is_interrupted_(self) -> bool:
        """Say whether Ctrl-C ended the training."""
        return bool(self.fitted_.history) and self.fitted_.history[-1].get("stop") == "interrupted"

    @property
    def _n_features_out(self) -> int:
        return self.n_components_


def learn_reader(X: Any, options: TableOptions) -> tuple[Reader, Source]:
    """Return what is known of a table before its rows are read, and its source; scikit-learn looks at its names.

    Raises
    ------
    InvalidData
        If the table cannot be used; the message names the column.
    """
    reader, source = Reader.learn(X, options)
    is_named = learn_names(source, is_text=reader.text is not None)
    source.require_rows()
    return reader.with_names(is_named=is_named), source


def learn_names(source: Source, *, is_text: bool) -> bool:
    """Say whether a table has names of columns that scikit-learn compares; it refuses names that it cannot use."""
    probe = BaseEstimator()  # the estimator keeps what it knows of the last fit until this one has ended
    table = _heading(Row(source.row.shape)) if is_text else _heading(source.row, source.labels())
    validate_data(probe, table, skip_check_array=True, reset=True)
    return "feature_names_in_" in vars(probe)


def _has_columns_of(reader: Reader, row: Row, labels: Labels | None) -> bool:
    """Say whether a table has as many columns as that of the fit, and the names that scikit-learn compares."""
    names = _compared_names(row, labels)
    if names is None:
        return not reader.has_names and row.size == reader.row.size
    return reader.has_names and reader.row.columns == tuple(names)


def _heading(row: Row, labels: Labels | None = None) -> Any:
    """Return a table without rows that has the columns of a row, by their names as their frame has them."""
    import pandas as pd

    names = _compared_names(row, labels)
    return np.empty((0, row.size)) if names is None else pd.DataFrame(columns=names)


def _compared_names(row: Row, labels: Labels | None) -> list[str] | None:
    """Return the names of the columns where all are text, as scikit-learn compares no others; else None."""
    names = list((row.columns or ()) if labels is None else labels)
    return names if names and all(isinstance(name, str) for name in names) else None
