"""
Noise off images
================

A denoising autoencoder is given images with noise and learns to give the clean ones.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import isthmus

X = load_digits().data / 16
train, test = X[:1400], X[1400:]
ae = isthmus.denoising(32, noise="gaussian(0.3)", scaling=None, max_epochs=100, random_state=0).fit(train)

rng = np.random.default_rng(0)
noisy = test + 0.3 * rng.normal(size=test.shape)
clean = ae.reconstruct(noisy)

figure, axes = plt.subplots(3, 10, figsize=(10, 3.2))
for line, (name, images) in enumerate({"noisy": noisy, "cleaned": clean, "truth": test}.items()):
    for axis, image in zip(axes[line], images, strict=False):
        axis.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
    axes[line, 0].set_ylabel(name)
before, after = (np.square(images - test).mean() for images in (noisy, clean))
print(f"mean squared error {before:.3f} with noise, {after:.3f} cleaned")
