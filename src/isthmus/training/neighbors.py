"""Which rows explain which: searched among the rows at first, then among their codes, until the links rest."""

from __future__ import annotations

from functools import partial

import jax
import numpy as np

from isthmus.contracts import Links, Neighborhood
from isthmus.core.effort import Suited
from isthmus.data.device_table import DeviceTable
from isthmus.layers.points import row_points
from isthmus.model import inference
from isthmus.model.model import Model
from isthmus.training.step import USUAL_EPOCHS, TrainingState


def find_neighbors(
    state: TrainingState, neighborhood: Neighborhood | None, model: Model, table: DeviceTable, seeds: tuple[int, ...]
) -> TrainingState:
    """Return the state with the links of the scaled rows, the same for every start; as it is without a neighborhood."""
    if neighborhood is None:
        return state
    rows = int(table.rows)
    points, weight, label = np.asarray(table.x)[:rows], np.asarray(table.weight)[:rows], _label(table)
    if neighborhood.measures and (model.counts is not None or model.may_be_missing):
        points = row_points(points, model.counts, weight, is_table=model.categories is not None, xp=np)
    padded = [_padded(neighborhood(points, label, seed), len(table.x)) for seed in seeds]
    links = jax.tree.map(lambda *arrays: np.stack(arrays), *padded)
    return state._replace(links=links, changed=np.ones(len(seeds), np.float32))


def refresh_neighbors(
    state: TrainingState,
    neighborhood: Neighborhood | None,
    model: Model,
    table: DeviceTable,
    seeds: tuple[int, ...],
    number: int,
    suited: Suited,
) -> TrainingState:
    """Return the state with links among the codes, where they are searched again before epoch `number`."""
    if neighborhood is None or not number or not neighborhood.every or number % neighborhood.every:
        return state
    label, rows = _label(table), int(table.rows)
    links, changed = [], np.array(state.changed, np.float32)
    for start, seed in enumerate(seeds):
        old = jax.tree.map(lambda array, start=start: np.asarray(array)[start], state.links)
        if changed[start] <= neighborhood.tolerance:  # it rests
            links.append(old)
            continue
        codes = _codes(np.asarray(state.weights)[start], model, np.asarray(table.x)[:rows], suited)
        new = _padded(neighborhood(codes, label, seed + number), len(table.x))
        changed[start] = _share_changed(old.index[:rows], new.index[:rows])
        links.append(new)
    return state._replace(links=jax.tree.map(lambda *arrays: np.stack(arrays), *links), changed=changed)


def _codes(weights: np.ndarray, model: Model, x: np.ndarray, suited: Suited) -> np.ndarray:
    times = USUAL_EPOCHS * inference.runs(inference.encode, weights, len(x))
    encode = partial(suited, inference.encode, jax.device_put(weights), model, times=times)
    codes = list(inference.blockwise(encode, iter([x])))
    return np.concatenate(codes)[:, : model.size]  # without what the decoder knows beside it


def _label(table: DeviceTable) -> np.ndarray | None:
    return None if table.label is None else np.asarray(table.label)[: int(table.rows)]


def _share_changed(old: np.ndarray, new: np.ndarray) -> float:
    """Return the share of links that were not there before, whatever their order."""
    is_new = (new[:, :, None] != old[:, None, :]).all(axis=2)
    return float(is_new.mean())


def _padded(links: Links, rows: int) -> Links:
    fill = ((0, rows - len(links.index)), (0, 0))
    return Links(np.pad(np.asarray(links.index, np.int32), fill), np.pad(np.asarray(links.strength, np.float32), fill))
