"""
Settings chosen by cross-validation
===================================

Estimators are scikit-learn's: parts are named in ``set_params``, ``GridSearchCV`` and pipelines.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV

from isthmus import Autoencoder

X = load_wine(as_frame=True).data
search = GridSearchCV(
    Autoencoder("deterministic(2)", penalties=["l2"], max_epochs=40, random_state=0),
    {"bottleneck__size": [1, 2, 4, 8], "penalties__l2__weight": [1e-4, 1e-2]},
    cv=3,
).fit(X)

scores = search.cv_results_["mean_test_score"].reshape(4, 2)
for place, weight in enumerate((1e-4, 1e-2)):
    plt.plot([1, 2, 4, 8], scores[:, place], "o-", label=f"L2, weight {weight:g}")
plt.gca().set(xlabel="numbers in the code", ylabel="score on held-out wines", title="the larger the better")
plt.legend()
print(search.best_params_, np.round(search.best_score_, 2))
