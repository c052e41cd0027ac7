"""
Words as numbers
================

Words that stand among the same words get near vectors.
"""

import matplotlib.pyplot as plt
import numpy as np

from isthmus import WordVectors

rng = np.random.default_rng(0)
groups = {"sea": ["ship", "port", "sail", "wave"], "field": ["wheat", "corn", "plough", "barn"]}
texts = []
for _ in range(800):
    words = groups[rng.choice(list(groups))]
    texts.append(" ".join(["the", *rng.choice(words, 4), "and", rng.choice(words)]))

vectors = WordVectors(2, min_count=1, max_epochs=150, random_state=0).fit(texts)
print(vectors.nearest("ship", 3))

for group, words in groups.items():
    place = np.array([vectors.vector(word) for word in words])
    plt.scatter(*place.T, label=group)
    for word, (x, y) in zip(words, place, strict=True):
        plt.annotate(word, (x, y))
plt.legend()
plt.title("eight words, by the words beside them")
