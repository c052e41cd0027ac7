"""Texts of Reuters R8: classifiers beside a logistic regression, and an autoencoder that gives titles back.

    python benchmarks/texts.py --data FOLDER [--only words conv recurrent tfidf titles] [--epochs 1.0]

`FOLDER` holds `reuters_r8/reuters_r8.parquet` (split, label, text); the split is that of the file. Titles are the first
eight words of each text; of those of the test texts, the share of words that stand in their places again is counted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from isthmus import Autoencoder, NetworkClassifier

TITLE = 8  # words


class News(NamedTuple):
    texts: list[str]
    labels: np.ndarray
    test_texts: list[str]
    test_labels: np.ndarray


def accuracy(model: Any, news: News) -> str:
    start = time.perf_counter()
    model.fit(news.texts, news.labels)
    seconds = time.perf_counter() - start
    return f"{model.score(news.test_texts, news.test_labels):.4f} accuracy, fit {seconds:.0f} s"


def words(news: News, _scale: float) -> str:
    return accuracy(make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000)), news)


def tuned(news: News, _scale: float) -> str:
    return accuracy(make_pipeline(TfidfVectorizer(), LogisticRegression(C=100, max_iter=3000)), news)


def tfidf(news: News, scale: float) -> str:
    settings: dict[str, Any] = {"text": "tfidf(5000)", "scaling": None, "stops": "patience(3)"}
    encoder = "mlp((64,), dropout=0.5)"
    return accuracy(NetworkClassifier(encoder, max_epochs=round(30 * scale), batch_size=64, **settings), news)


def conv(news: News, scale: float) -> str:
    encoder = "text((100,), embedding=50, dropout=0.5, activation='relu')"
    settings: dict[str, Any] = {"text": "tokens(8000, length=128)", "stops": "patience(3)"}
    return accuracy(NetworkClassifier(encoder, max_epochs=round(10 * scale), batch_size=64, **settings), news)


def recurrent(news: News, scale: float) -> str:
    encoder = "text((50,), embedding=50, road='recurrent', dropout=0.5)"
    settings: dict[str, Any] = {"text": "tokens(8000, length=128)", "stops": "patience(3)", "optimizer": "adam(0.003)"}
    return accuracy(NetworkClassifier(encoder, max_epochs=round(8 * scale), batch_size=64, **settings), news)


def titles(news: News, scale: float) -> str:
    train, test = ([" ".join(text.split()[:TITLE]) for text in part] for part in (news.texts, news.test_texts))
    model = Autoencoder(
        128,
        encoder="text((96,), embedding=96, pooling='none', activation='identity')",
        likelihood="codes",
        text=f"tokens(2000, length={TITLE})",
        max_epochs=round(60 * scale),
        optimizer="adam(0.003)",
        batch_size=64,
        stops="patience(5)",
    )
    start = time.perf_counter()
    model.fit(train)
    seconds = time.perf_counter() - start
    said = []
    for part in (train, test):
        due = [
            text.split()
            for text in model.fitted_.reader.text.part.undo(model.fitted_.reader.text.learned, rows(model, part))
        ]
        pairs = [
            (word, other)
            for text, back in zip(due, model.reconstruct(part), strict=True)
            for word, other in zip(text, back.split() + [""] * TITLE, strict=False)
        ]
        said.append(np.mean([word == other for word, other in pairs]))
    print("    " + " | ".join([test[0], model.reconstruct(test[:1])[0]]))
    return f"{said[0]:.3f} of the words of titles seen in training, {said[1]:.3f} of others, fit {seconds:.0f} s"


def rows(model: Autoencoder, texts: list[str]) -> np.ndarray:
    found: np.ndarray = model.fitted_.reader.text.part.apply(model.fitted_.reader.text.learned, texts)
    return found


CASES: dict[str, tuple[str, Callable[[News, float], str]]] = {
    "words": ("scikit-learn: TfidfVectorizer, LogisticRegression", words),
    "tuned": ("scikit-learn: the same with C=100", tuned),
    "tfidf": ("tfidf, mlp", tfidf),
    "conv": ("tokens, convolution", conv),
    "recurrent": ("tokens, GRU", recurrent),
    "titles": ("autoencoder of titles, code 128", titles),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", choices=sorted(CASES), default=list(CASES))
    parser.add_argument("--epochs", type=float, default=1.0)
    chosen = parser.parse_args()
    table = pd.read_parquet(chosen.data / "reuters_r8" / "reuters_r8.parquet").astype(str)
    parts = [table[table["split"] == name] for name in ("train", "test")]
    news = News(parts[0].text.tolist(), parts[0].label.to_numpy(), parts[1].text.tolist(), parts[1].label.to_numpy())
    for name in chosen.only:
        title, case = CASES[name]
        print(f"{title}: {case(news, chosen.epochs)}", flush=True)


if __name__ == "__main__":
    main()
