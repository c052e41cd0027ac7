"""The stubs of what `isthmus` and `isthmus.penalties`, … export when it is asked for: `python tests/editors/stubs.py`.

Names are imported on first use, so that `import isthmus` is quick; type checkers and editors read them in these files.
A new part, or a new exported name, makes them out of date: `make format` writes them, and a test compares them.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import isthmus

ROOT = Path(isthmus.__file__).parent
HEAD = "# Written by `make format`, from what the package exports when it is asked for.\n"


def stubs() -> dict[Path, str]:
    """Return what each stub is to hold, by its path."""
    kinds = {kind: sorted(_parts(kind)) for kind in isthmus.part_kinds()}
    names = Counter(name for parts in kinds.values() for _, name in parts)
    exports = [(getattr(isthmus, name).__module__, name) for name in isthmus.__all__]
    exports += [("isthmus", "plots"), *(("isthmus.parts", kind) for kind in kinds)]
    exports += [part for parts in kinds.values() for part in parts if names[part[1]] == 1]  # else it says which kind
    texts = {ROOT / "__init__.pyi": _stub(exports) + "\n__version__: str\n"}
    return texts | {ROOT / "parts" / kind / "__init__.pyi": _stub(parts) for kind, parts in kinds.items()}


def _parts(kind: str) -> list[tuple[str, str]]:
    """Return the module and the class of each part of a kind that the library has."""
    parts = [isthmus.find_part(kind, name) for name in isthmus.part_names(kind)]
    return [(part.__module__, part.__name__) for part in parts if part.__module__.startswith(f"isthmus.parts.{kind}.")]


def _stub(exports: list[tuple[str, str]]) -> str:
    lines = [f"from {module} import {name} as {name}" for module, name in sorted(exports)]
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    for path, text in stubs().items():
        path.write_text(text, encoding="utf-8")
