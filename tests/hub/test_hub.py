"""Models sent to the Hub and taken from it, with a Hub of our own on loopback."""

from __future__ import annotations

import base64
import http.server
import json
import sys
import threading

import huggingface_hub.constants
import numpy as np
import pandas as pd
import pytest

import isthmus
from isthmus.errors import InvalidData, IsthmusError, MissingExtra
from isthmus.hub.card import card
from tiny import NAMES, X, autoencoder

COMMIT = "a" * 40
MIXED = pd.DataFrame(X, columns=NAMES).assign(e=np.where(X[:, 0] > 0, "u", "v"))


class Hub(http.server.BaseHTTPRequestHandler):
    """What the Hub answers to a new repository, a change, and a download."""

    files: dict[str, bytes]

    def log_message(self, *_):
        pass

    def answer(self, body, code=200, **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        said = {"url": f"http://{self.headers['Host']}/me/mine", "errors": [], "warnings": []}
        if "preupload" in self.path:
            names = [file["path"] for file in json.loads(body)["files"]]
            said = {"files": [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]}
        elif "commit" in self.path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            said = {
                "commitUrl": f"http://{self.headers['Host']}/me/mine/commit/{COMMIT}",
                "commitOid": COMMIT,
                "success": True,
            }
        self.answer(json.dumps(said).encode())

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        if "/me/mine/" in self.path and name in self.files:
            self.answer(self.files[name], ETag='"one"', X_Repo_Commit=COMMIT)
        else:
            self.answer(b"{}", 404, X_Error_Code="RepoNotFound")

    def do_HEAD(self):
        self.do_GET()


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """The address of an empty Hub."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    monkeypatch.setattr(Hub, "files", {}, raising=False)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_model_comes_back_as_it_was_sent(hub):
    model = autoencoder().fit(X)
    address = isthmus.push_to_hub(model, "me/mine", allow_data=True, token=None, endpoint=hub)
    assert address == f"{hub}/me/mine"
    assert sorted(Hub.files) == ["README.md", "model.safetensors"]
    back = isthmus.from_pretrained("me/mine", endpoint=hub)
    assert (back.transform(X) == model.transform(X)).all()


def test_data_of_the_training_is_sent_only_if_one_says_so(hub):
    detector = isthmus.AnomalyDetector(autoencoder()).fit(MIXED)
    with pytest.raises(InvalidData) as refused:
        isthmus.push_to_hub(detector, "me/mine", token=None, endpoint=hub)
    assert "holds data of the training: 60 rows, scaled; 2 categories of 1 columns ('e')" in str(refused.value)
    assert "Pass allow_data=True if all of it may be shown" in str(refused.value)
    assert not Hub.files


def test_what_a_hub_does_not_have_is_one_sentence(hub):
    with pytest.raises(IsthmusError, match=r"^the Hub did not answer for 'me/none': .*404"):
        isthmus.from_pretrained("me/none", endpoint=hub)
    with pytest.raises(IsthmusError, match="the Hub did not answer for 'no name'"):
        isthmus.from_pretrained("no name", endpoint=hub)


def test_a_hub_that_is_not_there_is_one_sentence(hub, monkeypatch):
    def refuse(*_, **__):
        raise ConnectionError("nobody is there")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    with pytest.raises(IsthmusError, match=r"^the Hub did not answer for 'me/mine': nobody is there$"):
        isthmus.from_pretrained("me/mine", endpoint=hub)


def test_without_the_library_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtra, match=r"pip install 'isthmus\[hub\]'"):
        isthmus.from_pretrained("me/mine")


def test_a_card_says_what_the_model_is():
    frame = MIXED.rename(columns={"e": "<b>[x](http://y) | `z`"})
    model = autoencoder().fit(frame)
    text = card(model, "me/mine")
    assert text.startswith("---\nlibrary_name: isthmus\n")
    assert "\n# mine\n" in text
    assert 'isthmus.from_pretrained("me/mine")' in text
    assert f"2 epochs on 60 rows; in the last one: loss {model.history_[-1]['loss']:.4g}" in text
    assert r"\<b\>\[x\](http://y) \| \`z\`" in text
    assert "| bottleneck | deterministic(2) |" in text


def test_what_a_file_tells_is_said():
    rows = isthmus.AnomalyDetector(autoencoder(), reference=0).fit(X)
    assert isthmus.disclosures(rows) == ["the least and the most of 5 columns of numbers"]
    assert isthmus.disclosures(autoencoder().fit(["a cat sat", "a dog ran"] * 9))[0] == "5 words"
    classes = isthmus.NetworkClassifier((4,), max_epochs=0).fit(X, np.where(X[:, 0] > 0, "u", "v"))
    assert "2 classes" in isthmus.disclosures(classes)
    inside = isthmus.disclosures(isthmus.Imputer(autoencoder(corruption="masking(0.3)")).fit(MIXED))
    assert "2 categories of 1 columns ('e')" in inside
    codec = isthmus.Codec(steps=1).fit(MIXED)
    assert "2 texts of 1 columns" in isthmus.disclosures(codec)
    with pytest.raises(InvalidData, match="expected a fitted model of isthmus; got int"):
        isthmus.disclosures(3)
