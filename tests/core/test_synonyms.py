"""Words of the field mean the parts that they mean elsewhere, and parameters of others are answered with ours."""

from __future__ import annotations

import ast
import re
from typing import Any

import pytest

import isthmus
from isthmus import AnomalyDetector, Autoencoder, search_parts
from isthmus.core.registry import find_part, part_kinds, part_names
from isthmus.core.spelling import resolve
from isthmus.core.synonyms import NEAR, PARAMETERS, PARTS, plain_word
from isthmus.errors import InvalidPart, UnknownParameter, UnknownPart

MEANT = [
    ("likelihoods", "mse", "squared_error"),
    ("likelihoods", "MAE", "absolute_error"),
    ("likelihoods", "bce", "bernoulli"),
    ("likelihoods", "cross_entropy", "categorical"),
    ("bottlenecks", "vae(3)", "variational(3)"),
    ("bottlenecks", "IWAE(3)", "importance_weighted(3)"),
    ("bottlenecks", "aae(2)", "adversarial(2)"),
    ("bottlenecks", "TopK(8, k=2)", "top_k(8, k=2)"),
    ("backbones", "MLP((5,), activation=ReLU)", "mlp((5,))"),
    ("backbones", "mlp((5,), activation=LeakyReLU)", "mlp((5,), activation=leaky_relu)"),
    ("backbones", "lstm((4,))", "recurrent((4,), cell='lstm')"),
    ("backbones", "gru((4,), cell='simple')", "recurrent((4,), cell='simple')"),
    ("backbones", "gru((4,), 'lstm')", "recurrent((4,), cell='lstm')"),
    ("backbones", "resnet", "residual"),
    ("backbones", "SENet", "squeeze_excite"),
    ("optimizers", "momentum(0.1)", "sgd(0.1, momentum=0.9)"),
    ("optimizers", "nesterov", "sgd(momentum=0.9, nesterov=True)"),
    ("optimizers", "AdamW(0.01)", "adam(0.01, weight_decay=0.01)"),
    ("optimizers", "gradient_clipping(sgd)", "clipped(sgd)"),
    ("scalings", "zscore", "standard"),
    ("corruptions", "dropout(0.3)", "masking(0.3)"),
    ("stops", "early_stopping(5)", "patience(5)"),
]


@pytest.mark.parametrize(("kind", "word", "part"), MEANT)
def test_a_word_means_its_part(kind: str, word: str, part: str) -> None:
    contract: Any = part_kinds()[kind]
    assert resolve(contract, word) == resolve(contract, part)


def test_every_word_means_a_part_that_is_there_and_no_word_is_the_name_of_one() -> None:
    for kind, words in PARTS.items():
        names = part_names(kind)
        assert not {plain_word(name) for name in names} & {*words, *NEAR.get(kind, {})}
        for word, meant in words.items():
            assert word == plain_word(word)
            name, settings = (meant, {}) if isinstance(meant, str) else meant
            assert set(settings) <= set(find_part(kind, name).__annotations__)


@pytest.mark.parametrize(
    ("parameter", "word", "message"),
    [
        ("penalties", ["kl"], r"no penalty is called 'kl'\. Nearest: 'sparsity' is KL"),
        ("scaling", "robust", "no scaling is called 'robust'. Nearest: 'quantile' and 'normal'"),
        ("corruption", "noise", "Nearest: 'gaussian' adds normal noise"),
        ("likelihood", "Squared_eror", "Did you mean 'squared_error'"),
    ],
)
def test_a_word_of_several_meanings_is_answered_with_the_nearest(parameter: str, word: Any, message: str) -> None:
    with pytest.raises(UnknownPart, match=message):
        Autoencoder(**{parameter: word}).check_parameters()


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("epochs", "Write max_epochs=…."),
        ("lr", r"Write optimizer='adam\(0.001\)'."),
        ("latent_dim", "Write bottleneck=…."),
        ("n_components", "Write bottleneck=…."),
        ("hidden_dims", r"Write encoder=\(128, 64\)."),
        ("callbacks", r"Write stops='patience\(20\)'."),
        ("early_stopping", "Write stops="),
        ("bottelneck", "Did you mean 'bottleneck'?"),
    ],
)
def test_a_parameter_of_others_is_answered_with_ours(word: str, answer: str) -> None:
    make: Any = Autoencoder
    with pytest.raises(UnknownParameter, match=f"Autoencoder has no parameter '{word}'. {answer}") as caught:
        make(**{word: 1})
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, InvalidPart)
    with pytest.raises(InvalidPart, match=f"Invalid parameter '{word}' for estimator Autoencoder. {answer}"):
        Autoencoder().set_params(**{word: 1})


def test_an_answer_is_given_only_where_the_estimator_has_that_parameter() -> None:
    make: Any = AnomalyDetector
    with pytest.raises(UnknownParameter, match=r"no parameter 'epochs'\. It has: alpha, "):
        make(epochs=3)


def test_every_answer_for_a_parameter_can_be_written() -> None:
    for answer in PARAMETERS.values():
        for written in re.split(r",? or ", answer.removesuffix(" of the rows").partition(", or fit(")[0]):
            name, _, value = written.partition("=")
            if value != "…":
                Autoencoder(**{name: ast.literal_eval(value)}).check_parameters()


def test_files_hold_names_only(tmp_path: Any) -> None:
    model = Autoencoder("vae(2)", encoder="MLP((3,))", likelihood="mse", max_epochs=1)
    model.fit([[0.0, 1.0], [2.0, 3.0], [4.0, 6.0], [1.0, 0.0]]).save(tmp_path / "m.safetensors")
    assert str(isthmus.load(tmp_path / "m.safetensors").bottleneck) == "variational(2)"


def test_parts_are_found_by_what_is_said_of_them() -> None:
    found = search_parts("KL")
    assert ("penalties", "sparsity") in found
    assert ("bottlenecks", "variational") in found
    assert ("activations", "relu") not in found
    assert ("backbones", "squeeze_excite") in search_parts("senet")  # another word for it
    for word, place in {
        "Early-stopping": ("stops", "patience"),
        "Cross Entropy": ("likelihoods", "categorical"),
    }.items():
        assert place in search_parts(word)
    assert search_parts("no such thing") == []


def test_an_estimator_of_users_may_pass_parameters_on() -> None:
    class Mine(Autoencoder):
        def __init__(self, width: int = 3, **more: Any) -> None:
            super().__init__(width, **more)

    assert Mine(max_epochs=3).max_epochs == 3


def test_cuda_is_a_device() -> None:
    Autoencoder(device="cuda").check_parameters()
    with pytest.raises(InvalidPart, match="'gpu'"):
        Autoencoder(device="cudda").check_parameters()
