"""Pictures of Pillow and paths of pictures are read as images and come back so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import isthmus
from isthmus import AnomalyDetector, Autoencoder, InvalidData
from tiny import autoencoder

COLOR = (np.random.default_rng(0).random((20, 6, 5, 3)) * 256).astype(np.uint8)
PICTURES = [Image.fromarray(pixels) for pixels in COLOR]


@pytest.fixture(scope="module")
def fitted() -> Autoencoder:
    return autoencoder(encoder="conv((4,))").fit(COLOR)


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("pictures")
    for i, picture in enumerate(PICTURES):
        picture.save(folder / f"{i:02}.png")
    (folder / "table.csv").write_text("a,b\n1,2\n3,4\n")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return sorted(map(str, folder.glob("[0-9]*.png")))


def test_pictures_of_pillow_come_back_as_such(fitted: Autoencoder, tmp_path: Path) -> None:
    model = autoencoder(encoder="conv((4,))").fit(PICTURES)
    np.testing.assert_array_equal(model.transform(PICTURES), fitted.transform(COLOR))
    back = model.reconstruct(PICTURES)
    due = np.rint(np.clip(fitted.reconstruct(COLOR), 0, 255))
    np.testing.assert_allclose(np.stack(back), due, atol=1)
    model.save(tmp_path / "model.safetensors")
    drawn = isthmus.load(tmp_path / "model.safetensors").sample(2)
    assert [(picture.mode, picture.size) for picture in drawn] == [("RGB", (5, 6))] * 2
    gray = [picture.convert("L") for picture in PICTURES]
    model = autoencoder().fit(gray)
    assert model.model_.shape == (6, 5)
    assert model.reconstruct(gray)[0].mode == "L"


def test_paths_of_pictures_are_pictures(paths: list[str]) -> None:
    model = autoencoder().fit(paths)
    same = autoencoder().fit(PICTURES)
    for form in (paths, tuple(map(Path, paths)), np.array(paths), pd.Series(paths)):
        np.testing.assert_array_equal(model.transform(form), same.transform(PICTURES))
    assert model.reconstruct(paths[:2])[1].size == (5, 6)
    assert AnomalyDetector(autoencoder()).fit(paths).predict(paths).shape == (20,)


def test_texts_that_end_as_pictures_are_texts() -> None:
    model = autoencoder().fit([f"no {i % 3} such.png" for i in range(20)])
    assert model.fitted_.reader.text is not None


REFUSED: dict[str, tuple[Any, str]] = {
    "files of tables": (
        lambda paths: [str(Path(paths[0]).with_name("table.csv"))] * 3,
        r"^X: expected a table, texts, or paths of pictures; got paths of files, as '.*table\.csv'\. Pass one path",
    ),
    "a table among them": (
        lambda paths: [*paths[:3], str(Path(paths[0]).with_name("table.csv"))],
        r"^X: expected a table, texts, or paths of pictures; got paths of files",
    ),
    "a broken one": (
        lambda paths: [*paths[:3], str(Path(paths[0]).with_name("broken.png"))],
        r"broken\.png cannot be read as a picture: ",
    ),
    "another size": (
        lambda paths: [*PICTURES, PICTURES[0].resize((4, 4))],
        r"^picture 20 has 4 x 4 pixels, 3 channels, and picture 0 has 5 x 6 pixels, 3 channels: expected pictures of o",
    ),
    "another mode": (
        lambda paths: [*PICTURES, PICTURES[0].convert("L")],
        r"^picture 20 has 5 x 6 pixels, 1 channels, and picture 0 has 5 x 6 pixels, 3 channels",
    ),
    "floats": (
        lambda paths: [PICTURES[0].convert("F")] * 3,
        r"^picture 0: expected 8 bits a channel; got the mode F\. Pass arrays\.",
    ),
    "one": (lambda paths: PICTURES[0], r"^X: expected a list of pictures; got one picture\. Pass \[X\]\."),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_are_no_pictures_of_one_form_is_refused(case: str, paths: list[str]) -> None:
    make, message = REFUSED[case]
    with pytest.raises(InvalidData, match=message):
        autoencoder().fit(make(paths))


def test_a_folder_and_a_pattern_of_pictures_are_a_table(paths: list[str], tmp_path: Path) -> None:
    for place, path in enumerate(paths[:5]):
        name = tmp_path / "photos" / ("b" if place % 2 else "a") / f"{place}.png"
        name.parent.mkdir(parents=True, exist_ok=True)
        name.write_bytes(Path(path).read_bytes())
    source = isthmus.open_table(tmp_path / "photos")
    assert list(source.files) == ["a/0.png", "a/2.png", "a/4.png", "b/1.png", "b/3.png"]
    model = autoencoder().fit(paths)
    due = model.transform([paths[place] for place in (0, 2, 4, 1, 3)])
    np.testing.assert_array_equal(model.transform(str(tmp_path / "photos")), due)
    np.testing.assert_array_equal(model.transform(str(tmp_path / "photos" / "*" / "*.png")), due)
    np.testing.assert_array_equal(model.transform(tmp_path / "photos" / "b" / "1.png"), due[3:4])
    (tmp_path / "photos" / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(
        InvalidData, match=r"photos stands for files of several kinds, \.png and \.csv: |\.csv and \.png: "
    ):
        model.transform(tmp_path / "photos")


def test_answers_are_made_pictures(fitted: Autoencoder) -> None:
    rows = fitted.reconstruct(COLOR)  # [n, height, width, channels], as it came
    pictures = isthmus.to_images(fitted, rows)
    np.testing.assert_array_equal(np.asarray(pictures[3]), np.rint(np.clip(rows[3], 0, 255)))
    first = autoencoder(encoder="conv((4,))").fit(np.moveaxis(COLOR, -1, 1) / 255)
    shown = isthmus.to_images(first, np.moveaxis(COLOR, -1, 1) / 255)
    np.testing.assert_array_equal(np.asarray(shown[0]), COLOR[0])
    with pytest.raises(
        InvalidData, match=r"^expected images of a model whose scaling is 'pixels'; got rows without pixels"
    ):
        isthmus.to_images(autoencoder().fit(np.eye(5)), np.eye(5))
