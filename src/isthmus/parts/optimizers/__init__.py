"""Parts of one kind: how the weights learn. One file is one variant."""

from isthmus.core.registry import lazy_exports

__getattr__, __dir__ = lazy_exports(__name__)
