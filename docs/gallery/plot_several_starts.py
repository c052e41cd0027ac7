"""
Several starts at once
======================

Training ends in different places from different weights. Eight starts are trained in one program and the best is kept.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from isthmus import Autoencoder

X = load_digits().data / 16
losses = [
    Autoencoder(2, scaling=None, max_epochs=30, random_state=seed).fit(X).history_[-1]["loss"] for seed in range(6)
]
best = Autoencoder(2, scaling=None, max_epochs=30, n_starts=6, random_state=0).fit(X)

plt.plot(losses, "o", label="one start, six seeds")
plt.axhline(best.history_[-1]["loss"], color="C1", label="the best of six starts")
plt.gca().set(xlabel="seed", ylabel="loss at the end", title="digits through two numbers")
plt.legend()
