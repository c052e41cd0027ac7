"""Files of word vectors: read as they were written, else refused; no claim of theirs takes memory."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isthmus
from isthmus import ModelFileError, WordVectors
from isthmus.storage import container as modelfile

TEXTS = ["the cat eats fish", "the dog eats meat", "a car needs fuel", "a truck needs fuel"] * 3
Parts = tuple[dict[str, Any], dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def model() -> WordVectors:
    return WordVectors(2, min_count=1, max_epochs=1, corruption="masking(0.25)", verbose=1).fit(TEXTS)


@pytest.fixture(scope="module")
def parts(model: WordVectors, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    path = tmp_path_factory.mktemp("words") / "good.safetensors"
    model.save(path)
    opened = modelfile.open_file(path, "model")
    header = {name: value for name, value in opened.header.items() if name not in ("checksum", "format")}
    return header, opened.read()


def test_it_comes_back_from_a_file(model: WordVectors, tmp_path: Path) -> None:
    model.save(tmp_path / "m.safetensors")
    loaded = isthmus.load(tmp_path / "m.safetensors")
    assert type(loaded) is WordVectors
    assert loaded.to_json() == model.to_json() | {"verbose": 0}
    assert loaded.words_ == model.words_
    np.testing.assert_array_equal(loaded.counts_, model.counts_)
    np.testing.assert_array_equal(loaded.vectors_, model.vectors_)
    assert loaded.vectors_.dtype == model.vectors_.dtype
    assert loaded.nearest("CAT", 3) == model.nearest("CAT", 3)
    loaded.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "m.safetensors").read_bytes()


def test_the_settings_are_those_of_the_fit(tmp_path: Path) -> None:
    model = WordVectors(2, min_count=1, max_epochs=0).fit(TEXTS).set_params(size=5, lower=False)
    model.save(tmp_path / "m.safetensors")
    loaded = isthmus.load(tmp_path / "m.safetensors")
    assert (loaded.size, loaded.lower, loaded.vectors_.shape[1]) == (2, True, 2)


def test_nothing_is_saved_before_a_fit(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not fitted"):
        WordVectors().save(tmp_path / "m.safetensors")


HOSTILE: dict[str, tuple[Callable[[dict[str, Any], dict[str, np.ndarray]], Any], str]] = {
    "no parameters": (lambda h, t: h.pop("parameters"), "its 'parameters' is not of type dict"),
    "unknown parameter": (lambda h, t: h["parameters"].update(os=1), "no parameter 'os'"),
    "size other": (lambda h, t: h["parameters"].update(size=3), "vectors is F32 [11, 2]; the model needs F32 [11, 3]"),
    "size 10**12": (lambda h, t: h["parameters"].update(size=10**12), "size must be below 2,147,483,648"),
    "size text": (lambda h, t: h["parameters"].update(size="2"), "size must be a whole number of at least 1"),
    "an unknown part": (
        lambda h, t: h["parameters"]["encoder"].update(part="os"),
        "no backbone is called 'os'",
    ),
    "no words": (lambda h, t: h.pop("words"), "its 'words' is not of type list"),
    "words a text": (lambda h, t: h.update(words="abc"), "its 'words' is not of type list"),
    "no word": (lambda h, t: h.update(words=[]), "words must be a list of 1 to"),
    "words twice": (lambda h, t: h.update(words=["a"] * 11), "words must be a list of 1 to"),
    "words of numbers": (lambda h, t: h.update(words=list(range(11))), "words must be a list of 1 to"),
    "an empty word": (lambda h, t: h["words"].__setitem__(3, ""), "words must be a list of 1 to"),
    "a word too many": (lambda h, t: h["words"].append("zebra"), "vectors is F32 [11, 2]; the model needs F32 [12, 2]"),
    "no vectors": (lambda h, t: t.pop("vectors"), "vectors is missing"),
    "vectors NaN": (lambda h, t: t["vectors"].__setitem__((0, 0), np.nan), "vectors holds values that are not finite"),
    "vectors of doubles": (lambda h, t: t.update(vectors=t["vectors"].astype(np.float64)), "vectors is F64 [11, 2]"),
    "one more tensor": (lambda h, t: t.update(more=np.ones(1)), "the model has no tensor 'more'"),
    "no counts": (lambda h, t: t.pop("counts"), "counts is missing"),
    "counts too few": (lambda h, t: t.update(counts=t["counts"][1:]), "counts is F64 [10]"),
    "a half count": (lambda h, t: t["counts"].__setitem__(0, 9.5), "expected counts, the largest first"),
    "a count of zero": (lambda h, t: t["counts"].__setitem__(-1, 0), "expected counts, the largest first"),
    "counts that rise": (lambda h, t: t["counts"].__setitem__(-1, 99), "expected counts, the largest first"),
    "counts beyond": (
        lambda h, t: t["counts"].__setitem__(0, 2.0**60),
        "expected counts, the largest first",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_no_file_of_words_is_refused(case: str, parts: Parts, tmp_path: Path) -> None:
    change, why = HOSTILE[case]
    header, tensors = deepcopy(parts)
    change(header, tensors)
    modelfile.write(tmp_path / "hostile.safetensors", header, tensors)
    with pytest.raises(ModelFileError) as caught:
        isthmus.load(tmp_path / "hostile.safetensors")
    assert why in str(caught.value)
