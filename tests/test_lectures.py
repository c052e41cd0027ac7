"""The pages from lecture to code: twins in two languages, whose lines run and whose links lead to files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "docs" / "lectures"
PAGES = {name: (FOLDER / f"{name}.md").read_text(encoding="utf-8") for name in ("en", "ru")}
ROWS = [
    f"{letter}{number}" for letter, count in zip("ABCD", (20, 9, 11, 11), strict=True) for number in range(1, count + 1)
]


def snippets(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_every_row_of_the_lectures_has_its_place_and_is_listed(page: str) -> None:
    assert re.findall(r"^### (\w+)\. ", page, re.M) == ROWS
    assert [name.upper() for name in re.findall(r'<a id="(\w+)">', page)] == ROWS
    assert {name.upper() for name in re.findall(r"\]\(#(\w+)\)", page)} == set(ROWS)
    assert page.count("\n$$ ") == len(ROWS)


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_every_link_leads_to_a_file(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page):
        assert (FOLDER / target).is_file(), target


def test_the_pages_are_twins() -> None:
    assert snippets(PAGES["en"]) == snippets(PAGES["ru"])
    formulas = [re.findall(r"^\$\$ (.*) \$\$$", page, re.M) for page in PAGES.values()]
    assert formulas[0] == formulas[1]
    links = [re.findall(r"\]\((\.\./[^)]+)\)", page) for page in PAGES.values()]
    assert links[0] == links[1]


@pytest.mark.filterwarnings("ignore::UserWarning")  # two epochs are too few for some codes, and it is said
def test_the_lines_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names_so_far: dict[str, object] = {}
    for snippet in snippets(PAGES["en"]):
        exec(compile(snippet, "en.md", "exec"), names_so_far)  # noqa: S102 -- it is our own page
    filled, holes = (np.asarray(names_so_far[name]) for name in ("filled", "holes"))
    assert np.isfinite(filled).all()
    assert (filled[~np.isnan(holes)] == holes[~np.isnan(holes)]).all()
    assert np.shape(names_so_far["Z"]) == (60, 2)
