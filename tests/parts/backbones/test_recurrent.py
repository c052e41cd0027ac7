"""The recurrent backbone: rows as steps, the order in which it writes, its outlet, what it remembers and rebuilds."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from isthmus import Autoencoder, NetworkClassifier
from isthmus.contracts import Row
from isthmus.core.parameter_specs import parameter_specs
from isthmus.errors import InvalidPart
from isthmus.layers.recurrence.cells import CELLS
from isthmus.parts.backbones import Recurrent
from tiny import assembled

RANDOM = np.random.default_rng(0)


def filled(module: Any, seed: int = 0) -> tuple[Any, np.ndarray]:
    flat = np.random.default_rng(seed).normal(size=sum(spec.size for spec in parameter_specs(module).values()))
    return assembled(module, flat.astype(np.float32)), flat


def test_a_flat_row_with_a_shape_is_the_sequence() -> None:
    x = RANDOM.normal(size=(3, 12)).astype(np.float32)
    of_sequence, flat = filled(Recurrent((5,)).encoder(Row((4, 3), is_sequence=True))[0])
    of_row = assembled(Recurrent((5,), shape=(4, 3)).encoder(Row((12,)))[0], flat.astype(np.float32))
    np.testing.assert_array_equal(of_sequence(x, None), of_row(x, None))
    np.testing.assert_array_equal(of_sequence(x.reshape(3, 4, 3), None), of_row(x, None))
    assert parameter_specs(Recurrent((5,)).encoder(Row((12,)))[0])["stack.layers.0.forward.inputs.matrix"].shape == (
        1,
        15,
    )


def test_steps_behind_the_end_change_nothing() -> None:
    short, long = Row((4, 3), is_sequence=True, may_be_missing=True), Row((9, 3), is_sequence=True, may_be_missing=True)
    for pooling in ("last", "mean", "max"):
        part = Recurrent((4,), bidirectional=True, pooling=pooling)
        (one, width), (other, _) = part.encoder(short), part.encoder(long)
        assert width == 8
        x = RANDOM.normal(size=(2, 4, 3)).astype(np.float32)
        padded = np.concatenate([x, np.full((2, 5, 3), np.nan, np.float32)], axis=1)
        np.testing.assert_allclose(filled(other)[0](padded, None), filled(one)[0](x, None), rtol=1e-5)
        assert other.reads_missing


def test_nothing_is_masked_where_no_row_has_holes() -> None:
    x = jax.ShapeDtypeStruct((2, 4, 3), np.float32)
    for may_be_missing in (False, True):
        road = filled(Recurrent((5,)).encoder(Row((4, 3), is_sequence=True, may_be_missing=may_be_missing))[0])[0]
        assert ("select_n" in str(jax.make_jaxpr(lambda x, road=road: road(x, None))(x))) == may_be_missing


def test_the_last_step_is_written_first_where_rows_end_together() -> None:
    for may_be_missing in (False, True):
        up, end = Recurrent((5,), "simple").decoder(Row((4, 3), is_sequence=True, may_be_missing=may_be_missing), 2)
        assert end == 20
        road, flat = filled(up)
        u, b, _ = np.split(flat, [10, 15])
        code = RANDOM.normal(size=(1, 2)).astype(np.float32)
        first = np.tanh(code @ u.reshape(2, 5) + b)[0]  # the state before it is zero
        found = np.asarray(road(code, None)).reshape(4, 5)
        np.testing.assert_allclose(found[0 if may_be_missing else 3], first, rtol=1e-5)


def test_the_outlet_is_one_layer_for_all_steps() -> None:
    output_layer, flat = filled(Recurrent((5,)).output_layer(Row((4, 3)), 20, 24))
    states = RANDOM.normal(size=(2, 4, 5)).astype(np.float32)
    w, b = flat[:30].reshape(5, 2, 3), flat[30:].reshape(2, 3)
    due = np.einsum("nth,hpf->nptf", states, w) + b[:, None]
    np.testing.assert_allclose(output_layer(states.reshape(2, 20)), due.reshape(2, 24), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Recurrent(()), "Recurrent.hidden must be 1 to 100 widths of at least 1. Got ()."),
        (lambda: Recurrent((4, 0)), "Recurrent.hidden must be 1 to 100 widths of at least 1. Got (4, 0)."),
        (lambda: Recurrent(dropout=1.0), "Recurrent.dropout must be in [0, 1). Got 1.0."),
        (lambda: Recurrent(shape=(0, 3)), "Recurrent.shape must be (steps, features), each at least 1. Got (0, 3)."),
        (
            lambda: Recurrent(shape=(5, 2)).encoder(Row((12,))),
            "Recurrent.shape must be a shape of 12 numbers, as a row has. Got (5, 2).",
        ),
        (
            lambda: Recurrent().encoder(Row((3, 8, 8))),
            (
                "Recurrent needs sequences, and a row of shape (3, 8, 8) does not say which: write shape=(steps, "
                "features)."
            ),
        ),
        (
            lambda: Recurrent().output_layer(Row((4, 3)), 20, 25),
            "the output of Recurrent must be a multiple of the 12 numbers of a row. Got 25.",
        ),
    ],
)
def test_what_it_refuses(make: Any, message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        make()
    assert str(caught.value) == message


def test_a_gated_cell_remembers_the_first_of_twenty_steps() -> None:
    """Which the mean over the steps tells little of."""
    x = np.random.default_rng(0).integers(0, 2, (600, 20)).astype(np.float32)
    y = x[:, 0].astype(int)
    mean = x.mean(axis=1, keepdims=True)
    by_mean = LogisticRegression().fit(mean[:400], y[:400]).score(mean[400:], y[400:])
    network = NetworkClassifier("recurrent((16,))", max_epochs=60, stops=(), optimizer="adam(0.01)").fit(
        x[:400], y[:400]
    )
    assert by_mean < 0.7
    assert network.score(x[400:], y[400:]) > 0.95


def errors(x: np.ndarray, model: Any, size: int) -> tuple[float, float]:
    """Return the mean squared error of a row held out, by PCA and by the model; a fifth of the rows is held out."""
    train, test = np.split(x, [len(x) * 4 // 5])
    flat = test.reshape(len(test), -1)
    pca = PCA(size).fit(train.reshape(len(train), -1))
    by_pca = pca.inverse_transform(pca.transform(flat))
    by_model = model.fit(train).reconstruct(test).reshape(flat.shape)
    return np.sum((flat - by_pca) ** 2, axis=1).mean(), np.sum((flat - by_model) ** 2, axis=1).mean()


def test_digits_read_line_by_line_are_told_better_than_by_pca_of_the_size() -> None:
    """1.60 by PCA of 8 components and 1.05 by 40 epochs of a GRU; half of them are enough to show it."""
    x = load_digits().data[:1500] / 16
    model = Autoencoder(
        8, encoder="recurrent((64,), shape=(8, 8))", max_epochs=25, optimizer="adam(0.005)", scaling=None
    )
    by_pca, by_model = errors(x, model, 8)
    assert by_model < 0.9 * by_pca


def test_symbols_are_copied_through_a_narrow_code_better_than_by_pca_of_the_size() -> None:
    symbols = np.random.default_rng(0).integers(0, 4, (1000, 6))
    model = Autoencoder(6, encoder="recurrent((64,))", max_epochs=70, optimizer="adam(0.01)", scaling=None)
    by_pca, by_model = errors(np.eye(4, dtype=np.float32)[symbols], model, 6)
    assert by_model < 0.7 * by_pca


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_learns_in_both_directions_and_with_dropout(cell: str) -> None:
    x = RANDOM.normal(size=(40, 5, 2)).cumsum(axis=1)
    spelling = f"recurrent((6,), cell={cell!r}, bidirectional=True, dropout=0.1, pooling='mean')"
    history = Autoencoder(2, encoder=spelling, max_epochs=20, optimizer="adam(0.01)").fit(x).history_
    assert history[-1]["loss"] < 0.9 * history[0]["loss"]


@pytest.mark.parametrize("shape", [(), (3,), (1, 2, 3), (0, 2)])
def test_a_shape_is_two_numbers(shape: Any) -> None:
    with pytest.raises(InvalidPart, match=r"^Recurrent\.shape must be \(steps, features\), each at least 1\. Got"):
        Recurrent(shape=shape)
