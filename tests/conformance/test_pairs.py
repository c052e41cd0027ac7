"""Each pair of parts either trains, or refuses with a sentence that says why.

Few fits hold every pair: each takes one part of every kind, so that pairs which have not met yet meet. Pairs that are
to refuse stand in `REFUSED`, are kept out of these fits, and are tried alone: a pair that refuses unforeseen fails its
fit, and a foreseen one that trains fails its own test.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import operator
import random
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from isthmus import Autoencoder, InvalidPart, IsthmusError
from isthmus.core.registry import find_part, part_names

GENERATOR = np.random.default_rng(0)
X = GENERATOR.random((24, 9)).astype(np.float32)  # images of 3 x 3 pixels, flat
X[:2] = [[0.0] * 9, [1.0] * 9]
X[:, -1] = np.arange(24) % 2  # the tasks of hypernetworks
Y = np.arange(24) % 3
PENALTIES = 4  # at most in one fit
CANDIDATES = 6  # fits that are put together for each that is taken

Option = tuple[tuple[str, ...], dict[str, Any]]
"""The parts that one setting brings, as `kind=name`, and the parameters of the autoencoder."""


def ours(kind: str) -> list[str]:
    """Return the names of the parts of a kind that come with the library and go with rows of numbers."""
    found = [name for name in part_names(kind) if find_part(kind, name).__module__.startswith("isthmus.")]
    return [name for name in found if not is_of_other_rows(find_part(kind, name))]


def is_of_other_rows(part: Any) -> bool:
    return getattr(part, "explains", None) in ("order", "categories") or getattr(part, "reads_tokens", False)


def has(kind: str, name: str, field: str) -> bool:
    return field in {each.name for each in dataclasses.fields(find_part(kind, name))}  # type: ignore[arg-type]


def takes_a_prior(name: str) -> bool:
    """Say whether a code has a part of its own as prior, not one of a few words."""
    types = {each.name: str(each.type) for each in dataclasses.fields(find_part("bottlenecks", name))}  # type: ignore[arg-type]
    return "prior" in types and "Literal" not in types["prior"]


SLOPED = [name for name in ours("activations") if find_part("activations", name).has_slope]  # type: ignore[attr-defined]
FLAT = sorted({*ours("activations")} - {*SLOPED})


def codes() -> list[Option]:
    plain = [name for name in ours("bottlenecks") if not takes_a_prior(name)]
    found: list[Option] = [((f"bottlenecks={name}",), {"bottleneck": small_code(name)}) for name in plain]
    for name, prior in itertools.product(ours("bottlenecks"), ours("priors")):
        if name not in plain:
            spelling = f"{name}(2, hidden=(4,), prior={prior})"
            found.append(((f"bottlenecks={name}", f"priors={prior}"), {"bottleneck": spelling}))
    return found


def small_code(name: str) -> str:
    return f"{name}(2, k=1)" if has("bottlenecks", name, "k") else f"{name}(2)"


LONG = {"hyper", "recurrent"}
"""Backbones that take long to compile: they meet what acts on roads, and one activation."""


def roads(side: str, width: int, activations: Sequence[str]) -> list[Option]:
    """Return every backbone with every activation, long ones with one; `width` tells the two sides apart."""
    found: list[Option] = []
    for name, activation in itertools.product(ours("backbones"), activations):
        if name in LONG and activation != "tanh":
            continue
        own = (
            f"channels=({width},), kernel=1, stride=1, shape=(3, 3)"
            if has("backbones", name, "channels")
            else f"({width},)"
        ) + (", tasks=2" if has("backbones", name, "tasks") else "")
        parts = (f"{side}={name}", f"activations={activation}")
        spelling = f"{name}({own}, activation={activation})"
        if not has("backbones", name, "activation"):
            spelling = f"{name}(('linear({width})', '{activation}'))"  # it is one of the layers
        found.append((parts, {side: spelling}))
    return found


def terms() -> list[Option]:
    found: list[Option] = []
    for name in ours("penalties"):
        if has("penalties", name, "affinity"):
            found += [
                ((f"penalties={name}", f"affinities={each}"), {"penalties": [f"{name}(affinity={each})"]})
                for each in ours("affinities")
            ]
        else:
            found.append(((f"penalties={name}",), {"penalties": [name]}))
    return found


def others(kind: str, parameter: str) -> list[Option]:
    return [((f"{kind}={name}",), {parameter: spelled(kind, name)}) for name in ours(kind)]


def spelled(kind: str, name: str) -> str:
    return f"{name}(2)" if getattr(find_part(kind, name), "full_batch", False) else name


NONE: Option = ((), {})

SLOW = {
    "decoder=hyper": 2.0,
    "encoder=hyper": 1.2,
    "penalties=curvature": 1.4,
    "penalties=task_memory": 1.1,
    **dict.fromkeys(("bottlenecks=adversarial", "likelihoods=histogram", "penalties=mmd", "n_starts=2"), 0.7),
    **dict.fromkeys(("penalties=dead_units", "penalties=sparsity", "penalties=contractive", "priors=mixture"), 0.6),
    **dict.fromkeys(("encoder=mlp", "decoder=mlp", "encoder=conv", "decoder=conv", "tied=True"), 0.0),
}
"""Seconds that a part takes to compile, where they are other than 0.2; a fit takes 2 anyhow."""

AXES: dict[str, list[Option]] = {
    "bottleneck": codes(),
    "encoder": roads("encoder", 4, SLOPED),
    "decoder": [*roads("decoder", 3, SLOPED), (("tied=True",), {"tied": True})],
    "likelihood": others("likelihoods", "likelihood"),
    "corruption": [NONE, *others("corruptions", "corruption")],
    **{f"penalty {number}": [NONE, *terms()] for number in range(1, 1 + PENALTIES)},
    "neighborhood": [NONE, *others("neighborhoods", "neighborhood")],
    "scaling": others("scalings", "scaling"),
    "optimizer": others("optimizers", "optimizer"),
    "init": [NONE, (("init=pca",), {"init": "pca"})],
    "starts": [NONE, (("n_starts=2",), {"n_starts": 2})],
}

BASE: dict[str, Any] = {"bottleneck": 2, "encoder": "mlp((4,))", "max_epochs": 1, "batch_size": 12, "scaling": None}

REFUSED = {
    # Rounds over all rows remember nothing from step to step.
    r"penalties=dead_units optimizers=(cg|lbfgs)": "dead_units needs an optimizer that goes step by step",
    # A decoder of its own is no mirror; nor is the way up from a code of two layers, or through gates.
    r"tied=True decoder=.*": "tied weights need a decoder that mirrors the encoder, matrix by matrix: .* tied=False",
    r"tied=True bottlenecks=(variational|importance_weighted)": "tied weights need a decoder that mirrors",
    r"tied=True encoder=(hyper|recurrent|squeeze_excite)": "tied weights need a decoder that mirrors",
    # They need several numbers for each column.
    r"tied=True likelihoods=(mixture|histogram)": "tied weights need a decoder that mirrors",
    # A regression gives the last layer only where it is affine and free.
    r"init=pca decoder=(conv|recurrent|residual|squeeze_excite)": "init='pca' needs an affine layer .* init=None",
    # The number of a task is none, and without hypernetworks there is nothing that remembers tasks.
    r"init=pca penalties=task_memory": "init='pca' needs an affine layer into the code",
    r"init=pca (en|de)coder=hyper": "init='pca' needs numbers, and none missing: use init=None",
    r"init=pca tied=True": "init='pca' needs an affine layer",
    # Nothing is chosen among the units, so none can die.
    r"penalties=dead_units bottlenecks=(?!top_k).*": "dead_units needs a code .* use bottleneck='top_k",
    r"penalties=dead_units priors=.*": "dead_units needs a code .* use bottleneck='top_k",
    # Only hypernetworks make weights for tasks.
    r"penalties=task_memory encoder=(?!hyper).*": "task_memory needs a hypernetwork that tells tasks apart: use enc",
    r"penalties=task_memory tied=True": "task_memory needs a hypernetwork that tells tasks apart",
    # Minus their loss has no lower bound.
    r"neighborhoods=margin likelihoods=(?!squared_error|absolute_error).*": "margin counts some rows negatively",
    # Scaled so, values leave [0, 1].
    r"scalings=(standard|center|normal) likelihoods=(bernoulli|categorical|(binary_)?hinge)": r"needs values in",
    # All rows at once leave a rival no turn.
    r"optimizers=(cg|lbfgs) bottlenecks=adversarial": "an adversarial code needs an optimizer that goes step by step",
    r"optimizers=(cg|lbfgs) priors=.*": "an adversarial code needs an optimizer that goes step by step",
}
"""The pairs that refuse, and what they say."""


def sentence(a: str, b: str) -> str | None:
    """Return what a pair is to say when it refuses, or None where it is to train."""
    spellings = (f"{a} {b}", f"{b} {a}")
    return next((said for pair, said in REFUSED.items() if any(re.fullmatch(pair, each) for each in spellings)), None)


def kind_of(part: str) -> str:
    return part.partition("=")[0]


def is_pair(a: str, b: str) -> bool:
    """Say whether two parts are of two kinds, or two penalties, and see each other at all."""
    if kind_of(a) == kind_of(b):
        return a != b and kind_of(a) == "penalties"
    kinds = {kind_of(a), kind_of(b)}
    # The road up meets its neighbors; the road down meets all the others too.
    is_near = kinds <= {"decoder", "encoder", "bottlenecks", "likelihoods", "init", "tied"}
    if kinds & {"decoder", "encoder"} and any(part.partition("=")[2] in LONG for part in (a, b)):
        # A road down meets what feeds it and what it feeds, a road up what it feeds; penalties see the code only.
        met = {"bottlenecks", "likelihoods", "init"} if "decoder" in kinds else {"bottlenecks", "corruptions", "tied"}
        return bool(kinds & met) or ("decoder" in kinds and "tied" in kinds) or sentence(a, b) is not None
    if "activations" in kinds:  # they meet the roads they stand in, the code, and penalties that look through them
        return bool(kinds & {"encoder", "decoder", "bottlenecks"}) or kinds <= {"activations", "penalties"}
    if kinds == {"priors", "bottlenecks"}:
        return takes_a_prior({kind_of(a): a, kind_of(b): b}["bottlenecks"].partition("=")[2])
    return is_near or "decoder" not in kinds


PARTS = sorted({part for options in AXES.values() for parts, _ in options for part in parts})
EVERY = [pair for pair in itertools.combinations(PARTS, 2) if is_pair(*pair)]
BITS = {pair: 1 << place for place, pair in enumerate(EVERY)}
"""Sets of pairs are whole numbers with a bit for each pair: there are millions of them to compare."""
FORESEEN = {pair: said for pair in EVERY if (said := sentence(*pair)) is not None}
REFUSING = sum(BITS[pair] for pair in FORESEEN)
TIGHT = sum(
    bit
    for pair, bit in BITS.items()
    if "likelihoods" in map(kind_of, pair)
    and {"bottlenecks", "priors"} & {*map(kind_of, pair)}
    and pair not in FORESEEN
)


@functools.cache
def between(some: tuple[str, ...], others: tuple[str, ...]) -> int:
    """Return the pairs of a part of one setting with one of another; an activation meets the road that it is in."""
    roads_apart = {frozenset({"activations", side}) for side in ("encoder", "decoder")} if some != others else ()
    found = {(min(a, b), max(a, b)) for a in some for b in others if is_pair(a, b)}
    return sum(BITS[pair] for pair in found if {*map(kind_of, pair)} not in roads_apart)


OPTIONS = dict.fromkeys(parts for options in AXES.values() for parts, _ in options)
BETWEEN = {parts: {others: between(parts, others) for others in OPTIONS} for parts in OPTIONS}
COSTS = {parts: sum(SLOW.get(part, 0.2) for part in parts) for parts in OPTIONS}


def pairs_of(fit: dict[str, Option]) -> int:
    options = [parts for parts, _ in fit.values()]
    return functools.reduce(
        operator.or_, (BETWEEN[a][b] for a, b in itertools.combinations_with_replacement(options, 2))
    )


def fits() -> list[dict[str, Option]]:
    """Return settings in which every pair that is not to refuse meets at least once, quick ones before slow ones."""
    every = sum(BITS.values()) & ~REFUSING
    left, generator, found = every, random.Random(0), []  # noqa: S311 -- settings of tests
    while left:
        # A fit holds one code and one likelihood, so that these pairs need the most fits: they come first.
        pairs = [pair for pair, bit in BITS.items() if (left & TIGHT or left) & bit]
        tried = [candidate(left, generator.choice(pairs), generator) for _ in range(CANDIDATES)]
        best = max(tried, key=lambda fit: (left & pairs_of(fit)).bit_count() / (2 + cost(fit)))
        met = left & pairs_of(best)
        assert met, f"these pairs meet in no fit: {pairs}"
        left &= ~met
        found.append(best)
    return lightened(found, every)


def lightened(found: list[dict[str, Option]], every: int) -> list[dict[str, Option]]:
    """Return fits that hold every pair still, with a quicker part or none wherever all its pairs meet elsewhere."""
    found, met = list(found), [pairs_of(fit) for fit in found]
    for place in sorted(range(len(found)), key=lambda place: -cost(found[place])):
        needed = every & ~functools.reduce(operator.or_, met[:place] + met[place + 1 :])
        for axis in sorted(AXES, key=lambda axis: -COSTS[found[place][axis][0]]):
            for option in sorted(AXES[axis], key=lambda option: COSTS[option[0]]):
                if COSTS[option[0]] >= COSTS[found[place][axis][0]]:
                    break
                fit = found[place] | {axis: option}
                pairs = pairs_of(fit)
                if not (needed & ~pairs or pairs & REFUSING) and has_each_penalty_once(fit):
                    found[place], met[place] = fit, pairs
                    break
    return found


def has_each_penalty_once(fit: dict[str, Option]) -> bool:
    penalties = [part for parts, _ in fit.values() for part in parts if kind_of(part) == "penalties"]
    return len(set(penalties)) == len(penalties)


def cost(fit: dict[str, Option]) -> float:
    return sum(COSTS[parts] for parts, _ in fit.values())


def candidate(left: int, pair: tuple[str, str], generator: random.Random) -> dict[str, Option]:
    """Return settings that hold a pair of those left, and at each further place what brings the most of them."""
    fit: dict[str, Option] = {}
    missing = set(pair)
    met = {parts: between(parts, parts) for parts in BETWEEN}  # by each option with itself and with what is in the fit
    order = generator.sample(sorted(AXES), len(AXES))
    order.sort(key=lambda axis: -max(len(missing.intersection(parts)) for parts, _ in AXES[axis]))
    for axis in order:
        taken = {part for parts, _ in fit.values() for part in parts if kind_of(part) == "penalties"}
        allowed = [o for o in AXES[axis] if not met[o[0]] & REFUSING and taken.isdisjoint(o[0])]
        if not allowed:
            return {"none": NONE}
        generator.shuffle(allowed)
        worth = [(len(missing.intersection(o[0])), 3 * (left & met[o[0]]).bit_count() - COSTS[o[0]]) for o in allowed]
        fit[axis] = allowed[worth.index(max(worth))]
        missing.difference_update(fit[axis][0])
        more = BETWEEN[fit[axis][0]]
        met = {parts: pairs | more[parts] for parts, pairs in met.items()}
    return {axis: fit[axis] for axis in AXES}


def spelled_out(fit: dict[str, Option]) -> dict[str, Any]:
    """Return the parameters of the autoencoder."""
    found: dict[str, Any] = {"penalties": []}
    for _, parameters in fit.values():
        found |= parameters | {"penalties": found["penalties"] + parameters.get("penalties", [])}
    return found


def name_of(fit: dict[str, Option]) -> str:
    """Return the settings in short: `top_k conv/relu mlp/tanh hinge laplacian/ball sgd tied=True`."""
    plain = ("tied", "init", "n_starts")
    short = [
        [part if kind_of(part) in plain else part.partition("=")[2] for part in parts] for parts, _ in fit.values()
    ]
    return " ".join("/".join(parts) for parts in short if parts)


FITS = fits()


def ways_up() -> list[bool]:
    """Return which fits have an encoder and a bottleneck that have not met in the fits before."""
    seen: set[tuple[str, str]] = set()
    found = []
    for fit in FITS:
        pair = fit["bottleneck"][0][0], fit["encoder"][0][0]
        found.append(pair not in seen)
        seen.add(pair)
    return found


@pytest.mark.parametrize(
    ("settings", "is_new_way_up"),
    [pytest.param(spelled_out(fit), new, id=name_of(fit)) for fit, new in zip(FITS, ways_up(), strict=True)],
)
def test_parts_that_meet_train(settings: dict[str, Any], is_new_way_up: bool) -> None:
    first, again = (Autoencoder(**(BASE | settings)).fit(X, Y) for _ in range(2))
    record = first.history_[-1]
    assert all(np.isfinite(value) for name, value in record.items() if name != "stop")
    rows = first.reconstruct(X)
    assert rows.shape == X.shape
    assert np.isfinite(rows).all()
    np.testing.assert_array_equal(again.reconstruct(X), rows)
    assert {**again.history_[-1], "seconds": 0} == {**record, "seconds": 0}
    if is_new_way_up:  # a program of its own
        codes = first.transform(X)
        assert codes.shape == (24, 2 + len(first.model_.condition))
        assert np.isfinite(codes).all()
        np.testing.assert_array_equal(again.transform(X), codes)


@pytest.mark.parametrize(("pair", "said"), [pytest.param(*each, id=" ".join(each[0])) for each in FORESEEN.items()])
def test_a_pair_that_does_not_go_together_says_why(pair: tuple[str, str], said: str) -> None:
    with pytest.raises(IsthmusError, match=said) as caught:
        Autoencoder(**(BASE | spelled_out(alone(*pair)))).fit(X, Y)
    assert re.search(r"\.$|=", str(caught.value)), "it ends like a sentence, or names what to write"
    assert len(str(caught.value)) >= 20


def alone(a: str, b: str) -> dict[str, Option]:
    """Return settings of two parts and no other; what is not tied has a decoder of its own."""
    fit: dict[str, Option] = {}
    for part in (a, b):
        if not any(part in parts for parts, _ in fit.values()):
            fit |= next({f"{axis} {part}": o} for axis, options in AXES.items() for o in options if part in o[0])
    if "tied=True" not in (a, b) and not any("decoder" in parameters for _, parameters in fit.values()):
        fit["decoder"] = AXES["decoder"][0]
    return fit


@pytest.mark.parametrize("flat", FLAT)
@pytest.mark.parametrize(
    "place",
    [
        *(f"{side} {name}" for side in ("encoder", "decoder") for name in ours("backbones") if name not in LONG),
        *("code", "output"),
    ],
)
def test_nothing_is_trained_through_an_activation_without_slope(flat: str, place: str) -> None:
    side, _, name = place.partition(" ")
    elsewhere = {
        "code": {"bottleneck": f"deterministic(2, activation={flat})"},
        "output": {"likelihood": f"squared_error(output={flat})"},
    }
    settings = elsewhere.get(place) or dict(roads(side, 4, FLAT))[f"{side}={name}", f"activations={flat}"]
    with pytest.raises(InvalidPart, match=rf"^no gradient comes through the activation {flat}, so .* max_epochs=0 "):
        Autoencoder(**(BASE | settings)).fit(X)


def test_every_pair_is_tried() -> None:
    met = functools.reduce(operator.or_, map(pairs_of, FITS))
    assert met | REFUSING == sum(BITS.values())
    assert not met & REFUSING
    assert len(EVERY) > 1500
