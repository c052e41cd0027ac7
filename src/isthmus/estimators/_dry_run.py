"""A dry run of a fit, up to its first epoch: what it would train, and from which weights."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, NamedTuple

from isthmus.training.epoch import Job, Progress


class Stage(NamedTuple):
    """A training that was about to begin."""

    job: Job
    start: Progress


_STAGES: ContextVar[list[Stage] | None] = ContextVar("stages", default=None)


def is_dry_run(job: Job, start: Progress) -> bool:
    """Say whether a training must not begin, and remember it then."""
    stages = _STAGES.get()
    if stages is not None:
        stages.append(Stage(job, start))
    return stages is not None


def fresh(estimator: Any, **changes: Any) -> Any:
    """Return an unfitted estimator with the same parameters but the changes.

    Unlike a clone it keeps the estimators among them as they are, fitted or not, as `fit` would find them.
    """
    return type(estimator)(**estimator.get_params(deep=False) | changes)


def dry_run(estimator: Any, X: Any, y: Any, fit_parameters: dict[str, Any]) -> list[Stage]:
    """Return the stages of training that `fit` would go through, the whole model's last; none takes an epoch.

    Estimators inside that `fit` would train first keep their drawn weights.
    """
    stages: list[Stage] = []
    # A variable of the context: estimators inside are fitted by code that knows nothing of this, maybe in threads.
    token = _STAGES.set(stages)
    try:
        fresh(estimator).fit(X, y, **fit_parameters)
    finally:
        _STAGES.reset(token)
    return stages
