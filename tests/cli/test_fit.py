"""`isthmus fit` trains what Python trains, on the columns that were chosen."""

import errno
import inspect
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import isthmus
from isthmus import Autoencoder
from isthmus.cli import fit as story

FIT = ("--force", "--bottleneck", 2, "--max-epochs", 2, "--out", "model.safetensors")


def test_the_end_is_told_in_a_short_table(told, table):
    facts = told("fit", table, *FIT)
    assert list(facts) == ["rows", "columns", "code", "epochs", "loss", "stopped", "seconds", "file"]
    assert (facts["rows"], facts["columns"], facts["code"]) == ("60", "5", "2 numbers: deterministic(2)")
    assert (facts["epochs"], facts["stopped"]) == ("2", "all epochs that were asked for have been taken: 2")
    assert facts["loss"].endswith("in training")
    assert facts["file"].startswith("model.safetensors (")


def test_a_held_out_loss_is_told(told, table):
    assert told("fit", table, *FIT, "--validation-fraction", 0.2)["loss"].endswith("in validation")


def test_quiet_prints_nothing(call, table):
    result = call("fit", table, *FIT, "--bottleneck", 9, "--quiet")  # 9 numbers for 5 columns: a note, were it not
    assert (result.exit_code, result.output) == (0, "")


def test_a_warning_is_one_line(call, table):
    result = call("fit", table, *FIT, "--bottleneck", 9)
    assert result.exit_code == 0
    read, note = result.stderr.splitlines()
    assert read == f"isthmus: read {table} as 5 columns: 5 numbers. --kind NAME=KIND says otherwise."
    assert note.startswith("isthmus: note: a code of 9 numbers for 5 columns leaves nothing to learn")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".npy", ".npz"])
def test_every_format_is_read(told, frame, suffix):
    writers = {
        ".csv": lambda path: frame.to_csv(path, index=False),
        ".tsv": lambda path: frame.to_csv(path, index=False, sep="\t"),
        ".parquet": lambda path: frame.to_parquet(path, index=False),
        ".npy": lambda path: np.save(path, frame.to_numpy()),
        ".npz": lambda path: np.savez(path, X=frame.to_numpy()),
    }
    writers[suffix](f"data{suffix}")
    facts = told("fit", f"data{suffix}", *FIT)
    assert (facts["rows"], facts["columns"]) == ("60", "5")


def test_without_options_it_is_the_python_default(told, table):
    told("fit", table, "--out", "model.safetensors", "--quiet")
    loaded = isthmus.load("model.safetensors")
    assert loaded.to_json() | {"verbose": 0} == Autoencoder().to_json()
    np.testing.assert_array_equal(loaded.transform(table), Autoencoder().fit(table).transform(table))


def test_every_option_reaches_its_parameter(told, table):
    words = ["--bottleneck", "top_k(3, k=2)", "--encoder", "16, 8", "--decoder", "mlp((8,), activation=tanh)"]
    words += ["--likelihood", "absolute_error", "--corruption", "masking(0.2)", "--scaling", "minmax"]
    words += ["--penalty", "l1(0.01)", "--penalty", "weight_decay", "--optimizer", "sgd(0.1, momentum=0.9)"]
    words += ["--stop", "patience(5)", "--stop", "time_limit(60)", "--batch-size", 16, "--max-epochs", 3]
    words += ["--validation-fraction", 0.25, "--n-starts", 2, "--seed", 7, "--device", "cpu"]
    told("fit", table, "--out", "model.safetensors", *words)
    expected = Autoencoder(
        "top_k(3, k=2)",
        encoder=(16, 8),
        decoder="mlp((8,), activation=tanh)",
        likelihood="absolute_error",
        corruption="masking(0.2)",
        penalties=["l1(0.01)", "weight_decay"],
        scaling="minmax",
        optimizer="sgd(0.1, momentum=0.9)",
        batch_size=16,
        max_epochs=3,
        stops=["patience(5)", "time_limit(60)"],
        validation_fraction=0.25,
        n_starts=2,
        random_state=7,
    )
    where_and_how = {"device": None, "verbose": 0}  # of the call, not of the model
    assert isthmus.load("model.safetensors").to_json() | where_and_how == expected.to_json()


def test_the_options_are_all_the_parameters_of_the_constructor():
    # A call fits once, on a table.
    parameters = set(inspect.signature(Autoencoder.__init__).parameters) - {"self", "verbose", "warm_start", "text"}
    parameters -= {"columns"}  # said by --kind
    assert parameters == set(story.PARAMETERS)


def test_none_is_for_none(told, table):
    told("fit", table, *FIT, "--stop", "None", "--corruption", "None")
    loaded = isthmus.load("model.safetensors")
    assert (loaded.part("stops"), loaded.corruption) == ((), None)


@pytest.mark.parametrize("choice", [["--drop", "c,e"], ["--drop", "c", "--drop", "e"], ["--columns", "a,b,d"]])
def test_columns_are_chosen_by_name(told, frame, choice):
    frame.assign(c="text").to_parquet("data.parquet")
    assert told("fit", "data.parquet", *FIT, *choice)["columns"] == "3"
    assert isthmus.load("model.safetensors").feature_names_in_.tolist() == ["a", "b", "d"]


def test_chosen_columns_train_as_a_file_of_them(told, frame):
    frame.to_csv("all.csv", index=False)
    frame[["a", "b", "d"]].to_csv("three.csv", index=False)
    told("fit", "all.csv", *FIT, "--columns", "a,b,d")
    told("fit", "three.csv", *FIT[:-1], "three.safetensors")
    codes = [isthmus.load(path).transform("three.csv") for path in ("model.safetensors", "three.safetensors")]
    np.testing.assert_array_equal(*codes)


def test_a_name_may_hold_a_comma(told, frame):
    frame.rename(columns={"c": "c, in m"}).to_csv("data.csv", index=False)
    assert told("fit", "data.csv", *FIT, "--drop", "c, in m")["columns"] == "4"


def test_a_weight_column_weighs_and_is_not_learned(told, frame):
    weight = np.arange(60) % 3
    frame.assign(w=weight).to_csv("data.csv", index=False)
    facts = told("fit", "data.csv", *FIT, "--weight-column", "w")
    assert (facts["rows"], facts["columns"]) == ("60", "5")
    expected = Autoencoder(2, max_epochs=2).fit(frame, sample_weight=weight).transform(frame)
    np.testing.assert_allclose(isthmus.load("model.safetensors").transform(frame), expected, rtol=1e-5)


@pytest.mark.parametrize("option", ["--drop", "--columns", "--weight-column"])
def test_an_unknown_column_is_refused_with_a_suggestion(refused, frame, option):
    frame.rename(columns={"a": "price"}).to_csv("data.csv", index=False)
    message = refused("fit", "data.csv", *FIT, option, "pirce")
    assert message == "data.csv has no column 'pirce'. Did you mean 'price'? There are: price, b, c, d, e."


def test_of_many_columns_some_are_named(refused, frame):
    pl.DataFrame({f"column_{i}": [0.0, 1.0] for i in range(100)}).write_csv("data.csv")
    message = refused("fit", "data.csv", *FIT, "--drop", "x")
    assert message.endswith("There are: " + ", ".join(f"column_{i}" for i in range(12)) + ", ….")


def test_no_column_left_is_refused(refused, table):
    message = refused("fit", table, *FIT, "--drop", "a,b,c,d,e")
    assert message == f"no column of {table} is left to learn from: leave out fewer."


def test_a_file_without_names_has_no_columns_to_choose(refused, frame):
    np.save("data.npy", frame.to_numpy())
    message = refused("fit", "data.npy", *FIT, "--drop", "a")
    assert message == "data.npy has no names of columns to choose by: choose from a CSV or Parquet file."


def test_weights_are_numbers(refused, frame):
    frame.assign(w="heavy").to_csv("data.csv", index=False)
    message = refused("fit", "data.csv", *FIT, "--weight-column", "w")
    assert message.startswith("column 'w': expected numbers; got text ('heavy', row 0).")


def test_weights_are_not_missing(refused, frame):
    frame.assign(w=[1.0, None] * 30).to_csv("data.csv", index=False)
    assert "sample_weight must be finite" in refused("fit", "data.csv", *FIT, "--weight-column", "w")


@pytest.mark.parametrize("choice", [[], ["--drop", "a"]])
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("data.csv", b"", "data.csv: expected a header line and rows; got an empty file."),
        ("data.csv", b"a,b,c\n1,2,3\n4,5,6,7\n", "data.csv cannot be read as CSV: "),
        ("data.parquet", b"PAR1 is not enough", "data.parquet cannot be read as Parquet: "),
    ],
)
def test_an_unreadable_file_is_refused(refused, tmp_path, choice, name, content, message):
    (tmp_path / name).write_bytes(content)
    assert refused("fit", name, *FIT, *choice).startswith(message)


@pytest.mark.parametrize("choice", [[], ["--drop", "a"]])
def test_a_missing_file_is_refused_with_a_suggestion(refused, table, choice):
    assert refused("fit", "tabel.csv", *FIT, *choice) == "there is no file tabel.csv. Did you mean 'table.csv'?"


@pytest.mark.parametrize("choice", [[], ["--drop", "a"]])
def test_an_unsupported_suffix_is_refused(refused, tmp_path, choice):
    (tmp_path / "data.html").touch()
    message = refused("fit", "data.html", *FIT, *choice)
    assert message.startswith("data.html has an unsupported suffix.")
    assert "There are: .arrow, .arrows, .bmp, .csv, .feather, .gif, .ipc, .jpeg, .jpg, .jsonl, .ndjson, .npy" in message


def test_a_checkpoint_goes_on_and_is_not_the_output(told, refused, table):
    told("fit", table, *FIT, "--checkpoint", "progress.safetensors")
    assert Path("progress.safetensors").exists()
    told("fit", table, *FIT, "--max-epochs", 4, "--checkpoint", "progress.safetensors")
    assert isthmus.load("model.safetensors").n_iter_ == 4
    assert refused("fit", table, *FIT, "--checkpoint", "model.safetensors") == (
        "model.safetensors is named twice: give the output another name than the other files have."
    )


def test_a_checkpoint_of_another_fit_is_refused(told, refused, table):
    told("fit", table, *FIT, "--checkpoint", "progress.safetensors")
    message = refused("fit", table, *FIT, "--seed", 1, "--checkpoint", "progress.safetensors")
    assert message.startswith("progress.safetensors is the checkpoint of another fit")


def test_a_full_disk_is_said_and_the_old_model_stays(refused, told, table, tmp_path, monkeypatch):
    told("fit", table, *FIT)
    before = (tmp_path / "model.safetensors").read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    message = refused("fit", table, *FIT, "--seed", 1)
    assert message.startswith("cannot write model.safetensors: No space left on device.")
    assert (tmp_path / "model.safetensors").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.safetensors", "table.csv"]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--bottleneck", "top_q(8)", "--bottleneck: no bottleneck is called 'top_q'. Did you mean 'top_k'?"),
        ("--encoder", "mpl", "--encoder: no backbone is called 'mpl'. Did you mean 'mlp'?"),
        ("--likelihood", "bernouli", "--likelihood: no likelihood is called 'bernouli'. Did you mean 'bernoulli'?"),
        ("--penalty", "l7", "--penalty: no penalty is called 'l7'."),
        ("--optimizer", "adm", "--optimizer: no optimizer is called 'adm'. Did you mean 'adam'?"),
        ("--stop", "patient", "--stop: no stop is called 'patient'. Did you mean 'patience'?"),
        ("--bottleneck", "0", "--bottleneck: its size must be at least 1. Got 0."),
        ("--bottleneck", "top_k(4, k=", "--bottleneck: 'top_k(4, k=' does not spell a bottleneck"),
        ("--bottleneck", "__import__('os')", "--bottleneck: no bottleneck is called '__import__'."),
        ("--max-epochs", "-1", "--max-epochs must be a whole number of at least 0. Got -1."),
        ("--validation-fraction", "1.5", "--validation-fraction must be in [0, 1), or None. Got 1.5."),
        ("--device", "tpu", "there is no device 'tpu' here."),
    ],
)
def test_a_bad_part_or_setting_is_refused(refused, table, option, value, message):
    assert refused("fit", table, *FIT, option, value).startswith(message)


def test_what_is_deeply_nested_stays_text():
    assert story.as_in_python("(" * 10_000) == "(" * 10_000


@pytest.mark.parametrize("words", [[], ["table.csv"], ["table.csv", "--out"], ["table.csv", "--max-epochs", "many"]])
def test_wrong_usage_is_exit_code_2(call, words):
    result = call("fit", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error" in result.stderr
