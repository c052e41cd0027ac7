"""Models as ONNX graphs: NumPy and JAX code recorded as operators, from the columns of a table to answers."""
