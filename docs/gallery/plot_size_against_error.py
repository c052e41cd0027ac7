"""
Bytes against error
===================

A codec keeps a table within an error that you state, by construction. The more it may err, the fewer bytes it takes.
"""

import matplotlib.pyplot as plt
import numpy as np

from isthmus import Codec

steps = np.arange(20_000)
rng = np.random.default_rng(0)
series = np.column_stack([np.sin(steps / 50), np.cos(steps / 50), np.cumsum(rng.normal(size=20_000)) / 100])
series = (series + 0.01 * rng.normal(size=series.shape)).astype(np.float32)

errors = [1e-4, 1e-3, 1e-2, 5e-2]
sizes, reached = [], []
for error in errors:
    codec = Codec(error=error, effort="contexts").fit(series)
    stream = codec.compress(series)
    sizes.append(len(stream) / series.size)
    reached.append(np.abs(codec.decompress(stream) - series).max())

plt.semilogx(errors, sizes, "o-")
plt.axhline(4, color="0.7")
plt.gca().set(title="a series of three channels", xlabel="error allowed", ylabel="bytes a number (as it is: 4)")
print([f"{most:.1e} of {error:.0e}" for most, error in zip(reached, errors, strict=True)])
