"""Numbers of a header are bounded, sizes are counted before they are made, and types are those that columns have."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest

import isthmus
from isthmus import (
    AnomalyDetector,
    Autoencoder,
    Imputer,
    InvalidPart,
    ModelFileError,
    NetworkRegressor,
    StackedAutoencoder,
)
from isthmus.core import memory
from isthmus.storage import container
from tiny import X, autoencoder

Change = Callable[[dict[str, Any]], Any]
MIXED = pd.DataFrame({"a": X[:, 0], "b": ["x", "y"] * 30, "c": pd.date_range("2020-01-01", periods=60, tz="UTC")})


@contextmanager
def little_taken() -> Iterator[None]:
    """Fail where what is done takes long, or much memory."""
    began = time.process_time()
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60 * 2**20
    assert time.process_time() - began < 6


def refusal(model: Any, change: Change, folder: Path) -> str:
    """Return why a model whose header has been changed, and signed again, is not loaded."""
    path = folder / "model.safetensors"
    model.save(path)
    opened = container.open_file(path, "model")
    header, tensors = deepcopy(opened.header), opened.read()
    change(header)
    container.write(path, {key: header[key] for key in header if key not in ("checksum", "format")}, tensors)
    with little_taken(), pytest.raises(ModelFileError) as caught:
        isthmus.load(path)
    assert len(str(caught.value)) < 1000
    return str(caught.value)


def settings(*place: Any, **values: Any) -> Change:
    """Return what sets settings of a part in the parameters."""

    def change(header: dict[str, Any]) -> None:
        inner: Any = header["parameters"]
        for step in place:
            inner = inner[step]
        inner.update(values)

    return change


@pytest.fixture(scope="module")
def plain() -> Autoencoder:
    return autoencoder(penalties="l1", stops="patience").fit(X)


@pytest.fixture(scope="module")
def mixed() -> Autoencoder:
    return autoencoder().fit(MIXED)


@pytest.fixture(scope="module")
def sequences() -> Autoencoder:
    return autoencoder(encoder="recurrent((3,))").fit([np.ones((i % 3 + 1, 2)) * i for i in range(20)])


@pytest.mark.parametrize("shape", [[10**8], [2**31 - 1], [2**31 - 1] * 8, [10**6, 2]])
def test_a_row_is_no_larger_than_its_model_can_know(shape: list[int], sequences: Autoencoder, tmp_path: Path) -> None:
    def change(header: dict[str, Any]) -> None:
        header["row"] |= {"shape": shape, "is_sequence": len(shape) == 2}

    assert "a row must be of at most 1,048,576 numbers" in refusal(sequences, change, tmp_path)


def test_a_hypernetwork_makes_no_row_larger_either(tmp_path: Path) -> None:
    x = np.column_stack([X, np.arange(60) % 3])
    model = autoencoder(encoder="hyper(mlp((3,)), column=-1, tasks=3)").fit(x)
    change: Change = lambda header: header["row"].update(shape=[10**8], columns=None)  # noqa: E731
    assert "a row must be of at most" in refusal(model, change, tmp_path)


def test_rows_that_no_file_could_hold_are_refused_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus.data.stored_row.MOST_UNKNOWN", 8)
    with pytest.raises(InvalidPart, match=r"a row must be of at most [0-9,]+ numbers, for"):
        Autoencoder(1, encoder="conv((1,))", scaling=None, max_epochs=0).fit(np.zeros((4, 40, 40)) + np.eye(40))


LISTS: dict[str, tuple[Change, str]] = {
    "stops": (lambda h: h["parameters"].update(stops=h["parameters"]["stops"] * 5000), "stops must be at most 100"),
    "penalties": (
        lambda h: h["parameters"].update(penalties=h["parameters"]["penalties"] * 5000),
        "penalties must be at most 100 parts. Got 5000.",
    ),
    "widths": (settings("encoder", "settings", hidden=[2] * 100_000), "hidden must be a list of at most 1000 items"),
}


@pytest.mark.parametrize("case", LISTS)
def test_a_list_of_a_header_is_short(case: str, plain: Autoencoder, tmp_path: Path) -> None:
    change, why = LISTS[case]
    assert why in refusal(plain, change, tmp_path)


def test_the_widths_of_a_discriminator_are_few(tmp_path: Path) -> None:
    model = autoencoder(bottleneck="adversarial(2)").fit(X)
    change = settings("bottleneck", "settings", hidden=[2] * 100_000)
    assert "Adversarial.hidden must be a list of at most 1000 items. Got 100000." in refusal(model, change, tmp_path)


def test_the_layers_of_a_stack_are_few(tmp_path: Path) -> None:
    model = StackedAutoencoder([autoencoder()], max_epochs=1).fit(X)

    def change(header: dict[str, Any]) -> None:
        header["parameters"]["layers"] *= 2000

    assert "layers must be at most 100 estimators. Got 2000." in refusal(model, change, tmp_path)
    with pytest.raises(InvalidPart, match="layers must be"):
        StackedAutoencoder([autoencoder()] * 101).fit(X)


def test_numbers_of_a_header_have_a_range(plain: Autoencoder, tmp_path: Path) -> None:
    imputer = Imputer(autoencoder(), sweeps=1).fit(MIXED)
    why = refusal(imputer, settings(sweeps=10**12), tmp_path)
    assert "sweeps must be below 2,147,483,648. Got 1000000000000." in why
    assert "sweeps must be a whole number of at least 0 and at most 1,000" in refusal(
        imputer, settings(sweeps=10**6), tmp_path
    )
    for k in (2**31, 2**60, 1e308):
        top_k = autoencoder(bottleneck="top_k(2, k=1)").fit(X)
        assert "TopK" in refusal(top_k, settings("bottleneck", "settings", k=k), tmp_path)
    with pytest.raises(InvalidPart, match=r"TopK\.k must be"):
        autoencoder(bottleneck="top_k(4, k=99999999999)").fit(X)
    assert autoencoder(bottleneck="top_k(2, k=1, alpha=1e308)").fit(X).transform(X).shape == (60, 2)
    detector = AnomalyDetector(autoencoder()).fit(X)
    assert "n_models must be" in refusal(detector, settings(n_models=10**6), tmp_path)
    assert "max_epochs must be below" in refusal(plain, settings(max_epochs=2**31), tmp_path)


def test_weights_are_not_drawn_to_be_counted(tmp_path: Path) -> None:
    model = NetworkRegressor((4,), max_epochs=1, n_starts=2, combine="average").fit(X, X[:, 0])
    change = settings("encoder", "settings", hidden=[10**8])
    assert "the model needs F32 [5, 100000000]" in refusal(model, change, tmp_path)


def test_values_of_other_types_are_refused(mixed: Autoencoder, tmp_path: Path) -> None:
    detector = AnomalyDetector(autoencoder()).fit(X)
    for name in ({"a": 1}, ["Autoencoder"], None):
        change = settings("autoencoder", estimator=name)
        assert "autoencoder must be a plain value or an estimator" in refusal(detector, change, tmp_path)
    imputer = Imputer(autoencoder(), sweeps=1).fit(MIXED)
    for columns in ({"a": 1.5}, 5, [1]):
        change = settings("autoencoder", "parameters", columns=columns)
        assert "columns" in refusal(imputer, change, tmp_path)
    assert "dirty must be in [0, 0.5). Got" in refusal(detector, settings(dirty=10**400), tmp_path)
    change = lambda header: header["schema"][2].update(rest=-1e308)  # noqa: E731
    assert "the column 'c' holds what its type" in refusal(mixed, change, tmp_path)


def test_a_detector_has_the_spreads_of_a_fit(tmp_path: Path) -> None:
    detector, path = AnomalyDetector(autoencoder()).fit(X), tmp_path / "model.safetensors"
    detector.save(path)
    opened = container.open_file(path, "model")
    header = {key: value for key, value in opened.header.items() if key not in ("checksum", "format")}
    for name in ("oddness0.spread", "oddness0.slope", "oddness0.reach"):
        tensors = opened.read()
        tensors[name] = np.full_like(tensors[name], 1e-40)
        container.write(path, header, tensors)
        with pytest.raises(ModelFileError, match="its detector cannot be what a fit leaves"):
            isthmus.load(path)


OWN = [
    "V100000000",
    "S2000000000",
    "relu",
    "category[int64]",
    "complex128",
    "object[pyarrow]",
    "category[V10]",
    "x" * 9999,
]


@pytest.mark.parametrize("own", OWN)
def test_a_column_is_of_a_type_that_its_frame_can_have(own: str, mixed: Autoencoder, tmp_path: Path) -> None:
    change: Change = lambda header: header["schema"][0].update(own=own)  # noqa: E731
    why = refusal(mixed, change, tmp_path)
    assert "is of an unknown type" in why or "of type 'double' cannot be" in why


def test_a_zone_that_nobody_knows_is_refused(mixed: Autoencoder, tmp_path: Path) -> None:
    change: Change = lambda header: header["schema"][2].update(type="timestamp[us, tz=Nowhere/Zone]")  # noqa: E731
    assert "of type 'timestamp[us, tz=Nowhere/Zone]' cannot be" in refusal(mixed, change, tmp_path)


def test_half_characters_and_numbers_beyond_are_refused(plain: Autoencoder, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    plain.save(path)
    data = path.read_bytes()
    for old, new, why in (
        (b'\\"loss\\"', b'\\"\\\\ud800\\"', "surrogates"),
        (b'\\"epoch\\":1', b'\\"epoch\\":1e999', "it holds 1e999"),
    ):
        assert old in data
        head = int.from_bytes(data[:8], "little")
        text, body = data[8 : 8 + head].replace(old, new), data[8 + head :]
        path.write_bytes(len(text).to_bytes(8, "little") + text + body)
        with pytest.raises(ModelFileError, match=why):
            isthmus.load(path)


def test_a_history_has_what_every_epoch_has(plain: Autoencoder, tmp_path: Path) -> None:
    change: Change = lambda header: header.update(history=[{"x": 1}])  # noqa: E731
    assert "its history holds {'x': 1}" in refusal(plain, change, tmp_path)
    assert "its 'version' is not of type str" in str(no_version(plain, tmp_path))


def no_version(model: Autoencoder, folder: Path) -> ModelFileError:
    path = folder / "model.safetensors"
    model.save(path)
    opened = container.open_file(path, "model")
    header = {key: value for key, value in opened.header.items() if key not in ("checksum", "format", "version")}
    container.write(path, header, opened.read())
    with pytest.raises(ModelFileError) as caught:
        isthmus.file_info(path)
    return caught.value


LONG: list[Change] = [
    lambda h: h.update(facts={"classes": "x" * 300_000}),
    settings(max_epochs="x" * 200_000),
    settings("encoder", "settings", hidden="x" * 200_000),
    lambda h: h.update(form="x" * 200_000),
    lambda h: h["row"].update(shape=["x" * 100] * 10_000),
    lambda h: h["row"].update(columns=["x" * 200_000] * 5),
]


@pytest.mark.parametrize("number", range(len(LONG)))
def test_messages_are_short(number: int, plain: Autoencoder, tmp_path: Path) -> None:
    refusal(plain, LONG[number], tmp_path)


def test_a_detector_of_many_models_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    AnomalyDetector(autoencoder(max_epochs=1), n_models=5).fit(X).save(path)
    sums = []
    checksum = container._checksum
    monkeypatch.setattr(container, "_checksum", lambda *a: sums.append(1) or checksum(*a))
    assert len(isthmus.load(path).models_) == 5
    assert len(sums) == 1


HUGE: list[dict[str, Any]] = [
    {"encoder": (10**9,)},
    {"bottleneck": 10**9, "penalties": "l1"},
    {"likelihood": "mixture(10000000)", "encoder": (1000,)},
    {"likelihood": "histogram(bins=100000000)", "encoder": (1000,)},
    {"n_starts": 10_000, "encoder": (100_000, 100)},
]


@pytest.mark.parametrize("number", range(len(HUGE)))
def test_a_network_that_no_memory_holds_is_refused_before_it_is_made(number: int) -> None:
    with (
        little_taken(),
        pytest.raises(InvalidPart, match=r"training [\d,]+ weights needs [\d,]+ GB of memory, and"),
    ):
        autoencoder(**HUGE[number]).fit(X)


@pytest.mark.parametrize(
    ("name", "wrong"), [("n_starts", 10**9), ("bottleneck", "importance_weighted(2, draws=10**9)")]
)
def test_what_is_beyond_its_range_is_refused(name: str, wrong: Any) -> None:
    wrong = wrong.replace("10**9", "1000000000") if isinstance(wrong, str) else wrong
    with little_taken(), pytest.raises(InvalidPart, match="at most 10,000"):
        autoencoder(**{name: wrong}).fit(X)


def test_rows_that_no_memory_holds_are_not_made(plain: Autoencoder) -> None:
    for ask in (plain.sample, lambda n: plain.similar(X, n)):
        with little_taken(), pytest.raises(InvalidPart, match="n must be below 2,147,483,648"):
            ask(10**10)
        with little_taken(), pytest.raises(InvalidPart, match=r"making [\d,]+ rows needs [\d,]+ GB of memory"):
            ask(2 * 10**9)
    with little_taken(), pytest.raises(InvalidPart, match=r"making [\d,]+ rows needs"):
        plain.interpolate(X, X, steps=2 * 10**9)
    with pytest.raises(InvalidPart, match="draws must be below"):
        isthmus.log_likelihood(plain, X, draws=10**10)


def test_memory_is_counted_within_the_limits_of_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "max").write_text("1000000\n")
    (tmp_path / "current").write_text("400000\n")
    monkeypatch.setattr(memory, "LIMITS", ((tmp_path / "max", tmp_path / "current"),))
    assert memory.free_memory() == 600_000
    (tmp_path / "max").write_text("max\n")
    assert memory.free_memory() != 600_000
    monkeypatch.setattr(memory, "MEMORY", tmp_path / "absent")
    assert memory.free_memory() is None
    memory.require_memory(1e30, "anything", "Nobody knows.")


@pytest.mark.parametrize("error", [MemoryError("no more"), jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: no more")])
def test_where_memory_runs_out_all_the_same_it_is_said(
    error: Exception, plain: Autoencoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> Any:
        raise error

    with monkeypatch.context() as changed:
        changed.setattr("isthmus.training.loop._next", fail)
        with pytest.raises(InvalidPart, match=r"there is not enough memory \(.*no more\)\. Use fewer units, draws or"):
            autoencoder().fit(X)
    with monkeypatch.context() as changed:
        changed.setattr("isthmus.model.inference.blockwise", fail)
        with pytest.raises(InvalidPart, match=r"there is not enough memory .* or pass fewer rows"):
            plain.transform(X)
    other = jax.errors.JaxRuntimeError("INTERNAL: something else")
    with pytest.raises(jax.errors.JaxRuntimeError, match="INTERNAL"), memory.named_shortage("Use less."):
        raise other


def test_tables_that_no_memory_holds_are_not_drawn() -> None:
    imputer = Imputer(autoencoder(max_epochs=1), sweeps=0).fit(np.where(X > 1.5, np.nan, X))
    with pytest.raises(InvalidPart, match=r"drawing 1,000,000,000 tables needs [\d,]+ GB of memory"):
        imputer.impute(X, 10**9)
