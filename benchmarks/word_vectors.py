"""Word vectors beside truncated SVD of the same matrix: rank correlation with judgements of similarity.

    python benchmarks/word_vectors.py --data FOLDER [--corpus FOLDER ...] [--words 20000] [--size 100]

`FOLDER` of `--data` holds `word_similarity/EN-*.txt` (word, word, score) and `reuters_r8/reuters_r8.parquet`. Each
`--corpus` is a folder of plain texts, `.txt` or `.txt.gz`, read beside it. Settings were chosen on the pairs with even
numbers of every list; what is printed is the correlation on the odd ones that both words have vectors for.
"""

from __future__ import annotations

import argparse
import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.utils.extmath import randomized_svd

from isthmus import WordVectors
from isthmus.data.tokens import split

LEAST = 20  # covered pairs of a list whose correlation counts for the mean
POWERS = (1.0, 0.5, 0.0)  # of the singular values (Levy, Goldberg and Dagan 2015)

Pairs = list[tuple[str, str, float]]


def texts_of(data: Path, corpora: list[Path]) -> Iterator[str]:
    yield from pd.read_parquet(data / "reuters_r8" / "reuters_r8.parquet").text
    for folder in corpora:
        for path in sorted([*folder.rglob("*.txt"), *folder.rglob("*.txt.gz")]):
            raw = path.read_bytes()
            yield (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8", "ignore")


def lists_of(data: Path) -> dict[str, Pairs]:
    """Return the pairs of every list with odd numbers."""
    found = {}
    for path in sorted((data / "word_similarity").glob("EN-*.txt")):
        lines = [line.split() for line in path.read_text().splitlines()]
        found[path.stem.removeprefix("EN-")] = [(a.lower(), b.lower(), float(score)) for a, b, score in lines][1::2]
    return found


def correlation(vectors: np.ndarray, words: list[str], pairs: Pairs) -> float:
    place = {word: i for i, word in enumerate(words)}
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    known = [(place[a], place[b], score) for a, b, score in pairs if a in place and b in place]
    return float(spearmanr([unit[a] @ unit[b] for a, b, _ in known], [score for *_, score in known]).statistic)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, nargs="*", default=[])
    parser.add_argument("--words", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=100)
    chosen = parser.parse_args()
    texts, lists = [text for text in texts_of(chosen.data, chosen.corpus) if text.strip()], lists_of(chosen.data)
    print(f"{len(texts)} texts, {sum(len(split(text)) for text in texts):,} words")
    model, start = WordVectors(chosen.size, max_words=chosen.words), time.perf_counter()
    model.fit(texts)
    print(f"{len(model.words_)} words with vectors of {chosen.size}; fit {time.perf_counter() - start:.0f} s")
    _, _, information = model._information(texts)
    start = time.perf_counter()
    left, values, _ = randomized_svd(information, chosen.size, n_iter=6, random_state=0)
    whole = information.toarray()
    centered, spread, _ = randomized_svd(whole - whole.mean(axis=0), chosen.size, n_iter=6, random_state=0)
    print(f"two decompositions {time.perf_counter() - start:.0f} s\n")
    ways = {"isthmus": model.vectors_}
    ways |= {f"svd σ^{power:g}": left * values**power for power in POWERS}
    ways |= {f"svd, centered, σ^{power:g}": centered * spread**power for power in POWERS}
    known = set(model.words_)
    covered = {name: sum(a in known and b in known for a, b, _ in pairs) for name, pairs in lists.items()}
    kept = [name for name in lists if covered[name] >= LEAST]
    print("| vectors | mean | " + " | ".join(f"{name} ({covered[name]}/{len(lists[name])})" for name in kept) + " |")
    print("|---|---:|" + "---:|" * len(kept))
    for way, vectors in ways.items():
        found = [correlation(vectors, model.words_, lists[name]) for name in kept]
        print(f"| {way} | {np.mean(found):.3f} | " + " | ".join(f"{value:.2f}" for value in found) + " |")


if __name__ == "__main__":
    main()
