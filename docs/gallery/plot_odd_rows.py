"""
Odd rows of a mixed table, and why
==================================

Numbers, a category and missing cells go in as they are. What is odd about a row is which cells do not go together.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import isthmus
from isthmus import AnomalyDetector

rng = np.random.default_rng(0)
age = rng.integers(18, 66, 800)
job = np.where(age < 25, "student", rng.choice(["baker", "clerk"], 800))
table = pd.DataFrame({"age": age, "job": job, "hours": np.where(job == "student", 10, 38) + rng.normal(0, 2, 800)})
table.loc[::40, "hours"] = np.nan
table.loc[5] = [23, "student", 60.0]  # works too much for a student
table.loc[9] = [62, "student", 11.0]  # is old for one

detector = AnomalyDetector(threshold="conformal", alpha=0.01, random_state=0).fit(table.drop([5, 9]))
score = detector.anomaly_score(table)
print(isthmus.odd_rows(detector, table, 3))

# %%
# What each column adds to the score of these rows.

added = detector.explain(table.loc[[5, 9]])["contribution"]
added.plot.barh(stacked=True, title="what makes rows 5 and 9 odd")
plt.xlabel("added to the score (about 1 in all is usual)")
