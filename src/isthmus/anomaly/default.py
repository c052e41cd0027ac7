"""The autoencoder of a detector that is given none."""

from __future__ import annotations

from isthmus.estimators.autoencoder import Autoencoder

BATCH, EPOCHS = 128, 60
LEAST_STEPS, MOST_STEPS, LEAST_EPOCHS = 1000, 4000, 5


def default_autoencoder(rows: int) -> Autoencoder:
    """Return the autoencoder of a detector that is given none, for a table of so many rows.

    It goes through them 60 times, but at least 5 times and with 1,000 to 4,000 steps. Weights decay and the learning
    rate ends at 0, so that scores hang little on the seed.
    """
    steps_of_epoch = max(-(-rows // BATCH), 1)
    steps = min(max(EPOCHS * steps_of_epoch, LEAST_STEPS), MOST_STEPS)
    epochs = max(round(steps / steps_of_epoch), LEAST_EPOCHS)
    return Autoencoder(
        128,
        encoder=(128,),
        likelihood="squared_error",
        scaling="normal",
        corruption="gaussian(0.5)",
        optimizer=f"adam(cosine(0.003, {epochs * steps_of_epoch}), weight_decay=2)",
        batch_size=BATCH,
        max_epochs=epochs,
        stops=None,
    )
