"""The page of a report: one file that asks for nothing, readable without scripts, all cells escaped."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import isthmus
from isthmus.errors import InvalidPart, MissingExtra, suggestion
from isthmus.reports.findings import Findings, find, spelled
from isthmus.reports.words import LANGUAGES

if TYPE_CHECKING:
    from jinja2 import Template

MOST_WHOLE = 1e15  # what is beyond is shown by its power of ten
THIN_SPACE = "\u202f"
LONGEST = 60  # characters of a cell that are shown
LONG_NUMBER = 10  # characters
ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def report(
    model: Any,
    X: Any,
    path: str | os.PathLike[str],
    *,
    labels: Any = None,
    title: str | None = None,
    language: str = "en",
    commands: str = "",
) -> None:
    """Write a page, one HTML file, that says what a model makes of a table.

    What the table holds and lacks; how training went; the error by column; codes in the plane; scores with the
    threshold of a detector; the oddest rows, with the columns that make them so and what was expected there; filled
    cells with their intervals; and how to repeat it. The numbers of the page stand in it as JSON too, in the element
    `isthmus-report`. The page asks for nothing from anywhere, is readable with scripts off, and prints. It is at most
    3 MB, whatever the table: of long ones it shows a part.

    Parameters
    ----------
    model : a fitted autoencoder, `AnomalyDetector`, `Imputer`, `NetworkClassifier` or `NetworkRegressor`.
    X : a table like that of its fit.
    path : the file to write.
    labels : a class or a number for each row, [n], which colours its code; None for one colour.
    title : of the page; None names the model.
    language : `"en"` or `"ru"`.
    commands : how the report is made on the command line, which the page shows.

    Raises
    ------
    InvalidPart
        If there is no such language.
    InvalidData
        If a report says nothing of such a model, or the table is not like that of the fit.
    MissingExtra
        If matplotlib or Jinja2 is not installed.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "report.html"
    ...     report(isthmus.Autoencoder(2, max_epochs=2).fit(X), X, path, title="Three columns")
    ...     "<h1>Three columns</h1>" in path.read_text(encoding="utf-8")
    True
    """
    if language not in LANGUAGES:
        raise InvalidPart(
            f"language must be one of {', '.join(LANGUAGES)}. Got {language!r}.{suggestion(str(language), LANGUAGES)}"
        )
    template, words = _template(), LANGUAGES[language]
    findings = find(model, X, labels)
    from isthmus.reports.figures import draw

    page = template.render(
        words=words,
        language=language,
        title=title or f"{words['Report']}: {findings.model}",
        version=isthmus.__version__,
        findings=findings,
        figures=draw(findings, words),
        facts=_facts(findings, words),
        commands=commands,
        python=_python(findings),
        number=number,
        cell=cell,
        json=_embedded(findings.to_json() | {"version": isthmus.__version__}),
    )
    isthmus.write_file(Path(path), lambda file: file.write(page.encode()))


def _template() -> Template:
    try:
        import jinja2
        import matplotlib as mpl
    except ImportError as error:
        raise MissingExtra("a report needs Jinja2 and matplotlib: pip install 'isthmus[report]'") from error
    del mpl
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(files("isthmus.reports").joinpath("page.html.jinja").read_text(encoding="utf-8"))


def _facts(findings: Findings, words: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the numbers at the head of the page, each with what it counts."""
    missing = sum(column["missing"] for column in findings.columns)
    facts = [(findings.n_rows, "rows"), (findings.n_columns, "columns"), (missing, "missing cells")]
    if findings.is_detector and findings.scores is not None:
        facts.append((int((findings.scores > findings.threshold).sum()), "odd rows"))
    if findings.filled:
        facts.append((sum(column["count"] for column in findings.filled), "filled cells"))
    facts.append((findings.n_weights, "weights"))
    return [(number(count), words[name]) for count, name in facts]


def _python(findings: Findings) -> str:
    """Return how the report is made in Python."""
    lines = ["import isthmus", "", f"model = isthmus.load(MODEL)  # {findings.model}"]
    return "\n".join([*lines, 'isthmus.report(model, TABLE, "report.html")'])


def _embedded(values: Any) -> str:
    """Return values as JSON that no text in them can end or leave."""
    import markupsafe

    text = json.dumps(values, ensure_ascii=False, allow_nan=False)
    for character, escape in ESCAPED.items():
        text = text.replace(character, escape)
    return markupsafe.Markup(text)  # noqa: S704 -- what would end the element is escaped


def number(value: Any) -> str:
    """Return a number as it is shown, thousands apart from 10,000 on; a dash for none."""
    if value is None or value != value:
        return "–"
    is_whole = isinstance(value, int) or (abs(value) < MOST_WHOLE and float(value).is_integer())
    if is_whole or 1000 <= abs(value) < MOST_WHOLE:
        whole = round(value)
        return str(whole) if abs(whole) < 10_000 else f"{whole:,}".replace(",", THIN_SPACE)
    return f"{value:.4g}"


def cell(value: Any) -> str:
    """Return a cell of a table as it is shown: a long one is cut, signs that change the order of texts are spelled."""
    text = f"{value:.7g}" if isinstance(value, float) else str(value)
    if len(text) > LONG_NUMBER and "." in text:
        with contextlib.suppress(ValueError):
            text = f"{float(text):.6g}"
    text = spelled(text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
