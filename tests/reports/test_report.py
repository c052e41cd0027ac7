"""The page of a report: what it says, that it asks for nothing, and that no cell of a table can change it."""

from __future__ import annotations

import html.parser
import json
import re
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest

import isthmus
from isthmus.errors import InvalidData, InvalidPart, MissingExtra
from isthmus.reports.page import cell, number
from isthmus.reports.words import ENGLISH, RUSSIAN
from tiny import NAMES, X, Y, autoencoder

HOSTILE = "</script><script>alert(1)</script>"
FRAME = pd.DataFrame(X, columns=NAMES).assign(e=np.where(Y == 0, HOSTILE, "b & c"), when=pd.Timestamp("2024-05-01"))


class Page(html.parser.HTMLParser):
    """What stands in a page: its elements, their attributes, its text and its JSON."""

    def __init__(self, path):
        super().__init__()
        self.elements, self.texts, self.json = [], [], ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.elements and self.elements[-1][0] == "script":
            self.json += data
        elif self.elements and self.elements[-1][0] != "style":
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def detector():
    return isthmus.AnomalyDetector(autoencoder()).fit(FRAME)


@pytest.fixture
def page(detector, tmp_path):
    isthmus.report(detector, FRAME, tmp_path / "report.html", labels=Y)
    return Page(tmp_path / "report.html")


def test_a_report_holds_the_numbers_of_the_model(page, detector):
    said = json.loads(page.json)
    score = detector.anomaly_score(FRAME)
    assert said["n_rows"] == 60
    assert said["threshold"] == pytest.approx(-detector.offset_)
    assert said["odd"] == (score > -detector.offset_).sum()
    assert said["odd_rows"][0]["row"] == score.argmax()
    assert sum(said["scores"]["counts"]) == 60
    assert said["scores"]["edges"][-1] == pytest.approx(score.max())
    assert [record["loss"] for record in said["history"]] == [r["loss"] for r in detector.models_[0].history_]
    assert {column["name"]: column["kind"] for column in said["columns"]} == {
        **dict.fromkeys("abcd", "number"),
        "e": "category",
        "when": "date",
    }
    first = said["columns"][0]
    assert [first[key] for key in ("least", "median", "most")] == pytest.approx(np.quantile(X[:, 0], [0, 0.5, 1]))
    assert said["columns"][4]["share"] == pytest.approx(2 / 3)


def test_a_report_asks_for_nothing_and_runs_nothing(page):
    tags = [tag for tag, _ in page.elements]
    assert set(tags).isdisjoint({"link", "iframe", "object", "form", "base", "svg"})
    assert [attributes for tag, attributes in page.elements if tag == "script"] == [
        {"type": "application/json", "id": "isthmus-report"}
    ]
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
        for name in {"src", "href"} & set(attributes):
            assert attributes[name].startswith("#" if tag == "a" else "data:image/svg+xml;base64,")
    policy = next(attributes["content"] for _, attributes in page.elements if "http-equiv" in attributes)
    assert policy.startswith("default-src 'none'")


def test_cells_are_shown_as_they_are_and_change_nothing(page):
    assert HOSTILE in page.text
    assert "b & c" in page.text
    assert any(HOSTILE in json.dumps(row, ensure_ascii=False) for row in json.loads(page.json)["odd_rows"])


def test_names_and_titles_are_escaped(tmp_path):
    names = ["<b>$x^2$</b>", "{{ 7 * 7 }}", "\u202eabc\x1b[31m", "=cmd|x", "e"]
    frame = pd.DataFrame(X, columns=names)
    isthmus.report(autoencoder().fit(frame), frame, tmp_path / "report.html", title="<i>{{ 1 + 1 }}</i>")
    page = Page(tmp_path / "report.html")
    assert "<i>{{ 1 + 1 }}</i>" in page.text
    assert "<b>$x^2$</b>" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert r"\u202eabc\x1b[31m" in page.text
    assert {"i", "em"}.isdisjoint(tag for tag, attributes in page.elements if attributes)


def test_the_same_model_and_table_give_the_same_bytes(detector, tmp_path):
    for name in ("one.html", "other.html"):
        isthmus.report(detector, FRAME, tmp_path / name)
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "other.html").read_bytes()


def test_a_report_comes_in_russian(detector, tmp_path):
    isthmus.report(detector, FRAME, tmp_path / "report.html", language="ru")
    page = Page(tmp_path / "report.html")
    assert page.elements[0] == ("html", {"lang": "ru"})
    assert "Самые необычные строки" in page.text
    assert not set(re.findall(r"[A-Za-z]{4,}", page.text)) & {"rows", "Training", "Scores", "expected", "missing"}


def test_both_languages_have_the_same_words():
    assert ENGLISH.keys() == RUSSIAN.keys()
    assert all(re.search("[а-яА-Я]", text) for name, text in RUSSIAN.items() if name != "p")


def test_filled_cells_are_listed_with_their_intervals(tmp_path):
    frame = pd.DataFrame(X, columns=NAMES).assign(e=np.where(Y == 0, "u", "v"))
    frame.loc[3, "a"], frame.loc[5, "e"] = np.nan, None
    imputer = isthmus.Imputer(autoencoder(corruption="masking(0.3)")).fit(frame)
    isthmus.report(imputer, frame, tmp_path / "report.html")
    said, filled = json.loads(Page(tmp_path / "report.html").json), imputer.transform(frame)
    low, high = imputer.interval(frame, 0.9)
    assert said["filled"] == [{"name": "a", "count": 1}, {"name": "e", "count": 1}]
    number, category = said["filled_cells"]
    assert (number["row"], number["name"], category["row"], category["name"]) == (3, "a", 5, "e")
    assert number["value"] == pytest.approx(filled.loc[3, "a"])
    assert number["interval"] == pytest.approx([low[3, 0], high[3, 0]])
    assert (category["value"], category["interval"]) == (filled.loc[5, "e"], None)


def test_models_and_tables_of_all_kinds_have_a_report(tmp_path):
    windows = isthmus.windows(X, 4)
    sequences = [X[:3, :2], X[3:8, :2], X[8:12, :2]] * 4
    texts = ["a cat sat", "a dog ran", "the cat ran"] * 5
    cases = [
        (autoencoder(bottleneck=1), windows, None),
        (autoencoder(encoder="lstm((4,))"), sequences, None),
        (autoencoder(), texts, None),
        (autoencoder(bottleneck=3), pl.from_pandas(FRAME), None),
        (isthmus.NetworkClassifier((4,), max_epochs=2), X, Y),
    ]
    for model, table, y in cases:
        isthmus.report(model.fit(table, y), table, tmp_path / "report.html")
        said = json.loads(Page(tmp_path / "report.html").json)
        assert said["n_rows"] == len(table)
        assert ("scores" in said) == (y is None)


@pytest.mark.parametrize("rows", [X[:1], np.repeat(X[:1], 3, axis=0), X[:2]])
def test_few_rows_and_equal_ones_have_a_report(rows, tmp_path):
    model = autoencoder(bottleneck=3).fit(X)
    for one in (model, isthmus.AnomalyDetector(model).fit(X)):
        isthmus.report(one, rows, tmp_path / "report.html")
        assert json.loads(Page(tmp_path / "report.html").json)["n_rows"] == len(rows)


def test_a_large_table_has_a_small_report(tmp_path):
    wide = np.random.default_rng(0).normal(size=(6000, 300)).astype(np.float32)
    model = autoencoder(max_epochs=0).fit(wide)
    isthmus.report(model, wide, tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 3e6
    assert len(json.loads(Page(tmp_path / "report.html").json)["columns"]) == 200


def test_what_has_no_report_is_refused(detector, tmp_path):
    path = tmp_path / "report.html"
    with pytest.raises(InvalidPart, match=r"language must be one of en, ru\. Got 'rus'\. Did you mean 'ru'\?"):
        isthmus.report(detector, FRAME, path, language="rus")
    with pytest.raises(InvalidData, match="expected one label for each of 60 rows; got 3"):
        isthmus.report(detector, FRAME, path, labels=[0, 1, 2])
    vectors = isthmus.WordVectors(2, min_count=1, max_epochs=0).fit(["a cat", "a dog"] * 3)
    with pytest.raises(InvalidData, match="an imputer or a network; got WordVectors"):
        isthmus.report(vectors, FRAME, path)
    with pytest.raises(InvalidData, match="column 'a'"):
        isthmus.report(detector, FRAME.drop(columns="a"), path)
    assert not path.exists()


def test_without_jinja_one_sentence_says_what_to_install(detector, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtra, match=r"a report needs Jinja2 and matplotlib: pip install 'isthmus\[report\]'"):
        isthmus.report(detector, FRAME, tmp_path / "report.html")


def test_numbers_and_cells_are_short():
    shown = [number(value) for value in (None, float("nan"), 3, 2013.0, 12345.6, 0.123456, -1e20, 1234567)]
    assert shown == ["–", "–", "3", "2013", "12\u202f346", "0.1235", "-1e+20", "1\u202f234\u202f567"]
    assert [cell(value) for value in ("12.50000000001", 1878.0, "x" * 90, "a\tb")] == [
        "12.5",
        "1878",
        "x" * 59 + "…",
        r"a\tb",
    ]
