"""
Codes of a shape you choose
===========================

An adversarial autoencoder has a discriminator that tells its codes from draws of a prior, until it no longer can.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

import isthmus

X, digit = load_digits(return_X_y=True)
X = X / 16

figure, axes = plt.subplots(1, 2, figsize=(9, 4.2))
for axis, prior in zip(axes, ("normal", "swiss_roll"), strict=True):
    model = isthmus.adversarial(2, prior=prior, scaling=None, max_epochs=150, random_state=0)
    axis.scatter(*model.fit_transform(X).T, c=digit, cmap="tab10", s=6)
    axis.set(title=f"prior: {prior}", aspect="equal")
