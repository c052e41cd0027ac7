"""What one, two and three layers can represent: first with weights set by hand, then with weights that were learned.

    python what_layers_can_represent.py [FOLDER] [--epochs 200]

writes three pictures to FOLDER (`pictures` by default) and prints what was measured. A layer of thresholds cuts the
plane into half-planes; a second one combines them by AND to any convex polygon, a third by OR to any union of such. A
sum of thresholds, weighed, is any function of steps.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from matplotlib.path import Path as Outline

from isthmus import NetworkClassifier
from isthmus.contracts import Row
from isthmus.core.affine import affine
from isthmus.core.parameter_specs import fill_specs
from isthmus.parts.backbones import MLP

Function = Callable[[np.ndarray], np.ndarray]
Layer = tuple[Any, Any]  # W [inputs, outputs] and b [outputs]

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
XOR = np.array([0, 1, 1, 0])
PENTAGON = np.array([[-0.8, -0.3], [-0.1, -0.8], [0.8, -0.4], [0.6, 0.5], [-0.4, 0.7]])
STAR = [  # two triangles, counterclockwise
    0.9 * np.array([[np.cos(angle), np.sin(angle)] for angle in turn + np.pi * np.array([0.5, 7 / 6, 11 / 6])])
    for turn in (0.0, np.pi)
]
DEPTHS = {"none": (), "one": (16,), "two": (16, 16)}


def thresholds(*layers: Layer) -> Function:
    """Return the network of layers I[x W + b >= 0]."""
    arrays = [np.asarray(array, np.float32) for layer in layers for array in layer]
    widths = tuple(len(bias) for bias in arrays[1::2])
    encoder, _ = MLP(widths, activation="threshold").encoder(Row((len(arrays[0]),)))
    network = jax.jit(fill_specs(encoder, arrays).__call__)
    return lambda x: np.asarray(network(jnp.asarray(x, jnp.float32), None))


def at_least(count: int, inputs: int) -> Layer:
    """Return the unit that fires where at least `count` of its inputs do: OR for 1, AND for all."""
    return np.ones((inputs, 1)), [0.5 - count]


def half_planes(polygon: np.ndarray) -> Layer:
    """Return a unit for each side of a convex polygon, its corners [sides, 2] counterclockwise, that fires within."""
    along = np.roll(polygon, -1, axis=0) - polygon
    inward = np.stack([-along[:, 1], along[:, 0]])  # [2, sides]
    return inward, -np.sum(inward.T * polygon, axis=1)


def within(polygon: np.ndarray) -> Function:
    """Return the indicator of a convex polygon: half-planes, and their AND."""
    return thresholds(half_planes(polygon), at_least(len(polygon), len(polygon)))


def within_any(polygons: Sequence[np.ndarray]) -> Function:
    """Return the indicator of a union of convex polygons: half-planes, an AND for each polygon, their OR."""
    sides = [half_planes(polygon) for polygon in polygons]
    owner = np.repeat(np.arange(len(polygons)), [len(polygon) for polygon in polygons])
    ands = (owner[:, None] == np.arange(len(polygons))).astype(float), [0.5 - len(polygon) for polygon in polygons]
    first = np.hstack([matrix for matrix, _ in sides]), np.hstack([bias for _, bias in sides])
    return thresholds(first, ands, at_least(1, len(polygons)))


def steps(function: Function, bins: int) -> Function:
    """Return Σ_i f(b_i) I[x in (b_i, b_i+1]] on [0, 1], a layer of thresholds I[x <= b_i] and a weighed sum."""
    edges = np.linspace(0, 1, bins + 1)
    height = function(edges[:-1])
    below = thresholds((-np.ones((1, bins + 1)), edges))
    weights = np.concatenate([[0], height]) - np.concatenate([height, [0]])
    output_layer = fill_specs(affine(bins + 1, 1), [weights[:, None].astype(np.float32), np.zeros(1, np.float32)])
    return lambda x: np.asarray(output_layer(below(x[:, None])))[:, 0]


def curve(x: np.ndarray) -> np.ndarray:
    return np.sin(2 * np.pi * x) + x


def is_in(*polygons: np.ndarray) -> Function:
    """Return whether points [n, 2] lie in one of the polygons, found by Matplotlib."""
    return lambda x: np.any([Outline(polygon).contains_points(x) for polygon in polygons], axis=0)


TASKS: dict[str, Function] = {
    "half-plane": lambda x: x @ [0.6, 0.8] > 0.1,
    "XOR": lambda x: (x[:, 0] > 0) != (x[:, 1] > 0),
    "polygon": is_in(PENTAGON),
    "star": is_in(*STAR),
}


def points(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, 2))


def set_by_hand() -> dict[str, Function]:
    """Print how far networks go whose weights are set by hand, and return them."""
    found = {
        "AND, one layer": thresholds(at_least(2, 2)),
        "OR, one layer": thresholds(at_least(1, 2)),
        "XOR, two layers": thresholds(([[1, 1], [1, 1]], [-0.5, -1.5]), ([[1], [-1]], [-0.5])),  # OR, but not AND
        "polygon, two layers": within(PENTAGON),
        "star, three layers": within_any(STAR),
    }
    print("Weights set by hand: share of points that are right")
    truths = (CORNERS.min(axis=1), CORNERS.max(axis=1), XOR)
    for (name, network), truth in zip(found.items(), truths, strict=False):
        print(f"  {name:<28}{np.mean(network(CORNERS)[:, 0] == truth):.4f} of the 4 corners")
    x = points(20_000, seed=1)
    for name, truth in (("polygon, two layers", TASKS["polygon"](x)), ("star, three layers", TASKS["star"](x))):
        print(f"  {name:<28}{np.mean(found[name](x)[:, 0] == truth):.4f} of 20,000 points")
    return found


def one_layer_is_not_enough() -> None:
    """Print which functions of two bits one threshold gives, among all 16, and how near it comes to XOR."""
    # Every half-plane parts the corners as one of these does. XOR would need w0 < 0 and w0 + w1 + w2 < 0, but
    # w0 + w1 >= 0 and w0 + w2 >= 0, and both pairs have the same sum.
    tried = itertools.product((-1, 0, 1), (-1, 0, 1), (-1.5, -0.5, 0.5, 1.5))
    answers = [thresholds(([[w1], [w2]], [w0]))(CORNERS)[:, 0] for w1, w2, w0 in tried]
    right = max(np.mean(answer == XOR) for answer in answers)
    functions = {tuple(answer.tolist()) for answer in answers}
    print(f"  {'XOR, one layer':<28}{right:.4f} of the 4 corners at best, of 16 functions {len(functions)}")


def fit_a_curve() -> dict[int, Function]:
    """Print how the error of steps falls as they get narrower, and return them by their number."""
    fits = {bins: steps(curve, bins) for bins in (5, 20, 80)}
    x = points(5000, seed=2)[:, 0] / 2 + 0.5
    print("Steps by two layers: mean distance from sin(2πx) + x")
    for bins, fit in fits.items():
        print(f"  {bins:>3} bins{np.mean(np.abs(fit(x) - curve(x))):>10.4f}")
    return fits


def learn(activation: str, epochs: int) -> dict[tuple[str, str], NetworkClassifier]:
    """Print how far networks go that learn from 800 points, on 10,000 others, and return them by task and depth."""
    train, test = points(800, seed=3), points(10_000, seed=4)
    found = {}
    print(f"Learned, hidden layers of 16 {activation}: accuracy on new points")
    print(f"  {'task':<12}{'one class':>10}" + "".join(f"{depth:>8}" for depth in DEPTHS))
    for task, truth in TASKS.items():
        y, share = truth(train), np.mean(truth(test))
        accuracies = []
        for depth, hidden in DEPTHS.items():
            classifier = NetworkClassifier(
                MLP(hidden, activation=activation), optimizer="adam(0.01)", max_epochs=epochs, stops=()
            )
            found[task, depth] = classifier.fit(train, y)
            accuracies.append(classifier.score(test, truth(test)))
        print(f"  {task:<12}{max(share, 1 - share):>10.3f}" + "".join(f"{each:>8.3f}" for each in accuracies))
    return found


def draw_regions(panel: Any, function: Function, title: str, low: float = -1.0, high: float = 1.0) -> None:
    """Draw where a function of the plane is near 1."""
    axis = np.linspace(low, high, 201)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    panel.imshow(
        function(grid).reshape(201, 201), origin="lower", extent=(low, high, low, high), cmap="Blues", vmin=0, vmax=1.4
    )
    panel.set(xticks=[], yticks=[])
    panel.set_title(title, fontsize=9)


def draw(by_hand: dict[str, Function], fits: dict[int, Function], learned: Any, activation: str) -> dict[str, Figure]:
    """Return the pictures by the names of their files."""
    first = Figure(figsize=(12, 2.8), layout="constrained")
    for panel, (name, network) in zip(first.subplots(1, len(by_hand)), by_hand.items(), strict=True):
        is_bits = name.startswith(("AND", "OR", "XOR"))
        draw_regions(panel, network, name, *((-0.5, 1.5) if is_bits else (-1.0, 1.0)))
        if is_bits:
            panel.scatter(*CORNERS.T, color="black", zorder=2)
    second = Figure(figsize=(10, 2.8), layout="constrained")
    x = np.linspace(0, 1, 2001)
    for panel, (bins, fit) in zip(second.subplots(1, len(fits), sharey=True), fits.items(), strict=True):
        panel.plot(x, curve(x), color="0.6")
        panel.plot(x[1:], fit(x[1:]), color="C0")
        panel.set_title(f"{bins} bins", fontsize=9)
    third = Figure(figsize=(7, 9), layout="constrained")
    for panel, ((task, depth), classifier) in zip(third.subplots(len(TASKS), 3).ravel(), learned.items(), strict=True):
        draw_regions(panel, lambda x, c=classifier: c.predict_proba(x)[:, 1], f"{task}, hidden layers: {depth}")
        panel.contour(*[np.linspace(-1, 1, 201)] * 2, truth_on_grid(task), levels=[0.5], colors="C1", linewidths=1)
    third.suptitle(f"learned with {activation}; the border to learn in orange", fontsize=10)
    return {"set_by_hand": first, "steps": second, "learned": third}


def truth_on_grid(task: str) -> np.ndarray:
    axis = np.linspace(-1, 1, 201)
    return TASKS[task](np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)).reshape(201, 201).astype(float)


def main() -> None:
    parser = argparse.ArgumentParser(description="What one, two and three layers can represent.")
    parser.add_argument("folder", nargs="?", default="pictures", type=Path, help="where the pictures go")
    parser.add_argument("--epochs", default=200, type=int, help="of each network that learns")
    parser.add_argument("--activations", default=["relu", "tanh"], nargs="+", help="of the networks that learn")
    given = parser.parse_args()
    by_hand = set_by_hand()
    one_layer_is_not_enough()
    fits = fit_a_curve()
    learned = {activation: learn(activation, given.epochs) for activation in given.activations}
    given.folder.mkdir(parents=True, exist_ok=True)
    activation = given.activations[-1]
    for name, figure in draw(by_hand, fits, learned[activation], activation).items():
        figure.savefig(given.folder / f"{name}.png", dpi=110)
        print(f"drawn: {given.folder / name}.png")


if __name__ == "__main__":
    main()
