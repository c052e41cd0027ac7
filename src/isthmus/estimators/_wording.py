"""What `fit` is given, told to scikit-learn; texts in place of a table, and what a model file keeps of them."""

from __future__ import annotations

from typing import Any, cast

from sklearn.utils.validation import validate_data

from isthmus.contracts import Row, Text
from isthmus.core.registry import part_kinds
from isthmus.core.spelling import part_from_json, resolve
from isthmus.data.source import Source
from isthmus.data.sources import source_type
from isthmus.data.tokens import Worded, are_texts, refuse_empty, texts_of
from isthmus.errors import InvalidData, require
from isthmus.estimators._validation import heading


def open_texts(network: Any, X: Any, *, reset: bool) -> Source | None:
    """Return the source of texts, or None where a table is due; at `reset`, keep what the texts teach.

    Raises
    ------
    InvalidData
        If texts are due and these are none, or one of them is empty.
    """
    if reset:
        network._wording = None
        part = _part_for(network, X)
    else:
        part = None if network._wording is None else network._wording.part
    if part is None:
        return None
    texts = texts_of(X)
    if not texts:
        raise InvalidData("X has 0 sample(s): texts are due.")
    refuse_empty(texts, part.by)
    if reset:
        fitted = network._reader._wording
        network._wording = Worded([], part, part.fit(texts) if fitted is None else fitted.learned)
    source = source_type("texts")(network._wording._replace(texts=texts))
    validate_data(network, heading(Row(source.row.shape)), skip_check_array=True, reset=reset)
    return source


def told(worded: Worded | None) -> dict[str, Any]:
    """Return what a model file keeps, for its header; nothing for a table."""
    return {} if worded is None else {"text": {"part": worded.part.to_json(), "learned": worded.learned}}


def taken(header: dict[str, Any]) -> Worded | None:
    """Return what a header tells of texts, None where it tells of a table.

    Raises
    ------
    InvalidPart
        If it is nothing that `told` returns.
    """
    if "text" not in header:
        return None
    found = header["text"]
    is_form = isinstance(found, dict) and set(found) == {"part", "learned"} and isinstance(found["learned"], dict)
    require(is_form, "text", "a part and what it learned", found)
    part: Any = part_from_json("texts", found["part"])
    part.check(found["learned"])
    return Worded([], part, found["learned"])


def _part_for(network: Any, X: Any) -> Text | None:
    """Return how texts become rows, or None where `X` is a table."""
    reader = network._reader
    if reader._wording is not None:
        part: Text = reader._wording.part
        return part
    if "text" not in reader.one_part:
        return None
    found: Text | None = reader.part("text")
    if found is not None or not are_texts(X):
        return found
    usual: Any = resolve(part_kinds()["texts"], "tokens" if reader.part("encoder").reads_tokens else "tfidf")
    return cast(Text, usual)
