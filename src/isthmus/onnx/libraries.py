"""The libraries of the extra `onnx`."""

from functools import partial

from isthmus.core import extras

library = partial(
    extras.library,
    needed="ONNX files need jax2onnx and onnxruntime: pip install 'isthmus[onnx]' (jax2onnx pins orbax-checkpoint < "
    "0.11.37: where another package needs a later one, install it in an environment of its own).",
)
