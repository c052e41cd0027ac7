"""Without the extra one sentence says what to install, and what it pins."""

import sys

import pytest

from isthmus import MissingExtra
from isthmus.core import extras
from isthmus.onnx.libraries import library


def test_what_is_missing_is_named(monkeypatch):
    extras.library.cache_clear()
    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    with pytest.raises(MissingExtra, match=r"pip install 'isthmus\[onnx\]' \(jax2onnx pins orbax-checkpoint < "):
        library("jax2onnx")
    extras.library.cache_clear()
