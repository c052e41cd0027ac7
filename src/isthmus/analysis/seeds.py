"""One estimator fitted with several seeds: what it comes to on average, and by how much that is luck."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from isthmus.core.constraints import is_whole
from isthmus.errors import require
from isthmus.estimators._dry_run import fresh
from isthmus.estimators._estimator import Estimator

MOST_SEEDS = 1000


@dataclass(frozen=True, eq=False)
class SeedComparison:
    """The result of `compare_seeds`; printed, it is its summary."""

    scores: pd.DataFrame = field(repr=False)
    """A row for each seed: the losses of the weights kept, epochs, seconds, and what `scoring` gave."""
    summary: pd.DataFrame
    """A row for each column of `scores`: its mean, standard deviation (that of a sample), least and most."""
    models: Mapping[int, Any] = field(repr=False)
    """The fitted estimators by their seeds."""

    def __str__(self) -> str:
        lines = [f"{name}  {row['mean']:.4g} ± {row['std']:.2g}" for name, row in self.summary.iterrows()]
        return "\n".join([f"mean ± standard deviation of {len(self.scores)} seeds", *lines])


def compare_seeds(
    estimator: Estimator[Any],
    X: Any,
    y: Any = None,
    *,
    seeds: int | Sequence[int] = 5,
    scoring: Callable[[Any], float | Mapping[str, float]] | None = None,
    **fit_parameters: Any,
) -> SeedComparison:
    """Fit one estimator with several seeds, and return the mean and the deviation of what comes of them.

    Parameters
    ----------
    estimator : of any kind that has the parameter `random_state`; it is not changed.
    X, y : a table, and labels or targets where `fit` needs them.
    seeds : how many, from 0 on, or the seeds themselves.
    scoring : from a fitted estimator to a number, or to several by name, as `lambda model: model.score(X_test)`.
    fit_parameters : further arguments of `fit`, as `sample_weight`.

    Raises
    ------
    InvalidPart
        If a parameter is not allowed, or there is nothing to compare.
    Diverged
        If the training of a seed diverges.

    Examples
    --------
    >>> from isthmus import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(60, 2)) @ np.ones((2, 4))
    >>> result = compare_seeds(Autoencoder(1, encoder=(), max_epochs=5), X, seeds=3)
    >>> list(result.scores.index), list(result.summary.columns)
    ([0, 1, 2], ['mean', 'std', 'min', 'max'])
    """
    is_seeded = isinstance(estimator, Estimator) and "random_state" in estimator.get_params(deep=False)
    require(is_seeded, "estimator", "an estimator of isthmus with a random_state, as Autoencoder(2)", estimator)
    chosen = _choose_seeds(seeds)
    checkpoint = fit_parameters.get("checkpoint")
    require(checkpoint is None, "checkpoint", "None: each seed has a training of its own", checkpoint)
    models = {seed: fresh(estimator, random_state=seed).fit(X, y, **fit_parameters) for seed in chosen}
    rows = {seed: _losses(model) | _scores(model, scoring) for seed, model in models.items()}
    scores = pd.DataFrame.from_dict(rows, orient="index").rename_axis("seed")
    needed = f"a function of the fitted estimator, since {type(estimator).__name__} has no loss of its own"
    require(scores.shape[1] > 0, "scoring", needed, scoring)
    return SeedComparison(scores, scores.agg(["mean", "std", "min", "max"]).T, models)


def _choose_seeds(seeds: int | Sequence[int]) -> list[int]:
    chosen = list(range(seeds)) if is_whole(seeds) else list(seeds) if isinstance(seeds, Sequence) else []  # type: ignore[arg-type]
    allowed = f"how many, from 1 to {MOST_SEEDS:,}, or a list of different whole numbers"
    is_list = 0 < len(chosen) <= MOST_SEEDS and all(map(is_whole, chosen)) and len({*chosen}) == len(chosen)
    require(is_list, "seeds", allowed, seeds)
    return [int(seed) for seed in chosen]


def _losses(model: Any) -> dict[str, float]:
    """Return the losses of the epoch whose weights are kept, how many epochs there were, and seconds."""
    history = getattr(model, "history_", None)
    if not history:
        return {}
    kept = history[-1].get("kept", history[-1]["epoch"])
    best = next(record for record in history if record["epoch"] == kept)
    losses = {name: best[name] for name in ("loss", "validation_loss") if name in best}
    return losses | {"epochs": len(history), "seconds": history[-1]["seconds"]}


def _scores(model: Any, scoring: Callable[[Any], float | Mapping[str, float]] | None) -> dict[str, float]:
    if scoring is None:
        return {}
    answer = scoring(model)
    return dict(answer) if isinstance(answer, Mapping) else {"score": float(answer)}
