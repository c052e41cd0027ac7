"""A runtime answers as the model does: for every estimator, every kind of column and every part of a network."""

import jax
import numpy as np
import onnxruntime
import pandas as pd
import pytest

import isthmus
from isthmus import (
    MLP,
    AnomalyDetector,
    Autoencoder,
    Codec,
    Imputer,
    InvalidPart,
    ModelFileError,
    NetworkClassifier,
    NetworkRanker,
    NetworkRegressor,
    StackedAutoencoder,
    WordVectors,
)
from isthmus.onnx.graph import Graph
from tiny import X, autoencoder

GAPS = np.where(np.arange(300).reshape(60, 5) % 11 == 3, np.nan, X)
IMAGES = np.random.default_rng(1).random((20, 1, 8, 8))
SERIES = np.random.default_rng(2).normal(size=(20, 6, 2))


def mixed() -> pd.DataFrame:
    random = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "age": random.integers(18, 80, 60),
            "pay": random.lognormal(size=60).round(2),
            "job": random.choice(["cook", "smith", "näherin"], 60),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 500, 60), "D"),
            "own": random.random(60) < 0.4,
            "rank": pd.Categorical(random.choice(["low", "mid", "high"], 60), ["low", "mid", "high"], ordered=True),
        }
    )
    frame.loc[::9, "pay"] = np.nan
    frame.loc[::11, "job"] = None
    return frame


def untrained(**settings) -> Autoencoder:
    return autoencoder(**{"max_epochs": 0} | settings)


def supervised(kind, **settings):
    return kind(**{"encoder": (4,), "max_epochs": 0} | settings)


MODELS = {
    "numbers": lambda: autoencoder().fit(X),
    "names": lambda: untrained().fit(pd.DataFrame(X, columns=list("abcde"))),
    "missing": lambda: untrained(encoder="mlp((4,), ranks=8)").fit(GAPS),
    "mixed": lambda: untrained(likelihood="columns").fit(mixed()),
    "ranked": lambda: untrained(scaling="normal").fit(mixed()),
    "stack": lambda: StackedAutoencoder([untrained(bottleneck=3), untrained()], max_epochs=0).fit(X),
    "classes": lambda: supervised(NetworkClassifier).fit(X, np.where(X[:, 0] > 0, "up", "down")),
    "outputs": lambda: supervised(NetworkClassifier, target="bernoulli").fit(X, np.digitize(X[:, :2], [0, 1])),
    "target": lambda: supervised(NetworkRegressor, n_starts=2, combine="average").fit(X, 5 + 3 * X[:, 0]),
    "order": lambda: supervised(NetworkRanker).fit(X, (X[:, 0] > 0).astype(int), np.arange(60) // 6),
    "odd": lambda: AnomalyDetector(untrained(scaling="normal")).fit(X),
    "odd own": lambda: AnomalyDetector(untrained(), n_models=2, contamination=0.1).fit(X),
    "odd mixed": lambda: AnomalyDetector(untrained(likelihood="columns")).fit(mixed()),
    "filled": lambda: Imputer(untrained(corruption="varied_masking")).fit(GAPS),
    "filled mixed": lambda: Imputer(untrained(likelihood="columns")).fit(mixed()),
}
EXPORTED = {
    "activations": lambda name: untrained(encoder=f"mlp((4,), activation={name})"),
    "bottlenecks": lambda name: untrained(bottleneck="top_k(4, k=2)" if name == "top_k" else f"{name}(2)"),
    "scalings": lambda name: untrained(scaling=name),
    "likelihoods": lambda name: untrained(likelihood=name, scaling="minmax"),
}
ELSEWHERE = {"codes", "listwise", "pairwise", "columns"}  # what needs texts, an order, a mixed table
PARTS = [(kind, name) for kind in EXPORTED for name in isthmus.part_names(kind) if name not in ELSEWHERE]
BACKBONES = {
    "recurrent": ("recurrent((3,))", SERIES),
    "conv": ("conv((2, 3))", IMAGES),
    "conv with pools": ("conv((2,), kernel=2, stride=1, pooling=2)", IMAGES[..., :7]),
    "conv with wide steps": ("conv((2,), kernel=4, stride=3, padding='full')", IMAGES),
    "residual": ("residual((2, 3))", IMAGES),
    "squeeze_excite": ("squeeze_excite((2, 4), reduction=2)", IMAGES),
    "hyper": ("hyper(mlp((4,)), column=4)", np.column_stack([X[:, :4], np.arange(60) % 2])),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_runtime_answers_as_the_model(name, tmp_path):
    MODELS[name]().to_onnx(tmp_path / "model.onnx")
    agreement = isthmus.check_onnx(tmp_path / "model.onnx")
    assert agreement.rows == 100
    assert agreement.holds, agreement.difference


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_every_part_of_a_network_can_be_written(kind, name, tmp_path):
    EXPORTED[kind](name).fit(X).to_onnx(tmp_path / "model.onnx")
    agreement = isthmus.check_onnx(tmp_path / "model.onnx")
    assert agreement.holds, agreement.difference


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_can_be_written(name, tmp_path):
    spelled, rows = BACKBONES[name]
    untrained(encoder=spelled).fit(rows).to_onnx(tmp_path / "model.onnx")
    agreement = isthmus.check_onnx(tmp_path / "model.onnx")
    assert agreement.holds, agreement.difference


def test_rows_of_the_fit_and_any_number_of_them_are_answered(tmp_path):
    model = AnomalyDetector(untrained()).fit(X)
    model.to_onnx(tmp_path / "odd.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "odd.onnx"))
    for rows in (X, X[:1], 4 * X[:7]):
        score, is_outlier = session.run(["anomaly_score", "is_outlier"], {"X": rows})
        np.testing.assert_allclose(score, model.anomaly_score(rows), rtol=1e-5)
        np.testing.assert_array_equal(is_outlier, model.predict(rows) == -1)


def test_no_row_of_the_fit_is_beside_the_file(tmp_path):
    autoencoder().fit(X).to_onnx(tmp_path / "model.onnx")
    with np.load(tmp_path / "model.parity.npz") as held:
        rows = held["input:X"]
    assert rows.shape == (100, 5)
    assert not (rows[:, None] == X).all(axis=2).any()


def test_a_file_that_answers_otherwise_is_told(tmp_path):
    path, beside = tmp_path / "model.onnx", tmp_path / "model.parity.npz"
    autoencoder().fit(X).to_onnx(path)
    with np.load(beside) as held:
        answers = dict(held)
    answers["answer:score"][3] += 0.01
    np.savez(beside, **answers)
    agreement = isthmus.check_onnx(path)
    assert not agreement.holds
    assert max(agreement.difference, key=agreement.difference.get) == "score"
    path.write_bytes(b"no graph")
    with pytest.raises(ModelFileError, match=r"model\.onnx is no model that its rows fit"):
        isthmus.check_onnx(path)
    np.savez_compressed(beside, bomb=np.zeros(2**25 + 1))
    with pytest.raises(ModelFileError, match="they take more than 268,435,456 bytes"):
        isthmus.check_onnx(path)
    beside.write_bytes(b"no rows")
    with pytest.raises(ModelFileError, match="holds no rows that can be read"):
        isthmus.check_onnx(path)
    beside.unlink()
    with pytest.raises(ModelFileError, match="there is no file"):
        isthmus.check_onnx(path)


def test_what_cannot_be_written_is_refused(tmp_path):
    texts = ["a ship", "a port", "corn fell", "corn rose"] * 5
    with pytest.raises(InvalidPart, match="a model of texts cannot be written as ONNX"):
        Autoencoder(2, max_epochs=0).fit(texts).to_onnx(tmp_path / "model.onnx")
    with pytest.raises(InvalidPart, match="word vectors cannot be written as ONNX"):
        WordVectors().add_to_graph(Graph())
    own = MLP((4,), activation=lambda x: jax.pure_callback(np.sin, x, x))
    with pytest.raises(InvalidPart, match="the network cannot be written as ONNX: its converter refuses it"):
        untrained(encoder=own).fit(X).to_onnx(tmp_path / "model.onnx")
    with pytest.raises(InvalidPart, match="a codec cannot be written as ONNX"):
        Codec().add_to_graph(Graph())
    assert not list(tmp_path.iterdir())
