"""Files as offices write them go through the command line, and come back as they were but for what was filled."""

import decimal
import difflib

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import isthmus

RANDOM = np.random.default_rng(0)
N = 60
FIT = ("--force", "--bottleneck", 1, "--encoder", "(3,)", "--max-epochs", 1, "--out", "model.safetensors")
SHORT = ("--force", "--max-epochs", 2)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Let trainings be short: here it is seen how tables are read and written."""
    monkeypatch.setattr("isthmus.estimators.imputer.STEPS", 20)
    monkeypatch.setattr("isthmus.anomaly.default.LEAST_STEPS", 20)
    monkeypatch.setattr("isthmus.anomaly.default.MOST_STEPS", 20)


def office(**columns):
    """Return the lines of a table with semicolons, decimal commas and dates by day, every seventh cell missing."""
    rows = ["day;zip;count;amount;job"]
    for i in range(N):
        cells = [
            f"{1 + i % 28:02d}.{1 + i % 12:02d}.2013",
            f"{501 + i % 3:05d}",
            f"{20 + i % 9}",
            f"{RANDOM.normal() * 1000:.2f}".replace(".", ","),
            ("cook", "clerk")[i % 2],
        ]
        for place, mark in enumerate(("", "?", "NA", "n/a", "")):
            if (i + place) % 7 == 0:
                cells[place] = mark
        rows.append(";".join(cells))
    return rows


def test_cells_that_are_there_stay_as_they_were_written(told, tmp_path):
    rows = office()
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    told("impute", "t.csv", "--out", "full.csv", "--max-epochs", 2, "--save-model", "i.safetensors")
    full = (tmp_path / "full.csv").read_text().splitlines()
    patterns = [r"\d\d\.\d\d\.2013", r"0050[123]", r"\d\d", r"-?\d+,\d\d", "cook|clerk"]
    for before, after in zip(rows[1:], full[1:], strict=True):
        for old, new, pattern in zip(before.split(";"), after.split(";"), patterns, strict=True):
            if old in ("", "?", "NA", "n/a"):
                assert pd.Series(new).str.fullmatch(pattern).all(), new
            else:
                assert new == old
    assert full[0] == rows[0]
    changed = [line for line in difflib.unified_diff(rows, full, n=0) if line.startswith("+") and line != "+++ \n"]
    assert len(changed) == sum(any(cell in ("", "?", "NA", "n/a") for cell in row.split(";")) for row in rows)
    told("impute", "t.csv", "--model", "i.safetensors", "--out", "again.csv")
    assert (tmp_path / "again.csv").read_text().splitlines() == full


def test_reconstructions_are_written_as_the_columns_are(told, tmp_path):
    (tmp_path / "t.csv").write_text("\n".join(office()) + "\n")
    told("fit", "t.csv", *FIT)
    told("reconstruct", "model.safetensors", "t.csv", "--out", "back.csv")
    back = pd.read_csv("back.csv", sep=";", dtype=str)
    for name, pattern in {
        "day": r"\d\d\.\d\d\.20\d\d",
        "zip": r"0050[123]",
        "count": r"\d+",
        "amount": r"-?\d+,\d{4,}",
    }.items():
        assert back[name].str.fullmatch(pattern).all(), back[name]


@pytest.mark.parametrize("command", ["fit", "detect", "impute"])
def test_one_line_says_how_the_table_was_read(call, tmp_path, command):
    (tmp_path / "t.csv").write_text("\n".join(office()) + "\n")
    words = {"fit": FIT, "detect": ("--out", "odd.csv", *SHORT), "impute": ("--out", "full.csv", *SHORT)}[command]
    result = call(command, "t.csv", *words)
    assert result.exit_code == 0, result.output
    line, *rest = result.stderr.splitlines()
    assert rest == []
    assert line == (
        "isthmus: read t.csv as 5 columns: 2 numbers, 2 categories, 1 date; separated by semicolons, decimal comma, "
        "missing: blank (18), ? (8), NA (8), n/a (8). --kind NAME=KIND says otherwise."
    )
    assert call(command, "t.csv", *words, "--quiet").stderr == ""


def test_the_same_table_in_any_form_is_the_same(told, tmp_path):
    frame = pd.DataFrame({"a": RANDOM.normal(size=N).round(2), "b": RANDOM.normal(size=N).round(2)})
    frame.to_csv("t.csv", index=False)
    told("fit", "t.csv", *FIT)
    due = told("score", "model.safetensors", "t.csv")
    frame.to_csv("u.csv", index=False, sep=":", decimal=",", encoding="utf-16", na_rep="NA")
    assert told("score", "model.safetensors", "u.csv", "--sep", ":") == due
    frame.to_csv("v.csv", index=False, sep="\t", header=False, encoding="cp1252")
    result = isthmus.load("model.safetensors").score_samples("t.csv")
    told(
        "score", "model.safetensors", "u.csv", "--sep", ":", "--decimal", ",", "--encoding", "utf-16", "--out", "s.csv"
    )
    np.testing.assert_allclose(pd.read_csv("s.csv")["score"], result, rtol=1e-6)


def test_names_are_asked_for_where_there_are_none(call, refused, tmp_path):
    pd.DataFrame(RANDOM.normal(size=(N, 3))).to_csv("t.csv", index=False, header=False)
    assert "expected a first line of names; got one like the rows below it" in refused("fit", "t.csv", *FIT)
    assert call("fit", "t.csv", *FIT, "--no-header").exit_code == 0
    assert isthmus.load("model.safetensors").n_samples_ == N


def test_labels_are_texts_as_in_the_table(call, told, tmp_path):
    frame = pd.DataFrame(
        {"a": RANDOM.normal(size=N), "b": RANDOM.normal(size=N), "cc": np.tile(["DE", "NA", "FR"], N // 3)}
    )
    frame.to_csv("t.csv", index=False)
    result = call("fit", "t.csv", *FIT, "--label-column", "cc")
    assert (
        "note: t.csv: in column 'cc' 'NA' is read as a text: na=['NA'] (--na NA) makes it a missing cell"
        in result.stderr
    )
    told("sample", "model.safetensors", "--label", "NA", "--n", 2, "--out", "rows.csv", "--seed", 1)
    call("fit", "t.csv", *FIT, "--label-column", "cc", "--na", "NA")
    assert isthmus.load("model.safetensors").labels_.tolist() == ["DE", "FR"]


@pytest.mark.parametrize("command", ["detect", "impute"])
def test_kinds_are_declared_in_every_command(call, told, tmp_path, command):
    frame = pd.DataFrame({"zip": np.tile([501, 502, 503], N // 3), "a": RANDOM.normal(size=N), "d": ["01/02/2024"] * N})
    frame.loc[0, "a"] = None
    frame.to_csv("t.csv", index=False)
    words = (
        "--kind",
        "zip=categorical",
        "--kind",
        "d=datetime:m/d/y",
        "--out",
        "o.csv",
        "--save-model",
        "m.safetensors",
    )
    result = call(command, "t.csv", *words, *SHORT, "--random-state", 1)
    assert result.exit_code == 0, result.output
    assert "1 number, 1 category, 1 date" in result.stderr
    assert "note" not in result.stderr
    model = isthmus.load("m.safetensors")
    network = model.models_[0] if command == "detect" else model.autoencoder_
    assert [(c.kind, c.format) for c in network.fitted_.reader.schema.columns] == [
        *(("categorical", None), ("numeric", None), ("datetime", "m/d/y"))
    ]
    told(command, "t.csv", "--model", "m.safetensors", "--out", "again.csv")


def test_the_line_stands_before_the_notes(call, refused, tmp_path):
    rows = "".join(f"{i % 12 + 1:02d}/03/2024,{i % 7}.5,{i % 5}\n" for i in range(N))
    (tmp_path / "t.csv").write_text("d,a,b\n" + rows)
    line, note = call("fit", "t.csv", *FIT).stderr.splitlines()
    assert line.startswith("isthmus: read t.csv as 3 columns: 2 numbers, 1 date.")
    assert note.startswith(
        "isthmus: note: t.csv: dates in column 'd' are read with the day first, which they do not show"
    )
    result = call("fit", "t.csv", *FIT, "--kind", "a=boolean")  # the notes of a table that is refused
    assert [line.partition(":")[2][:9] for line in result.stderr.splitlines()] == [" note: t.", " column '"]


def test_a_label_is_not_learned_and_stays_in_the_table(call, tmp_path):
    rows = [f"{i % 7}.5,{'x' if i % 4 else ''},{i % 5 or 'NA'}" for i in range(N)]
    (tmp_path / "t.csv").write_text("\n".join(["a,y,b", *rows]) + "\n")
    result = call("impute", "t.csv", "--out", "full.csv", "--max-epochs", 2, "--label-column", "y")
    assert "left out 'y'" in result.stderr
    full = pd.read_csv("full.csv", keep_default_na=False)
    assert full["y"].tolist() == [row.split(",")[1] for row in rows]
    assert (full["b"] != "NA").all()


@pytest.mark.parametrize("command", ["detect", "impute"])
def test_trainings_take_the_same_options(call, refused, table, command):
    words = (command, table, "--force", "--out", "o.csv", "--save-model", "m.safetensors")
    assert call(*words, "--max-epochs", 2, "--device", "cpu", "--seed", 3).exit_code == 0
    model = isthmus.load("m.safetensors")
    network = model.models_[0] if command == "detect" else model.autoencoder_
    assert (network.n_iter_, model.random_state) == (2, 3)
    message = refused(*words[:-2], "--model", "m.safetensors", "--max-epochs", 2)
    assert message.startswith("--max-epochs is for a")
    assert "--max-epochs must be" in refused(*words, "--max-epochs=-1")


def test_whole_numbers_and_decimals_of_parquet_keep_their_types(told, tmp_path):
    numbers = [None if i % 9 == 0 else i % 7 for i in range(N)]
    table = pa.table(
        {
            "n": pa.array(numbers, pa.int32()),
            "q": pa.array([None if i % 8 == 0 else decimal.Decimal(i) / 4 for i in range(N)], pa.decimal128(9, 2)),
            "day": pa.array([None if i % 5 == 0 else i for i in range(N)], pa.date32()),
            "a": RANDOM.normal(size=N),
        }
    )
    for name, others in (("t.parquet", {}), ("u.parquet", {"t": ["x", "y"] * (N // 2)})):
        pq.write_table(pa.table({**{n: table[n] for n in table.column_names}, **others}), name)
        told("impute", name, "--force", "--out", "full.parquet", "--max-epochs", 2)
        full = pq.read_table("full.parquet")
        for column in table.column_names:
            assert full[column].type == table[column].type
            cells = zip(table[column].to_pylist(), full[column].to_pylist(), strict=True)
            assert all(new is not None and (old is None or new == old) for old, new in cells)
        told("impute", name, "--force", "--out", "full.csv", "--max-epochs", 2)
        lines = (tmp_path / "full.csv").read_text().splitlines()
        assert all(line.split(",")[0].isdecimal() for line in lines[1:])


@pytest.mark.parametrize("option", [("--drop", "nosuch"), ("--columns", "a,b"), ("--kind", "a=numeric"), ("--seed", 1)])
def test_options_that_would_do_nothing_are_refused(refused, told, table, option):
    for command, what in (("detect", "a detector"), ("impute", "an imputer")):
        told(command, table, "--force", "--out", "out.csv", "--save-model", "m.safetensors")
        message = refused(command, table, "--model", "m.safetensors", "--out", "out.csv", *option)
        assert message == f"{option[0]} is for {what} that is trained, and m.safetensors is: leave out one of them."


def test_an_output_that_cannot_hold_the_table_is_refused_before_training(refused, tmp_path, monkeypatch):
    (tmp_path / "t.csv").write_text("\n".join(office()) + "\n")
    monkeypatch.setattr(isthmus.Imputer, "fit", lambda *_, **__: pytest.fail("it was trained"))
    message = refused("impute", "t.csv", "--out", "full.npy", "--save-model", "m.safetensors")
    assert message == "the table holds more than numbers, and .npy is for numbers: write .parquet or .csv."


def test_options_of_texts_are_refused_for_other_files(refused, frame):
    frame.to_parquet("t.parquet")
    message = refused("fit", "t.parquet", *FIT, "--sep", ";")
    assert message == "--sep: expected a text file, as .csv, which it is for; got t.parquet. Leave it out."


def test_tables_come_and_go_by_standard_streams(call, told, tmp_path):
    (tmp_path / "t.csv").write_text("\n".join(office()) + "\n")
    told("impute", "t.csv", "--out", "full.csv", "--max-epochs", 2, "--save-model", "m.safetensors")
    content = (tmp_path / "t.csv").read_bytes()
    result = call("impute", "-", "--model", "m.safetensors", "--out", "-", stdin=content)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (tmp_path / "full.csv").read_text()
    result = call("fit", "-", *FIT, stdin=content)
    assert result.stderr.startswith("isthmus: read a stream as 5 columns: 2 numbers")  # outside of tests it is <stdin>
    codes = call("transform", "model.safetensors", "-", "--out", "-", stdin=content).stdout
    told("transform", "model.safetensors", "t.csv", "--out", "codes.csv")
    assert codes == (tmp_path / "codes.csv").read_text()
    result = call("fit", "-", *FIT, stdin=b"a,b\n1,2\n1,2,3\n")
    assert result.stderr.startswith("isthmus: a stream cannot be read as CSV: line 3 has 3 cells")
    assert "named" not in call("sample", "model.safetensors", "--n", 2, "--out", "-").stderr
    message = "the output - has an unsupported suffix"
    assert message in call("fit", "t.csv", *FIT[:-1], "-").stderr
