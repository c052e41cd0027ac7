"""Convolutional layers against SciPy's correlation, their transposes, pooling by hand, and sizes of every kind."""

from __future__ import annotations

from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import correlate2d
from sklearn.datasets import load_digits

from isthmus import Autoencoder
from isthmus.contracts import Batch, Row
from isthmus.core.parameter_specs import assemble, parameter_specs
from isthmus.errors import InvalidPart
from isthmus.layers.convolution import layers
from isthmus.layers.convolution.images import Image, Window
from isthmus.layers.convolution.layers import CELLS, by_rows, columns, convolution, enlarge, max_pool, transposed
from isthmus.model.model import build
from isthmus.model.tying import tie
from isthmus.parts.backbones import Conv
from isthmus.parts.bottlenecks import Deterministic
from isthmus.parts.likelihoods import SquaredError
from isthmus.parts.optimizers import Adam
from isthmus.training.objective import Plan, loss
from tiny import assembled

RANDOM = np.random.default_rng(0)
PADDINGS = ("none", "half", "full")
SHAPES = ((1, 7, 9), (1, 28, 28), (2, 5, 5), (3, 64, 64))


def filled(module: Any, seed: int = 0) -> tuple[Any, np.ndarray]:
    """Return the module with random weights, its biases too, and the weights."""
    size = sum(spec.size for spec in parameter_specs(module).values())
    flat = np.random.default_rng(seed).normal(size=size)
    return assembled(module, flat), flat


def padded(x: np.ndarray, kernel: int, padding: str) -> np.ndarray:
    """Return images [n, c, h, w] with the zeros that the words ask for."""
    low, high = {"none": (0, 0), "half": ((kernel - 1) // 2, kernel // 2), "full": (kernel - 1, kernel - 1)}[padding]
    return np.pad(x, ((0, 0), (0, 0), (low, high), (low, high)))


def correlated(x: np.ndarray, weights: np.ndarray, window: Window) -> np.ndarray:
    """Return the convolution of `x` [n, c, h, w] with `weights` [k, k, c, o] by SciPy, [n, o, h', w']."""
    x = padded(x, window.kernel, window.padding)
    step = window.stride
    return np.stack(
        [
            np.stack(
                [
                    sum(correlate2d(plane, weights[:, :, c, o], mode="valid") for c, plane in enumerate(image))
                    for o in range(weights.shape[-1])
                ]
            )[:, ::step, ::step]
            for image in x
        ]
    )


def last(x: np.ndarray) -> np.ndarray:
    """Return [n, c, h, w] as [n, h, w, c]."""
    return np.moveaxis(x, 1, -1)


def of_any_number(function: Any, x: np.ndarray) -> np.ndarray:
    """Return a function of rows as it is exported: without knowing how many they are."""
    rows = jax.export.symbolic_shape("rows, ...", like=x.shape)
    exported = jax.export.export(jax.jit(function))(jax.ShapeDtypeStruct(rows, x.dtype))
    return np.asarray(exported.call(x))


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [2, 3])
def test_a_convolution_is_that_of_scipy_and_a_transposed_one_its_transpose(
    kernel: int, stride: int, padding: Any
) -> None:
    """⟨conv(x), y⟩ = ⟨x, transposed(y)⟩ for all x and y where the kernels are each other's transposes."""
    window, image = Window(kernel, stride, padding), Image(2, 7, 9)
    after = window.over(image, 3)
    x, y = RANDOM.normal(size=(4, *image)), RANDOM.normal(size=(4, *after))
    with jax.enable_x64(True):
        layer, flat = filled(convolution(window, 2, 3))
        weights, bias = flat[:-3].reshape(kernel, kernel, 2, 3), flat[-3:]
        expected = correlated(x, weights, window)
        np.testing.assert_allclose(jax.jit(layer.__call__)(last(x)), last(expected) + bias, rtol=1e-9)
        transpose = np.concatenate([flat[:-3].reshape(-1, 3).T.ravel(), [0.5, 0.25]])
        up = assembled(transposed(window, 3, image), transpose)
        back = np.asarray(jax.jit(up.__call__)(last(y))) - [0.5, 0.25]
        for way, given, found in ((layer, last(x), last(expected) + bias), (up, last(y), np.add(back, [0.5, 0.25]))):
            np.testing.assert_allclose(of_any_number(way.__call__, given), found, rtol=1e-9, atol=1e-12)
    assert after == expected.shape[1:]
    assert back.shape == last(x).shape
    np.testing.assert_allclose(np.sum(back * last(x), axis=(1, 2, 3)), np.sum(expected * y, axis=(1, 2, 3)), rtol=1e-8)


@pytest.mark.parametrize(
    "skeleton", [convolution(Window(3, 2), 2, 3), transposed(Window(3, 2), 2, Image(3, 14, 17))], ids=["down", "up"]
)
def test_a_few_rows_at_a_time_give_what_all_at_once_give(skeleton: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    x, flat = jnp.array(RANDOM.normal(size=(12, 7, 9, 2)), jnp.float32), jnp.array(filled(skeleton)[1], jnp.float32)

    def total(flat: Any, x: Any) -> Any:
        return jnp.sum(jnp.sin(assemble(skeleton, flat)(x)))

    whole = jax.jit(jax.value_and_grad(total, argnums=(0, 1)))(flat, x)
    monkeypatch.setattr(
        layers, "CELLS", 2**12
    )  # 20 places x 18 numbers, 63 x 27: two rows at a time, or four of twelve
    assert "scan" in str(jax.make_jaxpr(total)(flat, x))
    pieces = jax.jit(jax.value_and_grad(total, argnums=(0, 1)))(flat, x)
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4), whole, pieces)


@pytest.mark.parametrize(("rows", "most", "size"), [(12, 5, 4), (12, 12, 12), (12, 100, 12), (7, 3, 1), (512, 37, 32)])
def test_rows_are_taken_in_the_largest_equal_groups(rows: int, most: int, size: int) -> None:
    seen = []

    def function(x: Any) -> Any:
        seen.append(x.shape[0])
        return x

    x = jnp.arange(rows)[:, None]
    np.testing.assert_array_equal(by_rows(function, x, CELLS // most), x)
    assert set(seen) == {size}


def test_windows_stand_in_the_order_of_the_kernel() -> None:
    x = np.arange(9.0).reshape(1, 3, 3, 1)
    np.testing.assert_array_equal(
        np.asarray(columns(jnp.array(x), Window(2, 1, "none"))).reshape(4, 4),
        [[0, 1, 3, 4], [1, 2, 4, 5], [3, 4, 6, 7], [4, 5, 7, 8]],
    )


def test_max_pooling_by_hand() -> None:
    x = np.array([[1, 5, 2, 0, 9], [3, 4, 8, 7, 9], [0, 1, 6, 2, 9], [2, 1, 3, 3, 9], [9, 9, 9, 9, 9]], np.float32)
    found, pull = jax.vjp(lambda x: max_pool(x, 2), jnp.array(x)[None, :, :, None])
    np.testing.assert_array_equal(found[0, :, :, 0], [[5, 8], [2, 6]])
    (slope,) = pull(jnp.array([[1.0, 2.0], [3.0, 4.0]])[None, :, :, None])
    expected = np.zeros((5, 5))
    expected[0, 1], expected[1, 2], expected[3, 0], expected[2, 2] = 1, 2, 3, 4
    np.testing.assert_array_equal(slope[0, :, :, 0], expected)


def test_enlarging_by_hand() -> None:
    x = jnp.array([[1.0, 2.0], [3.0, 4.0]])[None, :, :, None]
    np.testing.assert_array_equal(
        enlarge(x, 2, (5, 3))[0, :, :, 0], [[1, 1, 2], [1, 1, 2], [3, 3, 4], [3, 3, 4], [3, 3, 4]]
    )
    np.testing.assert_array_equal(enlarge(x, 1, (2, 2)), x)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_way_up_goes_through_the_sizes_of_the_way_down(shape: tuple[int, ...], stride: int, padding: Any) -> None:
    part, row, image = Conv((4, 6), 3, stride, padding), Row(shape), Image(*shape)
    for channels in part.channels:
        zeros = {"none": 0, "half": 2, "full": 4}[padding]
        if min(image[1:]) + zeros < 3:
            with pytest.raises(InvalidPart, match=r"^Conv\.kernel must be at most"):
                part.encoder(row)
            return
        image = Image(channels, *(len(range(0, side + zeros - 2, stride)) for side in image[1:]))
    down, width = part.encoder(row)
    assert width == image.size
    up, end = part.decoder(row, 5)
    output_layer = part.output_layer(row, end, 2 * row.size)
    x = jax.ShapeDtypeStruct((3, row.size), np.float32)
    assert shape_of(down, x) == (3, width)
    features = shape_of(up, jax.ShapeDtypeStruct((3, 5), np.float32))
    assert features == (3, end)
    assert jax.eval_shape(filled(output_layer)[0], jax.ShapeDtypeStruct(features, np.float32)).shape == (
        3,
        2 * row.size,
    )


def shape_of(module: Any, x: Any) -> Any:
    return jax.eval_shape(lambda x: filled(module)[0](x, None), x).shape


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pooling_is_undone_in_size(shape: tuple[int, ...]) -> None:
    part, row = Conv((4, 6), 3, 1, "half", 2), Row(shape)
    width = part.encoder(row)[1]
    assert width == 6 * (shape[1] // 2 // 2) * (shape[2] // 2 // 2)
    up, end = part.decoder(row, 5)
    assert end == 4 * (shape[1] // 2) * (shape[2] // 2)
    assert shape_of(up, jax.ShapeDtypeStruct((3, 5), np.float32)) == (3, end)
    output_layer = filled(part.output_layer(row, end, row.size))[0]
    assert jax.eval_shape(output_layer, jax.ShapeDtypeStruct((3, end), np.float32)).shape == (3, row.size)


def test_both_roads_by_hand() -> None:
    part, row, image = Conv((3, 2), 3, 2, "half", activation="tanh"), Row((2, 7, 9)), Image(2, 7, 9)
    x, code = RANDOM.normal(size=(2, 126)), RANDOM.normal(size=(2, 4))
    window = Window(3, 2)
    with jax.enable_x64(True):
        down, flat = filled(part.encoder(row)[0])
        first, one, second, two = np.split(flat, np.cumsum([54, 3, 54]))
        hidden = np.tanh(correlated(x.reshape(2, *image), first.reshape(3, 3, 2, 3), window) + one[:, None, None])
        hidden = np.tanh(correlated(hidden, second.reshape(3, 3, 3, 2), window) + two[:, None, None])
        np.testing.assert_allclose(jax.jit(lambda x: down(x, None))(x), last(hidden).reshape(2, -1), rtol=1e-9)

        (up, end), output_layer = part.decoder(row, 4), part.output_layer(row, part.decoder(row, 4)[1], 252)
        road, flat = filled(up)
        matrix, bias, kernel, more = np.split(flat, np.cumsum([4 * 12, 12, 54]))
        start = np.tanh(code @ matrix.reshape(4, 12) + bias).reshape(2, 2, 3, 2)
        wide = np.tanh(back(start, kernel.reshape(2, 3, 3, 3), (4, 5)) + more)
        np.testing.assert_allclose(jax.jit(lambda z: road(z, None))(code), wide.reshape(2, end), rtol=1e-9)
        layer, flat = filled(output_layer, 1)
        rows = back(wide, flat[:-4].reshape(3, 3, 3, 4), (7, 9)) + flat[-4:]  # [n, 7, 9, purposes · channels]
        found = np.asarray(jax.jit(layer.__call__)(wide.reshape(2, end))).reshape(2, 2, 2, 7, 9)
        for purpose in range(2):
            for channel in range(2):
                np.testing.assert_allclose(found[:, purpose, channel], rows[..., 2 * purpose + channel], rtol=1e-9)


def back(y: np.ndarray, kernel: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the transpose of a convolution of stride 2, 3 x 3, half padding: each pixel of y spreads its kernel."""
    n, high, wide, _ = y.shape
    found = np.zeros((n, shape[0] + 4, shape[1] + 4, kernel.shape[-1]))
    for i in range(high):
        for j in range(wide):
            spread = np.einsum("nc,cijo->nijo", y[:, i, j], kernel)
            found[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += spread
    return found[:, 1 : 1 + shape[0], 1 : 1 + shape[1]]


def model_of(part: Conv, shape: tuple[int, ...], size: int = 3) -> Any:
    return build(Row(shape), part, Deterministic(size), part, SquaredError())


@pytest.mark.parametrize(
    "part", [Conv((2, 3), activation="tanh"), Conv((2,), 2, 1, "full", pooling=3, activation="softplus")], ids=str
)
def test_the_gradient_is_the_slope(part: Conv) -> None:
    skeleton = model_of(part, (1, 7, 9))
    x, count = RANDOM.normal(size=(3, 63)), sum(spec.size for spec in parameter_specs(skeleton).values())
    plan = Plan(None, (), Adam())
    with jax.enable_x64(True):
        flat = 0.3 * np.random.default_rng(1).normal(size=count)
        batch = Batch(jnp.array(x), jnp.ones(3))

        @jax.jit
        @jax.value_and_grad
        def total(flat: Any) -> Any:
            return loss(assembled(skeleton, flat), plan, batch, jnp.int32(0), None)[0]

        gradient = total(flat)[1]
        for direction in np.random.default_rng(2).normal(size=(8, count)):
            slope = (total(flat + 1e-6 * direction)[0] - total(flat - 1e-6 * direction)[0]) / 2e-6
            np.testing.assert_allclose(gradient @ direction, slope, rtol=1e-6, atol=1e-6)


def test_tied_kernels_are_each_others_transposes() -> None:
    """Then, without biases, the way up is the way down read backwards: its Jacobian is the transpose."""
    part = Conv((2, 3), activation="identity")
    free = model_of(part, (1, 7, 9))
    skeleton = tie(free)
    assert len(parameter_specs(skeleton)) == len(parameter_specs(free)) - 3
    flat = np.random.default_rng(0).normal(size=sum(spec.size for spec in parameter_specs(skeleton).values()))
    with jax.enable_x64(True):
        model = assembled(skeleton, flat)
        down = jax.jit(jax.jacfwd(lambda x: model.encode(x[None]).point[0]))(np.zeros(63))
        up = jax.jit(jax.jacfwd(lambda z: model.decode(z[None, None]).mean()[0, 0]))(np.zeros(3))
    np.testing.assert_allclose(up, np.asarray(down).T, rtol=1e-10)


def test_weights_are_called_by_what_they_do() -> None:
    assert list(parameter_specs(model_of(Conv((2, 3)), (1, 7, 9)))) == [
        "encoder.layers.0.convolution.kernel",
        "encoder.layers.0.convolution.bias",
        "encoder.layers.1.convolution.kernel",
        "encoder.layers.1.convolution.bias",
        "neck.affine.matrix",
        "neck.affine.bias",
        "decoder.affine.matrix",
        "decoder.affine.bias",
        "decoder.layers.1.transposed.kernel",
        "decoder.layers.1.transposed.bias",
        "head.affine.layer.transposed.kernel",
        "head.affine.layer.transposed.bias",
    ]


@pytest.mark.parametrize(("activation", "gain"), [("relu", 2**0.5), ("tanh", 1.0), ("sigmoid", 4.0)])
def test_weights_start_within_the_limit_of_their_fans(activation: str, gain: float) -> None:
    part, row = Conv((40, 30), 3, 2, activation=activation), Row((1, 8, 8))
    up, end = part.decoder(row, 5)
    starts = {
        # The inputs that an output sees, and the outputs that an input reaches: 9 / 4 windows on average.
        (9 * 40, 9 * 30 / 4): parameter_specs(part.encoder(row)[0])["layers.1.convolution.kernel"].limit / gain,
        (9 * 30 / 4, 9 * 40): parameter_specs(up)["layers.1.transposed.kernel"].limit / gain,
        (9 * 40 / 4, 9): parameter_specs(part.output_layer(row, end, 64))["layer.transposed.kernel"].limit,
    }
    for (fan_in, fan_out), limit in starts.items():
        assert limit == pytest.approx(np.sqrt(6 / (fan_in + fan_out)))
    biases = [spec for path, spec in parameter_specs(up).items() if path.endswith("bias")]
    assert all((spec.limit, spec.value) == (0, 0) for spec in biases)


def test_a_flat_row_with_a_shape_is_the_image() -> None:
    x = RANDOM.normal(size=(2, 126)).astype(np.float32)
    of_image, flat = filled(Conv((3,)).encoder(Row((2, 7, 9)))[0])
    of_row = assembled(Conv((3,), shape=(2, 7, 9)).encoder(Row((126,)))[0], flat)
    np.testing.assert_array_equal(of_image(x, None), of_row(x, None))
    assert parameter_specs(Conv((3,)).encoder(Row((7, 9)))[0]) == parameter_specs(
        Conv((3,), shape=(7, 9)).encoder(Row((63,)))[0]
    )


FLAT = "and a row of shape {} does not say which: write shape={}, or pass an array [rows, channels, height, width]."


@pytest.mark.parametrize(
    ("part", "shape", "message"),
    [
        (Conv(), (784,), "Conv needs images, " + FLAT.format("(784,)", "(1, 28, 28)")),
        (Conv(), (6,), "Conv needs images, " + FLAT.format("(6,)", "(channels, height, width)")),
        (Conv(shape=(2, 3)), (7,), "Conv.shape must be a shape of 7 numbers, as a row has. Got (2, 3)."),
        (
            Conv((4, 4), 5, 2, "none"),
            (1, 9, 12),
            "Conv.kernel must be at most 3, the shorter side of the padded image 3 x 4 before layer 2. Got 5.",
        ),
        (Conv(pooling=5), (1, 8, 9), "Conv.pooling must be at most 4, as layer 1 gives. Got 5."),
    ],
    ids=str,
)
def test_a_row_that_does_not_fit_is_refused(part: Conv, shape: tuple[int, ...], message: str) -> None:
    for road in (lambda: part.encoder(Row(shape)), lambda: part.decoder(Row(shape), 3)):
        with pytest.raises(InvalidPart) as caught:
            road()
        assert str(caught.value) == message


@pytest.mark.parametrize("total", [0, 62, 64, 100])
def test_an_outlet_gives_whole_images(total: int) -> None:
    with pytest.raises(InvalidPart) as caught:
        Conv().output_layer(Row((1, 7, 9)), 320, total)
    assert str(caught.value) == f"the output of Conv must be a multiple of the 63 numbers of a row. Got {total}."


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": ()}, "Conv.channels must be 1 to 100 numbers of at least 1. Got ()."),
        ({"channels": (8, 0)}, "Conv.channels must be 1 to 100 numbers of at least 1. Got (8, 0)."),
        ({"kernel": 0}, "Conv.kernel must be in 1 to 31. Got 0."),
        ({"kernel": 32}, "Conv.kernel must be in 1 to 31. Got 32."),
        ({"stride": 0}, "Conv.stride must be at least 1. Got 0."),
        ({"pooling": 0}, "Conv.pooling must be at least 1. Got 0."),
        ({"padding": "same"}, "Conv.padding must be one of 'none', 'half', 'full'. Got 'same'."),
        ({"shape": (28,)}, "Conv.shape must be (height, width) or (channels, height, width). Got (28,)."),
        ({"shape": (1, 0, 4)}, "Conv.shape must be (height, width) or (channels, height, width). Got (1, 0, 4)."),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart) as caught:
        Conv(**settings)
    assert str(caught.value) == message


def test_training_lowers_the_loss_on_digits() -> None:
    x = load_digits().data[:300] / 16
    ae = Autoencoder(
        8, encoder="conv((8, 16), shape=(1, 8, 8))", scaling="none", optimizer="adam(0.01)", max_epochs=15
    ).fit(x)
    losses = [record["loss"] for record in ae.history_]
    assert losses[-1] < 0.3 * losses[0]
    mean = np.square(x - x.mean(axis=0)).sum(axis=1).mean()
    assert ae.reconstruction_error(x).mean() < 0.6 * mean
