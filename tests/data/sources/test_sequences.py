"""Lists of arrays are sequences: read with NaN behind the end, answered at their own lengths, refused with a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from isthmus.contracts import Row
from isthmus.data.rows import Rows
from isthmus.data.sources import open_numbers, source_type, source_types
from isthmus.errors import InvalidData

RANDOM = np.random.default_rng(0)
LENGTHS = (3, 1, 5, 2)
RAGGED = [RANDOM.normal(size=(length, 2)) for length in LENGTHS]


def objects(sequences: list[np.ndarray]) -> np.ndarray:
    found = np.empty(len(sequences), object)
    found[:] = sequences
    return found


FORMS: dict[str, Callable[[list[np.ndarray]], Any]] = {
    "list": list,
    "tuple": tuple,
    "objects": objects,
    "jax": lambda sequences: [jnp.asarray(each) for each in sequences],
}


@pytest.mark.parametrize("form", FORMS)
def test_sequences_are_read_with_nan_behind_their_end(form: str) -> None:
    data = FORMS[form](RAGGED)
    assert next(kind for kind in source_types() if kind.accepts(data)) is source_type("sequences")
    source = open_numbers(data)
    assert source.row == Row((5, 2), is_sequence=True, may_be_missing=True)
    assert (source.n_rows, source.dtype) == (4, np.float32 if form == "jax" else np.float64)
    for rows in (1, 3, 100):
        block = np.concatenate(list(source.blocks(rows)))
        assert block.dtype == source.dtype
        for line, sequence in zip(block, RAGGED, strict=True):
            np.testing.assert_allclose(line[: sequence.size], sequence.ravel(), rtol=1e-6)
            assert np.isnan(line[sequence.size :]).all()


def test_of_one_length_they_have_no_holes() -> None:
    source = open_numbers([each[:1] for each in RAGGED])
    assert source.row == Row((1, 2), is_sequence=True)
    assert not np.isnan(next(source.blocks(9))).any()


def test_sequences_of_one_feature_may_be_flat() -> None:
    source = open_numbers([np.array([1, 2, 3]), np.array([4.0, 5])])
    assert source.row.shape == (3, 1)
    np.testing.assert_array_equal(next(source.blocks(9)), [[1, 2, 3], [4, 5, np.nan]])
    answer = type(source).frame(np.arange(6.0).reshape(2, 3, 1), [], source.index)
    assert [each.tolist() for each in answer] == [[0, 1, 2], [3, 4]]


def test_arrays_and_lists_of_numbers_stay_what_they_are() -> None:
    for data in (RANDOM.normal(size=(4, 3, 2)), RANDOM.normal(size=(4, 3)), [[1, 2], [3, 4]], list(np.ones((3, 2)))):
        source = open_numbers(data)
        assert type(source) is source_type("array")
        assert not source.row.is_sequence


LISTS = [each.tolist() for each in RAGGED]


@pytest.mark.parametrize(
    "data",
    [LISTS, tuple(map(tuple, LISTS)), objects(LISTS), [*RAGGED[:2], *LISTS[2:]], [*LISTS[:2], *RAGGED[2:]]],
    ids=["lists", "tuples", "objects", "arrays and lists", "lists and arrays"],
)
def test_nested_lists_that_differ_in_length_are_sequences(data: Any) -> None:
    source, same = open_numbers(data), open_numbers(RAGGED)
    assert source.row == same.row
    np.testing.assert_array_equal(next(source.blocks(9)), next(same.blocks(9)))


def test_flat_lists_are_a_table_that_lacks_a_cell() -> None:
    """They may be sequences of one feature: a fit on such tells."""
    table = [[1, 2, 3], [4, 5], [6, 7, 8]]
    with pytest.raises(InvalidData) as caught:
        open_numbers(table)
    assert str(caught.value) == (
        "X is not a table: its rows differ in length or depth: row 1 holds 2 and row 0 holds 3. Where rows are "
        "sequences of differing lengths, pass each as an array."
    )
    source = open_numbers(source_type("sequences").convert(table, Row((4, 1), is_sequence=True, may_be_missing=True)))
    np.testing.assert_array_equal(next(source.blocks(9)), [[1, 2, 3], [4, 5, np.nan], [6, 7, 8]])


@pytest.mark.parametrize(
    ("features", "data", "shapes"),
    [
        (1, [[1, 2], [3, 4]], [(2,), (2,)]),
        (1, [[1.0]], [(1,)]),
        (1, [[1], [2, 3]], [(1,), (2,)]),
        (1, [[[1], [2]], [[3], [4]]], [(2, 1), (2, 1)]),
        (2, [[[1, 2]], [[3, 4]]], [(1, 2), (1, 2)]),
        (1, [np.ones(2), np.ones(2)], [(2,), (2,)]),
        (1, [np.ones(1), np.ones(1)], [(1,), (1,)]),
    ],
)
def test_lists_of_one_length_are_sequences_where_the_fit_was(
    features: int, data: Any, shapes: list[tuple[int, ...]]
) -> None:
    row = Row((4, features), is_sequence=True, may_be_missing=True)
    assert open_numbers(source_type("sequences").convert(data, row)).index == shapes


@pytest.mark.parametrize(
    ("features", "data"),
    [
        (2, RAGGED[0]),
        (2, LISTS[0]),
        (1, np.ones(3)),
        (1, [1, 2, 3]),
        (1, np.ones((3, 1))),
        (1, [[1], [2], [3]]),
    ],
)
def test_one_sequence_is_no_list_of_them(features: int, data: Any) -> None:
    row, told = (
        Row((4, features), is_sequence=True, may_be_missing=True),
        "X: expected a list of sequences; got one sequence",
    )
    with pytest.raises(InvalidData) as caught:
        source_type("sequences").convert(data, row)
    assert str(caught.value) == f"{told}, of length 3. Pass [X]."
    assert open_numbers(source_type("sequences").convert([data], row)).index[0][0] == 3


def test_rows_that_lie_flat_are_no_sequence() -> None:
    convert = source_type("sequences").convert
    for data, shape in ((np.ones((3, 8)), (4, 2)), (np.ones((3, 2)), (1, 2)), ([], (4, 2)), (["a", "b"], (4, 1))):
        assert convert(data, Row(shape, is_sequence=True)) is data


def test_precision_is_single_where_all_is() -> None:
    single = [each.astype(np.float32) for each in RAGGED]
    assert open_numbers(single).dtype == np.float32
    assert open_numbers([*single[1:], RAGGED[0]]).dtype == np.float64


def test_answers_are_cut_to_their_own_lengths_where_these_are_known() -> None:
    source = open_numbers(RAGGED)
    values = np.arange(40.0).reshape(4, 5, 2)
    cut, whole = type(source).frame(values, [], source.index), type(source).frame(values, [])
    for answer, full, value, length in zip(cut, whole, values, LENGTHS, strict=True):
        np.testing.assert_array_equal(answer, value[:length])
        np.testing.assert_array_equal(full, value)


def test_shorter_ones_are_filled_up_to_the_length_of_the_fit() -> None:
    fitted, source = open_numbers(RAGGED).row, open_numbers([RAGGED[0], RAGGED[3]])
    source = source.shaped_like(fitted)
    assert source.row == fitted
    (block,) = source.blocks(9)
    np.testing.assert_array_equal(np.isnan(block).sum(axis=1), [4, 6])
    alone = open_numbers([RAGGED[0]]).shaped_like(fitted)
    np.testing.assert_array_equal(next(alone.blocks(9))[0], block[0])


def test_equal_ones_are_folded_into_one_with_their_weight() -> None:
    rows = Rows(open_numbers([*RAGGED, RAGGED[1], RAGGED[1]]), np.array([1.0, 1, 1, 1, 2, 3]))
    ((values, weight),) = rows()
    assert rows.count == 4
    np.testing.assert_array_equal(values[weight == 6], [[*RAGGED[1][0], *[np.nan] * 8]])


def test_an_array_is_as_long_as_it_is() -> None:
    source = open_numbers(np.ones((3, 2)))
    source = source.shaped_like(Row((5, 2)))
    assert source.row == Row((2,))


def changed(place: tuple[int, ...], value: Any) -> list[np.ndarray]:
    found = [each.astype(object if isinstance(value, str) else each.dtype) for each in RAGGED]
    found[2][place] = value
    return found


BAD: dict[str, tuple[Any, str]] = {
    "empty": (
        [*RAGGED[:3], np.empty((0, 2))],
        "sequence 3 has length 0: leave it out, or give it a step.",
    ),
    "empty list": ([*RAGGED[:2], []], "sequence 2 has length 0: leave it out, or give it a step."),
    "empty list among lists": ([[], *LISTS[2:]], "sequence 0 has length 0: leave it out, or give it a step."),
    "none": ([*RAGGED[:2], None], "sequence 2 is missing (None): leave it out."),
    "none among lists": ([None, LISTS[0]], "sequence 0 is missing (None): leave it out."),
    "none among rows": ([[1, 2], None], "X is not a table: its rows differ in length or depth: row 1 is None."),
    "uneven steps": (
        [[[1, 2], [3, 4], [5]], [[6, 7]]],
        "sequence 0 holds 1 features at step 2 and 2 at step 0: each step of each sequence holds the same ones.",
    ),
    "uneven deep": (
        [[[1, 2], [3, 4]], [[5, [6]]]],
        "sequence 1 is not even: each step of each sequence holds the same ones.",
    ),
    "too deep": (
        [np.ones((2, 1)), [pd.DataFrame(np.ones((2, 1)))]],
        "sequence 1: expected 2 axes, steps and features, or 1, steps; got 3.",
    ),
    "features": (
        [*RAGGED, np.ones((2, 3))],
        "sequence 4 has 3 features, and sequence 0 has 2: each step of each sequence holds the same ones.",
    ),
    "flat among others": (
        [*RAGGED, np.ones(2)],
        "sequence 4 has 1 features, and sequence 0 has 2: each step of each sequence holds the same ones.",
    ),
    "nothing at each step": ([np.empty((2, 0))], "sequence 0: expected numbers at each step; got 0 features."),
    "text": (changed((4, 1), "high"), "sequence 2: expected numbers; got 'high' at step 4."),
    "nan": (
        changed((3, 0), np.nan),
        "sequence 2 holds nan at step 3: fill it, or end the sequence before it.",
    ),
    "inf": (
        changed((0, 1), -np.inf),
        "sequence 2 holds -inf at step 0: fill it, or end the sequence before it.",
    ),
    "complex": (
        [each + 1j for each in RAGGED],
        "Complex data not supported: split real and imaginary parts into features.",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_sequence_of_numbers_is_refused(case: str) -> None:
    data, message = BAD[case]
    with pytest.raises(InvalidData) as caught:
        open_numbers(data)
    assert str(caught.value) == message


LONGER = "sequence 2 has length 5, and the longest that the model was fitted with has length 4: "
SHORTER = "sequence 0 has length 3, and all of the fit have length 5: "
OTHERS: dict[str, tuple[Row, str]] = {
    "longer": (
        Row((4, 2), is_sequence=True, may_be_missing=True),
        LONGER + "cut it, or fit a model on sequences as long.",
    ),
    "shorter": (
        Row((5, 2), is_sequence=True),
        SHORTER + "fit a model on sequences of differing lengths.",
    ),
    "other features": (
        Row((5, 3), is_sequence=True, may_be_missing=True),
        "X holds sequences of 2 features, and the model was fitted with 3.",
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_the_fit_did_not_know_is_refused(case: str) -> None:
    row, message = OTHERS[case]
    source = open_numbers(RAGGED)
    with pytest.raises(InvalidData) as caught:
        source.shaped_like(row)
    assert str(caught.value) == message
