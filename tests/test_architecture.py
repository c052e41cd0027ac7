"""The code is built as it is drawn: who may import whom, how long a file may be, and what is never used."""

from __future__ import annotations

import ast
import inspect
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import isthmus
from isthmus import errors
from isthmus.estimators._estimator import Estimator
from isthmus.storage import state

ROOT = Path(isthmus.__path__[0])
PACKAGES = [
    "errors",
    "core",
    "storage",
    "contracts",
    "layers",
    "adopted",
    "distributions",
    "data",
    "parts",
    "model",
    "training",
    "onnx",
    "estimators",
    "anomaly",
    "codec",
    "analysis",
    "presets",
    "isthmus",
    "plots",
    "reports",
    "hub",
    "cli",
    "__main__",
]
"""From the ground up; a file imports from the packages before its own. `isthmus` is what `import isthmus` gives."""

FILES = {file.relative_to(ROOT).with_suffix("").as_posix(): file for file in sorted(ROOT.rglob("*.py"))}
MODULES = {name.removesuffix("/__init__").replace("/", ".") for name in FILES}
TREES = {name: ast.parse(file.read_text()) for name, file in FILES.items()}


def own_imports(tree: ast.AST) -> Iterator[str]:
    """Yield the modules of the library that a file imports anywhere, by their path below `isthmus`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == "isthmus":
                    yield alias.name.partition(".")[2] or "isthmus"
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            if node.module == "isthmus":
                yield from (alias.name if alias.name in PACKAGES else "isthmus" for alias in node.names)
            elif (node.module or "").startswith("isthmus."):
                package = (node.module or "").removeprefix("isthmus.")
                yield from (f"{package}.{a.name}" if f"{package}.{a.name}" in MODULES else package for a in node.names)


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield every module that a file imports, with the names that it takes from it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_the_files_are_found() -> None:
    assert {"contracts/parts", "training/loop", "estimators/autoencoder", "parts/bottlenecks/top_k"} <= set(FILES)


def test_nothing_stands_loose_at_the_root() -> None:
    assert {name for name in FILES if "/" not in name} == {"__init__", "__main__", "errors", "presets"}
    assert {name.partition("/")[0] for name in FILES} - {"__init__"} <= set(PACKAGES)


def test_a_file_imports_from_the_packages_before_its_own() -> None:
    wrong = []
    for name, tree in TREES.items():
        path = ["isthmus"] if name == "__init__" else name.removesuffix("/__init__").split("/")
        for target in own_imports(tree):
            other = target.split(".")
            if other[0] != path[0]:
                is_right = PACKAGES.index(other[0]) < PACKAGES.index(path[0])
            elif path[0] == "parts":  # a part knows no other part, but what its kind shares
                is_right = other[1:2] == path[1:2] and other[-1].startswith("_")
            else:
                is_right = True
            if not is_right:
                wrong.append(f"{name} imports {target}")
    assert wrong == []


def test_nothing_above_the_parts_names_a_variant() -> None:
    assert [
        name
        for name, tree in TREES.items()
        if not name.startswith("parts/")
        for t in own_imports(tree)
        if t.startswith("parts")
    ] == []


def test_only_estimators_know_scikit_learn() -> None:
    taken = {name: {m for m in imports(tree) if m.partition(".")[0] == "sklearn"} for name, tree in TREES.items()}
    knowing = {
        name
        for name, modules in taken.items()
        if modules and not name.startswith(("estimators/", "anomaly/", "codec/", "analysis/"))
    }
    assert knowing <= {"cli/demo"}  # which takes its digits from it, and compares itself with its PCA


def test_guests_use_the_exported_names_only() -> None:
    public = {"isthmus", "errors", "plots"}
    wrong = []
    for name, tree in TREES.items():
        own = name.partition("/")[0]
        if own in ("cli", "plots", "reports", "hub"):
            wrong += [
                f"{name} imports {t}" for t in own_imports(tree) if t not in public and t.partition(".")[0] != own
            ]
    assert wrong == []


def private_names_of_others(tree: ast.AST) -> Iterator[str]:
    """Yield each place where a private attribute of another object is read or set."""
    fields = {"_replace", "_asdict", "_fields"}  # of every named tuple
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            is_own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            is_super = isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "super"
            if not is_own and not is_super and node.attr not in fields:
                yield ast.unparse(node)


def test_what_is_private_stays_with_its_object() -> None:
    places = [f"{name}: {place}" for name, tree in TREES.items() for place in private_names_of_others(tree)]
    assert len(places) <= 20, places


def estimators() -> list[type]:
    return [kind for kind in state.storable_types().values() if issubclass(kind, Estimator)]


def test_estimators_stand_two_levels_above_those_of_scikit_learn_at_most() -> None:
    assert len(estimators()) == 9
    for kind in estimators():
        chain = []
        while kind is not object and kind.__module__.startswith("isthmus."):
            chain.append(kind.__name__)
            kind = next((base for base in kind.__bases__ if issubclass(base, Estimator)), object)
        assert len(chain) <= 3, chain  # itself, and two


def test_nothing_concrete_is_overridden_by_an_estimator() -> None:
    overridden = []
    for kind in estimators():
        above: dict[str, type] = {}
        for base in reversed([cls for cls in kind.__mro__ if cls.__module__.startswith("isthmus.")]):
            for name, value in vars(base).items():
                function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
                if not inspect.isfunction(function) or name in ("__init__", "__init_subclass__"):
                    continue
                if name in above and not getattr(getattr(above[name], name), "__isabstractmethod__", False):
                    overridden.append(f"{base.__name__}.{name} overrides {above[name].__name__}")
                above[name] = base
    assert sorted(set(overridden)) == []


def test_nothing_is_called_what_says_nothing() -> None:
    empty = ("utils", "util", "helpers", "helper", "manager", "handler", "process", "misc", "common")
    words = {
        word
        for name, tree in TREES.items()
        for word in [
            *name.split("/"),
            *(n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)),
        ]
    }
    assert [w for w in words if set(w.lower().split("_")) & set(empty) or w.lower().endswith(empty[:6])] == []


def test_a_file_fits_in_the_head() -> None:
    most = {"training/loop": 119}
    lengths = {name: len(file.read_text().splitlines()) for name, file in FILES.items()}
    assert {name: length for name, length in lengths.items() if length > most.get(name, 450)} == {}
    assert statistics.median(lengths.values()) < 120
    assert [name for name, tree in TREES.items() if not ast.get_docstring(tree)] == []


def test_a_function_fits_on_a_screen() -> None:
    lengths = {}
    for name, tree in TREES.items():
        for function in functions(tree):
            body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
            lengths[name, function.name] = (function.end_lineno or 0) - body[0].lineno + 1
    assert {where: length for where, length in lengths.items() if length > 40} == {}
    assert statistics.median(lengths.values()) < 8


def test_nothing_is_asked_for_by_hasattr() -> None:
    assert [name for name, tree in TREES.items() if "hasattr" in [called for called, _ in calls(tree)]] == []


def test_a_constructor_says_what_it_takes() -> None:
    constructors = [
        (name, function.args)
        for name, tree in TREES.items()
        for function in functions(tree)
        if function.name in ("__init__", "__post_init__")
    ]
    assert len(constructors) > 10
    assert [name for name, arguments in constructors if arguments.kwarg or arguments.vararg] == []


def test_programs_are_compiled_where_they_are_counted() -> None:
    """By `core.programs.compiled`, which drops them in time."""
    jits = [
        f"{name}:{node.lineno}"
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("jax.jit", "eqx.filter_jit", "equinox.filter_jit")
    ]
    assert [place for place in jits if not place.startswith("core/programs")] == []


def test_no_code_is_made_from_data() -> None:
    modules = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"}
    builtin = {"eval", "exec", "compile", "__import__"}
    wrong = []
    for name, tree in TREES.items():
        wrong += [(name, module) for module in imports(tree) if module.partition(".")[0] in modules]
        for called, node in calls(tree):
            allows = [k.value for k in node.keywords if k.arg == "allow_pickle" and ast.unparse(k.value) != "False"]
            if called.removeprefix("builtins.") in builtin or allows:
                wrong.append((name, ast.unparse(node)))
    assert wrong == []


def test_no_randomness_comes_from_a_global_state() -> None:
    types = {"Generator", "Philox", "SeedSequence", "RandomState"}
    wrong = []
    for name, tree in TREES.items():
        wrong += [(name, m) for m in imports(tree) if m.partition(".")[0] == "random" or m.startswith("numpy.random")]
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("np.random", "numpy.random"):
                wrong += [(name, ast.unparse(node))] if node.attr not in types else []
        for called, node in calls(tree):
            is_unseeded = called.endswith(".Philox") and not node.args
            if called.rpartition(".")[2] in ("RandomState", "default_rng", "seed") or is_unseeded:
                wrong.append((name, ast.unparse(node)))
    assert wrong == []


def test_importing_the_library_imports_nothing_heavy() -> None:
    code = "import sys, isthmus; dir(isthmus); print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert "isthmus" in loaded
    heavy = {"jax", "jaxlib", "equinox", "optax", "numpy", "scipy", "sklearn", "pandas", "polars", "pyarrow"}
    assert not loaded & (heavy | {"safetensors", "matplotlib", "typer", "rich"})


def test_every_public_name_leads_somewhere() -> None:
    assert {"Autoencoder", "load", "__version__", "IsthmusError"} <= set(dir(isthmus))
    for name in dir(isthmus):
        assert getattr(isthmus, name) is not None
    for name, hint in {
        "Autoencodr": r"\. Did you mean 'Autoencoder'\?",
        "VAE": r"\. Did you mean isthmus\.variational\(…\)\?",
        "LSTM": r"\. Did you mean 'recurrent', of isthmus\.backbones\?",
        "houses": "",
        "_none": "",
    }.items():
        with pytest.raises(AttributeError, match=f"^module 'isthmus' has no attribute '{name}'{hint}$"):
            getattr(isthmus, name)


def test_every_error_is_exported_and_drawn_in_the_tree() -> None:
    kinds = {name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)}
    assert set(kinds) <= set(dir(isthmus))
    drawn = (errors.__doc__ or "").splitlines()
    for name, kind in kinds.items():
        assert getattr(isthmus, name) is kind
        assert issubclass(kind, errors.IsthmusError)
        assert sum(name in line.replace("─", " ").split() for line in drawn) == 1, f"{name} is not in the tree"
        assert kind.__doc__
