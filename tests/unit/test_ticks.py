"""Readers of tick files."""

from __future__ import annotations

import gzip
import zipfile
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.errors import DecodeError
from ig_sdk.ticks import check_ticks, read_ticks
from ig_sdk.types import Tick

EPIC = "CS.D.EURUSD.MINI.IP"


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)


def read(text: str) -> list[Tick]:
    return list(read_ticks(text.splitlines(keepends=True), epic=EPIC))


FORMS = {
    "truefx": ("EUR/USD,20090501 00:00:00.473,1.32373,1.32379\n", utc(2009, 5, 1, 0, 0, 0, 473_000)),
    "nautilus": (
        "timestamp,bid,ask\n2013-01-01 22:00:00.295000+00:00,1.32373,1.32379\n",
        utc(2013, 1, 1, 22, 0, 0, 295_000),
    ),
    "histdata": ("20250101 170014647,1.32373,1.32379,0\n", utc(2025, 1, 1, 22, 0, 14, 647_000)),
    "histdata without volume": ("20250701 170014647,1.32373,1.32379\n", utc(2025, 7, 1, 22, 0, 14, 647_000)),
    "iso": ("time,bid,offer\n2025-01-01T22:00:14.647Z,1.32373,1.32379\n", utc(2025, 1, 1, 22, 0, 14, 647_000)),
    "iso with offset": ("time,bid,offer\n2025-01-01T23:30:14+01:30,1.32373,1.32379\n", utc(2025, 1, 1, 22, 0, 14)),
    "iso with negative offset": (
        "time,bid,offer\n2025-01-01T17:00:14-0500,1.32373,1.32379\n",
        utc(2025, 1, 1, 22, 0, 14),
    ),
    "iso without zone": ("time,bid,offer\n2025-01-01 22:00,1.32373,1.32379\n", utc(2025, 1, 1, 22)),
    "nanoseconds": (
        "time,bid,offer\n2025-01-01T22:00:14.123456789Z,1.32373,1.32379\n",
        utc(2025, 1, 1, 22, 0, 14, 123_456),
    ),
    "one digit": ("time,bid,offer\n2025-01-01T22:00:14.5Z,1.32373,1.32379\n", utc(2025, 1, 1, 22, 0, 14, 500_000)),
    "epoch": ("time,bid,offer\n1735768814647,1.32373,1.32379\n", utc(2025, 1, 1, 22, 0, 14, 647_000)),
    "other order": ("size, Ask ,BID,Time\n7,1.32379,1.32373,1735768814647\n", utc(2025, 1, 1, 22, 0, 14, 647_000)),
    "no header": ("1735768814647,1.32373,1.32379\n", utc(2025, 1, 1, 22, 0, 14, 647_000)),
    "quoted": ('"time","bid","offer"\n"1735768814647","1.32373","1.32379"\n', utc(2025, 1, 1, 22, 0, 14, 647_000)),
    "crlf and blank lines": (
        "\r\ntime,bid,offer\r\n\r\n1735768814647,1.32373,1.32379\r\n\r\n",
        utc(2025, 1, 1, 22, 0, 14, 647_000),
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_recognised_by_its_content(form):
    """A row of each form gives the same prices and its own time in UTC."""
    text, time = FORMS[form]
    assert read(text) == [Tick(EPIC, 1.32373, 1.32379, time, time, "file")]


def test_histdata_is_est_in_summer_as_well():
    """HistData never observes daylight saving: July is five hours behind UTC, too."""
    assert read("20250701 235959999,1.1,1.2,0\n")[0].time == utc(2025, 7, 2, 4, 59, 59, 999_000)


def test_equal_times_stay_in_the_order_of_the_file():
    """Several quotes in one millisecond are all kept, in order."""
    ticks = read("1735768814647,1.1,1.2\n1735768814647,1.3,1.4\n1735768814647,1.2,1.3\n")
    assert [tick.bid for tick in ticks] == [1.1, 1.3, 1.2]


def test_crossed_quotes_are_passed_on():
    """Judging prices is not the reader's business."""
    assert read("time,bid,offer\n1735768814647,1.4,1.2\n")[0].spread < 0


def test_received_at_is_asked_for_each_tick():
    """A caller that replays ticks says when each of them arrived."""
    moments = iter([utc(2030, 1, 1), utc(2030, 1, 2)])
    lines = ["1735768814647,1.1,1.2\n", "1735768814648,1.1,1.2\n"]
    ticks = list(read_ticks(lines, epic=EPIC, received=lambda: next(moments)))
    assert [tick.received_at for tick in ticks] == [utc(2030, 1, 1), utc(2030, 1, 2)]


def test_sides_are_never_exchanged_in_silence() -> None:
    """Rows with the offer first and no header are refused; the message shows the line to add, and with it they read."""
    rows = "1735768814647,1.32379,1.32373\n1735768814648,1.32378,1.32374\n"
    with pytest.raises(DecodeError, match="time,ask,bid"):
        read(rows)
    assert [(t.bid, t.offer) for t in read("time,ask,bid\n" + rows)] == [(1.32373, 1.32379), (1.32374, 1.32378)]
    with pytest.raises(DecodeError, match="time,ask,bid"):  # a crossed first row does not hide it for long
        read("1735768814646,1.32373,1.32379\n" + rows)


def test_zero_is_the_last_price_of_its_side() -> None:
    """MetaTrader writes 0 for a side that did not change; at the beginning there is nothing to take."""
    head = "time,bid,offer\n"
    ticks = read(head + "1735768814647,1.1,1.2\n1735768814648,0,1.3\n1735768814649,1.15,0.0\n")
    assert [(t.bid, t.offer) for t in ticks] == [(1.1, 1.2), (1.1, 1.3), (1.15, 1.3)]
    with pytest.raises(DecodeError, match="unchanged"):
        read(head + "1735768814647,0,1.2\n")


@pytest.mark.parametrize(
    "text",
    [
        "\ufefftime,bid,offer\n2025-01-06,1.1,1.2\n",
        ",bid,ask\n2025-01-06 00:00:00,1.1,1.2\n",
        "date,bid,ask\n2025-01-06,1.1,1.2\n",
    ],
)
def test_what_pandas_and_editors_write_is_read(text: str) -> None:
    """A mark before the first line, an index without a name, dates only."""
    assert [(t.bid, t.offer, t.time) for t in read(text)] == [(1.1, 1.2, utc(2025, 1, 6))]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("time;bid;offer\n", "semicolons"),
        ("time,bid,offer\n1735768814,1.1,1.2\n", "epoch seconds"),
        ("time,bid,offer\n1735768814647000,1.1,1.2\n", "epoch microseconds"),
        ("time,bid,offer\n01/06/2025 10:00,1.1,1.2\n", "day or month first"),
    ],
)
def test_a_refusal_says_why(text: str, reason: str) -> None:
    """The delimiter, the unit of the times, day or month first."""
    with pytest.raises(DecodeError, match=reason):
        read(text)


def test_utf_16_is_named(tmp_path) -> None:
    """Windows tools write it; the message says what to do."""
    (tmp_path / "a.csv").write_text("time,bid,offer\n", encoding="utf-16")
    with pytest.raises(DecodeError, match="UTF-16"):
        read_ticks(tmp_path / "a.csv", epic=EPIC)


def test_zips_of_a_mac_and_a_lone_text_file_are_read(tmp_path) -> None:
    """What a Mac adds does not count; one .txt alone is the file."""
    for name, more in (("a.csv", ["__MACOSX/._a.csv", ".DS_Store"]), ("a.txt", [])):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr(name, "1735768814647,1.1,1.2\n")
            for other in more:
                archive.writestr(other, "x")
        assert len(list(read_ticks(tmp_path / "a.zip", epic=EPIC))) == 1


BAD = {
    "unordered": ("1735768814647,1.1,1.2\n1735768814646,1.1,1.2\n", 2, "time goes back"),
    "no number": ("time,bid,offer\n1735768814647,1.1,1.2\n1735768814648,x,1.2\n", 3, "'x' is no price"),
    "nan": ("1735768814647,1.1,1.2\n1735768814648,nan,1.2\n", 2, "'nan' is no price"),
    "infinite": ("1735768814647,1.1,inf\n", 1, "'inf' is no price"),
    "underscore": ("1735768814647,1_1,1.2\n", 1, "'1_1' is no price"),
    "empty price": ("1735768814647,1.1,\n", 1, "'' is no price"),
    "too few columns": ("1735768814647,1.1,1.2\n1735768814648,1.1\n", 2, "2 columns are too few"),
    "bad time": ("1735768814647,1.1,1.2\nyesterday,1.1,1.2\n", 2, "'yesterday' is neither"),
    "seconds": ("time,bid,offer\n1735768814,1.1,1.2\n", 2, "neither an ISO time nor epoch milliseconds"),
    "month 13": ("20251301 170014647,1.1,1.2,0\n", 1, "month must be in 1..12"),
    "offset of a day": ("2025-01-01T22:00:14+25:00,1.1,1.2\n", 1, "no offset from UTC"),
    "truefx time": ("EUR/USD,20090501 00:00:00.473,1.1,1.2\nEUR/USD,20090501 000000473,1.1,1.2\n", 2, "no TrueFX time"),
    "histdata time": ("20250101 170014647,1.1,1.2,0\n2025,1.1,1.2,0\n", 2, "no HistData time"),
    "two pairs": ("EUR/USD,20090501 00:00:00.473,1.1,1.2\nGBP/USD,20090501 00:00:00.473,1.1,1.2\n", 2, "'GBP/USD'"),
    "unknown form": ("open,high,low,close\n1,2,3,4\n", 1, "no form of tick file"),
    "unclosed quote": ('time,bid,offer\n"1735768814647,1.1,1.2\n', 2, "no CSV text"),
    "empty": ("", 0, "holds no ticks"),
    "header only": ("time,bid,offer\n", 1, "holds no ticks"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_file_is_refused_with_its_line(fault, tmp_path):
    """The error names file and line, what is wrong and what is allowed."""
    text, line, reason = BAD[fault]
    path = tmp_path / "bad.csv"
    path.write_text(text, newline="")
    with pytest.raises(DecodeError) as caught:
        list(read_ticks(path, epic=EPIC))
    assert caught.value.path == f"bad.csv:{line}"
    assert reason in caught.value.message
    assert "allowed" in str(caught.value)


@pytest.mark.parametrize("content", [b"\x7fELF\x02\x01\x01\x00\xd0", b"\x00\x00\x00\x00"])
def test_a_binary_file_is_refused(content, tmp_path):
    """Bytes that are no text end in a DecodeError, too."""
    path = tmp_path / "ls"
    path.write_bytes(content)
    with pytest.raises(DecodeError):
        read_ticks(path, epic=EPIC)


def test_a_missing_file_is_told_at_once(tmp_path):
    """Opening does not wait for the first tick."""
    with pytest.raises(DecodeError, match=r"no\.csv cannot be read: No such file"):
        read_ticks(tmp_path / "no.csv", epic=EPIC)
    with pytest.raises(DecodeError, match="cannot be read"):
        read_ticks(tmp_path, epic=EPIC)


def test_packed_files_are_unpacked(tmp_path):
    """``.gz`` and ``.zip`` (one CSV beside other files, as HistData packs them) read like the file inside."""
    text = "20250101 170014647,1.1,1.2,0\n"
    with gzip.open(tmp_path / "a.csv.gz", "wt") as packed:
        packed.write(text)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("status.txt", "gaps: none")
        archive.writestr("DAT_ASCII.csv", text)
    assert list(read_ticks(tmp_path / "a.csv.gz", epic=EPIC)) == read(text)
    assert list(read_ticks(tmp_path / "a.zip", epic=EPIC)) == read(text)


def test_broken_packed_files_are_refused(tmp_path):
    """A truncated or foreign archive, or one without a CSV, ends in a DecodeError."""
    (tmp_path / "a.zip").write_bytes(b"PK not really")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"20250101 170014647,1.1,1.2,0\n" * 100)[:-20])
    (tmp_path / "b.csv.gz").write_bytes(b"no gzip")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing here")
    for name in ("a.zip", "a.csv.gz", "b.csv.gz", "c.zip"):
        with pytest.raises(DecodeError):
            list(read_ticks(tmp_path / name, epic=EPIC))


def test_a_byte_order_mark_is_skipped(tmp_path):
    """Files saved by spreadsheets begin with one."""
    path = tmp_path / "bom.csv"
    path.write_bytes(b"\xef\xbb\xbftime,bid,offer\n1735768814647,1.1,1.2\n")
    assert len(list(read_ticks(path, epic=EPIC))) == 1


def test_reading_is_lazy():
    """Only the rows asked for are read: a file may be larger than the memory."""
    taken = []

    def rows():
        for number in range(10**9):
            taken.append(number)
            yield f"{1735768814647 + number},1.1,1.2\n"

    ticks = read_ticks(rows(), epic=EPIC)
    assert next(ticks).bid == 1.1
    assert len(taken) < 10


def test_an_open_file_is_named_in_errors(tmp_path):
    """An open file is read from its position, and errors name it."""
    path = tmp_path / "open.csv"
    path.write_text("1735768814647,1.1,1.2\nx,1.1,1.2\n")
    with path.open() as file, pytest.raises(DecodeError) as caught:
        list(read_ticks(file, epic=EPIC))
    assert caught.value.path == "open.csv:2"


def test_closing_early_closes_the_file(tmp_path):
    """A reader that stops in the middle leaves no file open (a warning would fail this test)."""
    path = tmp_path / "ticks.csv"
    path.write_text("1735768814647,1.1,1.2\n1735768814648,1.1,1.2\n")
    ticks = read_ticks(path, epic=EPIC)
    next(ticks)
    ticks.close()


def test_check_ticks_reads_as_far_as_asked(tmp_path):
    """The check returns the first tick and finds a fault in the rows that it looks at, not beyond."""
    path = tmp_path / "late.csv"
    path.write_text("1735768814647,1.1,1.2\n1735768814648,1.1,1.2\nx,1.1,1.2\n")
    assert check_ticks(path, epic=EPIC, rows=2).bid == 1.1
    with pytest.raises(DecodeError):
        check_ticks(path, epic=EPIC)
    with pytest.raises(DecodeError):
        check_ticks(path, epic=EPIC, rows=3)


TICKS = st.lists(
    st.tuples(
        st.integers(0, 10**12).map(lambda ms: utc(1980, 1, 1) + timedelta(milliseconds=ms)),
        st.floats(1e-6, 1e6),
        st.floats(1e-6, 1e6),
    ),
    min_size=1,
    max_size=20,
).map(sorted)

WRITERS = {
    "truefx": lambda time: f"EUR/USD,{time:%Y%m%d %H:%M:%S}.{time.microsecond // 1000:03}",
    "histdata": lambda time: f"{time - timedelta(hours=5):%Y%m%d %H%M%S}{time.microsecond // 1000:03}",
    "iso": lambda time: time.isoformat(),
    "epoch": lambda time: str((time - utc(1970, 1, 1)) // timedelta(milliseconds=1)),
}


@pytest.mark.parametrize("form", WRITERS)
@given(rows=TICKS)
def test_what_was_written_is_read(form, rows):
    """Times and prices survive a file of each form, to the millisecond and the last digit."""
    lines = [f"{WRITERS[form](time)},{bid!r},{offer!r}\n" for time, bid, offer in rows]
    if form in ("iso", "epoch"):
        lines.insert(0, "time,bid,offer\n")
    ticks = list(read_ticks(lines, epic=EPIC))
    assert [(tick.time, tick.bid, tick.offer) for tick in ticks] == rows


@given(st.lists(st.text(max_size=60), max_size=8))
def test_any_text_is_read_or_refused(lines):
    """For any content of a file, only a DecodeError is raised."""
    try:
        ticks = list(read_ticks(lines, epic=EPIC))
    except DecodeError:
        return
    assert all(before.time <= after.time for before, after in pairwise(ticks))


@pytest.mark.parametrize(
    ("name", "rows", "first"),
    [
        ("origin/DAT_ASCII_EURUSD_T_202501.csv", 6336, utc(2025, 1, 1, 22, 0, 14, 647_000)),
        ("nautilus/histdata/eurusd-202001-ticks-EST.csv", 9500, utc(2020, 1, 1, 22, 0, 0, 65_000)),
        ("nautilus/truefx/usdjpy-ticks.csv", 1000, utc(2013, 1, 1, 22, 0, 0, 295_000)),
    ],
)
def test_recorded_files_are_read_whole(shared, name, rows, first):
    """Every row of the recorded files is a tick (data/INDEX.md counts them)."""
    ticks = list(read_ticks(shared / "data" / name, epic=EPIC))
    assert len(ticks) == rows
    assert ticks[0].time == first
