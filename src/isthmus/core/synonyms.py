"""Words of the field for parts and parameters, beside the names that they have here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from isthmus.errors import suggestion

Settings = dict[str, Any]

PARTS: dict[str, dict[str, str | tuple[str, Settings]]] = {
    "activations": {
        "linear": "identity",
        "logistic": "sigmoid",
        **{word: ("function", {"called": word}) for word in ("celu", "mish", "relu6", "selu", "silu")},
        "swish": ("function", {"called": "silu"}),
        "hardtanh": ("function", {"called": "hard_tanh"}),
    },
    "backbones": {
        **dict.fromkeys(("dense", "fullyconnected", "feedforward"), "mlp"),
        **dict.fromkeys(("cnn", "convolutional"), "conv"),
        "rnn": ("recurrent", {"cell": "simple"}),
        "gru": ("recurrent", {"cell": "gru"}),
        "lstm": ("recurrent", {"cell": "lstm"}),
        "resnet": "residual",
        "senet": "squeeze_excite",
        "hypernetwork": "hyper",
    },
    "bottlenecks": {
        **dict.fromkeys(("ae", "undercomplete"), "deterministic"),
        "vae": "variational",
        "iwae": "importance_weighted",
        "aae": "adversarial",
        "ksparse": "top_k",
        "matryoshka": "nested",
    },
    "corruptions": {"dropout": "masking", "saltpepper": "salt_and_pepper", "gaussiannoise": "gaussian"},
    "likelihoods": {
        **dict.fromkeys(("mse", "l2", "meansquarederror"), "squared_error"),
        **dict.fromkeys(("mae", "l1", "meanabsoluteerror"), "absolute_error"),
        **dict.fromkeys(("bce", "binarycrossentropy"), "bernoulli"),
        **dict.fromkeys(("crossentropy", "categoricalcrossentropy", "softmax"), "categorical"),
    },
    "optimizers": {
        "adamw": ("adam", {"weight_decay": 0.01}),
        "momentum": ("sgd", {"momentum": 0.9}),
        "nesterov": ("sgd", {"momentum": 0.9, "nesterov": True}),
        **dict.fromkeys(("bfgs", "lbfgsb"), "lbfgs"),
        "conjugategradient": "cg",
        **dict.fromkeys(("clip", "gradientclipping", "clipbyglobalnorm"), "clipped"),
    },
    "penalties": {"lasso": "l1", "ridge": "l2", "cae": "contractive"},
    "priors": {"gaussian": "normal"},
    "scalings": {
        **dict.fromkeys(("zscore", "standardize", "standardise", "standardscaler"), "standard"),
        "minmaxscaler": "minmax",
        "quantiletransformer": "quantile",
    },
    "schedules": {
        "cosineannealing": "cosine",
        "exponentialdecay": "exponential",
        "reducelronplateau": "plateau",
    },
    "stops": {"earlystopping": "patience"},
}
"""What else parts are called, by kind: in small letters without `_`; some words bring settings."""

NEAR: dict[str, dict[str, str]] = {
    "penalties": {
        "kl": "'sparsity' is KL(rho ‖ mean activation); that of a variational code is part of bottleneck='variational'",
        "dropout": "corruption='masking' drops cells of rows, mlp(dropout=…) units",
    },
    "scalings": {"robust": "'quantile' and 'normal' go by ranks, which absurd values do not move"},
    "corruptions": {"noise": "'gaussian' adds normal noise, 'masking' hides cells"},
    "backbones": {"transformer": "'recurrent' reads sequences, 'conv' images"},
}
"""What comes nearest to words that could mean several parts, or none, by kind."""

PARAMETERS = {
    **dict.fromkeys(("epochs", "n_epochs", "num_epochs", "max_iter"), "max_epochs=…"),
    **dict.fromkeys(("lr", "learning_rate"), "optimizer='adam(0.001)'"),
    **dict.fromkeys(
        ("clipnorm", "max_grad_norm", "gradient_clip_val", "grad_clip", "gradient_clipping"),
        "optimizer='clipped(adam(0.001), 1.0)'",
    ),
    "weight_decay": "optimizer='adam(weight_decay=0.01)' or penalties=['weight_decay(0.01)']",
    **dict.fromkeys(
        ("latent_dim", "latent_dims", "n_components", "encoding_dim", "code_size", "n_latent", "hidden_dim"),
        "bottleneck=…",
    ),
    **dict.fromkeys(("hidden_dims", "hidden_layers", "hidden_layer_sizes", "hidden_neurons"), "encoder=(128, 64)"),
    "activation": "encoder='mlp((128, 64), activation=relu)'",
    "dropout": "encoder='mlp((128, 64), dropout=0.1)', or corruption='masking(0.2)' of the rows",
    **dict.fromkeys(("loss", "loss_fn", "criterion", "reconstruction_loss"), "likelihood='squared_error'"),
    "noise": "corruption='gaussian(0.1)'",
    **dict.fromkeys(("regularization", "regularizer", "sparsity"), "penalties=['sparsity(0.05)']"),
    **dict.fromkeys(("early_stopping", "patience"), "stops='patience(20)'"),
    "callbacks": "stops='patience(20)', or fit(X, callbacks=…)",
    "n_init": "n_starts=…",
    **dict.fromkeys(("seed", "random_seed"), "random_state=…"),
    **dict.fromkeys(("validation_split", "val_size"), "validation_fraction=…"),
    "validation_data": "validation_fraction=…, or fit(X, validation_data=…)",
    **dict.fromkeys(("scaler", "normalize", "preprocessing"), "scaling='standard'"),
}
"""What is written here in place of parameters that other libraries have."""


def plain_word(word: str) -> str:
    """Return a word in small letters, without `_`: `ReLU` and `relu` are one, `TopK` and `top_k` too."""
    return word.replace("_", "").lower()


def meant_part(kind: str, word: str, known: Iterable[str]) -> tuple[str, Settings]:
    """Return the part of a kind that a word means, and the settings it brings; the word itself where it means none.

    Parameters
    ----------
    known : the names of the parts of the kind: they come first, as they are.

    Examples
    --------
    >>> meant_part("likelihoods", "MSE", ["squared_error"])
    ('squared_error', {})
    >>> meant_part("backbones", "lstm", ["recurrent"])
    ('recurrent', {'cell': 'lstm'})
    >>> meant_part("backbones", "house", ["recurrent"])
    ('house', {})
    """
    names = list(known)
    if word in names:
        return word, {}
    plain = plain_word(word)
    alike = [name for name in names if plain_word(name) == plain]
    meant = alike[0] if len(alike) == 1 else PARTS.get(kind, {}).get(plain, word)
    return (meant, {}) if isinstance(meant, str) else meant


def other_words(kind: str, name: str) -> list[str]:
    """Return what else a part is called."""
    meant = {word: part if isinstance(part, str) else part[0] for word, part in PARTS.get(kind, {}).items()}
    return [word for word, part in meant.items() if part == name]


def part_hint(kind: str, word: str, known: Iterable[str]) -> str:
    """Return what to write in place of a word that is no part of a kind, a sentence after a blank, or nothing."""
    near = NEAR.get(kind, {}).get(plain_word(word))
    if near is not None:
        return f" Nearest: {near}."
    return suggestion(word, known) or suggestion(word.lower(), known)


def parameter_hint(word: str, known: Iterable[str]) -> str:
    """Return what to write in place of a parameter that is none, a sentence after a blank, or nothing."""
    meant = PARAMETERS.get(word)
    names = list(known)
    if meant is not None and any(meant.startswith(f"{name}=") for name in names):
        return f" Write {meant}."
    return suggestion(word, names)
