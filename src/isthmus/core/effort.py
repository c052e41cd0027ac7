"""How thoroughly a program is compiled: as much as the time is worth that it will run.

XLA takes about a second over a training step of a small network, and a fifth of it where LLVM is told not to optimise;
such a step then takes nearly twice as long. A program that will run shortly is compiled shortly. On how long a program
runs there is an estimate from what it computes, never a clock, so that a fit gives the same numbers every time.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
from jax.extend import core

from isthmus.core.programs import compiled, variant

SHORT, LONG = 1.0, 3.0  # seconds, as estimated, on one core of 2020
EQUATION = 0.1e-6  # seconds that an operation takes beside its numbers
PRODUCTS = 3e10  # multiplications and additions a second, in products of matrices and convolutions
NUMBERS = 2e9  # a second, of an operation that is not named here
SLOWER = {  # numbers a second
    **dict.fromkeys(("exp", "exp2", "expm1", "log", "log1p", "tanh", "logistic", "sin", "cos", "pow"), 2e8),
    **dict.fromkeys(("erf", "erfc", "erf_inv", "lgamma", "digamma", "random_bits", "threefry2x32"), 5e7),
    **dict.fromkeys(("sort", "top_k", "cumsum", "cumlogsumexp"), 2e7),
    **dict.fromkeys(("gather", "scatter", "scatter-add", "scatter_add", "dynamic_slice", "dynamic_update_slice"), 2e8),
}
FREE = {  # part of what they are used in
    *(
        "reshape",
        "squeeze",
        "broadcast_in_dim",
        "transpose",
        "convert_element_type",
        "slice",
        "select_n",
        "copy",
        "neg",
    ),
    *("stop_gradient", "iota", "random_wrap", "random_unwrap", "expand_dims", "pad", "and", "or", "not", "concatenate"),
}

_LESS = {"xla_cpu_use_fusion_emitters": False, "xla_llvm_disable_expensive_passes": True}
_LEAST = _LESS | {"xla_backend_optimization_level": 0, "xla_cpu_parallel_codegen_split_count": 1}


class Suited:
    """Calls programs, each compiled as thoroughly as it is worth for how often its user will call it."""

    def __init__(self) -> None:
        self._chosen: dict[Any, Callable[..., Any]] = {}

    def __call__(self, program: Any, *arguments: Any, times: float, **named: Any) -> Any:
        """Return a program of arguments, one that is called, or repeats its loop, about `times` times in all."""
        if program not in self._chosen:
            self._chosen[program] = suited(program, arguments, times, named)
        return self._chosen[program](*arguments, **named)


def suited(program: Any, arguments: tuple[Any, ...], times: float, named: Mapping[str, Any] | None = None) -> Any:
    """Return a program compiled as thoroughly as it is worth for arguments of these shapes.

    Parameters
    ----------
    program : that `isthmus.core.programs.compiled` has returned.
    times : that it will be called; of a program that is one loop, that the loop will be run through.
    """
    if not _may_choose():
        return program
    seconds = times * cost(program.trace(*arguments, **(named or {})).jaxpr)
    if seconds > LONG:
        return program
    options = _LEAST if seconds < SHORT else _LESS
    return variant(program, options) if _are_known(tuple(options.items())) else program


def cost(jaxpr: Any) -> float:
    """Return about how many seconds a program takes on one core, every loop of unknown length gone through once."""
    total = 0.0
    for equation in _equations(jaxpr):
        inner = sum(cost(inside) for inside in _inside(equation))
        numbers = sum(math.prod(getattr(variable.aval, "shape", ())) for variable in equation.outvars)
        name = equation.primitive.name
        if inner:
            total += inner * (equation.params["length"] if name == "scan" else 1)
        elif name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            shape = equation.invars[0].aval.shape
            total += EQUATION + numbers * math.prod(shape[axis] for axis in contracted) / PRODUCTS
        elif name == "conv_general_dilated":
            kernel = math.prod(equation.invars[1].aval.shape)
            features = equation.invars[1].aval.shape[equation.params["dimension_numbers"].rhs_spec[0]]
            total += EQUATION + numbers * kernel / max(features, 1) / PRODUCTS
        elif name not in FREE:
            total += EQUATION + numbers / SLOWER.get(name, NUMBERS)
    return total


def _equations(jaxpr: Any) -> Any:
    return getattr(jaxpr, "jaxpr", jaxpr).eqns


def _inside(equation: Any) -> Iterator[Any]:
    """Yield the programs that an equation runs."""
    for parameter in equation.params.values():
        for value in parameter if isinstance(parameter, tuple | list) else (parameter,):
            if isinstance(value, core.Jaxpr | core.ClosedJaxpr):
                yield value


def _may_choose() -> bool:
    """Say whether the options are ours to choose: on a CPU, where the user has not chosen."""
    device = getattr(jax.config, "jax_default_device", None)
    platform = getattr(device, "platform", device) or jax.default_backend()
    return platform == "cpu" and not jax.config.values.get("jax_disable_most_optimizations")


@functools.cache
def _are_known(options: tuple[tuple[str, Any], ...]) -> bool:
    """Say whether this version of XLA knows options: it promises none of them."""
    try:
        variant(compiled(lambda x: x), dict(options)).lower(0.0).compile()
    except Exception:  # noqa: BLE001 -- whatever it says, the program is compiled without them
        return False
    return True
