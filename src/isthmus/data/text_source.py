"""A source of texts, turned into rows by a part of the kind `texts`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from isthmus.contracts import Text
from isthmus.data.source import Source


class TextSource(Source):
    """Texts that become rows block by block, by a part and what it has learned."""

    form = "texts"

    def __init__(self, texts: Sequence[str], part: Text, learned: Mapping[str, Any]) -> None:
        self.texts, self.part, self.learned = list(texts), part, dict(learned)
        self.row = part.row(self.learned)
        self.n_rows = len(self.texts)
        self.dtype = np.dtype(np.float32)

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        for start in range(0, self.n_rows, rows):
            yield self.part.apply(self.learned, self.texts[start : start + rows])
