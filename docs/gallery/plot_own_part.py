"""
Your own penalty and activation
===============================

A function is a part: here an activation, and a penalty that pushes codes onto a circle.
"""

import jax.numpy as jnp
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from isthmus import MLP, Autoencoder

X, digit = load_digits(return_X_y=True)
X = X / 16


def off_circle(code):
    """Return a penalty on the distance of each code from the circle of radius 1, [n]."""
    return jnp.square(jnp.square(code).sum(axis=1) - 1)


settings = {"scaling": None, "max_epochs": 60, "random_state": 0}
plain = Autoencoder(2, **settings)
own = Autoencoder(2, encoder=MLP((128, 64), activation=jnp.tanh), penalties=[off_circle], **settings)

figure, axes = plt.subplots(1, 2, figsize=(9, 4.2))
for axis, (name, model) in zip(axes, {"plain": plain, "on a circle": own}.items(), strict=True):
    axis.scatter(*model.fit_transform(X).T, c=digit, cmap="tab10", s=6)
    axis.set(title=name, aspect="equal")
