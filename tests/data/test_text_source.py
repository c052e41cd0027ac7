"""Texts as a source: rows block by block, as a part of the room texts makes them."""

from __future__ import annotations

import numpy as np

from isthmus.data.sources import open_numbers, source_type
from isthmus.data.text_source import TextSource
from isthmus.parts.texts import Tokens

TEXTS = ["a cat", "the cat sees a dog", "dogs"]


def test_texts_are_read_in_blocks_as_often_as_wanted() -> None:
    part = Tokens()
    learned = part.fit(TEXTS)
    source = TextSource(TEXTS, part, learned)
    assert (source.n_rows, source.row, source.dtype) == (3, part.row(learned), np.float32)
    for rows in (1, 2, 3):
        blocks = list(source.blocks(rows))
        assert [len(block) for block in blocks] == [len(TEXTS[i : i + rows]) for i in range(0, 3, rows)]
        np.testing.assert_array_equal(np.concatenate(blocks), part.apply(learned, TEXTS))
    assert not type(source).accepts(TEXTS)
    assert source.kind is source_type("texts")
    assert open_numbers(source) is source
