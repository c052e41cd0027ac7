"""The device that an estimator computes on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import jax

from isthmus.core.programs import check_not_forked, own_promotion
from isthmus.errors import InvalidData, require

DEVICES = ("cpu", "gpu", "cuda", "tpu")


class HasDevice(Protocol):
    @property
    def device(self) -> str | None: ...


Owner = TypeVar("Owner", bound=HasDevice)
Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def each_on_device(owner: HasDevice, items: Generator[Answer, None, None]) -> Generator[Answer, None, None]:
    """Yield items, each computed on the device that `device` of an owner names: between them nothing is set."""
    take = on_device(lambda _: next(items, None))
    try:
        while (item := take(owner)) is not None:
            yield item
    finally:
        items.close()


def on_device(
    method: Callable[Concatenate[Owner, Arguments], Answer],
) -> Callable[Concatenate[Owner, Arguments], Answer]:
    """Run a method of an estimator on the device that its parameter `device` names."""

    @functools.wraps(method)
    def run(self: Owner, /, *arguments: Arguments.args, **keywords: Arguments.kwargs) -> Answer:
        check_not_forked()
        if self.device is None:
            with own_promotion():
                return method(self, *arguments, **keywords)
        require(self.device in DEVICES, "device", "None, 'cpu', 'gpu', 'cuda' or 'tpu'", self.device)
        try:
            device = jax.devices(self.device)[0]
        except RuntimeError as error:
            known = ", ".join(sorted({repr(device.platform) for device in jax.devices()}))
            raise InvalidData(f"there is no device {self.device!r} here. There are: {known}.") from error
        with own_promotion(), jax.default_device(device):
            return method(self, *arguments, **keywords)

    return run
