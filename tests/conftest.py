"""What holds for every test: programs are compiled without most optimisations, for most of them run once."""

from __future__ import annotations

import os

# Before JAX is imported, and for the processes that tests start. It costs a quarter less time in all.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
