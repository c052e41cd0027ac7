"""
A series, cleaned, and its odd steps
====================================

Windows of a series are rows; what overlaps is averaged on the way back.
"""

import matplotlib.pyplot as plt
import numpy as np

import isthmus
from isthmus import AnomalyDetector, Autoencoder

rng = np.random.default_rng(0)
steps = np.arange(1500)
clean = np.column_stack([np.sin(steps / 12), np.sign(np.sin(steps / 30))])
series = clean + 0.3 * rng.normal(size=clean.shape)
series[1200:1215, 0] += 1.5  # odd

windows = isthmus.windows(series, size=48)
wave = Autoencoder(4, max_epochs=30, random_state=0).fit(windows)
detector = AnomalyDetector(random_state=0).fit(isthmus.windows(series[:1000], size=48))
score = isthmus.series_error(detector, series)

figure, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(9, 5))
above.plot(series[:, 0], color="0.8", label="as measured")
above.plot(isthmus.clean_series(wave, series)[:, 0], label="cleaned")
above.legend()
below.plot(score)
below.set(title="anomaly score by step: about 1 is usual", xlabel="step")
below.axvspan(1200, 1215, color="C3", alpha=0.2)
