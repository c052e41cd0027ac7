"""Images and fields: what is written is read, the error holds whatever the values are, and damage is refused."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import isthmus
from isthmus import Autoencoder, Codec
from isthmus.codec import methods
from isthmus.codec.by_neighbors import neighbor_plans, read_neighbors, write_neighbors
from isthmus.codec.by_wavelets import read_wavelets, wavelet_plans, write_wavelets
from isthmus.codec.container import Stream, write_stream
from isthmus.codec.masks import arrange, arranged_shape, arrangements, rearrange
from isthmus.codec.neighbors import fit_neighbors, log_class, signed_class
from isthmus.codec.quantisers import Bits, Lattice, Steps, bits
from isthmus.codec.wavelets import Wavelet
from isthmus.errors import InvalidData, InvalidPart, ModelFileError
from mixed_table import FIXTURES

SHAPES = [(1, 1), (7, 1), (1, 9), (5, 6), (2, 3, 4), (3, 9, 8), (2, 5, 7, 3), (2, 2, 6, 5), (1, 1, 1)]


def smooth_field() -> np.ndarray:
    """Return a field of which a golden stream is kept: of whole numbers, so that every machine has the same."""
    time, row, column = np.indices((3, 16, 20))
    field = (row - 7) ** 2 * 5 + (column - 9) * row * 3 + time * 40 + (row * 7 + column * 11 + time) % 5
    values = field.astype(np.float32) / 8
    values[0, 3, 5], values[1, 0, 0], values[2, 15, 19] = np.nan, -0.0, np.inf
    return values


def images() -> np.ndarray:
    """Return images of which a golden stream is kept."""
    image, row, column = np.indices((6, 12, 11))
    return ((row * column + image * 13 + (row ^ column) * 3) % 200).astype(np.uint8)


def odd_values(kind: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return values of a type: smooth ones, noise, and those that are odd."""
    random = np.random.Generator(np.random.Philox(seed))
    dtype, size = np.dtype(kind), int(np.prod(shape))
    walk = np.cumsum(random.normal(size=size)) * random.choice([1e-3, 1.0, 100.0])
    if dtype.kind != "f":
        limits = np.iinfo(dtype)
        values = np.clip(walk, max(limits.min, -1000), min(limits.max, 1000)).astype(dtype)
        odd = np.array([limits.min, limits.max, 0], dtype)
    else:
        limits = np.finfo(dtype)
        values = walk.astype(dtype)
        odd = np.array([np.nan, np.inf, -np.inf, -0.0, limits.max, limits.smallest_subnormal], dtype)
    places = random.integers(0, size, random.integers(0, 4) * size // 8)
    values[places] = random.choice(odd, len(places))
    return values.reshape(shape)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(["f2", "f4", "f8", "i1", "u1", "i2", "i4", "i8", "u8"]),
    shape=st.sampled_from(SHAPES),
    seed=st.integers(0, 1000),
    error=st.sampled_from([None, 1e-3, 0.1, 2.0]),
    by_waves=st.booleans(),
)
def test_the_error_holds_for_every_type_and_value(kind, shape, seed, error, by_waves) -> None:
    X = odd_values(kind, shape, seed)
    if error is None or (X.dtype.kind != "f" and error < 1):
        quantiser = Bits(X.dtype)
    else:
        quantiser = Lattice(X.dtype, error, error * 1.9) if X.dtype.kind == "f" else Steps(X.dtype, int(error))
    numbers, kept = (part.reshape(shape) for part in quantiser.numbers(X.ravel()))
    plans = wavelet_plans(X, kept, quantiser) if by_waves else neighbor_plans(numbers, kept)
    for plan in plans:
        if by_waves:
            Y = read_wavelets(write_wavelets(plan, X, kept, quantiser), shape, quantiser)
        else:
            Y = read_neighbors(write_neighbors(plan, X, kept), shape, quantiser)
        assert Y.dtype == X.dtype
        is_same = bits(X.ravel()) == bits(Y.ravel())
        if quantiser.is_lossless:
            assert is_same.all()
            continue
        x, y = X.ravel()[~is_same].astype(np.longdouble), Y.ravel()[~is_same].astype(np.longdouble)
        assert np.isfinite(x).all()
        assert (np.abs(x - y) <= error).all()
        assert not (np.signbit(x) & (x == 0)).any()


@pytest.mark.parametrize("shape", SHAPES)
def test_arrangements_are_undone(shape: tuple[int, ...]) -> None:
    X = np.arange(int(np.prod(shape))).reshape(shape)
    for arrangement in arrangements(shape):
        placed = arrange(X, arrangement)
        assert placed.shape == arranged_shape(shape, arrangement)
        assert (rearrange(placed, arrangement, shape) == X).all()
    with pytest.raises(ValueError):  # noqa: PT011 -- it has no words
        arranged_shape(shape, 3)


def test_classes_by_hand() -> None:
    assert log_class(np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 12])).tolist() == [0, 1, 2, 3, 4, 4, 5, 5, 6, 7]
    assert log_class(np.array([0, 1, 2, 3, 4, 8]), 1).tolist() == [0, 1, 2, 2, 3, 4]
    assert signed_class(np.array([-5, -1, 0, 6])).tolist() == [-4, -1, 0, 5]


def test_weights_of_a_plane_are_those_that_continue_it() -> None:
    """In a plane each cell is left + above - corner, so hardly a bit is left."""
    row, column = np.indices((40, 40))
    plan, bits_each = fit_neighbors((3 * row - 2 * column)[None, None], np.ones((1, 1, 40, 40), bool))
    assert plan.weights.shape == (1, 1, 12)
    assert bits_each < 1.2


def test_the_wavelet_has_the_gains_and_the_vanishing_moments_of_its_paper() -> None:
    """Four vanishing moments: no details of cubics away from borders; constants grow by the root of two a level."""
    x = np.arange(64.0)
    wavelet = Wavelet((1, 1, 64), (0, 0, 1))
    details = wavelet.forward((x**3 / 100 - x**2 + 7)[None, None])[0, 0, 1::2]
    assert np.abs(details[3:-3]).max() < 1e-8
    flat = Wavelet((1, 32, 32), (0, 2, 2)).forward(np.full((1, 32, 32), 10.0))
    assert np.allclose(flat[0, ::4, ::4], 10 * 2.0**2, rtol=1e-9)
    assert np.abs(flat[0, 1::2]).max() < 1e-8


@pytest.mark.parametrize("shape", [(1, 16, 17), (5, 9, 12), (4, 1, 30), (1, 8, 1)])
def test_the_way_back_undoes_the_way_there(shape: tuple[int, int, int]) -> None:
    values = np.random.Generator(np.random.Philox(3)).integers(-(10**6), 10**6, shape).astype(float)
    levels = tuple(int(np.log2(n)) for n in shape)
    wavelet = Wavelet(shape, levels)  # type: ignore[arg-type]
    whole = np.rint(wavelet.forward(values) * 4).astype(np.int64)
    assert np.abs(wavelet.back(whole, 0.25) - values).max() <= 8  # each lift rounds; a step has 256 of these parts
    counted = np.zeros(shape, int)
    for band in wavelet.bands():
        counted[band.places] += 1
    assert (counted == 1).all()


@pytest.mark.parametrize("name", ["neighbors", "wavelets"])
def test_golden_streams_are_read(name: str) -> None:
    """Streams that an earlier machine has written: they come back to the bit for ever."""
    path = FIXTURES / f"{name}.isth"
    assert path.read_bytes()[8] == 2  # a version that older readers refuse
    restored = Codec().decompress(path)
    method = Stream(path).block(0)[0]
    assert methods.NAMES[method] == name
    if name == "neighbors":
        assert np.array_equal(restored, images())
        return
    X = smooth_field()
    finite = np.isfinite(X)
    assert np.abs(restored[finite] - X[finite]).max() <= 2.0
    assert (bits(restored[~finite]) == bits(X[~finite])).all()
    assert np.signbit(restored[1, 0, 0])
    assert hashlib.sha256(restored.astype("<f4").tobytes()).hexdigest().startswith("b50afc25792c460e")


def test_codecs_of_images_and_fields(tmp_path: Path) -> None:
    X = smooth_field()
    codec = Codec(error=0.01, relative_to="range").fit(X)
    stream = codec.compress(X)
    restored = Codec().decompress(stream)  # it needs no model
    finite = np.isfinite(X)
    assert np.abs(restored[finite] - X[finite]).max() <= 0.01 * np.ptp(X[finite])
    assert len(stream) < X.nbytes / 4
    codec.save(tmp_path / "codec.safetensors")
    assert isthmus.load(tmp_path / "codec.safetensors").compress(X) == stream
    assert np.array_equal(codec.decompress(stream, rows=[2, 0]), restored[[2, 0]], equal_nan=True)
    assert codec.n_features_in_ == 320
    assert codec.rate(X).model_bytes == 0
    report = codec.report(X)
    assert isinstance(report, pd.DataFrame)
    assert report["greatest_error"].max() <= 0.01 * np.ptp(X[finite])
    assert codec.compress(X[:0]) != stream
    assert codec.decompress(codec.compress(X[:0])).shape == (0, 16, 20)
    codec.compress_to(X, tmp_path / "field.isth")
    assert (tmp_path / "field.isth").read_bytes() == stream


def test_less_effort_writes_cell_by_cell() -> None:
    X = smooth_field()
    codec = Codec(error=0.5, effort="fast").fit(X)
    restored = codec.decompress(codec.compress(X))
    finite = np.isfinite(X)
    assert np.abs(restored[finite] - X[finite]).max() <= 0.5
    assert codec.report(X)["method"].tolist() == ["numbers + pcodec"]


def test_a_field_of_two_axes_is_one_where_it_is_said() -> None:
    row, column = np.indices((40, 50))
    X = np.sin(row / 9) * np.cos(column / 7)
    codec = Codec(grid=True, error=1e-3).fit(X)
    assert np.abs(codec.decompress(codec.compress(X)) - X).max() <= 1e-3
    assert len(codec.compress(X)) < X.nbytes / 20
    color = np.stack([X, X, X], axis=-1)[None]
    codec = Codec(error=1e-3).fit(color)
    assert len(codec.compress(color)) < color.nbytes / 40


def test_what_grids_cannot_do_is_said() -> None:
    codec = Codec().fit(images())
    for call in (lambda: codec.compress_rows(images()), lambda: codec.decompress_row(b"abc")):
        with pytest.raises(InvalidData, match=r"writes no rows alone: use compress, or Codec\(grid=False\)\.$"):
            call()
    with pytest.raises(
        InvalidData, match=r"^X: expected an array with rows of shape \(12, 11\), as at the fit; got an"
    ):
        codec.compress(images()[:, :3])
    with pytest.raises(InvalidPart, match="autoencoder must be None where grid is True"):
        Codec(Autoencoder(), grid=True).fit(images())
    with pytest.raises(InvalidPart, match="error must be a number where grid is True"):
        Codec(error={0: 1.0}, grid=True).fit(images())
    with pytest.raises(InvalidData, match=r"^X: expected an array for a grid; got pandas\. Leave out grid=True\.$"):
        Codec(grid=True).fit(pd.DataFrame({"x": [1.0]}))
    with pytest.raises(InvalidData, match="at most 16,777,216 values; got 25,000,000"):
        Codec().fit(np.zeros((1, 5000, 5000), np.uint8))


@pytest.mark.parametrize("name", ["neighbors", "wavelets"])
def test_forged_grids_end_in_a_sentence_or_in_a_grid(name: str) -> None:
    """Whoever knows how checksums are made can write any values, but nothing worse."""
    opened = Stream(FIXTURES / f"{name}.isth")
    block, random = opened.block(0), np.random.Generator(np.random.Philox(7))
    rows = opened.entries[0].rows
    for place in range(12):
        changed = bytearray(block)
        at = random.integers(0, 40 if place % 2 else len(block))
        changed[at] ^= 1 << random.integers(0, 8)
        sink = io.BytesIO()
        write_stream(sink, opened.header, b"", [(bytes(changed[: len(block) - place % 3]), rows)])
        try:
            restored = Codec().decompress(sink.getvalue())
        except ModelFileError as error:
            assert "damaged" in str(error)  # noqa: PT017 -- either is right
        else:
            assert len(restored) == rows
    for grid in (None, [], ["<f4", [2**31, 2**31], "Bits"], ["O", [3], "Bits"], ["<f4", [3], "Steps", 1], [1, 2, 3]):
        sink = io.BytesIO()
        write_stream(sink, {"model": "none", "grid": grid}, b"", [])
        with pytest.raises(ModelFileError, match="it does not say of what form its grid is"):
            Codec().decompress(sink.getvalue())
