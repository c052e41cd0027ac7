"""One column of a block by mixed contexts: nothing is learned beforehand, and no model is stored.

Where the numbers above tell something, rows are cut into lanes that go on side by side, by one row at a time; else rows
come in pieces, which grow.
"""

from __future__ import annotations

import numpy as np

from isthmus.codec.entropy import Coder
from isthmus.codec.mixing import Mixer
from isthmus.codec.relatives import DIFFERENCES, PARENTS, RANKS, Plan, Relatives, size_class, spread, unspread
from isthmus.errors import ModelFileError

STEPS = 256  # rows of a lane, at least
LANES = 256  # at most
FIRST, LAST = 32, 2048  # rows of a piece
LARGEST = 2**40  # of a number


def code_column(
    coder: Coder, plan: Plan, levels: np.ndarray, rows: np.ndarray, relatives: Relatives, numbers: np.ndarray | None
) -> np.ndarray:
    """Write, or read, the numbers [n] int64 of a column.

    Parameters
    ----------
    levels : the distinct numbers by their ranks, where the plan is of ranks.
    rows : [n], the places of the numbers in the block.

    Raises
    ------
    ModelFileError
        If what is read is not what was written.
    """
    n = len(rows)
    answer = np.zeros(n, np.int64) if numbers is None else numbers
    given = _ranks(levels, answer) if plan.kind == RANKS and numbers is not None else spread(answer)
    fixed, sets, parts = _of_parents(plan, rows, relatives)
    mixer = Mixer(fixed.shape[1] + (6 if plan.in_lanes else 0), 2, n)
    for place, step in enumerate(_lanes(n) if plan.in_lanes else _pieces(n)):
        contexts = fixed[step]
        above = np.zeros(len(step), np.int64)
        if plan.in_lanes:
            last = [answer[step - back] if place >= back else above for back in (1, 2, 3)]
            contexts = np.concatenate([contexts, _of_last(last, parts[step])], axis=1)
            above = last[0]
        if numbers is not None:
            follow = spread(numbers[step] - above) if plan.kind == DIFFERENCES else given[step]
            mixer.code(coder, contexts, sets[step], follow)
            continue
        read = mixer.code(coder, contexts, sets[step], None)
        if plan.kind == RANKS:
            if read.max(initial=0) >= len(levels):
                raise ModelFileError("the stream is damaged: a rank in it is none.")
            answer[step] = levels[read]
        else:
            answer[step] = unspread(read) + (above if plan.kind == DIFFERENCES else 0)
        if (np.abs(answer[step]) > 2 * LARGEST).any():
            raise ModelFileError("the stream is damaged: a number in it is larger than any may be.")
    return answer


def _of_parents(plan: Plan, rows: np.ndarray, relatives: Relatives) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the contexts of the parents [n, contexts], which weights to take [n], and parts of other contexts."""
    none = np.zeros(len(rows), np.int64)
    known = [[part[rows] for part in relatives.of(column)] for column in plan.parents]
    known += [[none] * 3] * (PARENTS - len(known))
    (a, _, a_change), (b, b_class, b_change), (c, c_class, c_change) = known
    if plan.in_lanes:
        fixed = [none, hashed(a, a_change), hashed(a_change, b_change, c_change, b_class)]
        return np.stack(fixed, axis=1), (a_change != 0).astype(np.int64), np.stack([a, b, a_change, b_change], axis=1)
    fixed = [none, a, b, c, hashed(a, b), hashed(a, c), hashed(b_class, c_class), hashed(a, b, c)]
    return np.stack(fixed[: (1, 2, 5, 8)[len(plan.parents)]], axis=1), none, np.zeros((len(rows), 0), np.int64)


def _of_last(last: list[np.ndarray], parts: np.ndarray) -> np.ndarray:
    """Return the contexts of the last three numbers of lanes, with `parts` of the parents, [lanes, contexts]."""
    one, two, three = last
    a, b, a_change, b_change = parts.T
    change, before = size_class(one - two), size_class(two - three)
    return np.stack(
        [
            one,
            hashed(one, two),
            hashed(one, a),
            hashed(change, a_change, b_change),
            hashed(one, a, b),
            hashed(change, before, (one == three).astype(np.int64)),
        ],
        axis=1,
    )


def hashed(*parts: np.ndarray) -> np.ndarray:
    """Return one number for several [n]."""
    answer = np.zeros(len(parts[0]), np.uint64)
    for part in parts:
        answer = (answer + part.astype(np.uint64) + np.uint64(1)) * np.uint64(0xD6E8FEB86659FD93)
        answer ^= answer >> np.uint64(32)
    return answer.astype(np.int64)


def _ranks(levels: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    order = np.argsort(levels)
    return order[np.searchsorted(levels[order], numbers)]


def _lanes(n: int) -> list[np.ndarray]:
    """Return the places that go on together, in their order: one of each lane."""
    length = max(min(STEPS, n), -(-n // LANES))
    return [np.arange(start, n, length) for start in range(length)]


def _pieces(n: int) -> list[np.ndarray]:
    """Return the places that go on together, in their order: pieces that grow."""
    answer, start = [], 0
    while start < n:
        size = min(max(FIRST, start), LAST)
        answer.append(np.arange(start, min(start + size, n)))
        start += size
    return answer
