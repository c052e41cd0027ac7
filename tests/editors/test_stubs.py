"""What editors are told: the stubs hold what is exported, presets the parameters, and `dir` what a user asks for."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import get_type_hints

import pytest

import isthmus
from isthmus import Autoencoder, presets
from isthmus.estimators._estimator import LIBRARY_NAMES, Estimator

sys.path.insert(0, str(Path(__file__).parent))
from stubs import ROOT, stubs

STUBS = stubs()


@pytest.mark.parametrize("path", STUBS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_stubs_hold_what_is_exported(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == STUBS[path], "run `make format`, which writes it"


def test_presets_name_the_parameters_of_an_autoencoder() -> None:
    theirs, own = get_type_hints(presets.Settings), inspect.signature(Autoencoder).parameters
    hints = get_type_hints(Autoencoder)
    assert theirs == {name: hints[name] for name in own if name != "bottleneck"}


def test_the_package_lists_its_parts() -> None:
    listed = dir(isthmus)
    assert {"MLP", "L1", "TopK", "penalties", "plots", "variational", "Autoencoder", "__version__"} <= set(listed)
    assert "Mixture" not in listed  # a likelihood and a prior: isthmus.priors.Mixture
    assert set(isthmus.__all__) <= set(listed)
    assert all(hasattr(isthmus, name) for name in listed)


@pytest.mark.parametrize("name", [name for name in isthmus.__all__ if inspect.isclass(getattr(isthmus, name))])
def test_estimators_list_what_a_user_asks_for(name: str) -> None:
    kind = getattr(isthmus, name)
    if issubclass(kind, Estimator):
        listed = {word for word in dir(kind()) if not word.startswith("_")}
        assert not listed & LIBRARY_NAMES
        assert {"fit", "save", "get_params", *inspect.signature(kind).parameters} <= listed
