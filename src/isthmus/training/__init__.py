"""The loss, the compiled steps, the generator of epochs, and checkpoints."""
