"""
Digits that nobody wrote
========================

A variational autoencoder has a distribution over codes, so new codes can be drawn and decoded; between two codes lie
images between two images.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import isthmus

X = load_digits().data / 16
vae = isthmus.variational(8, likelihood="bernoulli", scaling=None, max_epochs=200, random_state=0).fit(X)

figure, axes = plt.subplots(2, 10, figsize=(10, 2.2))
drawn = vae.sample(10, random_state=0)
between = vae.interpolate(X[:1], X[1:2], steps=10)
for line, images in enumerate((drawn, np.reshape(between, (-1, 64)))):
    for axis, image in zip(axes[line], images, strict=False):
        axis.imshow(np.reshape(image, (8, 8)), cmap="gray_r")
        axis.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("drawn")
axes[1, 0].set_ylabel("0 to 1")
