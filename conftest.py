"""What every test and doctest finds ready: programs are compiled quickly, and dropped in time."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

# Most programs of the tests run once: compiled without optimisations, in one piece and by the plain emitter of loops,
# they are ready in a sixth of the time. As variables they hold for the processes that tests start, too.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
if "--xla_cpu_use_fusion_emitters" not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = (
        f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_use_fusion_emitters=false "
        "--xla_cpu_parallel_codegen_split_count=1"
    )
# Several workers share the cores, and the matrices are small: threads of BLAS would wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# What a process that a test starts has compiled is there for all others until the tests end. A folder that is set
# already, as the controller's is for its workers, is taken, and left as it is.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="isthmus-programs-")
    os.environ["ISTHMUS_PROGRAMS_OWNER"] = str(os.getpid())
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from isthmus.core import programs

# A worker would write every program and read few again: the folder is for the processes that tests start.
jax.config.update("jax_enable_compilation_cache", False)
# What is traced stays, and a collection goes through all of it: seldom is enough.
gc.set_threshold(100_000, 50, 100)
# Tests share few shapes: their programs are dropped between modules, by the fixture below.
programs.MOST_PROGRAMS = 100_000

MOST_MAPS = 30_000
MAPS = Path("/proc/self/maps")

SLOW = {
    "tests/conformance/test_pairs.py": 4,
    "tests/estimators/test_checks.py": 4,
    "tests/storage/test_format_1.py": 2,
    "tests/test_readme.py": 1,
    "tests/cli/test_process.py": 1,
    "tests/training/test_checkpoint.py": 1,
    "tests/test_presets.py": 1,
    "tests/estimators/test_classifier.py": 1,
    "tests/parts/bottlenecks/test_adversarial_game.py": 1,
    "tests/parts/backbones/test_recurrent.py": 1,
    "tests/anomaly/test_detector_checks.py": 1,
    "tests/model/test_pca_init.py": 1,
    "tests/test_examples.py": 1,
    "tests/estimators/test_stacked.py": 1,
}
"""Modules that take long, longest first, and in how many groups of tests they are cut; all others are one group."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Give each worker whole modules, so that fixtures and programs are made once."""
    return Modules(config, log)


class Modules(LoadScopeScheduling):
    """Tests of a module go to one worker, those of a long one in several groups, and all doctests together."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        group = zlib.crc32(nodeid.partition("-")[0].encode()) % SLOW.get(module, 1)  # of one estimator, one group
        # The doctests are short and share their shapes.
        return f"{module}-{group}" if module.startswith("tests/") else "src"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let long modules begin, so that no worker waits for one at the end."""
    if hasattr(config, "workerinput"):
        places = {module: place for place, module in enumerate(SLOW)}
        items.sort(key=lambda item: places.get(module_of(item), len(SLOW)))


def pytest_collection_finish() -> None:
    """Leave what has been imported and collected out of all collections of garbage to come."""
    gc.freeze()


def module_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def pytest_unconfigure() -> None:
    if os.environ.get("ISTHMUS_PROGRAMS_OWNER") == str(os.getpid()):
        shutil.rmtree(os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)


@pytest.fixture(autouse=True)
def names_for_doctests(doctest_namespace: dict[str, object]) -> None:
    doctest_namespace |= {"jax": jax, "jnp": jnp, "np": np}


@pytest.fixture(autouse=True, scope="module")
def few_programs() -> Iterator[None]:
    """Drop compiled programs in time: each maps memory, and Linux ends a process that holds 65,530 maps."""
    yield
    if MAPS.exists() and MAPS.read_bytes().count(b"\n") > MOST_MAPS:
        jax.clear_caches()
