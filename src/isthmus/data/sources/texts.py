"""Texts, read as a part of the room `texts` says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from isthmus.data.source import Source
from isthmus.data.tokens import Worded


class Texts(Source):
    """Texts that become rows block by block; an estimator says how, so it opens no data by itself."""

    def __init__(self, data: Any) -> None:
        self._worded = data
        self.row = data.part.row(data.learned)
        self.n_rows = len(data.texts)
        self.dtype = np.dtype(np.float32)

    @classmethod
    def accepts(cls, data: Any) -> bool:
        return isinstance(data, Worded)

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        texts, part, learned = self._worded
        for start in range(0, len(texts), rows):
            yield part.apply(learned, texts[start : start + rows])
