"""
A threshold that keeps its promise
==================================

A conformal threshold flags a usual row with a probability of at most ``alpha``, whatever the rows are like: over all
draws of the rows that it was learned from, so for one of them the share is near to it.
"""

import matplotlib.pyplot as plt
import numpy as np

from isthmus import AnomalyDetector

rng = np.random.default_rng(0)


def usual(rows):
    angle = rng.uniform(0, 2 * np.pi, rows)
    return np.column_stack([np.cos(angle), np.sin(angle)]) + 0.1 * rng.normal(size=(rows, 2))


train, new = usual(1500), usual(2000)
shares = {}
for alpha in (0.01, 0.05, 0.1):
    detector = AnomalyDetector(threshold="conformal", alpha=alpha, random_state=0).fit(train)
    shares[alpha] = (detector.predict(new) == -1).mean()
print({alpha: f"{share:.1%} of new usual rows flagged" for alpha, share in shares.items()})

grid = np.stack(np.meshgrid(*[np.linspace(-2, 2, 80)] * 2), axis=-1)
score = detector.anomaly_score(grid.reshape(-1, 2)).reshape(80, 80)
plt.contourf(*np.moveaxis(grid, -1, 0), score, levels=20, cmap="Blues")
plt.colorbar(label="anomaly score")
plt.contour(*np.moveaxis(grid, -1, 0), score, levels=[-detector.offset_], colors="C3")
plt.plot(*train[::5].T, "k.", ms=2)
plt.gca().set(aspect="equal", title="a ring of usual rows, and where a tenth would be flagged")
