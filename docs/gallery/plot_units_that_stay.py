"""
A code of which few units stay
==============================

Of 128 units the eight largest pass, in each row others. What a unit stands for is the image that its weights draw.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import isthmus

X = load_digits().data / 16
model = isthmus.k_sparse(128, k=8, encoder=(), scaling=None, max_epochs=80, random_state=0).fit(X)
codes = model.transform(X)
print(f"units that are not zero, by row: {(codes != 0).sum(axis=1).mean():.1f}")

figure, axes = plt.subplots(2, 10, figsize=(10, 2.2))
often = np.argsort(-(codes != 0).mean(axis=0))[:20]
drawn = model.inverse_transform(np.eye(128)[often] * codes.max())
for axis, image in zip(axes.ravel(), drawn, strict=True):
    axis.imshow(image.reshape(8, 8), cmap="RdBu", vmin=-1, vmax=1)
    axis.set(xticks=[], yticks=[])
figure.suptitle("what each of the twenty most used units draws")
