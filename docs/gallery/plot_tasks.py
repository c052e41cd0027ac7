"""
One network that writes another for each task
=============================================

A hypernetwork turns a task's number into the weights of a network: tasks that resemble each other share what they
learn.
"""

import matplotlib.pyplot as plt
import numpy as np

from isthmus import NetworkRegressor

rng = np.random.default_rng(0)
x, task = rng.uniform(-3, 3, 1500), rng.integers(0, 3, 1500)
y = np.sin(x + task) + 0.1 * rng.normal(size=1500)

model = NetworkRegressor("hyper(mlp((32, 32)), column=1)", max_epochs=120, random_state=0)
model.fit(np.column_stack([x, task]), y)

grid = np.linspace(-3, 3, 100)
for number in range(3):
    plt.plot(x[task == number], y[task == number], ".", ms=2, color=f"C{number}")
    answer = model.predict(np.column_stack([grid, np.full(100, number)]))
    plt.plot(grid, answer, color=f"C{number}", label=f"task {number}")
plt.legend()
plt.title("three tasks, one network")
