"""Streams are read as they were written, on every machine; those that are damaged are refused."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from isthmus import Codec, ModelFileError
from isthmus.codec.container import BLOCK, ENTRY, MAGIC, TAIL, Stream, checksum, write_stream
from isthmus.codec.entropy import Interval, IntervalReader, IntervalWriter, Reader, Writer
from mixed_table import FIXTURES, make_table

DAMAGES = 1000


def test_golden_streams_are_read_and_written_again(kept: Codec) -> None:
    """What stands in the repository was written once; every machine must read it, and write the same rows."""
    expected = make_table(60, seed=1)
    stream = (FIXTURES / "lossless.isth").read_bytes()
    pd.testing.assert_frame_equal(kept.decompress(stream), expected)
    rows = [bytes.fromhex(line) for line in (FIXTURES / "lossless_rows.txt").read_text().split()]
    pd.testing.assert_frame_equal(kept.decompress_rows(rows), expected)
    assert kept.compress_rows(expected) == rows


def test_a_thousand_damaged_streams_are_refused(kept: Codec) -> None:
    """Cut, with a bit flipped, with bytes between, with parts exchanged: each is one sentence."""
    stream = (FIXTURES / "lossless.isth").read_bytes()
    random = np.random.Generator(np.random.Philox(9))
    for place in range(DAMAGES):
        damaged = damage(stream, random, place % 4)
        with pytest.raises(ModelFileError) as caught:
            kept.decompress(damaged)
        assert len(str(caught.value).split(". ")) <= 2


def damage(stream: bytes, random: np.random.Generator, kind: int) -> bytes:
    place = int(random.integers(len(stream)))
    if kind == 0:
        return stream[:place]
    if kind == 1:
        return stream[:place] + bytes([stream[place] ^ 1 << int(random.integers(8))]) + stream[place + 1 :]
    if kind == 2:
        return stream[:place] + random.bytes(int(random.integers(1, 9))) + stream[place:]
    length = int(random.integers(1, 30))
    changed = stream[:place] + random.bytes(length) + stream[place + length :]
    return changed if changed != stream else b""


def forge(kept: Codec, change: Callable[[bytes], bytes]) -> bytes:
    """Return a stream whose block is another, with all checksums right."""
    import io

    opened = Stream((FIXTURES / "lossless.isth").read_bytes())
    sink = io.BytesIO()
    write_stream(sink, opened.header, b"", [(change(opened.block(0)), 60)])
    return sink.getvalue()


def test_forged_blocks_end_in_a_sentence_or_in_a_table(kept: Codec) -> None:
    """Whoever knows how checksums are made can write any values, but nothing worse."""
    random = np.random.Generator(np.random.Philox(2))
    for place in range(120):
        forged = forge(kept, lambda block, kind=place % 4: damage(block, random, kind))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                restored = kept.decompress(forged)
            except ModelFileError as error:
                assert "damaged" in str(error)  # noqa: PT017 -- either is right
            else:
                assert restored.shape == (60, 7)


def test_forged_sizes_take_no_memory(kept: Codec) -> None:
    opened = Stream((FIXTURES / "lossless.isth").read_bytes())
    model = opened.header["model"]
    whole = (FIXTURES / "lossless.isth").read_bytes()
    first = opened.entries[0].start
    for length, rows in ((2**20 + 1, 60), (opened.entries[0].length, 2**16 + 1), (2**31, 1), (5, 0)):
        entry = ENTRY.pack(length, rows)
        tail = TAIL.pack(1, rows, checksum(entry, f"index {rows} {first} {model}"), b"\x89end")
        with pytest.raises(ModelFileError, match=r"a block is larger than any may be|its blocks do not fill it"):
            Stream(whole[: -TAIL.size - ENTRY.size] + entry + tail)
    header = struct.pack("<8sHI8s", MAGIC, 1, 2**31, b"") + whole[22:]
    with pytest.raises(ModelFileError, match="its header is longer than all of it"):
        Stream(header)
    newer = whole[:8] + struct.pack("<H", 3) + whole[10:]
    with pytest.raises(
        ModelFileError, match=r"^the stream is of version 3; this isthmus reads up to 2: install a newer isthmus"
    ):
        Stream(newer)
    with pytest.raises(ModelFileError, match=r"^the stream is none that a codec has written"):
        Stream(b"PK\3\4")
    assert BLOCK.size == 12


def test_blocks_know_their_place(kept: Codec) -> None:
    table = make_table(40)
    import io

    opened = Stream(kept.compress(table))
    other = Stream(kept.compress(table[::-1].reset_index(drop=True)))
    sink = io.BytesIO()
    write_stream(sink, opened.header, b"", [(opened.block(0), 40), (other.block(0), 40)])
    two = sink.getvalue()
    assert len(kept.decompress(two)) == 80
    first, second = Stream(two).entries
    a = two[first.start : second.start]
    b = two[second.start : second.start + second.length + BLOCK.size]
    if len(a) == len(b):
        swapped = two[: first.start] + b + a + two[second.start + len(b) :]
        with pytest.raises(ModelFileError, match="the checksum of block 0 does not fit its content"):
            kept.decompress(swapped)


@pytest.mark.parametrize("is_alone", [False, True])
def test_what_coders_write_they_read(is_alone: bool) -> None:
    random = np.random.Generator(np.random.Philox(4))
    weights = (random.random((43, 9)) ** 6 * 1000).round()
    symbols = random.integers(0, 9, 43)
    sizes = np.concatenate([2 ** random.integers(0, 62, 40), [1, 65_536, 65_537]])
    values = (random.random(43) * sizes).astype(np.int64)
    out = IntervalWriter(43) if is_alone else Writer()
    out.rows = np.arange(43)
    out.symbols(weights, symbols)
    out.wide(sizes, values)
    if isinstance(out, Writer):
        out.flush()
    back = Reader(out.to_bytes()) if isinstance(out, Writer) else IntervalReader(out.messages())
    back.rows = out.rows
    assert (back.symbols(weights, None) == symbols).all()
    assert (back.wide(sizes, None) == values).all()
    assert back.is_finished if isinstance(back, Reader) else not back.unfinished


def test_the_number_of_an_interval_by_hand() -> None:
    """All of [0, 1) needs no byte; [1/4, 3/4) begins with 0x40 of 256; 2^-17 and 2^-25 need two and four bytes."""
    interval = Interval()
    assert interval.to_bytes() == b""
    interval.narrow(1, 2, 4)
    assert interval.to_bytes() == b"\x40"
    interval.narrow(0, 1, 65_536)
    assert interval.to_bytes() == b"\x40\0"
    interval.narrow(1, 1, 256)
    assert len(interval.to_bytes()) == 4


def test_one_row_takes_no_byte_more_than_its_bits() -> None:
    """Ten symbols of 1/8: 30 bits, four bytes."""
    out = IntervalWriter(1)
    out.rows = np.zeros(10, np.int64)
    out.uniform(np.full(10, 8), np.arange(10) % 8)
    assert len(out.messages()[0]) == 4
