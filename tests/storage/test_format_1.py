"""Model files of format 1 load for ever, and answer as they did when they were written."""

from __future__ import annotations

from pathlib import Path

import pytest

from safety_net import kept_cases, wrong_answers

SCORES = {"score", "score_samples"}
CHANGED = {
    "histogram": SCORES,
    "pandas_mixed": SCORES,
    "parquet_mixed": SCORES,
    "preset_k_sparse": {"rows_of_codes"},
    "detector_windows": {"explanation", "series_error"},
}
"""What answers otherwise on purpose: scores are log-densities, neither smoothed nor balanced; k units are decoded.

Detectors explain by how far a score falls, and a window counts at all of its steps.
"""

FIXTURES = Path(__file__).parents[1] / "fixtures" / "format_1"


def test_the_files_are_there() -> None:
    assert len(kept_cases(FIXTURES)) >= 79


@pytest.mark.filterwarnings("ignore:X does not have valid feature names", "ignore:y holds -1 in")
@pytest.mark.parametrize("name", kept_cases(FIXTURES))
def test_a_model_of_format_1_loads_and_answers_the_same(name: str) -> None:
    wrong = wrong_answers(FIXTURES, name)
    assert set(wrong) == CHANGED.get(name, {"explanation"} if name.startswith("detector") else set()), wrong
