"""The detector: scores by hand, contributions that add up, thresholds that hold, files that keep it all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import scipy.stats

import isthmus
from isthmus import AnomalyDetector, Autoencoder, InvalidData, InvalidPart, ModelFileError, StackedAutoencoder
from isthmus.anomaly.detector import default_autoencoder
from tiny import header_of, scaling_of, tensors_of

TINY: dict[str, Any] = {"encoder": (), "max_epochs": 2, "stops": None}
GENERATOR = np.random.default_rng(0)
MIX = GENERATOR.normal(size=(2, 4))
X = GENERATOR.normal(size=(120, 2)) @ MIX + 0.1 * GENERATOR.normal(size=(120, 4))
NEW = GENERATOR.normal(size=(40, 2)) @ MIX + 0.1 * GENERATOR.normal(size=(40, 4))
ODD = np.array([[0.0, 9.0, 0.0, 0.0], [0.0, 0.0, 0.0, -9.0]])


def made(**settings: Any) -> AnomalyDetector:
    return AnomalyDetector(**({"autoencoder": Autoencoder(1, **TINY)} | settings))


@pytest.fixture(scope="module")
def fitted() -> AnomalyDetector:
    return made(neighbors=3).fit(X)


def nearest(rows: np.ndarray, usual: np.ndarray, deviation: np.ndarray, *, is_own: bool = False) -> np.ndarray:
    """Return the squared distances of rows to usual ones, [n, m], those of each row sorted, and which these are."""
    square = np.square((rows[:, None] - usual[None]) / deviation).sum(axis=2)
    order = np.argsort(square, axis=1, kind="stable")[:, int(is_own) :]
    return np.stack([np.take_along_axis(square, order, axis=1), order])


def by_hand(rows: np.ndarray, *, is_own: bool = False) -> np.ndarray:
    """Return distance and density of rows among all of X, [2, n], plainly computed."""
    deviation = X.std(axis=0)
    reach = nearest(X, X, deviation, is_own=True)[0, :, :10].mean(axis=1)
    square, order = nearest(rows, X, deviation, is_own=is_own)
    local = square[:, :10].mean(axis=1) / reach[order[:, :10].astype(int)].mean(axis=1)
    return np.stack([square[:, :3].mean(axis=1), local])


def surprise_by_hand(part: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Return −log of the share of usual rows at least as large, on lines over the logs, and slowly beyond ten rows."""
    level, known = np.log(part), np.sort(np.log(usual))
    above = np.arange(len(known), 0, -1)
    last = len(known) - int(min(10, len(known) / 4))
    beyond = 0.5 / known.std() * np.maximum(level - known[last], 0)
    return np.asarray(np.interp(level, known[: last + 1], -np.log(above / len(known))[: last + 1]) + beyond)


def error_by_hand(detector: AnomalyDetector, rows: np.ndarray) -> np.ndarray:
    deviation = own_rows(detector).std(axis=0)
    error = lambda x: ((x - detector.models_[0].reconstruct(x)) / deviation) ** 2  # noqa: E731
    found: np.ndarray = (error(rows) / (np.sqrt(error(held_out_rows(detector)).mean(axis=0)) + 0.01) ** 2).sum(axis=1)
    return found


def held_out_rows(detector: AnomalyDetector) -> np.ndarray:
    return X[~(X[:, None] == own_rows(detector)[None]).all(axis=2).any(axis=1)]


def own_rows(detector: AnomalyDetector) -> np.ndarray:
    """Return the rows that the model learned from: those that are no calibration."""
    from isthmus.anomaly.row_hash import choose_rows, row_hashes
    from isthmus.data.sources import open_numbers

    return X[~choose_rows(row_hashes(open_numbers(X), 0).numbers, 0.2)]


def test_a_score_is_what_it_is_said_to_be(fitted: AnomalyDetector) -> None:
    held_out = held_out_rows(fitted)
    assert (len(own_rows(fitted)), len(held_out)) == (96, 24)
    rows = np.vstack([NEW, ODD])
    pairs = [*zip(by_hand(rows), by_hand(X, is_own=True), strict=True)]
    pairs.append((error_by_hand(fitted, rows), error_by_hand(fitted, held_out)))
    expected = np.mean([surprise_by_hand(part, known) for part, known in pairs], axis=0)
    np.testing.assert_allclose(fitted.anomaly_score(rows), expected, rtol=2e-3, atol=1e-4)


def test_usual_rows_score_about_one(fitted: AnomalyDetector) -> None:
    assert fitted.fitted_.validation.score.mean() == pytest.approx(1.0, abs=0.25)


def test_without_neighbors_the_error_remains() -> None:
    detector = made(neighbors=0).fit(X)
    expected = surprise_by_hand(error_by_hand(detector, NEW), error_by_hand(detector, held_out_rows(detector)))
    np.testing.assert_allclose(detector.anomaly_score(NEW), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("settings", [{}, {"neighbors": 0}, {"n_models": 2}, {"contamination": 0.1}], ids=str)
def test_contributions_add_up_to_the_score(settings: dict[str, Any]) -> None:
    detector = made(**settings).fit(X)
    rows = np.vstack([NEW, ODD])
    frame = detector.explain(rows)
    contribution = frame["contribution"].to_numpy()
    assert (contribution >= 0).all()
    np.testing.assert_allclose(contribution.sum(axis=1), detector.anomaly_score(rows), rtol=1e-12)
    expected = frame["expected"].to_numpy()
    assert ((X.min(axis=0) <= expected) & (expected <= X.max(axis=0))).all()  # what the columns can hold
    assert contribution[-2:].sum(axis=1).min() > contribution[:-2].sum(axis=1).max()


def test_the_conventions_hold_together(fitted: AnomalyDetector) -> None:
    rows = np.vstack([NEW, ODD])
    score = fitted.anomaly_score(rows)
    np.testing.assert_array_equal(fitted.score_samples(rows), -score)
    np.testing.assert_array_equal(fitted.decision_function(rows), -score - fitted.offset_)
    np.testing.assert_array_equal(fitted.predict(rows), np.where(score > -fitted.offset_, -1, 1))
    assert fitted.predict(ODD).tolist() == [-1, -1]
    assert fitted.explain(ODD)["contribution"].to_numpy().argmax(axis=1).tolist() == [1, 3]
    assert score[-2:].min() > score[:-2].max()
    assert fitted.p_values(ODD).max() == 1 / 25  # of 24 rows held out
    np.testing.assert_allclose(fitted.anomaly_score(rows[5:6]), score[5:6], rtol=1e-6)


def test_rows_of_another_place_are_flagged_with_a_warning(fitted: AnomalyDetector) -> None:
    with pytest.warns(UserWarning, match=r"^40 of 40 rows are flagged, where of rows like those of fit about 2 are"):
        assert (fitted.predict(NEW + 9) == -1).all()
    with pytest.warns(UserWarning, match="40 of 40 rows are flagged"):
        fitted.explain(NEW + 9, with_scores=True)


def test_flags_by_false_discovery_are_those_of_the_p_values(fitted: AnomalyDetector) -> None:
    rows = np.vstack([NEW, np.repeat(ODD, 10, axis=0)])
    p = fitted.p_values(rows)
    flags = fitted.predict(rows, false_discovery_rate=0.2)
    np.testing.assert_array_equal(flags, np.where(scipy.stats.false_discovery_control(p) <= 0.2, -1, 1))
    assert (flags[-20:] == -1).all()
    assert (flags[:40] == 1).sum() > 30


def test_a_share_of_the_rows_of_the_fit_is_flagged() -> None:
    for share in (0.1, 0.25):
        detector = made(contamination=share).fit(X)
        assert (detector.predict(X) == -1).sum() == share * len(X)
    assert (made(contamination=0.1).fit_predict(X) == -1).sum() == 12


def test_a_row_does_not_vouch_for_itself_where_it_is_judged() -> None:
    rows = np.vstack([X, ODD])
    detector = made(contamination=0.02, neighbors=1, autoencoder=Autoencoder(1, **TINY | {"max_epochs": 0})).fit(rows)
    assert detector.predict(rows)[-2:].tolist() == [-1, -1]
    one = detector.fitted_.scores[0]
    scaled = one.model.scaled_rows(rows)
    distance = one.parts(scaled, is_own=True)[0].sum(axis=1)
    points = tensors_of(detector)["oddness0.points"]
    square = np.square(points[:, None] - points[None]).sum(axis=2)
    expected = np.sort(square, axis=1)[:, 1]  # the row itself comes first
    np.testing.assert_allclose(np.sort(distance), np.sort(expected), rtol=1e-3)
    assert distance.min() > 0
    assert one.parts(scaled, is_own=False)[0].max() == 0  # a new row is as usual as one that equals it


def test_dirty_rows_are_left_out() -> None:
    odd = 8 * np.random.default_rng(3).normal(size=(10, 4))
    rows = np.vstack([X, odd])
    plain, trimmed = made().fit(rows), made(dirty=0.1).fit(rows)
    assert trimmed.models_[0].n_samples_ < plain.models_[0].n_samples_
    assert (trimmed.predict(odd) == -1).all()
    distance = [
        one.parts(one.model.scaled_rows(odd), is_own=False)[0].sum(axis=1)
        for one in (trimmed.fitted_.scores[0], plain.fitted_.scores[0])
    ]
    assert np.median(distance[0]) > 3 * np.median(distance[1])


def test_a_usual_row_is_flagged_with_the_promised_probability() -> None:
    """Of whole fits: each with rows of its own, and new ones."""
    generator, flagged, p = np.random.default_rng(9), [], []
    for _ in range(30):
        rows = generator.standard_t(3, size=(300, 3))
        settings: dict[str, Any] = {"threshold": "conformal", "alpha": 0.1, "neighbors": 2}
        detector = made(autoencoder=Autoencoder(1, encoder=(), max_epochs=0), **settings).fit(rows[:150])
        flagged.append((detector.predict(rows[150:]) == -1).mean())
        p.append((detector.p_values(rows[150:]) <= 0.1).mean())
    assert p == flagged
    assert np.mean(flagged) <= 0.1 + 2 * np.std(flagged) / np.sqrt(len(flagged))
    assert np.mean(flagged) > 0.02


def test_weight_two_is_the_row_twice() -> None:
    weight = np.random.default_rng(1).integers(0, 3, len(X))
    one, other = made(neighbors=4).fit(X, sample_weight=weight), made(neighbors=4).fit(np.repeat(X, weight, axis=0))
    np.testing.assert_allclose(one.anomaly_score(NEW), other.anomaly_score(NEW), rtol=1e-4)
    assert one.offset_ == pytest.approx(other.offset_, rel=1e-4)


def test_frames_keep_their_names_and_rows() -> None:
    names = list("abcd")
    frame = pd.DataFrame(X, columns=names)
    detector = made().fit(frame)
    assert detector.feature_names_in_.tolist() == names
    new = pd.DataFrame(NEW, columns=names, index=[f"row {i}" for i in range(len(NEW))])
    explained = detector.explain(new)
    assert explained.index.equals(new.index)
    assert explained["expected"].columns.tolist() == explained["contribution"].columns.tolist() == names
    np.testing.assert_allclose(detector.anomaly_score(new), made().fit(X).anomaly_score(NEW), rtol=1e-5)


def test_a_category_adds_what_its_probability_tells() -> None:
    random = np.random.default_rng(0)
    town = random.choice(["Rom", "Ulm", "Bonn"], 200, p=[0.7, 0.25, 0.05])
    frame = pd.DataFrame({"town": pd.Categorical(town), "size": (town == "Rom") + random.normal(0, 0.1, 200)})
    detector = made(autoencoder=Autoencoder(1, encoder=(8,), max_epochs=5)).fit(frame)
    model = detector.models_[0]
    learned, values = scaling_of(model), header_of(model)["schema"][0]["values"]
    size = (frame["size"] - learned["mean"][0]) / learned["deviation"][0]
    rows = np.column_stack([[values.index(each) for each in town], size]).astype(np.float32)
    outcome = model.model_.decode(model.model_.encode(rows).draws)
    share = np.asarray(outcome.shares()[0])[0]  # [n, values]
    doubted = 0.99 * share[np.arange(200), rows[:, 0].astype(int)] + 0.01 / share.shape[1]
    error = detector.fitted_.scores[0].error(rows)[:, 0]
    np.testing.assert_allclose(error, -np.log(doubted), rtol=1e-4)
    assert error.max() < -np.log(0.01 / 3)  # whatever the probability
    added = detector.anomaly_score(frame, per_feature=True)
    np.testing.assert_allclose(added.sum(axis=1), detector.anomaly_score(frame), rtol=1e-12)


def test_a_file_and_a_sparse_table_are_read(tmp_path: Path) -> None:
    expected = made().fit(X).anomaly_score(NEW)
    np.testing.assert_allclose(made().fit(scipy.sparse.coo_array(X)).anomaly_score(NEW), expected, rtol=1e-4)
    paths = tmp_path / "rows.csv", tmp_path / "new.csv"
    for path, rows in zip(paths, (X, NEW), strict=True):
        pd.DataFrame(rows, columns=list("abcd")).to_csv(path, index=False)
    np.testing.assert_allclose(made().fit(paths[0]).anomaly_score(paths[1]), expected, rtol=1e-4)


def test_any_autoencoder_and_several_serve() -> None:
    stack = StackedAutoencoder([Autoencoder(2, **TINY), Autoencoder(1, **TINY)], max_epochs=1)
    detector = made(autoencoder=[Autoencoder(1, **TINY), stack], n_models=2).fit(X)
    assert [type(model).__name__ for model in detector.models_] == [*["Autoencoder"] * 2, *["StackedAutoencoder"] * 2]
    each = [one.contributions(one.model.scaled_rows(NEW), is_own=False).sum(axis=1) for one in detector.fitted_.scores]
    np.testing.assert_allclose(detector.anomaly_score(NEW), np.mean(each, axis=0), rtol=1e-12)
    assert [len(one.models) for one in detector.fitted_.scores] == [2, 2]  # copies see rows alike and share neighbors
    assert "models_" not in vars(detector.autoencoder[0])
    assert not detector.autoencoder[0].__sklearn_is_fitted__()


def test_neighbors_are_bounded() -> None:
    detector = made(reference=10, neighbors=20).fit(X)
    assert tensors_of(detector)["oddness0.points"].shape == (10, 4)
    assert np.isfinite(detector.anomaly_score(NEW)).all()


def test_a_model_file_keeps_it_all(tmp_path: Path) -> None:
    path = tmp_path / "detector.safetensors"
    for settings in ({"n_models": 2}, {"neighbors": 0}, {"contamination": 0.1}):
        detector = made(**settings).fit(pd.DataFrame(X, columns=list("abcd")))
        detector.save(path)
        loaded = isthmus.load(path)
        new = pd.DataFrame(NEW, columns=list("abcd"))
        assert loaded.offset_ == detector.offset_
        np.testing.assert_array_equal(loaded.anomaly_score(new), detector.anomaly_score(new))
        np.testing.assert_array_equal(loaded.p_values(new), detector.p_values(new))
        pd.testing.assert_frame_equal(loaded.explain(new), detector.explain(new))
        assert loaded.to_json() == detector.to_json()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda header, tensors: header.update(offset="low"), "its offset is 'low'"),
        (lambda header, tensors: header.update(rarity=-1.0), r"its rarity is -1\.0"),
        (lambda header, tensors: header.update(models=[]), "its 'models' is not of type int"),
        (lambda header, tensors: header.update(models=10**9), "expected 1 to 10000 models; got 1000000000"),
        (lambda header, tensors: header.update(models=2), "there is no model 'model1' in it"),
        (lambda header, tensors: header.update(model0=3), "there is no model 'model0' in it"),
        (lambda header, tensors: header["model0"].update(estimator="Odd"), "holds a 'Odd', which this version does"),
        (lambda header, tensors: header.update(estimator="Autoencoder"), "no model that can be built"),
        (lambda header, tensors: tensors.pop("oddness0.points"), "oddness0.points is missing"),
        (lambda header, tensors: tensors.pop("held_out.score"), "held_out.score is missing"),
        (lambda header, tensors: tensors.update({"odd7": np.ones(2)}), "the model has no tensor 'odd7'"),
        (lambda header, tensors: tensors.update({"model0.odd": np.ones(2)}), "the model has no tensor 'odd'"),
        (lambda header, tensors: tensors["oddness0.spread"].fill(0), "its detector cannot be what a fit leaves"),
        (lambda header, tensors: tensors["oddness0.reach"].fill(0), "its detector cannot be what a fit leaves"),
        (lambda header, tensors: tensors["oddness0.slope"].fill(0), "its detector cannot be what a fit leaves"),
        (lambda header, tensors: tensors["oddness0.slope"].fill(np.nan), "slope holds values that are not finite"),
        (lambda header, tensors: tensors["oddness0.levels"].__setitem__((0, 0), 9e9), "its detector cannot be what a"),
        (lambda header, tensors: np.negative(tensors["oddness0.surprise"], tensors["oddness0.surprise"]), "its detec"),
        (lambda header, tensors: header.update(calibration="odd"), "expected one of means, surprise as calibration"),
        (lambda header, tensors: header.update(calibration=[]), "expected one of means, surprise as calibration"),
        (lambda header, tensors: header.update(neighbors=-1), "its neighbors are -1"),
        (lambda header, tensors: header.update(copies=0), "expected 1 to 10000 models; got 1"),
        (lambda header, tensors: header["parameters"].update(alpha=2), "no model that can be built: alpha"),
    ],
)
def test_a_damaged_file_is_refused(change: Any, message: str, fitted: AnomalyDetector, tmp_path: Path) -> None:
    from isthmus.storage import container as modelfile

    path = tmp_path / "damaged.safetensors"
    fitted.save(path)
    opened = modelfile.open_file(path, "model")
    header, tensors = opened.header, {name: array.copy() for name, array in opened.read().items()}
    change(header, tensors)
    modelfile.write(path, header, tensors)
    with pytest.raises(ModelFileError, match=message):
        isthmus.load(path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"autoencoder": 3}, r"^autoencoder must be an autoencoder, a list of some, or None\. Got 3\.$"),
        ({"autoencoder": []}, r"^autoencoder must be"),
        ({"neighbors": -1}, r"^neighbors must be 'auto' or a whole number of at least 0\. Got -1\.$"),
        ({"n_models": 0}, r"^n_models must be a whole number of at least 1 and at most 100\. Got 0\.$"),
        ({"reference": True}, r"^reference must be a whole number of at least 0\. Got True\.$"),
        ({"contamination": 0.6}, r"^contamination must be 'auto' or in \(0, 0\.5\]\. Got 0\.6\.$"),
        (
            {"threshold": "quantil"},
            r"^threshold must be one of 'quantile', 'conformal', 'pareto'.*Did you mean 'quantile'",
        ),
        ({"alpha": 1}, r"^alpha must be in \(0, 1\)\. Got 1\. 1 % is 0\.01\.$"),
        ({"dirty": 0.5}, r"^dirty must be in \[0, 0\.5\)\. Got 0\.5\.$"),
        ({"calibration_fraction": 0}, r"^calibration_fraction must be in \(0, 0\.5\]\. Got 0\.$"),
        ({"random_state": "a"}, r"^random_state must be"),
        ({"autoencoder": Autoencoder("tpo_k(3)")}, "tpo_k"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidPart, match=message):
        made(**settings).fit(X)


def test_bad_tables_are_refused(fitted: AnomalyDetector) -> None:
    with pytest.raises(InvalidData, match=r"^threshold='conformal' with alpha=0\.001 needs 999 validation rows; got"):
        made(threshold="conformal", alpha=0.001).fit(X)
    with pytest.raises(InvalidData, match="inf"):
        made().fit(np.where(X > 2, np.inf, X))
    with pytest.raises(ValueError, match="3 features"):
        fitted.predict(X[:, :3])


def test_a_cell_beyond_all_numbers_is_the_oddest_and_spares_the_other_rows(fitted: AnomalyDetector) -> None:
    wild = NEW[:4].copy()
    wild[1, 2], wild[2, 0], wild[3, 1] = 1e18, np.inf, -1e300
    scores = fitted.anomaly_score(wild)
    assert np.isfinite(scores).all()
    assert scores[0] == fitted.anomaly_score(NEW[:1])[0]
    assert fitted.predict(wild)[1:].tolist() == [-1, -1, -1]
    assert fitted.explain(wild[2:3])["contribution"].idxmax(axis=1).tolist() == ["x0"]


def test_the_default_finds_what_is_odd() -> None:
    assert AnomalyDetector().fit(X).predict(ODD).tolist() == [-1, -1]


@pytest.mark.parametrize(("rows", "epochs"), [(100, 500), (1280, 50), (8192, 30), (32_000, 8), (10**7, 5)])
def test_a_large_table_is_gone_through_less_often(rows: int, epochs: int) -> None:
    assert default_autoencoder(rows).max_epochs == epochs
    for longer in (default_autoencoder(rows, is_series=True), default_autoencoder(rows, may_be_odd=True)):
        assert longer.max_epochs == (epochs if epochs == 5 else pytest.approx(2 * epochs, abs=1))


def test_windows_of_series_are_seen_in_units_of_their_deviation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isthmus.anomaly.default.LEAST_STEPS", 1)
    monkeypatch.setattr("isthmus.anomaly.default.MOST_STEPS", 1)
    detector = AnomalyDetector().fit(isthmus.windows(X, 2))
    assert detector.models_[0].get_params()["scaling"] == "standard"
    assert default_autoencoder(100).scaling == "normal"


def test_settings_inside_are_set_by_copy() -> None:
    autoencoder = Autoencoder(1, **TINY)
    detector = AnomalyDetector(autoencoder).set_params(autoencoder__max_epochs=7)
    assert detector.get_params()["autoencoder__max_epochs"] == 7
    assert autoencoder.max_epochs == 2


@pytest.mark.parametrize("threshold", ["quantile", "conformal"])
def test_a_row_without_any_cell_is_an_outlier(threshold: str) -> None:
    table = np.random.default_rng(0).normal(size=(120, 4))
    table[np.arange(120), np.arange(120) % 4] = np.nan
    model = Autoencoder(2, encoder=(4,), max_epochs=2)
    detector = AnomalyDetector(model, threshold=threshold).fit(table)
    rows = np.concatenate([table[:5], np.full((1, 4), np.nan)])
    score = detector.anomaly_score(rows)
    assert np.isfinite(score).all()
    assert score[-1] == score.max() > -detector.offset_
    assert detector.predict(rows)[-1] == -1
    assert detector.p_values(rows)[-1] == detector.p_values(rows).min()
    added = detector.explain(rows)["contribution"].to_numpy()
    np.testing.assert_allclose(added.sum(axis=1), score)
    assert len(set(added[-1])) == 1  # nothing tells the columns apart


def test_one_column_is_enough_for_a_detector_that_removes_noise() -> None:
    x = np.random.default_rng(0).normal(size=(90, 1))
    x[17] = 40
    template = default_autoencoder(90).set_params(max_epochs=2)
    detector = AnomalyDetector(template, contamination=0.02).fit(x)
    assert detector.predict(x)[17] == -1
    assert detector.anomaly_score(x).argmax() == 17
    assert detector.explain(x)["contribution"].shape == (90, 1)
    with pytest.raises(InvalidData, match="with one column there is nothing to compress"):
        made().fit(x)


def test_where_rows_may_be_odd_distance_and_categories_count_by_their_columns() -> None:
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(size=(60, 3)), columns=list("abc"))
    table["kind"] = random.choice(["x", "y"], 60)
    detector = AnomalyDetector(Autoencoder(1, max_epochs=1), contamination=0.1).fit(table)
    assert detector.fitted_.scores[0].calibration.share.tolist() == [0.75, 0.25, 0.0]
    clean = AnomalyDetector(Autoencoder(1, max_epochs=1)).fit(table)
    np.testing.assert_allclose(clean.fitted_.scores[0].calibration.share, 1 / 3)


def test_rows_that_may_be_odd_are_all_learned_from_and_judged_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """No row is held out to err more than others: p-values of the rows of the fit are even."""
    monkeypatch.setattr("isthmus.anomaly.default.LEAST_STEPS", 20)
    monkeypatch.setattr("isthmus.anomaly.default.MOST_STEPS", 20)
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(size=(200, 2)), columns=list("ab"))
    table["kind"] = random.choice(list("pqrstu"), 200)
    detector = AnomalyDetector(contamination=0.1).fit(table)
    p = np.sort(detector.p_values(table))
    assert np.abs(p - np.arange(1, 201) / 201).max() < 0.02
    assert (detector.predict(table) == -1).sum() == 20
    network = detector.models_[0].get_params()
    assert (network["corruption"], network["bottleneck"]) == ("swap(0.5)", 8)
    assert AnomalyDetector().fit(table).models_[0].get_params()["corruption"] == "gaussian(0.5)"


def test_no_rows_are_kept_where_none_shall_be() -> None:
    model, errors_only = (
        AnomalyDetector(Autoencoder(1, **TINY), **settings).fit(X) for settings in ({"reference": 0}, {"neighbors": 0})
    )
    assert model.anomaly_score(NEW) == pytest.approx(errors_only.anomaly_score(NEW), rel=1e-12)
    assert not any("rows" in told for told in isthmus.disclosures(model))
    with pytest.raises(InvalidPart, match=r"^reference must be 0, or a whole number of at least 2\. Got 1\.$"):
        AnomalyDetector(reference=1).fit(X)
