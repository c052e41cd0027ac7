"""The package as others get it: `python tests/package.py` builds it, and tries it with the oldest and newest libraries.

A wheel and an archive of the sources are built twice and must be the same to the byte; their metadata is checked; the
wheel is installed in two empty environments, one with the lowest version of each library that pyproject.toml allows,
one with the newest, and there the commands of the README run on a small table.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRAS = ("codec", "excel", "pictures", "plots", "report")
TABLE = """
import numpy as np, pandas as pd
random = np.random.default_rng(0)
table = pd.DataFrame({"a": random.normal(size=200), "c": random.choice(["u", "v"], 200)})
table["b"], table["t"] = 2 * table["a"] + 0.1 * random.normal(size=200), pd.date_range("2020-01-01", periods=200)
table.loc[3, "b"] = np.nan
table.to_csv("data.csv", index=False)
table.to_parquet("data.parquet")
"""
COMMANDS = """
fit data.csv --bottleneck 2 --max-epochs 5 --out model.safetensors
transform model.safetensors data.parquet --out codes.parquet
detect data.csv --max-epochs 5 --out odd.csv --save-model detector.safetensors
impute data.csv --max-epochs 5 --out filled.csv
report detector.safetensors data.csv --out report.html
plot detector.safetensors data.csv --out scores.png
compress data.csv --out data.isth --save-model codec.safetensors
decompress data.isth --model codec.safetensors --out back.csv
"""
PYTHON = """
import numpy as np, polars as pl, isthmus
X = np.random.default_rng(0).normal(size=(80, 6))
for preset in ("variational", "sparse", "contractive", "denoising", "adversarial", "importance_weighted", "embedding"):
    getattr(isthmus, preset)(2, max_epochs=2).fit(pl.DataFrame(X)).transform(pl.DataFrame(X))
isthmus.convolutional(2, max_epochs=1).fit(X.reshape(20, 4, 6)).sample(3)
isthmus.NetworkClassifier((8,), max_epochs=2).fit(X, X[:, 0] > 0).predict(X)
"""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        tools = environment(place / "tools", ["build", "twine"])
        built = [build(tools, place / name) for name in ("first", "second")]
        if built[0] != built[1]:
            sys.stdout.write(f"the package is not built twice alike: {built}\n")
            return 1
        files = sorted((place / "first").iterdir())
        subprocess.run([tools, "-m", "twine", "check", *files], check=True)
        wheel = next(file for file in files if file.suffix == ".whl")
        for name, versions in (("oldest", oldest()), ("newest", [])):
            python = environment(place / name, [f"{wheel}[{','.join(EXTRAS)}]", *versions])
            try_out(python, place / f"work-{name}")
            sys.stdout.write(f"with the {name} libraries all commands run\n")
        sys.stdout.write("\n".join(f"{digest}  {file}" for file, digest in built[0].items()) + "\n")
    return 0


def environment(place: Path, needed: list[str]) -> Path:
    """Return the Python of an empty environment in which these packages are installed."""
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    python = place / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *needed], check=True)
    return python


def build(tools: Path, place: Path) -> dict[str, str]:
    """Return the checksums of what is built into a folder, by name."""
    subprocess.run([tools, "-m", "build", "--outdir", place, ROOT], check=True, stdout=subprocess.DEVNULL)
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(place.iterdir())}


def oldest() -> list[str]:
    """Return the lowest version that pyproject.toml allows of each library, as pip reads them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = project["dependencies"] + [one for name in EXTRAS for one in project["optional-dependencies"][name]]
    return sorted({re.sub(">=", "==", one) for one in needed})


def try_out(python: Path, place: Path) -> None:
    """Run the commands of the README, and some of its Python, in an empty folder."""
    place.mkdir()
    subprocess.run([python, "-c", TABLE], check=True, cwd=place)
    for command in COMMANDS.strip().splitlines():
        subprocess.run([python, "-m", "isthmus", *command.split()], check=True, cwd=place, stdout=subprocess.DEVNULL)
    subprocess.run([python, "-c", PYTHON], check=True, cwd=place)


if __name__ == "__main__":
    sys.exit(main())
