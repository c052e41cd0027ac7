"""Mixtures and histograms as parts: how their heads cut the numbers, where they start, how they are stored."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from scipy.special import log_softmax, logsumexp
from scipy.stats import norm

import isthmus
from isthmus import Autoencoder, InvalidPart
from isthmus.contracts import Row
from isthmus.core.affine import affine
from isthmus.core.parameter_specs import assemble, draw_weights, parameter_specs, split_weights, with_values
from isthmus.distributions.histogram import OUTSIDE
from isthmus.parts.backbones import Conv
from isthmus.parts.likelihoods import Gaussian, Histogram
from isthmus.parts.likelihoods.mixture import Mixture
from tiny import assembled, with_weights

RANDOM = np.random.default_rng(0)
FEATURES = RANDOM.normal(size=(5, 2))
X = RANDOM.normal(size=(5, 3))
TABLE = RANDOM.normal(size=(200, 3)) * [1, 2, 0.5] + [0, 1, 0]
UNIT = np.log(np.e - 1)


def head(part: Any, x: np.ndarray = TABLE) -> tuple[Any, dict[str, np.ndarray]]:
    """Return a head with drawn weights, and these by path."""
    skeleton = part.build(Row((3,)), partial(affine, 2))
    weights = with_values(skeleton, draw_weights(skeleton, 1), part.start(Row((3,)), x, np.ones(len(x))))
    arrays = dict(zip(parameter_specs(skeleton), split_weights(skeleton, weights), strict=True))
    return assembled(skeleton, weights), arrays


def output_layer(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    return FEATURES @ arrays[f"{name}.matrix"] + arrays[f"{name}.bias"]


def test_the_numbers_of_a_mixture_are_cut_component_by_component() -> None:
    part = Mixture(2, least=0.1)
    filled, arrays = head(part)
    quantiles = np.stack([np.quantile(TABLE, q, axis=0, method="inverted_cdf") for q in (0.25, 0.75)])
    center = output_layer(arrays, "center").reshape(5, 2, 3) + quantiles
    deviation = 0.1 + np.log1p(np.exp(output_layer(arrays, "spread").reshape(5, 2, 3) + UNIT))
    log_share = log_softmax(output_layer(arrays, "share").reshape(5, 2, 3).mean(axis=-1), axis=-1)
    each = norm(center, deviation).logpdf(X[:, None]).sum(axis=-1)
    found = filled(jnp.array(FEATURES)).log_prob(jnp.array(X))
    np.testing.assert_allclose(found, logsumexp(log_share + each, axis=-1), rtol=1e-4)


def test_the_means_of_a_mixture_start_apart() -> None:
    _, arrays = head(Mixture(), RANDOM.permutation(np.repeat(np.arange(5.0)[:, None], 3, axis=1)))
    np.testing.assert_array_equal(arrays["start"].reshape(5, 3), np.arange(5.0)[:, None] + np.zeros(3))


@pytest.mark.parametrize("by", ["width", "quantile"])
def test_the_numbers_of_a_histogram_are_cut_bin_by_bin(by: Any) -> None:
    filled, arrays = head(Histogram(4, edges=by, smoothing=0.0))
    low, high = TABLE.min(axis=0), TABLE.max(axis=0)
    even = np.linspace(low - 0.01 * (high - low), high + 0.01 * (high - low), 5)
    inner = [np.quantile(TABLE, q, axis=0, method="inverted_cdf") for q in (0.25, 0.5, 0.75)]
    ends = even if by == "width" else 0.99 * np.stack([even[0], *inner, even[-1]]) + 0.01 * even
    log_share = log_softmax(output_layer(arrays, "logit").reshape(5, 4, 3), axis=1)
    x = TABLE[:5] * 0.9
    found = filled(jnp.array(FEATURES)).log_prob_by_column(jnp.array(x))
    for i, j in np.ndindex(5, 3):
        k = int(np.searchsorted(ends[:, j], x[i, j])) - 1
        expected = log_share[i, k, j] - np.log(ends[k + 1, j] - ends[k, j]) + np.log1p(-OUTSIDE)
        assert float(found[i, j]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("by", ["width", "quantile"])
def test_without_a_margin_bins_end_with_the_training_values(by: Any) -> None:
    ends = Histogram(4, edges=by, margin=0).start(Row((3,)), TABLE, np.ones(len(TABLE)))["edges"].reshape(5, 3)
    np.testing.assert_allclose(ends[[0, -1]], [TABLE.min(axis=0), TABLE.max(axis=0)], rtol=1e-12)
    assert (np.diff(ends, axis=0) > 0).all()


def test_the_edges_of_a_histogram_do_not_learn() -> None:
    found = parameter_specs(Histogram().build(Row((3,)), partial(affine, 2)))
    assert {path: (spec.shape, spec.is_fixed) for path, spec in found.items()} == {
        "logit.matrix": ((2, 60), False),
        "logit.bias": ((60,), False),
        "edges": ((63,), True),
    }


@pytest.mark.parametrize("part", [Mixture(3), Histogram(4), Gaussian("full")], ids=str)
def test_an_image_has_an_outlet_for_every_purpose(part: Any) -> None:
    row = Row((1, 4, 4))
    backbone = Conv((2,), kernel=3, stride=2)
    width = backbone.decoder(row, 2)[1]
    skeleton = part.build(row, partial(backbone.output_layer, row, width))
    table = RANDOM.normal(size=(30, 16))
    weights = with_values(skeleton, draw_weights(skeleton, 0), part.start(row, table, np.ones(30)))
    found = assembled(skeleton, weights)(jnp.array(RANDOM.normal(size=(7, width)))).log_prob_by_column(
        jnp.array(table[:7])
    )
    assert found.shape == (7, 16)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("part", [Mixture(3), Histogram(40), Histogram(40, edges="quantile")], ids=str)
def test_what_a_start_from_pca_aims_at_has_the_mean(part: Any) -> None:
    """An outlet that gives `link(x)` explains rows by distributions whose means are near `x`, within a bin or two."""

    aim = part.link(TABLE)
    outlets = iter([lambda features: features] + [lambda features: 0 * features] * 2)
    skeleton = part.build(Row((3,)), lambda wanted: next(outlets))
    weights = with_values(skeleton, draw_weights(skeleton, 0), part.start(Row((3,)), TABLE, np.ones(len(TABLE))))
    mean = np.asarray(assemble(skeleton, weights)(jnp.array(aim)).mean())
    assert np.abs(mean - TABLE).mean() < 0.1
    assert np.corrcoef(mean.ravel(), TABLE.ravel())[0, 1] > 0.99


@pytest.mark.parametrize(
    "likelihood", ["histogram(6)", "histogram(6, edges='quantile')", "mixture(3)", "gaussian('full')"]
)
def test_a_model_file_holds_where_it_started(likelihood: str, tmp_path: Path) -> None:
    ae = Autoencoder(1, encoder=(), likelihood=likelihood, scaling=None, max_epochs=0).fit(TABLE)
    values = ae.part("likelihood").start(Row((3,)), TABLE, np.ones(200))
    ae = with_weights(ae, {f"head.{path}": value for path, value in values.items()})
    ae.save(tmp_path / "model.safetensors")
    tensors = safetensors.numpy.load_file(tmp_path / "model.safetensors")
    for path, value in values.items():
        found = [tensor for name, tensor in tensors.items() if name.endswith(f"head.{path}")]
        np.testing.assert_array_equal(found, [value.astype(np.float32)])
    again = isthmus.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.score_samples(TABLE), ae.score_samples(TABLE))
    assert np.isfinite(ae.score_samples(TABLE)).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Mixture(0), "Mixture.components must be at least 1. Got 0."),
        (lambda: Mixture(least=0), "Mixture.least must be above 0. Got 0.0."),
        (lambda: Histogram(1), "Histogram.bins must be at least 2. Got 1."),
        (lambda: Histogram(smoothing=-1), "Histogram.smoothing must be at least 0. Got -1.0."),
        (lambda: Histogram(margin=-0.1), "Histogram.margin must be in [0, 1]. Got -0.1."),
        (lambda: Histogram(edges="even"), "Histogram.edges must be one of 'width', 'quantile'. Got 'even'."),
    ],
)
def test_a_setting_that_cannot_be_is_refused(make: Any, message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        make()
    assert str(caught.value) == message
