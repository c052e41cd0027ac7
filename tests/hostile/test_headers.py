"""Hostile models in sound files, their checksum right: versions, parts, settings, columns, history, numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TENSOR = "weights.neck.affine.matrix"  # [4, 2]
SETTINGS = ("parameters", "bottleneck", "settings")

HEADERS: dict[str, tuple[Callable[[Any], bytes], str]] = {
    "header empty": (lambda g: g.unsigned(""), "not valid"),
    "header not JSON": (lambda g: g.unsigned("isthmus"), "not valid"),
    "header a list": (lambda g: g.unsigned("[1]"), "not an object"),
    "header an empty object": (lambda g: g.unsigned("{}"), "its format is None"),
    "header NaN": (lambda g: g.unsigned('{"format": NaN}'), "it holds NaN"),
    "header key twice": (lambda g: g.unsigned(json.dumps(g.header)[:-1] + ', "format": 1}'), "a key stands twice"),
    "header key twice deep inside": (
        lambda g: g.unsigned(json.dumps(g.header).replace('"size": 2', '"size": 2, "size": 3')),
        "a key stands twice",
    ),
    "header deep": (lambda g: g.unsigned('{"a":' * 90_000 + "1" + "}" * 90_000), "not valid"),
    "header with half a character": (lambda g: g.unsigned(json.dumps(g.header)[:-1] + ', "x": "\ud800"}'), "not valid"),
    "format missing": (lambda g: g.unsigned_without("format"), "its format is None"),
    "format 0": (lambda g: g.header_with("format", value=0), "its format is 0"),
    "format -1": (lambda g: g.header_with("format", value=-1), "its format is -1"),
    "format 2": (lambda g: g.header_with("format", value=2), "install a newer isthmus"),
    "format 10**4000": (lambda g: g.header_with("format", value=10**4000), "is of format a number of 13288 bits"),
    "format text": (lambda g: g.header_with("format", value="1"), "its format is '1'"),
    "format true": (lambda g: g.header_with("format", value=True), "its format is True"),
    "format 1.0": (lambda g: g.header_with("format", value=1.0), "its format is 1.0"),
    "kind missing": (lambda g: g.header_without("kind"), "expected a 'model' file"),
    "kind unknown": (lambda g: g.header_with("kind", value="picture"), "is a 'picture' file"),
    "kind a list": (lambda g: g.header_with("kind", value=["model"]), "expected a 'model' file"),
    "checksum missing": (lambda g: g.unsigned_without("checksum"), "no checksum"),
    "checksum a number": (lambda g: g.unsigned_with("checksum", value=0), "no checksum"),
    "checksum wrong": (lambda g: g.unsigned_with("checksum", value="0" * 64), "checksum does not fit"),
    "checksum empty": (lambda g: g.unsigned_with("checksum", value=""), "checksum does not fit"),
    "estimator missing": (lambda g: g.header_without("estimator"), "'estimator' is not of type str"),
    "estimator unknown": (lambda g: g.header_with("estimator", value="Autoencodr"), "Did you mean 'Autoencoder'?"),
    "estimator abstract": (lambda g: g.header_with("estimator", value="Network"), "holds a 'Network'"),
    "estimator a class of Python": (lambda g: g.header_with("estimator", value="os.system"), "holds a 'os.system'"),
    "estimator a list": (lambda g: g.header_with("estimator", value=["Autoencoder"]), "'estimator' is not of type str"),
    "parameters missing": (lambda g: g.header_without("parameters"), "'parameters' is not of type dict"),
    "parameters a list": (lambda g: g.header_with("parameters", value=[]), "'parameters' is not of type dict"),
    "parameter unknown": (lambda g: g.header_with("parameters", "epochs", value=3), "no parameter 'epochs'"),
    "parameter of Python": (lambda g: g.header_with("parameters", "__class__", value="x"), "no parameter '__class__'"),
    "part missing": (lambda g: g.header_with("parameters", "bottleneck", value=None), "bottleneck must be"),
    "part a number": (lambda g: g.header_with("parameters", "bottleneck", value=2), "must be an object of 'part'"),
    "part a spelling": (lambda g: g.header_with("parameters", "bottleneck", value="top_k(4)"), "must be an object of"),
    "part without settings": (lambda g: g.header_without("parameters", "bottleneck", "settings"), "must be an object"),
    "part with more": (lambda g: g.header_with("parameters", "bottleneck", "code", value="x"), "must be an object of"),
    "part unknown": (
        lambda g: g.header_with("parameters", "bottleneck", "part", value="top_kk"),
        "Did you mean 'top_k'?",
    ),
    "part of another room": (
        lambda g: g.header_with("parameters", "bottleneck", "part", value="adam"),
        "no bottleneck is called 'adam'",
    ),
    "part with a long name": (
        lambda g: g.header_with("parameters", "bottleneck", "part", value="top_k" * 20_000),
        "no bottleneck is called",
    ),
    "part a path": (
        lambda g: g.header_with("parameters", "bottleneck", "part", value="../optimizers/adam"),
        "no bottleneck is called",
    ),
    "part a module": (
        lambda g: g.header_with("parameters", "bottleneck", "part", value="deterministic.os"),
        "no bottleneck is called",
    ),
    "part the room itself": (
        lambda g: g.header_with("parameters", "bottleneck", "part", value="__init__"),
        "no bottleneck is called",
    ),
    "part named by a list": (
        lambda g: g.header_with("parameters", "bottleneck", "part", value=["top_k"]),
        "must be text",
    ),
    "setting unknown": (lambda g: g.header_with(*SETTINGS, "sise", value=2), "Did you mean 'size'?"),
    "setting of Python": (lambda g: g.header_with(*SETTINGS, "__post_init__", value=2), "no setting '__post_init__'"),
    "setting missing": (lambda g: g.header_without(*SETTINGS, "size"), "needs size"),
    "size text": (lambda g: g.header_with(*SETTINGS, "size", value="2"), "size must be a whole number. Got '2'"),
    "size true": (lambda g: g.header_with(*SETTINGS, "size", value=True), "size must be a whole number. Got True"),
    "size 1e300": (lambda g: g.header_with(*SETTINGS, "size", value=1e300), "size must be a whole number. Got 1e+300"),
    "size -1": (lambda g: g.header_with(*SETTINGS, "size", value=-1), "size must be at least 1. Got -1"),
    "size 0": (lambda g: g.header_with(*SETTINGS, "size", value=0), "size must be at least 1. Got 0"),
    "size null": (lambda g: g.header_with(*SETTINGS, "size", value=None), "size must be a whole number. Got None"),
    "size 10**9": (lambda g: g.header_with(*SETTINGS, "size", value=10**9), "the model needs"),
    "size 10**4000": (lambda g: g.header_with(*SETTINGS, "size", value=10**4000), "must be a whole number"),
    "learning rate of 400 digits": (
        lambda g: g.header_with("parameters", "optimizer", "settings", "learning_rate", value=10**400),
        "must be a finite number",
    ),
    "learning rate an unknown schedule": (
        lambda g: g.header_with(
            "parameters", "optimizer", "settings", "learning_rate", value={"part": "sine", "settings": {}}
        ),
        "no schedule is called 'sine'",
    ),
    "size other": (lambda g: g.header_with(*SETTINGS, "size", value=3), "the model needs"),
    "activation a number": (lambda g: g.header_with(*SETTINGS, "activation", value=3), "activation"),
    "activation code": (
        lambda g: g.header_with(*SETTINGS, "activation", value="elu(__import__('os').getcwd())"),
        "literals and names of parts only",
    ),
    "activation of many brackets": (
        lambda g: g.header_with(*SETTINGS, "activation", value="elu(" + "(" * 4000 + "1" + ")" * 4000 + ")"),
        "does not spell",
    ),
    "activation of many signs": (
        lambda g: g.header_with(*SETTINGS, "activation", value="elu(" + "-" * 9000 + "1)"),
        "can be built",
    ),
    "activation of many names": (
        lambda g: g.header_with(*SETTINGS, "activation", value="elu(" + "a." * 4000 + "b)"),
        "can be built",
    ),
    "hidden text": (
        lambda g: g.header_with("parameters", "encoder", "settings", "hidden", value="4"),
        "hidden must be a list",
    ),
    "hidden 10**9 twice": (
        lambda g: g.header_with("parameters", "encoder", "settings", "hidden", value=[10**9, 10**9]),
        "damaged",
    ),
    "hidden twenty thousand layers": (
        lambda g: g.header_with("parameters", "encoder", "settings", "hidden", value=[4] * 20_000),
        "hidden",
    ),
    "penalties an object": (lambda g: g.header_with("parameters", "penalties", value={}), "must be a list of parts"),
    "penalties of numbers": (
        lambda g: g.header_with("parameters", "penalties", value=[1]),
        "must be an object of 'part'",
    ),
    "stops text": (lambda g: g.header_with("parameters", "stops", value="patience"), "must be a list of parts"),
    "max_epochs text": (lambda g: g.header_with("parameters", "max_epochs", value="3"), "max_epochs must be"),
    "max_epochs a list": (lambda g: g.header_with("parameters", "max_epochs", value=[3]), "must be a plain value"),
    "n_starts 1e300": (lambda g: g.header_with("parameters", "n_starts", value=1e300), "n_starts must be"),
    "random_state text": (lambda g: g.header_with("parameters", "random_state", value="a"), "random_state must be"),
    "device unknown": (lambda g: g.header_with("parameters", "device", value=7), "device"),
    "row missing": (lambda g: g.header_without("row"), "'row' is not of type dict"),
    "row a number": (lambda g: g.header_with("row", value=5), "'row' is not of type dict"),
    "row shape empty": (lambda g: g.header_with("row", "shape", value=[]), "rows have the shape []"),
    "row shape text": (lambda g: g.header_with("row", "shape", value="5"), "rows have the shape '5'"),
    "row shape 0": (lambda g: g.header_with("row", "shape", value=[0]), "rows have the shape [0]"),
    "row shape negative": (lambda g: g.header_with("row", "shape", value=[-5]), "rows have the shape [-5]"),
    "row shape 5.0": (lambda g: g.header_with("row", "shape", value=[5.0]), "rows have the shape [5.0]"),
    "row shape 10**12": (lambda g: g.header_with("row", "shape", value=[10**12]), "rows have the shape"),
    "row shape 6": (lambda g: g.header_with("row", "shape", value=[6]), "6 columns have 5 names"),
    "row of 10**9 by code of 10**9": (
        lambda g: g.inner(
            lambda h: (
                h["row"].update(shape=[10**9], columns=None),
                h["parameters"]["bottleneck"]["settings"].update(size=10**9),
            )
        ),
        "a row must be of at most 1,048,576 numbers",
    ),
    "row of many axes": (
        lambda g: g.inner(lambda h: h["row"].update(shape=[2**31 - 1] * 20_000, columns=None)),
        "damaged",
    ),
    "columns too few": (lambda g: g.header_with("row", "columns", value=list("abcd")), "5 columns have 4 names"),
    "columns twice": (lambda g: g.header_with("row", "columns", value=list("abcda")), "5 columns have 4 names"),
    "columns fractions": (lambda g: g.header_with("row", "columns", value=[1, 2, 3, 4, 5.0]), "no proper names"),
    "columns true": (lambda g: g.header_with("row", "columns", value=[True, 2, 3, 4, 5]), "no proper names"),
    "columns twice, as number and text": (
        lambda g: g.header_with("row", "columns", value=[1, "1", 3, 4, 5]),
        "5 columns have 4 names",
    ),
    "columns text": (lambda g: g.header_with("row", "columns", value="abcde"), "no proper names"),
    "columns lists": (lambda g: g.header_with("row", "columns", value=[["a"], "b", "c", "d", "e"]), "no proper names"),
    "columns an object": (lambda g: g.header_with("row", "columns", value={"a": 1}), "no proper names"),
    "has_names a number": (lambda g: g.header_with("has_names", value=1), "'has_names' is not of type bool"),
    "form unknown": (lambda g: g.header_with("form", value="abacus"), "fitted on a 'abacus'"),
    "form a path": (lambda g: g.header_with("form", value="../os"), "fitted on a '../os'"),
    "form null": (lambda g: g.header_with("form", value=None), "'form' is not of type str"),
    "history text": (lambda g: g.header_with("history", value="good"), "'history' is not of type list"),
    "history of text": (lambda g: g.header_with("history", value=["good"]), "its history holds"),
    "history of lists": (lambda g: g.header_with("history", value=[[1, 2]]), "its history holds"),
    "history with text": (lambda g: g.header_with("history", 0, "loss", value="low"), "its history holds"),
    "history with true": (lambda g: g.header_with("history", 0, "loss", value=True), "its history holds"),
    "history with a name elsewhere": (
        lambda g: g.header_with("history", 0, "epoch", value="patience"),
        "its history holds",
    ),
    "stop a number": (lambda g: g.header_with("history", 0, "stop", value=1.0), "its history holds"),
    "stop null": (lambda g: g.header_with("history", 0, "stop", value=None), "its history holds"),
    "stop a list": (lambda g: g.header_with("history", 0, "stop", value=["patience"]), "its history holds"),
    "stop no name": (lambda g: g.header_with("history", 0, "stop", value="\x1b[2J"), "its history holds"),
    "stop empty": (lambda g: g.header_with("history", 0, "stop", value=""), "its history holds"),
    "stop_reason a number": (lambda g: g.header_with("stop_reason", value=1), "'stop_reason' is not of type str"),
}

TENSORS: dict[str, tuple[Callable[[Any], bytes], str]] = {
    "weights NaN": (lambda g: g.other(lambda t: t[TENSOR].__setitem__((0, 0), np.nan)), "not finite"),
    "weights inf": (lambda g: g.other(lambda t: t[TENSOR].__setitem__((0, 0), np.inf)), "not finite"),
    "scaling NaN": (lambda g: g.other(lambda t: t["scaling.mean"].__setitem__(0, np.nan)), "not finite"),
    "weight missing": (lambda g: g.other(lambda t: t.pop(TENSOR)), f"{TENSOR} is missing"),
    "weight too many": (
        lambda g: g.other(lambda t: t.update({"weights.extra": np.zeros(3, np.float32)})),
        "the model has no tensor 'weights.extra'",
    ),
    "weight of another shape": (
        lambda g: g.other(lambda t: t.update({TENSOR: np.zeros((4, 3), np.float32)})),
        "is F32 [4, 3]; the model needs F32 [4, 2]",
    ),
    "weight of doubles": (
        lambda g: g.other(lambda t: t.update({TENSOR: t[TENSOR].astype(np.float64)})),
        TENSOR,
    ),
    "weight of whole numbers": (
        lambda g: g.other(lambda t: t.update({TENSOR: np.ones((4, 2), np.int32)})),
        TENSOR,
    ),
    "scaling missing": (lambda g: g.other(lambda t: t.pop("scaling.mean")), "scaling.mean is missing"),
    "scaling too short": (
        lambda g: g.other(lambda t: t.update({"scaling.mean": np.zeros(4)})),
        "scaling.mean is F64 [4]; the model needs F64 [5]",
    ),
    "scaling of rows": (
        lambda g: g.other(lambda t: t.update({"scaling.mean": np.zeros((3, 5))})),
        "scaling.mean is F64 [3, 5]",
    ),
    "scaling empty": (
        lambda g: g.other(lambda t: t.update({"scaling.mean": np.zeros((0, 5))})),
        "scaling.mean is F64 [0, 5]",
    ),
    "scaling of whole numbers": (
        lambda g: g.other(lambda t: t.update({"scaling.mean": np.zeros(5, np.int32)})),
        "scaling.mean",
    ),
    "scaling of another kind": (
        lambda g: g.header_with("parameters", "scaling", "part", value="minmax"),
        "scaling.lowest is missing",
    ),
}

CASES = HEADERS | TENSORS


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_with_the_reason(case: str, good: Any, refusal: Callable[[Path], str], tmp_path: Path) -> None:
    make, why = CASES[case]
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(make(good))
    assert why in refusal(path)
