"""
Digits as two numbers
=====================

Images of digits go through two numbers and come back. PCA is the best linear way to do so; an autoencoder bends, and
keeps digits apart that lie on each other there.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from isthmus import Autoencoder

X, digit = load_digits(return_X_y=True)
X = X / 16
ae = Autoencoder(2, scaling=None, max_epochs=100, random_state=0).fit(X)
codes = {"PCA": PCA(2).fit_transform(X), "autoencoder": ae.transform(X)}

figure, axes = plt.subplots(1, 2, figsize=(10, 4.5))
for axis, (name, code) in zip(axes, codes.items(), strict=True):
    points = axis.scatter(*code.T, c=digit, cmap="tab10", s=6)
    axis.set(title=name, xticks=[], yticks=[])
figure.colorbar(points, ax=axes, label="digit")
for name, code in codes.items():
    right = cross_val_score(KNeighborsClassifier(10), code, digit, cv=5).mean()
    print(f"{name}: ten neighbors name {right:.0%} of the digits")

# %%
# And back: what two numbers keep of an image.

figure, axes = plt.subplots(2, 10, figsize=(10, 2.2))
for column, (image, back) in enumerate(zip(X[:10], ae.reconstruct(X[:10]), strict=True)):
    for axis, pixels in zip(axes[:, column], (image, back), strict=True):
        axis.imshow(pixels.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
