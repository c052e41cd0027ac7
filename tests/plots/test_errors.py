"""Figures of errors and scores show the numbers they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.legend import Legend

from isthmus.errors import InvalidData
from isthmus.plots import error_by_column, score_histogram, worst_rows

ERRORS = np.random.default_rng(0).random((40, 9)) ** 4
NAMES = list("abcdefghi")


def legend(figure: Any) -> list[str]:
    return [text.get_text() for each in figure.findobj(Legend) for text in each.get_texts()]


def test_the_worst_rows_are_divided_by_column() -> None:
    figure = worst_rows(pd.DataFrame(ERRORS, columns=NAMES), count=5)
    panel = figure.axes[0]
    worst = sorted(range(40), key=lambda row: -ERRORS[row].sum())[:5]
    assert [text.get_text() for text in panel.get_yticklabels()] == [str(row) for row in worst]
    drawn = np.array([bar.get_width() for bar in panel.patches]).reshape(7, 5)
    most = sorted(range(9), key=lambda column: -ERRORS[worst, column].sum())[:6]
    np.testing.assert_allclose(drawn[:6], ERRORS[worst][:, most].T)
    np.testing.assert_allclose(drawn.sum(axis=0), ERRORS[worst].sum(axis=1))
    starts = np.array([bar.get_x() for bar in panel.patches]).reshape(7, 5)
    np.testing.assert_allclose(starts, np.cumsum(drawn, axis=0) - drawn, atol=1e-12)
    assert legend(figure) == [*(NAMES[column] for column in most), "3 others"]
    assert panel.yaxis_inverted()


def test_few_columns_leave_no_others() -> None:
    figure = worst_rows(ERRORS[:, :3], count=99, rows=[f"row {i}" for i in range(40)], title="Title")
    assert sorted(legend(figure)) == ["0", "1", "2"]
    assert len(figure.axes[0].get_yticklabels()) == 40
    assert figure.get_suptitle() == "Title"


def test_columns_stand_in_order_of_their_error() -> None:
    panel = error_by_column(ERRORS, NAMES, count=4).axes[0]
    order = np.argsort(-ERRORS.mean(axis=0))[:4]
    np.testing.assert_allclose([bar.get_width() for bar in panel.patches], ERRORS.mean(axis=0)[order])
    assert [text.get_text() for text in panel.get_yticklabels()] == [NAMES[column] for column in order]
    ends = [segment[:, 0] for segment in panel.collections[0].get_segments()]
    np.testing.assert_allclose(ends, np.quantile(ERRORS[:, order], [0.25, 0.75], axis=0).T)


def test_scores_are_counted_by_class_beside_the_threshold() -> None:
    scores, labels = np.array([0.0, 0.1, 0.2, 0.9, 1.0]), np.array(["in", "in", "in", "in", "out"])
    figure = score_histogram(scores, threshold=0.5, labels=labels, bins=2)
    panel = figure.axes[0]
    assert [int(bar.get_height()) for bar in panel.patches] == [3, 1, 0, 1]
    assert [line.get_xdata() for line in panel.lines] == [[0.5, 0.5]]
    assert sorted(legend(figure)) == ["in", "out", "threshold: 40.0% above"]
    assert panel.get_yscale() == "log"
    assert legend(score_histogram(scores)) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: worst_rows(np.zeros(3)), "expected errors by column, [n, d]; got shape (3,)."),
        (lambda: worst_rows(ERRORS, names=["a"]), "expected names of 9 columns and 40 rows; got 1 and 40."),
        (lambda: error_by_column(np.zeros(3)), "expected errors by column, [n, d]; got shape (3,)."),
        (lambda: error_by_column(ERRORS, ["a"]), "expected one name for each of 9 columns; got 1."),
        (lambda: score_histogram([0.0, np.nan]), "expected finite scores, one for each row; got shape (2,)."),
        (lambda: score_histogram([]), "expected finite scores, one for each row; got shape (0,)."),
        (lambda: score_histogram([0.0, 1.0], labels=[1]), "expected one label for each of 2 scores; got shape (1,)."),
    ],
)
def test_what_cannot_be_drawn_is_said(call: Any, message: str) -> None:
    with pytest.raises(InvalidData) as caught:
        call()
    assert message in str(caught.value)
