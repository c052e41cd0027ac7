"""Mixed contexts: what is written is read, in about as many bits as it has entropy, by whole numbers alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from isthmus.codec import methods
from isthmus.codec.cells import Cells
from isthmus.codec.columns import Column, NumberColumn, TextColumn
from isthmus.codec.entropy import Reader, Writer
from isthmus.codec.mixing import CHANCE, LIMIT, REACH, UNIT, Mixer, _tables
from isthmus.codec.quantisers import Bits, Decimals
from isthmus.codec.relatives import (
    DIFFERENCES,
    RANKS,
    Plan,
    Relatives,
    classes,
    make_plan,
    size_class,
    spread,
    told,
    unspread,
)
from isthmus.errors import ModelFileError


def pressed(numbers: np.ndarray, contexts: np.ndarray, step: int = 64) -> bytes:
    coder, mixer = Writer(), Mixer(contexts.shape[1], 2, len(numbers))
    for start in range(0, len(numbers), step):
        part = slice(start, start + step)
        mixer.code(coder, contexts[part], contexts[part, 0] % 2, numbers[part])
    coder.flush()
    data = coder.to_bytes()
    reader, mixer, read = Reader(data), Mixer(contexts.shape[1], 2, len(numbers)), []
    for start in range(0, len(numbers), step):
        part = slice(start, start + step)
        read.append(mixer.code(reader, contexts[part], contexts[part, 0] % 2, None))
    assert reader.is_finished
    assert np.concatenate(read).tolist() == numbers.tolist()
    return data


def test_the_tables_are_those_of_logarithms_and_of_the_logistic_function() -> None:
    logs, squash = _tables()
    assert logs.tolist() == [round(UNIT * math.log(count + 0.4)) for count in range(LIMIT + 1)]
    assert squash[REACH] == CHANCE // 2
    assert (squash + squash[::-1] == CHANCE).all()
    assert squash.min() >= 1
    for place in (-700, 0, 256, 1000):
        assert abs(squash[REACH + place] - CHANCE / (1 + math.exp(-place / UNIT))) <= 1


def test_numbers_take_about_their_entropy_and_what_contexts_tell_takes_none() -> None:
    random = np.random.Generator(np.random.Philox(0))
    numbers = random.geometric(0.25, 4096) - 1
    chance = 0.75 ** np.arange(60) * 0.25
    entropy = float(-(chance * np.log2(chance)).sum())
    data = pressed(numbers, np.zeros((4096, 2), np.int64))
    assert entropy * 0.97 < 8 * len(data) / 4096 < entropy * 1.05
    known = np.stack([np.zeros(4096, np.int64), numbers], axis=1)
    assert 8 * len(pressed(numbers, known)) / 4096 < 0.25


def test_numbers_of_any_size_are_read_again() -> None:
    numbers = np.array([0, 1, 2, 1023, 1024, 2047, 2**31, 2**45 + 12345, 2**61 - 2, 7] * 7)
    data = pressed(numbers, np.arange(140).reshape(70, 2) % 5, step=9)  # which reads them again, and compares
    assert len(data) < numbers.nbytes


def test_signs_and_classes_by_hand() -> None:
    numbers = np.array([0, -1, 1, -2, 2, -(2**40)])
    assert spread(numbers)[:5].tolist() == [0, 1, 2, 3, 4]
    assert unspread(spread(numbers)).tolist() == numbers.tolist()
    assert size_class(np.array([0, 1, -1, 2, 3, 4, 6, -6])).tolist() == [0, 2, -2, 4, 5, 6, 7, -7]
    assert classes(np.array([5, 5, 9, 1]), 3).tolist() == [1, 1, 2, 0]
    assert classes(np.arange(100), 4).tolist() == [place // 25 for place in range(100)]
    half = np.arange(4000) % 2
    assert told(half, half) == pytest.approx(1, abs=1e-3)
    assert told(half, np.arange(4000) // 2 % 2) == pytest.approx(0, abs=1e-3)


def columns(n: int) -> list[tuple[Column, Cells]]:
    """Return columns that tell of each other: an order, a walk, its double, words of it, and gaps."""
    random = np.random.Generator(np.random.Philox(6))
    walk = np.cumsum(random.integers(-2, 3, n))
    price = (walk * 0.25).round(2)
    price[::50] = np.nan, *price[50::50]
    none = np.zeros(n, bool)
    words = np.array([b"low", "hoch — высоко".encode(), b""], object)[np.clip(walk // 8 + 1, 0, 2)]
    words[7] = b""
    gaps = none.copy()
    gaps[7] = True
    return [
        (NumberColumn(Bits(np.dtype(np.int32))), Cells(walk.astype(np.int32), none)),
        (NumberColumn(Decimals(np.dtype(np.float64), 2)), Cells(price, none)),
        (TextColumn(()), Cells(words, gaps)),
        (NumberColumn(Bits(np.dtype(np.int64))), Cells(np.where(gaps, 0, walk * 2), gaps)),
    ]


def test_columns_come_back_and_those_that_others_tell_take_little() -> None:
    written, read = Relatives(), Relatives()
    sizes = []
    for column, cells in columns(1500):
        numbers, special = column.numbers(cells)
        data = methods.write_contexts(column, cells, numbers, special, written)
        assert data is not None
        restored, again, marks = methods.read(methods.CONTEXTS, data, column, len(cells), read)
        assert (again == numbers).all()
        assert (marks == special).all()
        assert (restored.is_null == cells.is_null).all()
        if cells.values.dtype == object:
            assert restored.values.tolist() == cells.values.tolist()
        else:
            assert restored.values.tobytes() == cells.values.tobytes()
        sizes.append(len(data))
        for relatives in (written, read):
            relatives.add(methods.as_relative(column, cells, numbers, special))
    assert sizes[0] < 1500 * np.log2(5) / 8 * 1.15 + 60  # steps of five kinds, as likely as each other
    assert sizes[3] < sizes[0] / 3


def test_the_plan_finds_what_tells() -> None:
    relatives = Relatives()
    random = np.random.Generator(np.random.Philox(8))
    noise, cause = random.integers(0, 9, (2, 3000))
    relatives.add(noise)
    relatives.add(cause)
    assert make_plan(cause * 2, np.arange(3000), relatives, is_ordered=True) == Plan(RANKS, False, (1,))
    walk = np.cumsum(noise * 1000 - 4000)
    assert make_plan(walk, np.arange(3000), relatives, is_ordered=True)[:2] == (DIFFERENCES, True)


def test_forged_columns_are_refused_or_read() -> None:
    random = np.random.Generator(np.random.Philox(3))
    for column, cells in columns(100):
        numbers, special = column.numbers(cells)
        data = methods.write_contexts(column, cells, numbers, special, Relatives())
        assert data is not None
        for _ in range(25):
            place = int(random.integers(len(data)))
            forged = data[:place] + bytes([data[place] ^ 1 << int(random.integers(8))]) + data[place + 1 :]
            try:
                restored = methods.read(methods.CONTEXTS, forged, column, 100, Relatives())[0]
            except ModelFileError as error:
                assert "damaged" in str(error)  # noqa: PT017 -- either is right
            else:
                assert len(restored) == 100


def test_few_rows_and_large_numbers_have_no_contexts() -> None:
    column = NumberColumn(Bits(np.dtype(np.int64)))
    for values in (np.arange(5), np.full(500, 2**60)):
        cells = Cells(values, np.zeros(len(values), bool))
        assert methods.write_contexts(column, cells, *column.numbers(cells), Relatives()) is None
