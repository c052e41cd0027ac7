"""What every network does that is a transformer of scikit-learn: codes, their names, its tags."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from isthmus.estimators._device import on_device
from isthmus.estimators._network import Network
from isthmus.model import inference


class Encoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Network):
    """A network that gives each row a code."""

    @on_device
    def transform(self, X: Any) -> np.ndarray:
        """Return the code of each row, [n, n_components_], without noise."""
        return self._apply(inference.encode, self._open(X, reset=False), self.n_components_)

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
