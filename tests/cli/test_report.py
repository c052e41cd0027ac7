"""`isthmus report` as a user would call it."""

import json
import re

import isthmus


def test_a_page_is_written(call, frame, tmp_path):
    frame["label"] = ["u", "v"] * 30
    frame.to_csv("data.csv", index=False)
    isthmus.AnomalyDetector(isthmus.Autoencoder(2, encoder=(4,), max_epochs=2)).fit(frame.drop(columns="label")).save(
        "m"
    )
    result = call("report", "m", "data.csv", "--label-column", "label", "--language", "ru", "--out", "page.html")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("page.html: 60 rows (")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "isthmus report m data.csv --out page.html" in page
    said = json.loads(re.search(r'id="isthmus-report">(.*)</script>', page)[1])
    assert [column["name"] for column in said["columns"]] == ["a", "b", "c", "d", "e"]


def test_a_report_is_a_page(refused, frame):
    frame.to_csv("data.csv", index=False)
    isthmus.Autoencoder(2, encoder=(4,), max_epochs=2).fit(frame).save("m")
    assert "html" in refused("report", "m", "data.csv", "--out", "page.pdf")
