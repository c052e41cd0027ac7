"""How many bytes images and fields take, beside SZ3, SPERR, JPEG XL, WebP and xz.

    python benchmarks/compression_grids.py --data FOLDER [--cases fields images photographs]

`FOLDER` holds `era_interim_uvz`, `met_fields`, `pde_solutions`, `orl_faces`, `mnist` and `kodak`. Rivals are the
packages pysz, numcodecs-wasm-sperr and imagecodecs; those that are not installed are left out. Fields are float32 and
are compressed within an error relative to their range; where a field has missing values, rivals get the mean in their
place and need not say where. SZ3 is the best of three algorithms for each field. What comes back is compared.
"""

from __future__ import annotations

import argparse
import importlib
import lzma
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from isthmus import Codec

ERRORS = (1e-2, 1e-3, 1e-4)  # of the range
ALGORITHMS = ("INTERP", "INTERP_LORENZO", "LORENZO_REG")
PHOTOGRAPHS = ("01", "05", "08", "15", "20", "24")
BOUNDS = (4, 10)  # of a pixel, in units


def rival(name: str) -> Any:
    """Return a package; None where it is not installed, or does not import."""
    try:
        return importlib.import_module(name)
    except (ImportError, ValueError):  # numcodecs does not import beside some versions of zfpy
        return None


def fields(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    era = np.load(folder / "era_interim_uvz" / "era_interim_uvz.npz")
    for name in "uvz":
        yield f"ERA {name}", era[name].reshape(-1, *era[name].shape[-2:])
    weather = folder / "met_fields"
    yield "A1B air temperature", np.load(weather / "A1B_north_america.npz")["air_temperature"]
    yield "hybrid theta", np.load(weather / "hybrid_height.npz")["air_potential_temperature"]
    yield "ostia", np.load(weather / "ostia_monthly.npz")["surface_temperature"]
    for name, key in (("AC", "uu"), ("KdV", "uu"), ("burgers_shock", "usol")):
        yield name, np.load(folder / "pde_solutions" / f"{name}.npz")[key].astype(np.float32)


def by_sz3(field: np.ndarray, error: float) -> int | None:
    """Return how many bytes SZ3 takes, the least of its algorithms."""
    pysz = rival("pysz")
    if pysz is None:
        return None
    sizes = []
    for name in ALGORITHMS:
        settings = pysz.szConfig(field.shape)
        settings.errorBoundMode = pysz.szErrorBoundMode.ABS
        settings.absErrorBound = error
        settings.cmprAlgo = getattr(pysz.szAlgorithm, name)
        sizes.append(pysz.sz.compress(field, settings)[0].nbytes)
    return min(sizes)


def by_sperr(field: np.ndarray, error: float) -> int | None:
    """Return how many bytes SPERR takes."""
    sperr = rival("numcodecs_wasm_sperr")
    return None if sperr is None else len(bytes(sperr.Sperr(mode="pwe", pwe=error).encode(field)))


def field_rows(folder: Path) -> Iterator[tuple[str, float, float, list[float], float, float, float]]:
    """Yield field, error, our ratio, those of rivals, our error in terms of what is allowed, MB/s written and read."""
    for name, field in fields(folder):
        finite = np.isfinite(field)
        spread = float(field[finite].max()) - float(field[finite].min())
        filled = np.ascontiguousarray(np.where(finite, field, field[finite].mean()), np.float32)
        for error in ERRORS:
            codec = Codec(grid=True, error=error, relative_to="range").fit(field)
            stream, writing = timed(lambda codec=codec, field=field: codec.compress(field))
            restored, reading = timed(lambda codec=codec, stream=stream: codec.decompress(stream))
            assert np.array_equal(np.isfinite(restored), finite)
            made = np.abs(restored[finite].astype(np.float64) - field[finite]).max() / (error * spread)
            others = [
                field.nbytes / size
                for size in (by_sz3(filled, error * spread), by_sperr(filled, error * spread))
                if size
            ]
            speeds = field.nbytes / writing / 1e6, field.nbytes / reading / 1e6
            yield name, error, field.nbytes / len(stream), others, float(made), *speeds


def image_rows(folder: Path) -> Iterator[tuple[str, str, int, float, float, float]]:
    """Yield images, method, bytes, bits a pixel, and MB/s written and read; all lossless."""
    sets = {"ORL faces": np.load(folder / "orl_faces" / "orl_faces.npz")["X"]}
    with np.load(folder / "mnist" / "mnist.npz") as file:
        arrays = [file[name] for name in file.files if file[name].ndim == 3]
    sets["MNIST, last 10,000"] = arrays[-1][-10_000:]
    for name, images in sets.items():
        methods: dict[str, Callable[[np.ndarray], bytes]] = {
            "xz -9e": lambda a: lzma.compress(a.tobytes(), preset=9 | lzma.PRESET_EXTREME)
        }
        if rival("imagecodecs") is not None:
            for effort in (7, 9):
                methods[f"JPEG XL, effort {effort}, one mosaic"] = partial(as_mosaic, effort)
        for method, write in methods.items():
            data, seconds = timed(lambda write=write, images=images: write(images))
            yield name, method, len(data), 8 * len(data) / images.size, images.nbytes / seconds / 1e6, np.nan
        codec = Codec().fit(images)
        data, writing = timed(lambda codec=codec, images=images: codec.compress(images))
        restored, reading = timed(lambda codec=codec, data=data: codec.decompress(data))
        assert np.array_equal(restored, images)
        speeds = images.nbytes / writing / 1e6, images.nbytes / reading / 1e6
        yield name, "isthmus", len(data), 8 * len(data) / images.size, *speeds


def as_mosaic(effort: int, images: np.ndarray) -> bytes:
    """Return images as one picture by JPEG XL."""
    return importlib.import_module("imagecodecs").jpegxl_encode(mosaic(images), lossless=True, effort=effort)


def mosaic(images: np.ndarray) -> np.ndarray:
    """Return images [n, rows, columns] side by side in a square."""
    side = int(np.ceil(np.sqrt(len(images))))
    padded = np.concatenate([images, np.zeros((side * side - len(images), *images.shape[1:]), images.dtype)])
    rows, columns = images.shape[1:]
    return np.ascontiguousarray(
        padded.reshape(side, side, rows, columns).swapaxes(1, 2).reshape(side * rows, side * columns)
    )


def photograph_rows(folder: Path) -> Iterator[tuple[str, str, float, float, int]]:
    """Yield photograph, method, bits of one of the three values of a pixel, signal to noise in dB, and the error."""
    coders = importlib.import_module("imagecodecs")
    writers = {
        "JPEG XL": lambda image, quality: coders.jpegxl_encode(image, distance=quality, effort=7),
        "WebP": lambda image, quality: coders.webp_encode(image, level=quality),
    }
    readers = {"JPEG XL": coders.jpegxl_decode, "WebP": coders.webp_decode}
    steps = {"JPEG XL": np.geomspace(0.1, 8, 12), "WebP": [30, 50, 70, 80, 85, 90, 95, 98, 100]}
    for name in PHOTOGRAPHS:
        path = folder / "kodak" / f"kodim{name}.png"
        if not path.exists():
            continue
        image = coders.imread(path)
        for method, data in (
            ("PNG", path.read_bytes()),
            ("WebP", coders.webp_encode(image, lossless=True)),
            ("JPEG XL", coders.jpegxl_encode(image, lossless=True, effort=7)),
            ("isthmus", Codec().fit(image[None]).compress(image[None])),
        ):
            yield name, method, 8 * len(data) / image.size, np.inf, 0
        curves = {method: [] for method in writers}
        for method, write in writers.items():
            for step in steps[method]:
                data = write(image, float(step) if method == "JPEG XL" else int(step))
                curves[method].append((noise(image, readers[method](data)), 8 * len(data) / image.size))
        for bound in BOUNDS:
            codec = Codec(error=bound).fit(image[None])
            data = codec.compress(image[None])
            level = noise(image, codec.decompress(data)[0])
            yield name, "isthmus", 8 * len(data) / image.size, level, bound
            for method, points in curves.items():
                levels, bits = zip(*sorted(points), strict=True)
                size = np.interp(level, levels, bits, left=np.nan, right=np.nan)
                yield name, f"{method} at the same noise", float(size), level, bound


def noise(before: np.ndarray, after: np.ndarray) -> float:
    """Return the peak signal to noise ratio in dB."""
    return float(10 * np.log10(255**2 / np.mean((before.astype(float) - after) ** 2)))


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    answer = call()
    return answer, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cases", nargs="*", default=["fields", "images", "photographs"])
    chosen = parser.parse_args()
    if "fields" in chosen.cases:
        print("\n| field | error | isthmus | SZ3; SPERR | ours to the best | error made | MB/s written; read |")
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
        gains = []
        for name, error, ratio, others, made, writing, reading in field_rows(chosen.data):
            gains.append(ratio / max(others, default=ratio))
            rivals = "; ".join(f"{other:.1f}" for other in others)
            speed = f"{writing:.1f}; {reading:.1f}"
            print(
                f"| {name} | {error:g} | {ratio:.1f} | {rivals} | {gains[-1]:.2f} | {made:.4f} | {speed} |", flush=True
            )
        print(f"\ngeometric mean {np.exp(np.log(gains).mean()):.3f}, least {min(gains):.2f}")
    if "images" in chosen.cases:
        print("\n| images, lossless | method | bytes | bits a pixel | MB/s written; read |")
        print("| --- | --- | ---: | ---: | ---: |")
        for name, method, size, bits, writing, reading in image_rows(chosen.data):
            print(f"| {name} | {method} | {size:,} | {bits:.3f} | {writing:.2f}; {reading:.2f} |", flush=True)
    if "photographs" in chosen.cases:
        print("\n| photograph | error | method | bits a value | dB |")
        print("| --- | ---: | --- | ---: | ---: |")
        for name, method, bits, level, bound in photograph_rows(chosen.data):
            print(f"| {name} | {bound} | {method} | {bits:.3f} | {level:.1f} |", flush=True)


if __name__ == "__main__":
    main()
