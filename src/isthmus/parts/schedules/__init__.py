"""A room: numbers that change in training. One file is one variant; the contract stands in `contracts.py`."""

from isthmus.core.part import doors

__getattr__, __dir__ = doors(__name__)
