"""The autoencoder of a detector that is given none."""

from __future__ import annotations

from isthmus.estimators.autoencoder import Autoencoder

BATCH, EPOCHS, LEAST_EPOCHS = 128, 30, 5
LEAST_STEPS, MOST_STEPS = 500, 2000
LONGER = 2  # times as long for series, and where rows may be odd
LONGEST = 10**9  # steps of a schedule


def default_autoencoder(
    rows: int, is_series: bool = False, max_epochs: int | None = None, *, may_be_odd: bool = False
) -> Autoencoder:
    """Return the autoencoder of a detector that is given none, for so many rows, or windows, to learn from.

    It goes through them `max_epochs` times; where that is None 30 times, but at least 5 times and with 500 to 2,000
    steps; twice as long for series, and where rows may be odd. Weights decay and the learning rate ends at 0, so that
    scores hang little on the seed. Windows of series are seen in units of their deviation, so that what is far beyond
    the usual stays far; there neither is so.

    Where rows of a table `may_be_odd` themselves, only its errors of categories count, and they must not be learned by
    heart: a narrow network tells half of the cells, swapped for those of other rows, from the other half.
    """
    steps_of_epoch = max(-(-rows // BATCH), 1)
    longer = LONGER if is_series or may_be_odd else 1
    steps = longer * min(max(EPOCHS * steps_of_epoch, LEAST_STEPS), MOST_STEPS)
    epochs = max(round(steps / steps_of_epoch), LEAST_EPOCHS) if max_epochs is None else max_epochs
    steps = min(max(epochs, 1) * steps_of_epoch, LONGEST)  # what epochs may be is said by their parameter
    steady = f"adam(cosine(0.003, {steps}), weight_decay=2)"
    is_narrow = may_be_odd and not is_series
    return Autoencoder(
        8 if is_narrow else 128,
        encoder=(32,) if is_narrow else (128,),
        likelihood="squared_error",
        scaling="standard" if is_series else "normal",
        corruption="swap(0.5)" if is_narrow else "gaussian(0.5)",
        optimizer="adam(0.003)" if is_series else steady,
        batch_size=BATCH,
        max_epochs=epochs,
        stops=None,
        validation_fraction=0.1 if is_series or may_be_odd else 0.0,  # the last epoch is kept: none is chosen by it
    )
