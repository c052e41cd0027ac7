"""A model file that loads, taken apart: what the hostile ones are made of."""

from __future__ import annotations

import itertools
import json
import struct
import time
import tracemalloc
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy

import isthmus
from isthmus import Autoencoder, ModelFileError
from isthmus.storage import container as modelfile

MEGABYTE = 2**20


@dataclass(frozen=True)
class Good:
    """The file, its two headers and its tensors, and ways to change one of them."""

    data: bytes
    table: dict[str, Any]  # the outer JSON: tensors by name, and __metadata__
    header: dict[str, Any]  # the inner JSON: the model
    tensors: dict[str, np.ndarray]
    folder: Path

    @property
    def head(self) -> int:
        """Return where the tensors begin."""
        return 8 + struct.unpack("<Q", self.data[:8])[0]

    @property
    def body(self) -> bytes:
        return self.data[self.head :]

    @staticmethod
    def packed(text: bytes, body: bytes, length: int | None = None) -> bytes:
        return struct.pack("<Q", len(text) if length is None else length) + text + body

    def outer(self, change: Callable[[dict[str, Any]], Any]) -> bytes:
        """Return the file with another outer table, the tensors' bytes as they were."""
        table = deepcopy(self.table)
        change(table)
        return self.packed(json.dumps(table).encode(), self.body)

    def table_with(self, *place: str | int, value: Any) -> bytes:
        return self.outer(lambda table: put(table, place, value))

    def table_without(self, *place: str | int) -> bytes:
        return self.outer(lambda table: remove(table, place))

    def inner(self, change: Callable[[dict[str, Any]], Any]) -> bytes:
        """Return the file with another model header and a checksum that fits it."""
        header = deepcopy(self.header)
        change(header)
        return self.signed(header, self.tensors)

    def header_with(self, *place: str | int, value: Any) -> bytes:
        return self.inner(lambda header: put(header, place, value))

    def header_without(self, *place: str | int) -> bytes:
        return self.inner(lambda header: remove(header, place))

    def unsigned(self, text: str) -> bytes:
        """Return the file with this text as its model header."""
        return self.table_with("__metadata__", "isthmus", value=text)

    def unsigned_with(self, *place: str | int, value: Any) -> bytes:
        """Return the file with another model header and the checksum of the old one."""
        header = deepcopy(self.header)
        put(header, place, value)
        return self.unsigned(json.dumps(header))

    def unsigned_without(self, *place: str | int) -> bytes:
        header = deepcopy(self.header)
        remove(header, place)
        return self.unsigned(json.dumps(header))

    def other(self, change: Callable[[dict[str, np.ndarray]], Any]) -> bytes:
        """Return the file with other tensors and a checksum that fits them."""
        tensors = {name: tensor.copy() for name, tensor in self.tensors.items()}
        change(tensors)
        return self.signed(self.header, tensors)

    def signed(self, header: dict[str, Any], tensors: dict[str, np.ndarray]) -> bytes:
        path = self.folder / "signed.safetensors"
        modelfile.write(path, {key: value for key, value in header.items() if key != "checksum"}, tensors)
        return path.read_bytes()


def put(data: Any, place: tuple[str | int, ...], value: Any) -> None:
    for step in place[:-1]:
        data = data[step]
    data[place[-1]] = value


def remove(data: Any, place: tuple[str | int, ...]) -> None:
    for step in place[:-1]:
        data = data[step]
    del data[place[-1]]


@pytest.fixture(scope="session")
def frame() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).normal(size=(40, 5)), columns=list("abcde"))


@pytest.fixture(scope="session")
def fitted(frame: pd.DataFrame) -> Autoencoder:
    return Autoencoder(2, encoder=(4,), max_epochs=3, penalties="l1").fit(frame)


@pytest.fixture(scope="session")
def good(fitted: Autoencoder, tmp_path_factory: pytest.TempPathFactory) -> Good:
    folder = tmp_path_factory.mktemp("good")
    path = folder / "good.safetensors"
    fitted.save(path)
    isthmus.load(path)  # what a first load imports does not count against the hostile ones
    data = path.read_bytes()
    end = 8 + struct.unpack("<Q", data[:8])[0]
    table = json.loads(data[8:end])
    header = json.loads(table["__metadata__"]["isthmus"])
    return Good(data, table, header, safetensors.numpy.load(data), folder)


MOST_TRACED = 3  # files of one kind whose memory is watched: that takes ten times as long as the refusal


@pytest.fixture
def refusal() -> Callable[[Path], str]:
    """Return a function that says why a file is not loaded, and that finding out took neither time nor memory.

    A test is a kind of forgery: of its files the first few are traced, and of many every hundredth.
    """
    count = itertools.count()

    def refuse(path: Path) -> str:
        number = next(count)
        is_traced = number < MOST_TRACED or number % 100 == 0
        began = time.process_time()
        if is_traced:
            tracemalloc.start()
        try:
            with pytest.raises(ModelFileError) as caught:
                isthmus.load(path)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert time.process_time() - began < 3  # traced, on a busy machine; a trap would take minutes
        assert peak < 10 * MEGABYTE + 20 * (path.stat().st_size if path.is_file() else 0)
        message = str(caught.value)
        assert str(path) in message
        assert len(message) < 1000
        assert "\n" not in message
        return message

    return refuse
