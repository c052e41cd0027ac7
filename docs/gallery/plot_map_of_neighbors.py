"""
A map in which near rows stay near
==================================

A penalty on distances asks that codes lie as far apart as rows do; a Laplacian one, that rows which are near have near
codes.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import make_s_curve
from sklearn.manifold import trustworthiness

import isthmus
from isthmus import Autoencoder

X, along = make_s_curve(1000, random_state=0)
models = {
    "undercomplete": Autoencoder(2, max_epochs=60, random_state=0),
    "distances": isthmus.embedding(2, pairs="distances", max_epochs=60, random_state=0),
    "laplacian": isthmus.embedding(2, pairs="laplacian", max_epochs=60, random_state=0),
}

figure, axes = plt.subplots(1, 3, figsize=(12, 4))
for axis, (name, model) in zip(axes, models.items(), strict=True):
    Z = model.fit_transform(X)
    axis.scatter(*Z.T, c=along, s=6)
    axis.set(title=f"{name}: trustworthiness {trustworthiness(X, Z):.3f}", xticks=[], yticks=[])
