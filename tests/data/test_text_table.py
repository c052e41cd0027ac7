"""What the columns of a CSV file hold is noticed from all cells, said where it is a guess, and kept for later files."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import isthmus
from isthmus import InvalidData, InvalidPart, open_table
from isthmus.data.schema import Schema, from_json, learn

N = 40


def csv(folder: Path, columns: dict[str, list[Any]], separator: str = ",", name: str = "t.csv") -> Path:
    """Write columns as they are given, `b` of numbers beside them."""
    columns = {"b": [f"{i}.5" for i in range(len(next(iter(columns.values()))))]} | columns
    columns |= {"b": columns.pop("b")}  # behind the others
    lines = [columns, *zip(*columns.values(), strict=True)]
    (folder / name).write_text("".join(separator.join(map(str, line)) + "\n" for line in lines))
    return folder / name


def learned(source: Any) -> Schema:
    return learn(source.schema, {}, lambda: source.record_batches(99), source.kinds, source.date_formats())


def read(path: Path, **options: Any) -> tuple[list[Any], str]:
    """Return the first column of a file as a fit reads it, and what it holds."""
    source: Any = open_table(path, **options).declare({})
    return source.whole().iloc[:, 0].tolist(), learned(source).columns[0].kind


NUMBERS = [str(i) for i in range(N)]
WORDS = [
    "NA",
    "N/A",
    "n/a",
    "na",
    "NaN",
    "nan",
    "NULL",
    "null",
    "None",
    "?",
    "-",
    "--",
    "#N/A",
    "<NA>",
    "",
    "  ",
    "-nan",
]


@pytest.mark.parametrize("word", WORDS)
def test_words_for_missing_cells_are_missing_among_numbers_dates_and_truth_values(word: str, tmp_path: Path) -> None:
    for cells in (["1.5", word, "2"], ["01.02.2024", word, "31.12.2024"], ["true", word, "false"]):
        values, kind = read(csv(tmp_path, {"a": cells}))
        assert kind != "categorical"
        assert pd.isna(values).tolist() == [False, True, False]


def test_among_texts_words_are_values_and_signs_are_missing(tmp_path: Path) -> None:
    path = csv(tmp_path, {"cc": ["DE", "NA", "?", "", "#N/A", "n/a", "NA"]})
    with pytest.warns(
        UserWarning, match=r"in column 'cc' 'NA' is read as a text: na=\['NA'\] \(--na NA\) makes it a miss"
    ):
        values, _ = read(path)
    assert values[:2] == ["DE", "NA"]
    assert pd.isna(values).tolist() == [False, False, True, True, True, False, False]
    values, _ = read(path, na=["NA", "n/a"])
    assert pd.isna(values).tolist() == [False, True, True, True, True, True, True]
    with pytest.warns(UserWarning, match=r"in column 'cc' 'NA' is read as a text"):
        values, _ = read(path, na=[])
    assert pd.isna(values).tolist() == [False, False, False, True, False, False, False]


TYPES: dict[str, tuple[list[Any], str, Any]] = {
    "leading zeros": (["00501", "02134", "501"], "categorical", "00501"),
    "quoted numbers": (['"1"', '"2"'], "numeric", 1),
    "spaces": ([" 1.5", "2 "], "numeric", 1.5),
    "infinity": (["Infinity", "1"], "numeric", np.inf),
    "thousands": (['"12,345.5"', '"1,234"'], "numeric", 12345.5),
    "per cent": (["12.5%", "3%"], "numeric", 12.5),
    "dollars": (["$3.20", "$4"], "numeric", 3.2),
    "minus": (["−4.1", "2"], "numeric", -4.1),
    "codes": (["1", "2", "X1Y", "X2Y", "Z"], "categorical", "1"),
    "large": (["9223372036854775809", "5"], "numeric", 2.0**63),
    "truth among numbers": (["TRUE", "FALSE"], "numeric", True),  # 0 and 1
    "month first": (["01/31/2024", "02/01/2024"], "datetime", pd.Timestamp("2024-01-31")),
    "day first with NA": (["NA", "31/01/2024"], "datetime", pd.NaT),
    "ids": (["192.168.0.1", "10.0.0.1"], "categorical", "192.168.0.1"),
}


@pytest.mark.parametrize("case", TYPES)
def test_types_are_noticed(case: str, tmp_path: Path) -> None:
    cells, kind, first = TYPES[case]
    values, found = read(csv(tmp_path, {"a": cells}))
    assert found == kind
    assert values[0] == first or (pd.isna(first) and pd.isna(values[0]))


PROBLEMS: dict[str, tuple[list[str], str]] = {
    "a word": (
        [*NUMBERS, "hello"],
        r"^column 'a' holds 'hello' \(row 40\) among numbers\. Correct it, declare it as a mark ",
    ),
    "a decimal comma": ([*(f"{n}.5" for n in NUMBERS), '"1,5"'], r"^column 'a' holds '1,5' \(row 40\) among numbers"),
    "a hexadecimal number": (
        ["0x1f", "12"],
        r"^column 'a' holds a number as programs write it, '0x1f' \(row 0\)\. Turn",
    ),
    "underscores": (["1_000", "12"], r"holds a number as programs write it, '1_000' \(row 0\)"),
    "without its unit": (["$3.5", "4.5", "$5"], r"^column 'a' holds '4\.5' \(row 1\) among numbers"),
    "its own word for missing": (
        ["n.d."] * 15 + NUMBERS,
        r"holds 'n\.d\.' \(row 0\) among numbers.*na=\['n\.d\.'\] \(--na\)",
    ),
    "no such day": ([*(["31/01/2024"] * 20), "31/31/2024"], r"holds '31/31/2024' \(row 20\) among dates as %d/%m/%Y"),
    "times": (["12:30", "7:05:10"], r"^column 'a' holds a time of day, '12:30' \(row 0\)"),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_what_is_nearly_something_is_refused_until_it_is_declared(case: str, tmp_path: Path) -> None:
    cells, message = PROBLEMS[case]
    path = csv(tmp_path, {"a": cells})
    with pytest.raises(InvalidData, match=message):
        isthmus.Autoencoder(1, encoder=(3,), max_epochs=1).fit(path)
    source: Any = open_table(path, {"a": "categorical"}).declare({})
    assert learned(source).columns[0].kind == "categorical"
    assert open_table(path).select(["b"]).declare({}).names == ["b"]  # type: ignore[attr-defined]


def test_a_decimal_sign_is_that_of_the_file(tmp_path: Path) -> None:
    def first(columns: dict[str, list[Any]], separator: str, **options: Any) -> list[Any]:
        path = csv(tmp_path, columns | {"b": [1] * len(columns["a"])}, separator)
        return open_table(path, **options).declare({}).whole().iloc[0].tolist()[:-1]  # type: ignore[attr-defined]

    assert first({"a": ["1.234"], "x": ["1,5"]}, ";") == [1234, 1.5]
    assert first({"a": ["1.234"], "x": ["1.5"]}, ";") == [1.234, 1.5]
    assert first({"a": ["1,234"], "x": ["1,5"]}, ";") == [1.234, 1.5]
    with pytest.warns(
        UserWarning, match=r"in column 'a' '1,234' is read as 1234: the decimal sign ',' \(--decimal ,\) says"
    ):
        assert first({"a": ['"1,234"']}, ",") == [1234]
    assert first({"a": ['"1,234"']}, ",", decimal=",") == [1.234]
    assert first({"a": ['"1,234"']}, ",", decimal=".") == [1234]


def test_dates_that_show_no_order_are_said(tmp_path: Path) -> None:
    path = csv(tmp_path, {"d": ["01/02/2024", "03/04/2024"]})
    with pytest.warns(
        UserWarning, match=r"dates in column 'd' are read with the day first, which they do not show: the kind"
    ):
        assert read(path)[0][0] == pd.Timestamp("2024-02-01")
    for wish in ("datetime:m/d/y", "datetime:%m/%d/%Y"):
        assert read(path, columns={"d": wish})[0][0] == pd.Timestamp("2024-01-02")
    path = csv(tmp_path, {"d": ["01/02/2024", "03/04/2024"], "e": ["01/31/2024", "01/02/2024"]})
    with pytest.warns(
        UserWarning, match=r"dates in column 'd' are read with the month first, which they do not show: .*d/m/y"
    ):
        assert read(path)[0][0] == pd.Timestamp("2024-01-02")


def test_a_declared_column_is_read_so_or_refused(tmp_path: Path) -> None:
    path = csv(tmp_path, {"a": ["00501", "7"]})
    assert read(path, columns={"a": "numeric"}) == ([501, 7], "numeric")
    assert read(path, columns={"a": ["7", "00501"]})[1] == "ordinal"
    with pytest.raises(InvalidData, match=r"^column 'a': expected dates; got text \('00501', row 0\)\."):
        read(path, columns={"a": "datetime"})
    with pytest.raises(InvalidData, match=r"^column 'a': expected true or false; got text \('00501', row 0\)\."):
        read(path, columns={"a": "boolean"})
    with pytest.raises(
        InvalidData, match=r"^columns: expected names of columns of the table; got 'aa'\. Did you mean 'a'\?"
    ):
        open_table(path, {"aa": "numeric"})
    with pytest.raises(InvalidPart, match=r"or a format of dates as 'datetime:d/m/y', or a list\. Got 'datetime:d'\."):
        open_table(path, {"a": "datetime:d"})


HEADLESS: dict[str, tuple[str, bool]] = {
    "numbers": ("0.126,-0.132\n1,2\n3,4\n", True),
    "twice the same": ("1,1\n1,2\n3,4\n", True),
    "numbers and a text": ("1,red\n2,red\n3,blue\n", True),
    "names": ("a,b\n1,2\n3,4\n", False),
    "years beside names": ("country,2001,2002\nDE,1,2\nFR,3,4\n", False),
    "one row": ("a,b\na,1\n", False),
}


@pytest.mark.parametrize("case", HEADLESS)
def test_a_first_line_like_the_rows_is_refused(case: str, tmp_path: Path) -> None:
    text, is_headless = HEADLESS[case]
    path = tmp_path / "t.csv"
    path.write_text(text)
    if not is_headless:
        open_table(path).declare({})  # type: ignore[attr-defined]
        return
    with pytest.raises(InvalidData, match=r"t\.csv: expected a first line of names; got one like the rows below it \("):
        open_table(path).declare({})  # type: ignore[attr-defined]
    source = open_table(path, header=False)
    assert (source.n_rows, list(source.names)) == (3, ["x0", "x1"])


def test_names_that_are_numbers_can_be_declared(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("400,401\n1,2\n3,5\n5,4\n")
    source = open_table(path, header=True)
    model = isthmus.Autoencoder(1, encoder=(3,), max_epochs=1).fit(source)
    assert (source.n_rows, list(source.names)) == (3, ["400", "401"])
    np.testing.assert_array_equal(model.transform(path), model.transform(source))  # the model knows the names


def test_a_table_without_names_has_those_of_the_model_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,5\n5,4\n")
    (tmp_path / "u.csv").write_text("1,2\n3,5\n")
    model = isthmus.Autoencoder(1, encoder=(3,), max_epochs=1).fit(tmp_path / "t.csv")
    with pytest.warns(UserWarning, match=r"u\.csv names no columns: they are taken in the order of the fit"):
        codes = model.transform(open_table(tmp_path / "u.csv", header=False))
    np.testing.assert_array_equal(codes, model.transform(tmp_path / "t.csv")[:2])


def test_at_use_a_file_is_read_by_the_types_of_the_fit(tmp_path: Path) -> None:
    fit = {
        "code": ["1", "2", "X"] * 4,
        "yes": ["true", "false", "unknown"] * 4,
        "x": ["1", "2", "3"] * 4,
        "d": ["01/31/2024", "02/03/2024", ""] * 4,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = csv(tmp_path, fit)
        model = isthmus.Autoencoder(1, encoder=(3,), max_epochs=1).fit(path)
    model.save(tmp_path / "m.safetensors")
    schema = isthmus.load(tmp_path / "m.safetensors").fitted_.reader.schema
    assert [(c.kind, c.format) for c in schema.columns] == [
        *([("categorical", None)] * 2),
        *(("numeric", None), ("datetime", "%m/%d/%Y"), ("numeric", None)),
    ]
    use = {"code": ["1", "2"], "yes": ["true", "false"], "x": ["1.5", "NA"], "d": ["01/02/2024", "02/03/2024"]}
    path = csv(tmp_path, {name: use[name] for name in ("d", "x", "yes", "code")}, ";", "u.csv")
    source = model.open_rows(path)
    rows, codes = np.concatenate(list(source.blocks(9))), [c.values for c in schema.columns]  # noqa: PD011
    assert rows[:, 0].tolist() == [codes[0].index(value) for value in ("1", "2")]
    assert rows[:, 1].tolist() == [codes[1].index(value) for value in ("true", "false")]
    np.testing.assert_array_equal(rows[:, 2], [1.5, np.nan])
    assert rows[0, 3] == pd.Timestamp("2024-01-02").timestamp()  # with the month first, as in the fit
    csv(tmp_path, use | {"x": ["hello", "1"]}, name="v.csv")
    with pytest.raises(
        InvalidData, match=r"^column 'x': expected numbers; got text \('hello', row 0\)\. Correct it, or "
    ):
        model.transform(tmp_path / "v.csv")


def test_a_schema_of_before_has_no_formats() -> None:
    fields = {
        "kind": "datetime",
        "name": "d",
        "type": "date32[day]",
        "own": None,
        "values": [],
        "rest": None,
        "declared": None,
    }
    assert from_json([fields]).columns[0].format is None
    assert from_json([fields | {"format": "%d.%m.%Y"}]).columns[0].format == "%d.%m.%Y"
    with pytest.raises(InvalidPart, match=r"^the format of a column must be one of dates, or null\. Got '%Q'"):
        from_json([fields | {"format": "%Q"}])


def test_cells_that_are_not_new_are_written_as_they_were_read(tmp_path: Path) -> None:
    text = '"id";day;zip;n;x;"t"\r\n"1";05.03.2013;00501;3; 1.234,50;"a ""b"";"\r\n"2";;02134;NA;;"ä"\r\n'
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode("cp1252"))
    with pytest.warns(UserWarning, match="is read as cp1252"):
        source: Any = open_table(path)
    frame, kept = source.whole(), io.BytesIO()
    source.write(kept, frame, np.zeros((2, 6), bool))
    assert kept.getvalue() == path.read_bytes()
    is_new = np.zeros((2, 6), bool)
    is_new[1, [1, 3, 4]] = True
    frame.loc[1, ["day", "n", "x"]] = [pd.Timestamp("2013-04-06"), 4.0, 1000.0 / 3]
    filled = io.BytesIO()
    source.write(filled, frame, is_new)
    assert filled.getvalue().decode("cp1252") == text.replace('2";;02134;NA;;', '2";06.04.2013;02134;4;333,33;')


def test_many_columns_are_read_in_time_that_grows_with_their_number(tmp_path: Path) -> None:
    def seconds(count: int) -> float:
        names = ",".join(f"c{i}" for i in range(count))
        path = tmp_path / f"{count}.csv"
        path.write_text("\n".join([names, *[",".join(["1.5"] * count)] * 3]))
        return min(_time(path) for _ in range(2))

    assert seconds(4000) < 12 * seconds(1000)  # of four times as many; it was 16 times where each name was counted


def _time(path: Path) -> float:
    import time

    began = time.process_time()
    open_table(path).row  # noqa: B018 -- it looks at all columns
    return time.process_time() - began
