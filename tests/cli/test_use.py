"""`transform`, `reconstruct` and `score` write what Python answers, in the format of the output's name."""

import numpy as np
import pandas as pd
import pytest

import isthmus

READERS = {
    ".csv": pd.read_csv,
    ".tsv": lambda path: pd.read_csv(path, sep="\t"),
    ".parquet": pd.read_parquet,
    ".npy": np.load,
}


@pytest.mark.parametrize("suffix", READERS)
@pytest.mark.parametrize("command", ["transform", "reconstruct", "score"])
def test_the_answer_is_that_of_python(call, table, trained, command, suffix):
    result = call(command, trained, table, "--out", f"out{suffix}")
    model = isthmus.load(trained)
    expected, names = {
        "transform": (model.transform(table), ["autoencoder0", "autoencoder1"]),
        "reconstruct": (model.reconstruct(table), list("abcde")),
        "score": (model.score_samples(table)[:, None], ["score"]),
    }[command]
    found = READERS[suffix](f"out{suffix}")
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    if suffix != ".npy":
        assert list(found.columns) == names
    plural = "s" if len(names) > 1 else ""
    assert result.stdout == f"out{suffix}: 60 rows, {len(names)} column{plural}\n"
    assert result.stderr == ""


@pytest.mark.parametrize("command", ["transform", "reconstruct", "score"])
def test_quiet_prints_nothing(call, table, trained, command):
    result = call(command, trained, table, "--out", "out.csv", "--quiet")
    assert (result.exit_code, result.output) == (0, "")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
@pytest.mark.parametrize("command", ["transform", "reconstruct", "score"])
def test_a_file_may_hold_other_columns_in_another_order(call, frame, table, trained, command, suffix):
    call(command, trained, table, "--out", "expected.npy")
    more = frame[list("edcba")].assign(label="text")
    writers = {".csv": more.to_csv, ".tsv": lambda *a, **k: more.to_csv(*a, sep="\t", **k), ".parquet": more.to_parquet}
    writers[suffix](f"more{suffix}", index=False)
    assert call(command, trained, f"more{suffix}", "--out", "found.npy").exit_code == 0
    np.testing.assert_array_equal(np.load("found.npy"), np.load("expected.npy"))


def test_reconstructions_of_a_table_without_names_are_numbered(told, frame):
    np.save("data.npy", frame.to_numpy())
    told("fit", "data.npy", "--max-epochs", 1, "--out", "model.safetensors")
    told("reconstruct", "model.safetensors", "data.npy", "--out", "out.csv")
    assert list(pd.read_csv("out.csv").columns) == ["x0", "x1", "x2", "x3", "x4"]


def test_score_by_feature_adds_the_error_of_each_column(told, table, trained):
    told("score", trained, table, "--per-feature", "--out", "out.parquet")
    found = pd.read_parquet("out.parquet")
    assert list(found.columns) == ["score", *(f"error_{name}" for name in "abcde")]
    expected = isthmus.load(trained).reconstruction_error(table, per_feature=True)
    np.testing.assert_array_equal(found.iloc[:, 1:], expected)


def test_score_without_an_output_shows_the_least_usual_rows(call, table, trained):
    result = call("score", trained, table)
    scores = isthmus.load(trained).score_samples(table)
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["rows", "60"]
    assert lines[1] == ["mean", f"{scores.mean():.4g}"]
    assert lines[2] == ["median", f"{np.median(scores):.4g}"]
    shown = [[str(row), f"{scores[row]:.4g}"] for row in np.argsort(scores)[:5]]
    assert lines[-6:] == [["row", "score"], *shown]
    assert result.stderr == ""


def test_score_by_feature_names_the_column_of_the_largest_error(call, table, trained):
    result = call("score", trained, table, "--per-feature")
    model = isthmus.load(trained)
    row = model.score_samples(table).argmin()
    worst = "abcde"[model.reconstruction_error(table, per_feature=True)[row].argmax()]
    assert result.stdout.splitlines()[-5].split()[-1] == worst


def test_quiet_score_without_an_output_is_refused(refused, table, trained):
    message = "--quiet without --out would leave nothing: name an output."
    assert refused("score", trained, table, "--quiet") == message


@pytest.mark.parametrize("command", ["transform", "reconstruct"])
def test_without_an_output_it_is_wrong_usage(call, table, trained, command):
    assert call(command, trained, table).exit_code == 2


def test_ids_stand_beside_answers(call, frame, trained):
    frame.assign(order=[f"A{i}" for i in range(60)], day="2024-01-02").to_csv("t.csv", index=False)
    for command in ("transform", "reconstruct", "score"):
        assert call(command, trained, "t.csv", "--id", "order,day", "--out", f"{command}.csv").exit_code == 0
        rows = pd.read_csv(f"{command}.csv")
        assert list(rows)[:2] == ["order", "day"]
        assert rows["order"].tolist() == [f"A{i}" for i in range(60)]
        assert len(rows.columns) == {"transform": 4, "reconstruct": 7, "score": 3}[command]
    assert call("score", trained, "t.csv", "--id", "order", "--out", "s.parquet").exit_code == 0
    assert pd.read_parquet("s.parquet")["order"][3] == "A3"


def test_pictures_come_and_go_in_folders(call, refused, tmp_path):
    Image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (9, 6, 5)).astype(np.uint8)
    (tmp_path / "photos").mkdir()
    for place, picture in enumerate(pixels):
        Image.fromarray(picture).save(tmp_path / "photos" / f"{place}.png")
    words = ("--bottleneck", 2, "--encoder", 4, "--max-epochs", 1, "--out", "m.safetensors")
    said = call("fit", "photos", *words).stderr.splitlines()
    assert said[0] == "isthmus: read photos as arrays of 6 x 5; pictures of 5 x 6 pixels, 1 channel."
    assert said[1].startswith(
        "isthmus: read photos as images: their scaling is pixels, their likelihood bernoulli. --sc"
    )
    assert call("transform", "m.safetensors", "photos", "--out", "codes.csv").exit_code == 0
    assert pd.read_csv("codes.csv")["file"].tolist() == [f"{place}.png" for place in range(9)]
    assert call("reconstruct", "m.safetensors", "photos", "--out", "back").stdout == "back: 9 pictures\n"
    due = isthmus.load("m.safetensors").reconstruct("photos")
    with Image.open("back/3.png") as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(due[3]))
    assert call("sample", "m.safetensors", "--n", 2, "--out", "new").stdout == "new: 2 pictures\n"
    with Image.open("new/00001.png") as picture:
        assert picture.size == (5, 6)
    assert refused("sample", "m.safetensors", "--out", "new").startswith("new is there already: name another output")
    assert refused("sample", "m.safetensors", "--out", "new.csv").startswith(
        "the model answers pictures: name a folder"
    )


def test_pictures_are_brought_to_one_size(call, refused, tmp_path):
    Image = pytest.importorskip("PIL.Image")
    (tmp_path / "photos").mkdir()
    for place, (mode, size) in enumerate([("RGB", (8, 6)), ("L", (6, 8)), ("RGBA", (9, 9)), ("RGB", (4, 3))]):
        Image.new(mode, size, 40 * place).save(tmp_path / "photos" / f"{place}.png")
    words = ("--bottleneck", 2, "--encoder", 4, "--max-epochs", 1, "--out", "m.safetensors")
    assert refused("fit", "photos", *words).endswith("or a folder of them by size=(64, 64) (--size 64x64).")
    assert "pictures of 4 x 3 pixels, 3 channels" in call("fit", "photos", "--size", "4x3", *words).stderr
    due = isthmus.open_table("photos", size=(4, 3)).whole()
    assert due.shape == (4, 3, 3, 4)
    with Image.open("photos/3.png") as picture:
        np.testing.assert_array_equal(due[3], np.moveaxis(np.asarray(picture), -1, 0))
    assert call("transform", "m.safetensors", "photos", "--size", "4x3", "--out", "codes.csv").exit_code == 0
    assert refused("fit", "photos", "--size", "4", *words[:-1], "n.safetensors").startswith("--size: expected a width")
    message = refused("fit", "photos", "--size", "0x3", *words[:-1], "n.safetensors")
    assert message.startswith("--size must be a width and a height, from 1 to 10,000, or None. Got (0, 3).")


def test_an_array_of_an_archive_is_named(call, refused):
    images = np.random.default_rng(0).integers(0, 256, (9, 6, 5)).astype(np.uint8)
    np.savez("d.npz", x_train=images, y_train=np.arange(9))
    words = ("--bottleneck", 2, "--encoder", 4, "--max-epochs", 1, "--out", "m.safetensors")
    assert "expected one array, or one called X; got x_train, y_train. Name one (key=, --key)." in refused(
        "fit", "d.npz", *words
    )
    assert call("fit", "d.npz", "--key", "x_train", *words).exit_code == 0
    assert call("reconstruct", "m.safetensors", "d.npz", "--key", "x_train", "--out", "back.csv").exit_code == 0
    assert pd.read_csv("back.csv").shape == (9, 30)
    assert call("reconstruct", "m.safetensors", "d.npz", "--key", "x_train", "--out", "back").exit_code == 0
    assert "has no array 'x_trian'. Did you mean 'x_train'?" in refused(
        "score", "m.safetensors", "d.npz", "--key", "x_trian"
    )
    pd.DataFrame(images[:, 0]).to_csv("t.csv", index=False)
    assert refused("fit", "t.csv", "--key", "X", "--out", "n.safetensors") == (
        "--key: expected an NPZ file, which it is for; got t.csv. Leave it out."
    )


def test_texts_of_a_column_are_learned_alone(call, refused):
    texts = ["the ship left the port", "a ship came to port", "wheat and corn fell", "corn and wheat rose"] * 5
    pd.DataFrame({"n": range(20), "text": texts}).to_csv("t.csv", index=False)
    words = ("--text", "text", "--bottleneck", 2, "--encoder", 4, "--max-epochs", 1, "--out", "m.safetensors")
    assert call("fit", "t.csv", *words).exit_code == 0
    assert call("transform", "m.safetensors", "t.csv", "--text", "text", "--id", "n", "--out", "c.csv").exit_code == 0
    codes = pd.read_csv("c.csv")
    np.testing.assert_allclose(codes.iloc[:, 1:], isthmus.load("m.safetensors").transform(texts), rtol=1e-5)
    assert call("detect", "t.csv", "--text", "text", "--max-epochs", 1, "--out", "odd.csv").exit_code == 0
    assert set(pd.read_csv("odd.csv")["column_1"]) <= {word for text in texts for word in text.split()}
    assert "has no column 'txt'. Did you mean 'text'?" in refused("score", "m.safetensors", "t.csv", "--text", "txt")
