"""scikit-learn's base classes, with types: it ships none, and every attribute would pass unchecked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:

    class BaseEstimator:
        """Parameters by the names of the constructor's arguments."""

        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self, **params: Any) -> Self: ...
        def __sklearn_tags__(self) -> Any: ...
        def __getstate__(self) -> dict[str, Any]: ...
        def __setstate__(self, state: dict[str, Any]) -> None: ...

        @classmethod
        def _get_param_names(cls) -> list[str]: ...

    class TransformerMixin:
        """`fit_transform`, and the form of what `transform` answers."""

        def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any: ...
        def set_output(self, *, transform: Any = None) -> Self: ...

    class ClassNamePrefixFeaturesOutMixin:
        """The names of codes, by the class and their place."""

        def get_feature_names_out(self, input_features: Any = None) -> Any: ...

    class ClassifierMixin:
        """The tags of a classifier."""

    class RegressorMixin:
        """The tags of a regressor."""

    class OutlierMixin:
        """`fit_predict`, and the tags of a detector."""

        def fit_predict(self, X: Any, y: Any = None, **kwargs: Any) -> Any: ...

else:
    from sklearn.base import (
        BaseEstimator,
        ClassifierMixin,
        ClassNamePrefixFeaturesOutMixin,
        OutlierMixin,
        RegressorMixin,
        TransformerMixin,
    )

__all__ = [
    "BaseEstimator",
    "ClassNamePrefixFeaturesOutMixin",
    "ClassifierMixin",
    "OutlierMixin",
    "RegressorMixin",
    "TransformerMixin",
]
