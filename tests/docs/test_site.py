"""The site: what its checks find, that it lists every public name, and what its pages claim."""

from __future__ import annotations

import ast
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

import isthmus

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = sorted((DOCS / "gallery").glob("plot_*.py"))
CHECK = SimpleNamespace(**runpy.run_path(str(DOCS / "check.py")))


@pytest.fixture(scope="module")
def conf() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(DOCS / "conf.py")))


def test_links_that_lead_nowhere_and_requests_to_others_are_found(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "index.html").write_text(
        '<h1 id="top">x</h1><a href="#top"></a><a href="sub/b.html#place"></a><a href="https://example.org/"></a>'
        '<a href="sub/none.html"></a><a href="sub/b.html#none"></a><a href="#none"></a>'
        '<script src="https://example.org/x.js"></script><link rel="stylesheet" href="//example.org/x.css">'
        '<img src="own.png"><link rel="canonical" href="https://example.org/">'
    )
    (tmp_path / "sub" / "b.html").write_text('<p id="place"><a href="../index.html#top">up</a><a href="..">up</a></p>')
    assert CHECK.faults(tmp_path) == [
        "index.html fetches //example.org/x.css",
        "index.html fetches https://example.org/x.js",
        "index.html links to #none, and there is no such place in it",
        "index.html links to sub/b.html#none, and there is no such place in it",
        "index.html links to sub/none.html, which is not there",
    ]


def test_a_site_without_pages_is_a_fault(tmp_path: Path) -> None:
    assert CHECK.faults(tmp_path) == [f"there are no pages in {tmp_path}"]


def test_every_public_name_and_every_part_is_listed(conf: SimpleNamespace) -> None:
    listed = {name for names in conf.names().values() for name in names}
    assert set(isthmus.__all__) <= listed
    for kind in isthmus.part_kinds():
        for name in isthmus.part_names(kind):
            assert f"parts.{kind}.{isthmus.find_part(kind, name).__name__}" in listed


def test_docstrings_are_plain_text(conf: SimpleNamespace) -> None:
    lines = ["|w| of fitted_, 2 * 3", "", "Parameters", "----------", "a : one *or", "    more.", "", ">>> fitted_ | 3"]
    conf.as_plain_text(None, "class", "x", isthmus.Autoencoder, None, lines)
    assert lines == [
        r"\|w\| of fitted\_, 2 * 3",
        "",
        "Parameters",
        "----------",
        "a",
        r"    one \*or",
        "    more.",
        "",
        ">>> fitted_ | 3",
    ]


def test_pages_of_classes_show_what_users_call(conf: SimpleNamespace) -> None:
    def is_hidden(name: str) -> bool:
        return conf.is_internal(None, "class", name, None, False, None) is True

    assert not any(map(is_hidden, ("fit", "transform", "anomaly_score", "predict_dist", "history_", "compress")))
    assert all(map(is_hidden, ("to_state", "from_state", "add_to_graph", "check_combination")))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_uses_public_names(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert (ast.get_docstring(tree) or "").splitlines()[1].startswith("===")
    assert 15 <= len(text.splitlines()) <= 50
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "isthmus"]
    assert all(alias.name in dir(isthmus) for node in imported for alias in node.names)
    assert not re.search(r"isthmus\.\w+\.\w+ import|\._", text)


def test_figures_of_the_guides_stand_in_the_benchmarks() -> None:
    measured = (DOCS.parent / "benchmarks" / "README.md").read_text(encoding="utf-8")
    for guide in (DOCS / "guides").glob("choosing.md"):
        for figure in re.findall(r"\d+\.\d|\d{3},\d{3}|(?<= )\.\d{3}", guide.read_text(encoding="utf-8")):
            assert figure in measured, figure


def test_the_lines_of_the_guide_run() -> None:
    text = (DOCS / "guides" / "settings.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    held: dict[str, object] = {}
    exec(code.replace("random_state=0)", "random_state=0, max_epochs=40)"), held)  # noqa: S102 -- our own page
    errors = held["errors"]
    assert isinstance(errors, dict)
    assert errors[1] > errors[2] > 2 * errors[3]
