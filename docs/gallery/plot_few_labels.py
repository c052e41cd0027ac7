"""
Few labels, many rows
=====================

A network whose layers were first trained without labels needs fewer of them.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import isthmus
from isthmus import NetworkClassifier

X, digit = load_digits(return_X_y=True)
base = isthmus.denoising(32, encoder=(128,), noise="masking(0.3)", max_epochs=60, random_state=0).fit(X[:1400])

labels = [20, 50, 100, 300]
accuracy = {"from random weights": [], "pretrained": []}
for count in labels:
    usual = NetworkClassifier((128, 32), max_epochs=60, random_state=0)
    tuned = NetworkClassifier(pretrained=base, max_epochs=60, random_state=0)
    for name, model in zip(accuracy, (usual, tuned), strict=True):
        accuracy[name].append(model.fit(X[:count], digit[:count]).score(X[1400:], digit[1400:]))

for name, values in accuracy.items():
    plt.plot(labels, values, "o-", label=name)
plt.gca().set(xscale="log", xlabel="labels", ylabel="accuracy on 397 other images", title="digits")
plt.legend()
print({name: np.round(values, 3).tolist() for name, values in accuracy.items()})
