"""
Missing cells, with how sure each filling is
============================================

An imputer fills numbers and categories with what the other cells of the row say, and says between which ends the truth
lies with a chance of 90 %.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine

from isthmus import Imputer

X = load_wine(as_frame=True).data
hidden = np.random.default_rng(0).random(X.shape) < 0.2
holes = X.mask(hidden)

imputer = Imputer(random_state=0).fit(holes)
filled = imputer.transform(holes)
low, high = imputer.interval(holes, 0.9)

column = X.columns.get_loc("flavanoids")
rows = np.flatnonzero(hidden[:, column])
rows = rows[np.argsort(X.iloc[rows, column])]
plt.vlines(range(len(rows)), low[rows, column], high[rows, column], color="0.7", label="90 % interval")
plt.plot(filled.iloc[rows, column].to_numpy(), "o", ms=4, label="filled")
plt.plot(X.iloc[rows, column].to_numpy(), "k_", ms=8, label="truth")
plt.gca().set(title="flavanoids of wines, where they were hidden", xlabel="wine, in order of the truth", xticks=[])
plt.legend()
inside = (X.to_numpy() >= low) & (X.to_numpy() <= high)
print(f"inside: {inside[hidden].mean():.0%}")
