"""`isthmus export` and `isthmus check`: a model as an ONNX file, and whether a runtime answers as the model did."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isthmus.cli import output, screen

Out = Annotated[Path, typer.Option(help="The file to write: .onnx.", show_default=False)]
Onnx = Annotated[Path, typer.Argument(help="A file that isthmus export wrote.", show_default=False)]


def export(model: screen.Model, out: Out, force: output.Force = False, quiet: screen.Quiet = False) -> None:
    """Write a model as an ONNX file, from raw columns to answers, and 100 rows to check it by beside it.

    Examples
    --------
    isthmus export model.safetensors --out model.onnx
    """
    import isthmus

    for file, suffixes in ((out, [".onnx"]), (out.with_suffix(".parity.npz"), [])):
        output.check(file, suffixes, model, force=force)
    with screen.silence(quiet):
        isthmus.load(model).to_onnx(out)
        if not quiet:
            screen.tell(f"{out}: {screen.size_of(out)}; rows to check it by: {out.with_suffix('.parity.npz')}")


def check(onnx: Onnx, quiet: screen.Quiet = False) -> None:
    """Compare what onnxruntime makes of an ONNX file with what the model answered; fail where they differ.

    Examples
    --------
    isthmus check model.onnx
    """
    import isthmus

    agreement = isthmus.check_onnx(onnx)
    if not quiet:
        rows = screen.plain()
        rows.add_column("output", overflow="fold")
        rows.add_column("largest difference", justify="right")
        for name, difference in agreement.difference.items():
            rows.add_row(name, f"{difference:.1e}")
        screen.show(rows)
    if not agreement.holds:
        worst = max(agreement.difference, key=lambda name: agreement.difference[name])
        raise isthmus.ModelFileError(
            f"{onnx} does not answer as the model did: {worst!r} differs by {agreement.difference[worst]:.1e}; "
            "1e-05 is allowed. Export the model again, or use a later onnxruntime."
        )
