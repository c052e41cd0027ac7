"""
A distribution as the answer
============================

A regressor whose target has a density answers with a distribution for each row: its spread may depend on the row, and
it may have two peaks.
"""

import matplotlib.pyplot as plt
import numpy as np

from isthmus import NetworkRegressor

rng = np.random.default_rng(0)
x = rng.uniform(-3, 3, 2000)
y = np.where(rng.random(2000) < 0.5, np.sin(x), -np.sin(x)) + rng.normal(size=2000) * (0.05 + 0.05 * np.abs(x))

model = NetworkRegressor((64, 64), target="mixture(5)", max_epochs=80, random_state=0).fit(x[:, None], y)

grid, values = np.linspace(-3, 3, 120), np.linspace(-1.8, 1.8, 120)
density = np.exp([model.predict_dist(grid[:, None]).log_prob(np.full(120, value)) for value in values])
plt.pcolormesh(grid, values, density, cmap="Blues", vmax=np.quantile(density, 0.98))
plt.plot(x[:400], y[:400], "k.", ms=2)
plt.gca().set(title="p(y | x), a mixture of five normals", xlabel="x", ylabel="y")
