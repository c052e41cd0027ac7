"""Damaged files and files of other kinds: refused, or the same model; nothing in them is executed."""

from __future__ import annotations

import io
import os
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import isthmus
from isthmus import Autoencoder, ModelFileError
from tiny import scaling_of, weights_of

TENSOR = "weights.neck.affine.matrix"
Refusal = Callable[[Path], str]


def test_the_cases_are_made_from_a_file_that_loads(good: Any, tmp_path: Path, fitted: Autoencoder) -> None:
    path = tmp_path / "same.safetensors"
    for data in (good.inner(lambda header: None), good.other(lambda tensors: None), good.outer(lambda table: None)):
        path.write_bytes(data)
        assert difference(isthmus.load(path), fitted) is None


def difference(one: Autoencoder, other: Autoencoder) -> str | None:
    """Return what differs between two fitted estimators, or None."""
    sides = [
        {
            "parameters": ae.to_json(),
            "weights": weights_of(ae).tobytes(),
            "scaling": {name: array.tobytes() for name, array in scaling_of(ae).items()},
            "shape": (ae.model_.shape, ae.model_.may_be_missing, ae.model_.categories),
            "names": list(ae.feature_names_in_),
            "history": ae.history_,
            "stop_reason": ae.stop_reason_,
            "sizes": (ae.n_components_, ae.n_features_in_, ae.n_iter_),
        }
        for ae in (one, other)
    ]
    return next((name for name in sides[0] if sides[0][name] != sides[1][name]), None)


def test_a_file_cut_at_any_boundary_is_refused(good: Any, tmp_path: Path, refusal: Refusal) -> None:
    offsets = [entry["data_offsets"] for name, entry in good.table.items() if name != "__metadata__"]
    edges = {0, 8, good.head, len(good.data), *(good.head + edge for pair in offsets for edge in pair)}
    places = {edge + off for edge in edges for off in (-1, 0, 1)} | set(range(0, good.head, 97))
    path = tmp_path / "cut.safetensors"
    cuts = sorted(place for place in places if 0 <= place < len(good.data))
    assert len(cuts) > 50
    for cut in cuts:
        path.write_bytes(good.data[:cut])
        assert "cut short" in (message := refusal(path)) or f"it has {cut} bytes" in message, cut


def test_a_flipped_bit_is_refused_or_changes_nothing(good: Any, tmp_path: Path, fitted: Autoencoder) -> None:
    path = tmp_path / "flipped.safetensors"
    bits = np.random.default_rng(7).choice(8 * len(good.data), size=400, replace=False)
    refused = 0
    for bit in bits:
        data = bytearray(good.data)
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        try:
            loaded = isthmus.load(path)
        except ModelFileError:
            refused += 1
        else:  # 1e-08 and 1E-08 are the same number
            assert difference(loaded, fitted) is None, f"bit {bit} changes {difference(loaded, fitted)} unseen"
    assert refused > 390


def test_every_bit_of_the_numbers_is_guarded(good: Any, tmp_path: Path, refusal: Refusal) -> None:
    path = tmp_path / "flipped.safetensors"
    for place in range(good.head, len(good.data), 3):
        data = bytearray(good.data)
        data[place] ^= 1 << place % 8
        path.write_bytes(data)
        assert "checksum does not fit" in refusal(path)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("history", 0, "loss"), 0.0),
        (("stop_reason",), "other"),
        (("version",), "9.9"),
        (("has_names",), False),
        (("form",), "polars"),
        (("parameters", "random_state"), 1),
        (("parameters", "encoder", "settings", "activation", "part"), "tanh"),
        (("parameters", "penalties"), []),
    ],
)
def test_every_part_of_the_header_is_guarded(
    good: Any, tmp_path: Path, place: tuple[str | int, ...], value: object, refusal: Refusal
) -> None:
    path = tmp_path / "changed.safetensors"
    path.write_bytes(good.unsigned_with(*place, value=value))
    assert "checksum does not fit" in refusal(path)


def test_names_of_columns_are_those_of_the_schema(good: Any, tmp_path: Path, refusal: Refusal) -> None:
    path = tmp_path / "changed.safetensors"
    path.write_bytes(good.unsigned_with("row", "columns", value=list("edcba")))
    assert "its schema has other columns than its rows" in refusal(path)


def test_two_numbers_exchanged_are_refused(good: Any, tmp_path: Path, refusal: Refusal) -> None:
    """The names are guarded too, not only the bytes."""

    def exchange(table: dict[str, Any]) -> None:
        one, other = "scaling.mean", "scaling.deviation"
        table[one], table[other] = table[other], table[one]

    path = tmp_path / "exchanged.safetensors"
    path.write_bytes(good.outer(exchange))
    assert "checksum does not fit" in refusal(path)


class Bomb:
    """Pickled, it writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self._path,)


@pytest.mark.parametrize("place", ["file", "zip", "npy", "header", "name", "tensor", "part"])
def test_nothing_in_a_file_is_unpickled(good: Any, tmp_path: Path, place: str, refusal: Refusal) -> None:
    fuse = tmp_path / "exploded"
    bomb = pickle.dumps(Bomb(fuse))
    path = tmp_path / "bomb.safetensors"
    archive, array = io.BytesIO(), io.BytesIO()
    np.savez(archive, X=np.array([Bomb(fuse)], dtype=object))
    np.save(array, np.array([Bomb(fuse)], dtype=object))
    text = bomb.decode("latin-1")
    path.write_bytes(
        {
            "file": lambda: bomb,
            "zip": archive.getvalue,
            "npy": array.getvalue,
            "header": lambda: good.packed(bomb, good.body),
            "name": lambda: good.outer(lambda table: table.update({text: table.pop(TENSOR)})),
            "tensor": lambda: good.data[: -len(bomb)] + bomb,
            "part": lambda: good.header_with("parameters", "bottleneck", "part", value=text),
        }[place]()
    )
    refusal(path)
    assert not fuse.exists()
    pickle.loads(bomb)  # noqa: S301 -- it is ours, and shows that the fuse would have been seen
    assert fuse.exists()


def test_a_checkpoint_is_no_model(frame: pd.DataFrame, tmp_path: Path, refusal: Refusal) -> None:
    path = tmp_path / "checkpoint.safetensors"
    Autoencoder(2, encoder=(4,), max_epochs=3, penalties="l1").fit(frame, checkpoint=path)
    assert "is a 'checkpoint' file; expected a 'model' file" in refusal(path)


def test_a_folder_is_no_model(tmp_path: Path, refusal: Refusal) -> None:
    assert "is a folder" in refusal(tmp_path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path, refusal: Refusal) -> None:
    message = refusal(tmp_path / "model.safetensors")
    assert "model.safetensors" in message
    assert "there is no file" in message


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    path = tmp_path / "pipe.safetensors"
    os.mkfifo(path)
    found: list[BaseException] = []

    def load() -> None:
        try:
            isthmus.load(path)
        except ModelFileError as error:
            found.append(error)

    reader = threading.Thread(target=load, daemon=True)
    reader.start()
    reader.join(timeout=5)
    is_waiting = reader.is_alive()
    if is_waiting:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))  # let it go
        reader.join(timeout=5)
    assert not is_waiting
    assert "is not a file" in str(found[0])


def test_a_link_to_a_model_is_a_model(good: Any, tmp_path: Path) -> None:
    (tmp_path / "real.safetensors").write_bytes(good.data)
    (tmp_path / "link.safetensors").symlink_to(tmp_path / "real.safetensors")
    assert isthmus.load(tmp_path / "link.safetensors").n_components_ == 2
