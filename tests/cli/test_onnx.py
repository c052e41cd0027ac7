"""`export` writes an ONNX file, and `check` says whether a runtime answers as the model did."""

import numpy as np


def test_a_model_is_exported_and_checked(call, refused, trained):
    exported = call("export", trained, "--out", "model.onnx")
    assert exported.exit_code == 0, exported.output
    assert exported.stdout.startswith("model.onnx: ")
    assert "model.parity.npz" in exported.stdout
    checked = call("check", "model.onnx")
    assert checked.exit_code == 0, checked.output
    assert "reconstruction" in checked.stdout
    assert refused("export", trained, "--out", "model.txt").startswith(
        "the output model.txt has an unsupported suffix."
    )
    assert refused("check", "absent.onnx").startswith("there is no file absent.onnx.")
    with np.load("model.parity.npz") as held:
        answers = dict(held)
    answers["answer:score"][0] -= 1
    np.savez("model.parity.npz", **answers)
    message = refused("check", "model.onnx", "--quiet")
    assert message.startswith("model.onnx does not answer as the model did: 'score' differs by ")
