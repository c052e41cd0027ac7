"""The libraries of the extra `codec`."""

from functools import partial

from isthmus.core import extras

library = partial(
    extras.library, needed="a codec needs constriction, pcodec and zstandard: pip install 'isthmus[codec]'"
)
