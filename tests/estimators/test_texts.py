"""Texts in place of a table: read, explained, given back, kept in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import isthmus
from isthmus import Autoencoder, InvalidData, InvalidPart, ModelFileError, NetworkClassifier, NetworkRegressor
from isthmus.storage import container as modelfile
from tiny import header_of

TEXTS = [
    f"the {a} {b} {c}" for a in ("cat", "dog", "cow") for b in ("sees", "eats") for c in ("grass", "fish", "big meat")
]
IS_CAT = np.array(["cat" in text for text in TEXTS])
WORDS: dict[str, Any] = {
    "encoder": "text((16,), embedding=8, pooling='none')",
    "likelihood": "codes",
    "optimizer": "adam(0.02)",
    "max_epochs": 150,
    "stops": None,
}


@pytest.fixture(scope="module")
def autoencoder() -> Autoencoder:
    return Autoencoder(12, **WORDS).fit(TEXTS)


def test_an_autoencoder_gives_texts_back(autoencoder: Autoencoder) -> None:
    codes = autoencoder.transform(TEXTS)
    assert codes.shape == (18, 12)
    assert autoencoder.reconstruct(TEXTS) == TEXTS
    assert autoencoder.inverse_transform(codes) == TEXTS
    assert autoencoder.n_features_in_ == 6
    assert "feature_names_in_" not in vars(autoencoder)


def test_the_likelihood_is_that_of_the_words_that_are_there(autoencoder: Autoencoder) -> None:
    scores = autoencoder.score_samples(TEXTS)
    assert (scores < 0).all()
    assert -autoencoder.history_[-1]["reconstruction"] == pytest.approx(scores.mean(), abs=0.05)
    odd = autoencoder.score_samples(["fish fish fish fish", TEXTS[0]])
    assert odd[0] < scores.min() - 1
    assert odd[1] == pytest.approx(scores[0], rel=1e-5)


def test_texts_come_in_any_form(autoencoder: Autoencoder) -> None:
    codes = autoencoder.transform(TEXTS)
    for form in (np.array(TEXTS), pd.Series(TEXTS), pd.DataFrame({"text": TEXTS}), tuple(TEXTS)):
        np.testing.assert_array_equal(autoencoder.transform(form), codes)


def test_it_comes_back_from_a_file(autoencoder: Autoencoder, tmp_path: Path) -> None:
    autoencoder.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.transform(TEXTS), autoencoder.transform(TEXTS))
    assert loaded.reconstruct(TEXTS) == TEXTS
    assert loaded.text is None


@pytest.mark.parametrize(
    "change",
    [
        lambda text: None,
        lambda text: [],
        lambda text: {},
        lambda text: text | {"more": 1},
        lambda text: text | {"learned": []},
        lambda text: text | {"part": {"part": "os", "settings": {}}},
        lambda text: text | {"part": "tokens"},
        lambda text: text | {"learned": text["learned"] | {"length": 2**15}},
        lambda text: text | {"learned": text["learned"] | {"length": "6"}},
        lambda text: text | {"learned": text["learned"] | {"words": ["a"] * 10}},
        lambda text: text | {"learned": text["learned"] | {"words": text["learned"]["words"][1:]}},
        lambda text: text | {"part": {"part": "one_hot", "settings": {}}, "learned": {"words": ["a", "b"]}},
    ],
)
def test_a_file_that_tells_falsely_of_texts_is_refused(
    autoencoder: Autoencoder, tmp_path: Path, change: Callable[[Any], Any]
) -> None:
    autoencoder.save(tmp_path / "model.safetensors")
    opened = modelfile.open_file(tmp_path / "model.safetensors", "model")
    header = {name: value for name, value in opened.header.items() if name not in ("checksum", "format")}
    modelfile.write(tmp_path / "false.safetensors", header | {"text": change(header["text"])}, opened.read())
    with pytest.raises(ModelFileError):
        isthmus.load(tmp_path / "false.safetensors")


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({}, "tfidf"),
        ({"encoder": "text((8,), embedding=8)"}, "tokens"),
        ({"encoder": "text((8,), embedding=8, road='recurrent')"}, "tokens"),
        ({"text": "one_hot(20)"}, "one_hot(20)"),
    ],
    ids=["tfidf", "conv", "recurrent", "one_hot"],
)
def test_classifiers_read_texts(settings: dict[str, Any], part: str, tmp_path: Path) -> None:
    model = NetworkClassifier(optimizer="adam(0.02)", max_epochs=40, **settings).fit(TEXTS, IS_CAT)
    assert header_of(model)["text"]["part"]["part"] == part.partition("(")[0]
    assert model.score(TEXTS, IS_CAT) == 1
    assert model.predict(["the cat", "a dog eats"]).tolist() == [True, False]
    model.save(tmp_path / "model.safetensors")
    loaded = isthmus.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), model.predict_proba(TEXTS))


def test_pretrained_layers_bring_their_words(autoencoder: Autoencoder) -> None:
    model = NetworkClassifier(pretrained=autoencoder, max_epochs=20).fit([*TEXTS[:9], "a new one"], [0, 1] * 5)
    assert header_of(model)["text"] == header_of(autoencoder)["text"]
    fresh = NetworkClassifier(pretrained=clone(autoencoder).set_params(max_epochs=2), max_epochs=2).fit(TEXTS, IS_CAT)
    assert header_of(fresh)["text"] == header_of(fresh.pretrained_)["text"] == header_of(autoencoder)["text"]


def test_regressors_read_texts() -> None:
    length = np.array([len(text.split()) for text in TEXTS], float)
    model = NetworkRegressor("text((8,), embedding=8)", optimizer="adam(0.02)", max_epochs=60).fit(TEXTS, length)
    assert model.score(TEXTS, length) > 0.9


def test_an_autoencoder_of_weights_gives_the_strongest_words_back() -> None:
    model = Autoencoder(8, scaling=None, max_epochs=200, optimizer="adam(0.01)", stops=None).fit(TEXTS)
    back = model.reconstruct(TEXTS)
    assert np.mean([set(found.split()) <= set(text.split()) for found, text in zip(back, TEXTS, strict=True)]) > 0.9


def test_codes_explain_tokens_and_no_weights_of_words() -> None:
    with pytest.raises(InvalidPart) as caught:
        Autoencoder(2, likelihood="codes").fit(TEXTS)
    assert str(caught.value) == (
        "the likelihood codes explains codes 0, 1, …, and column 'the' holds numbers: use likelihood='squared_error', "
        "or read texts as tokens, by text='tokens' or the encoder 'text'."
    )


def test_a_perceptron_may_write_what_words_are_read() -> None:
    model = Autoencoder(12, **WORDS | {"decoder": "mlp((16,))", "max_epochs": 80}).fit(TEXTS)
    back = model.reconstruct(TEXTS)
    assert np.mean([one == other for one, other in zip(back, TEXTS, strict=True)]) > 0.9


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["a b", "c d", "  ", "e"], r"^text 2 is empty: '  ' holds no word\.$"),
        (["a b", None], r"^text 1: expected text; got None of type NoneType\.$"),
        ([None, "a b"], r"^text 0: expected text; got None of type NoneType\.$"),
        (["a b", "?!"], r"^text 1 is empty: '\?!' holds no word\.$"),
    ],
)
def test_texts_that_cannot_be_read(autoencoder: Autoencoder, texts: list[Any], said: str) -> None:
    for model in (Autoencoder(2, text="tokens"), Autoencoder(2), NetworkClassifier("text")):
        arguments = (texts, [0, 1] * (len(texts) // 2)) if isinstance(model, NetworkClassifier) else (texts,)
        with pytest.raises(InvalidData, match=said):
            model.fit(*arguments)
    with pytest.raises(InvalidData, match=said):
        autoencoder.transform(texts)


def test_no_texts_and_tables_in_their_place(autoencoder: Autoencoder) -> None:
    with pytest.raises(InvalidData, match=r"^X has 0 sample\(s\): expected at least one text\.$"):
        Autoencoder(2, text="tfidf").fit([])
    with pytest.raises(InvalidData, match=r"^expected a list of texts, or one column of a frame; got 3 x 6\.$"):
        autoencoder.transform(np.zeros((3, 6)))
    with pytest.raises(InvalidData, match=r"^X: expected a list of texts; got one text, 'the cat'\. Pass \[X\]\.$"):
        autoencoder.transform("the cat")
    table = Autoencoder(2, encoder=(4,), max_epochs=1).fit(np.random.default_rng(0).normal(size=(9, 4)))
    with pytest.raises(InvalidData):
        table.transform(TEXTS)
    again = clone(autoencoder).set_params(bottleneck=2, max_epochs=2).fit(TEXTS)
    assert again.set_params(encoder=(4,), likelihood="squared_error").fit(np.eye(9)).n_features_in_ == 9
    assert again.reconstruct(np.eye(9)).shape == (9, 9)
