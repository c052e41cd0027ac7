"""
Killed, and started again
=========================

With a checkpoint, a training that is stopped at any moment goes on as if it had not been: to the bit.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine

from isthmus import Autoencoder

X = load_wine(as_frame=True).data
path = Path(tempfile.mkdtemp()) / "run.ckpt"


settings = {"max_epochs": 40, "stops": None, "random_state": 0}
whole = Autoencoder(3, **settings).fit(X)
for epoch in Autoencoder(3, **settings).fit_epochs(X, checkpoint=path):
    if epoch.number == 10:
        break  # as if the machine had gone down
again = Autoencoder(3, **settings).fit(X, checkpoint=path)

print("equal to the bit:", np.array_equal(whole.transform(X), again.transform(X)))
plt.plot([record["loss"] for record in whole.history_], lw=5, color="0.8", label="in one go")
plt.plot([record["loss"] for record in again.history_], label="stopped after epoch 10, and on")
plt.gca().set(xlabel="epoch", ylabel="loss", title="the same training")
plt.legend()
