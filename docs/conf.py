"""How the site is built: `make docs` writes it to docs/_build/html, and any warning ends the build."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

from sklearn.base import BaseEstimator

import isthmus

MADE = Path(__file__).parent / "api"  # written at each build

project, author = "isthmus", "the isthmus developers"
version = release = isthmus.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "sphinx_gallery.gen_gallery"]
exclude_patterns = ["_build", "gallery", "sg_execution_times.rst"]
myst_heading_anchors = 3
suppress_warnings = ["config.cache", "myst.xref_missing"]  # links are checked in the built pages, by check.py
default_role = "code"
html_theme = "pydata_sphinx_theme"
html_title = "isthmus"
html_show_sourcelink = False
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}
html_sidebars = {"guides/*": [], "lectures/*": [], "architecture": []}
templates_path = ["_templates"]
autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say what is taken
numpydoc_show_class_members = False
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "examples",
    "filename_pattern": "/plot_",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "backreferences_dir": "api/examples_of",
    "doc_module": ("isthmus",),
    "reference_url": {"isthmus": None},
    "show_memory": False,
    "write_computation_times": False,
    "show_signature": False,
    "abort_on_example_error": True,
}


def setup(app: Any) -> None:
    """Write the list of all public names, and take docstrings for the plain text that they are."""
    write_names()
    app.connect("autodoc-process-docstring", as_plain_text, priority=400)  # before numpydoc's
    app.connect("autodoc-skip-member", is_internal)


def is_internal(app: Any, what: str, name: str, object_: Any, skip: bool, options: Any) -> bool | None:  # noqa: ARG001
    """Say of what a class has whether only the library itself asks for it: a fitted attribute, `name_`, is for all."""
    return True if what == "class" and not name.endswith("_") and name not in shown() else None


@functools.cache
def shown() -> set[str]:
    """Return the names that `dir` of an estimator lists, or of any other public class."""
    classes = [value for name in isthmus.__all__ if isinstance(value := getattr(isthmus, name), type)]
    estimators = [value for value in classes if issubclass(value, BaseEstimator)]
    names = {name for value in estimators for name in dir(value())}
    return names.union(*(dir(value) for value in classes if value not in estimators and value is not isthmus.Part))


def as_plain_text(app: Any, what: str, name: str, object_: Any, options: Any, lines: list[str]) -> None:  # noqa: ARG001
    """Escape what reStructuredText would take for marks; set `name : what it is` of parameters on two lines."""
    if not str(getattr(object_, "__module__", "isthmus")).startswith("isthmus"):  # inherited
        return
    is_code, section, before = False, "", list(lines)
    lines.clear()
    for place, line in enumerate(before):
        if place + 1 < len(before) and set(before[place + 1]) == {"-"}:
            section = line
        is_code = line.lstrip().startswith(">>>") or (is_code and bool(line.strip()))
        if is_code:
            lines.append(line)
            continue
        plain = re.sub(r"(?<=\w)_(?!\w)", r"\\_", re.sub(r"(\||\*(?!\s))", r"\\\1", line))
        given, colon, meaning = plain.partition(" : ")
        is_named = colon and section in ("Parameters", "Attributes") and not plain.startswith(" ")
        lines += [given, f"    {meaning}"] if is_named else [plain]


def names() -> dict[str, list[str]]:
    """Return all public names by heading."""
    public = {name: getattr(isthmus, name) for name in isthmus.__all__}
    classes = [name for name, value in public.items() if isinstance(value, type)]
    errors = [name for name in classes if issubclass(public[name], Exception)]
    presets = [name for name, value in public.items() if value.__module__ == "isthmus.presets"]
    blocks = {
        "Estimators, and what goes with them": [name for name in classes if name not in errors],
        "The family: functions that return an autoencoder": presets,
        "Functions": [name for name in public if name not in {*classes, *presets}],
        "Errors": errors,
    }
    for kind in isthmus.part_kinds():
        parts = {isthmus.find_part(kind, name).__name__ for name in isthmus.part_names(kind)}
        blocks[f"Parts: {kind}"] = [f"parts.{kind}.{name}" for name in sorted(parts)]
    return blocks


def write_names() -> None:
    """Write the list of all public names, of which autosummary makes a page each."""
    lines = ["API", "===", ""]
    for title, listed in names().items():
        lines += [title, "-" * len(title), "", ".. autosummary::", "   :toctree: names", "   :nosignatures:", ""]
        lines += [f"   ~isthmus.{name}" for name in listed] + [""]
    MADE.mkdir(exist_ok=True)
    (MADE / "index.rst").write_text("\n".join(lines), encoding="utf-8")
