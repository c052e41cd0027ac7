"""A room: terms beside the reconstruction. One file is one variant; the contract stands in `contracts.py`."""

from isthmus.core.part import lazy_exports

__getattr__, __dir__ = lazy_exports(__name__)
