"""A rehearsed fit stops before its first epoch, and with it those inside."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus import Autoencoder, InvalidData, NetworkClassifier, StackedAutoencoder
from isthmus.core.parameter_specs import draw_weights
from isthmus.estimators._dry_run import dry_run, fresh
from isthmus.training import loop
from tiny import weights_of

X = np.random.default_rng(0).normal(size=(40, 4))
Y = X[:, 0] > 0


def test_the_stage_is_that_of_the_fit() -> None:
    """Taken up from where the rehearsal stood, training ends where the fit does."""
    ae = Autoencoder(2, encoder=(), max_epochs=3, validation_fraction=0.2, corruption="masking(0.2)")
    (stage,) = dry_run(ae, X, None, {})
    np.testing.assert_array_equal(stage.start.state.weights[0], draw_weights(stage.job.model, stage.job.seeds[0]))
    end = list(loop.train(*stage))[-1]
    np.testing.assert_array_equal(end.best_weights[0], weights_of(ae.fit(X)))


def test_no_epoch_is_taken_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("an epoch was taken")

    monkeypatch.setattr(loop, "train", refuse)
    layers = [Autoencoder(3, encoder=()), Autoencoder(2, encoder=())]
    stack = StackedAutoencoder(layers)
    assert [stage.job.model.size for stage in dry_run(stack, X, None, {})] == [3, 2, 2]
    stages = dry_run(NetworkClassifier(pretrained=stack, frozen_epochs=2), X, Y, {})
    assert len(stages) == 5  # three of the stack, the head alone, and all
    assert [stage.job.plan.step_scale is None for stage in stages[-2:]] == [False, True]
    with pytest.raises(AssertionError, match="an epoch was taken"):
        stack.fit(X)


def test_it_ends_when_the_fit_fails() -> None:
    with pytest.raises(InvalidData):
        dry_run(Autoencoder(2, encoder=()), X * np.nan, None, {})
    assert Autoencoder(2, encoder=(), max_epochs=1).fit(X).n_iter_ == 1


def test_anew_keeps_what_is_inside_as_it_is() -> None:
    ae = Autoencoder(2, encoder=(), max_epochs=1).fit(X)
    model = NetworkClassifier(pretrained=ae, max_epochs=1).fit(X, Y)
    other = fresh(model, max_epochs=2)
    assert not other.__sklearn_is_fitted__()
    assert other.pretrained is ae
    assert (other.max_epochs, model.max_epochs) == (2, 1)
