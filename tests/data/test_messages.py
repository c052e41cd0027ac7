"""Messages name what is wrong, and not what stands beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus import InvalidData
from isthmus.data.sources import open_table
from tiny import X, autoencoder


def test_of_numbers_too_large_the_largest_is_named() -> None:
    """Where a mean is drawn away by one of them, all others are far from it too."""
    wild = X.copy()
    wild[7, 1] = 1e25
    with pytest.raises(InvalidData, match=r"^column 1 holds 1e\+25, too large to compute with"):
        autoencoder(scaling="center").fit(wild)


def test_a_damaged_header_of_numpy_is_told_in_words(tmp_path: Path) -> None:
    path = tmp_path / "evil.npy"
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': print(1)}"
    header += b" " * (118 - len(header) - 1) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(InvalidData) as caught:
        open_table(path)
    assert str(caught.value).endswith("cannot be read as a NumPy file: its header is damaged")


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.csv").symlink_to(tmp_path / "absent.csv")
    with pytest.raises(InvalidData, match=r"x\.csv is a link to .*absent\.csv, where there is no file\.$"):
        open_table(tmp_path / "x.csv")
