"""The autoencoder of a detector that is given none."""

from __future__ import annotations

from isthmus.estimators.autoencoder import Autoencoder

BATCH, EPOCHS = 128, 60
LEAST_STEPS, MOST_STEPS, LEAST_EPOCHS = 1000, 4000, 5


def default_autoencoder(rows: int, is_series: bool = False) -> Autoencoder:
    """Return the autoencoder of a detector that is given none, for a table of so many rows, or so many windows.

    It goes through them 60 times, but at least 5 times and with 1,000 to 4,000 steps. Weights decay and the learning
    rate ends at 0, so that scores hang little on the seed. Windows of series are seen in units of their deviation, so
    that what is far beyond the usual stays far; there weights do not decay.
    """
    steps_of_epoch = max(-(-rows // BATCH), 1)
    steps = min(max(EPOCHS * steps_of_epoch, LEAST_STEPS), MOST_STEPS)
    epochs = max(round(steps / steps_of_epoch), LEAST_EPOCHS)
    steady = f"adam(cosine(0.003, {epochs * steps_of_epoch}), weight_decay=2)"
    return Autoencoder(
        128,
        encoder=(128,),
        likelihood="squared_error",
        scaling="standard" if is_series else "normal",
        corruption="gaussian(0.5)",
        optimizer="adam(0.003)" if is_series else steady,
        batch_size=BATCH,
        max_epochs=epochs,
        stops=None,
    )
