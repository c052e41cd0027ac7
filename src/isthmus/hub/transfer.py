"""Models are sent to the Hub and taken from it: one model file, and a card that says what it is."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import isthmus
from isthmus.errors import InvalidData, IsthmusError, MissingExtra
from isthmus.hub.card import card

FILE = "model.safetensors"


def push_to_hub(
    model: Any,
    repo_id: str,
    *,
    allow_data: bool = False,
    private: bool = True,
    revision: str | None = None,
    message: str = "A model of isthmus",
    token: str | None = None,
    endpoint: str | None = None,
) -> str:
    """Send a fitted model to the Hugging Face Hub, with a card that says what it is; return the address.

    The repository is made where there is none. A model file may hold training rows, categories or words as they stood
    in the table (see `isthmus.disclosures`): then it is sent only if you say so.

    Parameters
    ----------
    model : a fitted model.
    repo_id : `"user/name"`.
    allow_data : send it although the file holds data of the training; only for data that may be shown.
    private : whether a new repository is seen by its owner only.
    revision : a branch; None takes the main one.
    message : of the change.
    token : of the Hub; None takes the one that you have logged in with.
    endpoint : the address of the Hub; None takes the public one.

    Raises
    ------
    InvalidData
        If the file would hold data of the training, and `allow_data` is False.
    MissingExtra
        If huggingface_hub is not installed.
    IsthmusError
        If the Hub cannot be reached, or refuses.
    """
    hub = _library()
    told = isthmus.disclosures(model)
    if told and not allow_data:
        raise InvalidData(
            f"the model file holds data of the training: {'; '.join(told)}. Pass allow_data=True if all of it may be "
            "shown; else fit without it, as AnomalyDetector(reference=0) keeps no rows, and categories as numbers."
        )
    api = hub.HfApi(endpoint=endpoint, token=token)
    with tempfile.TemporaryDirectory() as folder, _in_one_sentence(hub, repo_id):
        model.save(Path(folder) / FILE)
        Path(folder, "README.md").write_text(card(model, repo_id), encoding="utf-8")
        address = str(api.create_repo(repo_id, private=private, exist_ok=True))
        api.upload_folder(repo_id=repo_id, folder_path=folder, revision=revision, commit_message=message)
    return address


def from_pretrained(
    repo_id: str, *, revision: str | None = None, token: str | None = None, endpoint: str | None = None
) -> Any:
    """Return the model of a repository of the Hugging Face Hub; its file is kept in the Hub's own folder.

    Nothing in it is executed: it is read as `isthmus.load` reads any file.

    Parameters
    ----------
    repo_id : `"user/name"`.
    revision : a branch, a tag or a commit; None takes the main branch.
    token, endpoint : as in `push_to_hub`.

    Raises
    ------
    MissingExtra
        If huggingface_hub is not installed.
    IsthmusError
        If the Hub cannot be reached, or has no such model.
    """
    hub = _library()
    with _in_one_sentence(hub, repo_id):
        path = hub.hf_hub_download(repo_id, FILE, revision=revision, token=token, endpoint=endpoint)
    return isthmus.load(path)


def _library() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingExtra("the Hub needs huggingface_hub: pip install 'isthmus[hub]'") from error
    return huggingface_hub


@contextmanager
def _in_one_sentence(hub: Any, repo_id: str) -> Iterator[None]:
    """Say in one sentence what the Hub, or the way there, refuses."""
    errors = hub.errors
    try:
        yield
    except (errors.HfHubHTTPError, errors.HFValidationError, errors.LocalEntryNotFoundError, OSError) as error:
        if isinstance(error, IsthmusError):
            raise
        first = str(error).strip().partition("\n")[0]
        raise IsthmusError(f"the Hub did not answer for {repo_id!r}: {first}") from error
