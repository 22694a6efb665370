"""Readers of tick files: TrueFX, HistData and plain ``time,bid,offer`` CSV, one row at a time."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import islice
from pathlib import Path

from ig_sdk.errors import DecodeError
from ig_sdk.types import Tick

TickSource = str | os.PathLike[str] | Iterable[str]

ALLOWED = (
    "allowed are TrueFX 'EUR/USD,20090501 00:00:00.473,1.32,1.33'; HistData '20250101 170014647,1.03,1.04,0'; "
    "CSV 'time,bid,offer' (or timestamp and ask) with ISO times or epoch milliseconds"
)
_ORDER = "rows must be in the order of time; equal times are allowed"

_TRUEFX_PAIR = re.compile(r"[A-Z]{3}/[A-Z]{3}")
_TRUEFX_TIME = re.compile(r"(\d{4})(\d\d)(\d\d) (\d\d):(\d\d):(\d\d)\.(\d{3})", re.ASCII)
_HISTDATA_TIME = re.compile(r"(\d{4})(\d\d)(\d\d) (\d\d)(\d\d)(\d\d)(\d{3})", re.ASCII)
_ISO_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?(Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII | re.IGNORECASE,
)
# Twelve digits begin in 1973: shorter numbers are seconds or nonsense, longer ones are micro- or nanoseconds.
_EPOCH_MS = re.compile(r"\d{12,14}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# HistData stamps its rows in EST all year round (data/INDEX.md): daylight saving never applies.
_EST_TO_UTC = timedelta(hours=5)


def read_ticks(
    source: TickSource, *, epic: str, received: Callable[[], datetime] | None = None
) -> Generator[Tick, None, None]:
    """Return the ticks of one file, oldest first, reading as they are asked for.

    The format is recognised by the content. A file ending in ``.gz`` or ``.zip`` is unpacked while it is read.

    Args:
        source: Path of a file, an open text file, or its lines.
        epic: Market of the prices.
        received: Gives ``received_at`` of each tick; the tick's own time unless given.

    Returns:
        An iterator; the file is closed when it ends, and by its ``close()``. Crossed quotes are passed on too. A price
        of 0, which MetaTrader writes for a side that did not change, is the last one of that side. A plain CSV
        without a header has the bid first; where more rows have it above the offer than below, that is refused.

    Raises:
        DecodeError: The file cannot be opened or its format is unknown (at once); a row cannot be read, or its time
            goes back (when that row is reached). ``path`` is ``"file:line"``.

    Source:
        data/INDEX.md of the recorded data (HistData is EST without daylight saving; TrueFX is UTC).
    """
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        # A missing file or an unknown format raises now, not when the first tick is asked for.
        with _opened(path) as lines:
            next(_decoded(lines, path.name, epic, received))
        return _of_file(path, epic, received)
    name = getattr(source, "name", None)
    return _decoded(source, Path(name).name if isinstance(name, str) else "ticks", epic, received)


def check_ticks(source: TickSource, *, epic: str, rows: int | None = None) -> Tick:
    """Read a file without keeping it and return its first tick.

    Args:
        source: As for ``read_ticks``.
        epic: As for ``read_ticks``.
        rows: Read at most so many rows.

    Raises:
        DecodeError: As for ``read_ticks``, for any row that is read.
    """
    ticks = read_ticks(source, epic=epic)
    first = next(ticks)
    for _ in islice(ticks, None if rows is None else max(rows - 1, 0)):
        pass
    return first


def _of_file(path: Path, epic: str, received: Callable[[], datetime] | None) -> Generator[Tick, None, None]:
    with _opened(path) as lines:
        yield from _decoded(lines, path.name, epic, received)


@contextmanager
def _opened(path: Path) -> Iterator[io.TextIOBase]:
    unpack = {".gz": _gzip_text, ".zip": _zip_text}.get(path.suffix.lower(), _plain_text)
    try:
        with unpack(path) as lines:
            yield lines
    except (OSError, EOFError) as error:
        raise _unreadable(path, error) from error


@contextmanager
def _plain_text(path: Path) -> Iterator[io.TextIOBase]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        yield lines


@contextmanager
def _gzip_text(path: Path) -> Iterator[io.TextIOBase]:
    import gzip  # noqa: PLC0415 -- for packed files only
    import zlib  # noqa: PLC0415

    try:
        with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as lines:
            yield lines
    except zlib.error as error:
        raise _unreadable(path, error) from error


@contextmanager
def _zip_text(path: Path) -> Iterator[io.TextIOBase]:
    import zipfile  # noqa: PLC0415 -- for packed files only
    import zlib  # noqa: PLC0415

    try:
        with zipfile.ZipFile(path) as archive:
            # HistData packs a status report beside its one CSV; a Mac adds files of its own.
            named = [name for name in archive.namelist() if not name.endswith("/") and not _of_a_mac(name)]
            members = [name for name in named if name.lower().endswith(".csv")]
            if not members and len(named) == 1 and named[0].lower().endswith(".txt"):
                members = named
            if len(members) != 1:
                raise DecodeError(f"{path} holds {len(members)} CSV files instead of one", path=str(path))
            if archive.getinfo(members[0]).flag_bits & 1:
                raise DecodeError(f"{path} is locked with a password", path=str(path))
            with archive.open(members[0]) as packed, io.TextIOWrapper(packed, "utf-8-sig", newline="") as lines:
                yield lines
    except (zipfile.BadZipFile, zlib.error) as error:
        raise _unreadable(path, error) from error


def _of_a_mac(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.rsplit("/", 1)[-1].startswith("._") or name.endswith(".DS_Store")


def _unreadable(path: Path, error: Exception) -> DecodeError:
    reason = getattr(error, "strerror", None) or str(error)
    return DecodeError(f"{path} cannot be read: {reason}", path=str(path))


@dataclass(frozen=True)
class _Form:
    """Which column of a row holds what.

    Attributes:
        parse_time: Turns the text of a time into an aware UTC datetime.
        time: Column of the time.
        bid: Column of the bid.
        offer: Column of the offer.
        pair: What the first column must be in every row, or ``None``.
        guessed: No header says which side comes first.
    """

    parse_time: Callable[[str], datetime]
    time: int = 0
    bid: int = 1
    offer: int = 2
    pair: str | None = None
    guessed: bool = False

    def read(self, row: list[str], last: tuple[float, float]) -> tuple[datetime, float, float]:
        """Return time, bid and offer of one row.

        Args:
            row: Its cells.
            last: Bid and offer of the row before. MetaTrader writes 0, or nothing, for a side that did not change.

        Raises:
            ValueError: The row does not hold them.
        """
        if self.pair is not None and row[0] != self.pair:
            raise ValueError(f"the pair is {row[0][:40]!r} in a file of {self.pair!r}")
        try:
            time, bid, offer = self.parse_time(row[self.time]), _price(row[self.bid]), _price(row[self.offer])
        except IndexError:
            raise ValueError(f"{len(row)} columns are too few") from None
        bid, offer = bid or last[0], offer or last[1]
        if not bid or not offer:
            raise ValueError("a price of 0 means 'unchanged', and no price came before it")
        return time, bid, offer


def _weigh(balance: int, bid: float, offer: float) -> int:
    """Return how many more rows without a header had the bid below the offer than above it, with this row.

    Bid first and offer first (Dukascopy) both exist; a wrong guess would exchange the sides without a word.

    Raises:
        ValueError: More rows speak for the offer first.
    """
    balance += (bid < offer) - (bid > offer)
    if balance < 0:
        raise ValueError(
            "without a header this can be read two ways; put the line 'time,ask,bid' (offer first) or 'time,bid,offer' "
            "(bid first, crossed quotes) before the first row"
        )
    return balance


def _without_bom(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines without the mark that some editors put before the first."""
    for number, line in enumerate(lines):
        yield line.removeprefix("\ufeff") if not number else line


def _decoded(
    lines: Iterable[str], name: str, epic: str, received: Callable[[], datetime] | None
) -> Generator[Tick, None, None]:
    reader = csv.reader(_without_bom(lines), strict=True)
    form: _Form | None = None
    sides, balance = (0.0, 0.0), 0
    last = datetime.min.replace(tzinfo=timezone.utc)
    empty = True
    for row in _rows(reader, name):
        if form is None:
            form, is_header = _recognised(row, f"{name}:{reader.line_num}")
            if is_header:
                continue
        try:
            time, bid, offer = form.read(row, sides)
            sides = bid, offer
            if form.guessed:
                balance = _weigh(balance, bid, offer)
        except (ValueError, OverflowError) as error:
            raise _fault(f"{name}:{reader.line_num}", str(error), row) from None
        if time < last:
            reason = f"time goes back to {time.isoformat()} after {last.isoformat()}"
            raise _fault(f"{name}:{reader.line_num}", reason, row, _ORDER)
        last = time
        empty = False
        yield Tick(epic, bid, offer, time, time if received is None else received(), "file")
    if empty:
        raise DecodeError(f"{name} holds no ticks", path=f"{name}:{reader.line_num}", hint=ALLOWED)


def _rows(reader: Iterator[list[str]], name: str) -> Iterator[list[str]]:
    try:
        for row in reader:
            if row and (row[0] or any(cell.strip() for cell in row)):
                yield row
    except (csv.Error, UnicodeDecodeError) as error:
        line = getattr(reader, "line_num", 0) + isinstance(error, UnicodeDecodeError)
        where = f"{name}:{line}"
        wide = isinstance(error, UnicodeDecodeError) and bytes(error.object[:2]) in (b"\xff\xfe", b"\xfe\xff")
        what = "UTF-16 text, not UTF-8: save it as UTF-8" if wide else f"no CSV text ({error})"
        raise DecodeError(f"{where}: this is {what}", path=where, hint=ALLOWED) from error


def _fault(where: str, reason: str, row: list[str], hint: str = ALLOWED) -> DecodeError:
    return DecodeError(f"{where}: {reason}", path=where, excerpt=_excerpt(row), hint=hint)


def _excerpt(row: list[str]) -> str:
    return ",".join(row)[:80]


def _price(text: str) -> float:
    # float() also takes "nan", "inf" and "1_000", none of which is a price.
    if "_" not in text:
        try:
            price = float(text)
        except ValueError:
            price = math.nan
        if math.isfinite(price):
            return price
    raise ValueError(f"{text[:40]!r} is no price")


def _recognised(row: list[str], where: str) -> tuple[_Form, bool]:
    """Return the format of a file by its first row, and whether that row is a header."""
    first = row[0].strip()
    if _TRUEFX_PAIR.fullmatch(first):
        return _Form(_truefx_time, 1, 2, 3, pair=row[0]), False
    if _HISTDATA_TIME.fullmatch(first):
        return _Form(_histdata_time), False
    if _EPOCH_MS.fullmatch(first) or _ISO_TIME.fullmatch(first):
        return _Form(_plain_time, guessed=True), False
    names = {cell.strip().lower(): column for column, cell in reversed(list(enumerate(row)))}
    columns = [
        next((names[name] for name in wanted if name in names), None)
        for wanted in (("time", "timestamp", "datetime", "date"), ("bid",), ("offer", "ask"))
    ]
    time, bid, offer = columns
    if time is None and row[0].strip() == "" and bid is not None and offer is not None:
        time = 0  # pandas writes an index without a name so
    if time is None or bid is None or offer is None:
        raise _fault(where, _why_unknown(row), row)
    return _Form(_plain_time, time, bid, offer), True


def _why_unknown(row: list[str]) -> str:
    """Say what is most likely wrong with a first row that is of no known form."""
    text = ",".join(row)
    if len(row) == 1:
        for mark, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if mark in text:
                return f"the columns are separated by {name}, not by commas"
    if "\0" in text:
        return "this is UTF-16 text, not UTF-8: save it as UTF-8"
    return "this is no form of tick file known here"


def _why_no_time(text: str) -> str:
    unit = {10: "seconds", 16: "microseconds", 19: "nanoseconds"}.get(len(text)) if text.isdecimal() else None
    if unit is not None:
        return f"{text!r} is neither an ISO time nor epoch milliseconds: it looks like epoch {unit}"
    if re.match(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{4}", text):
        return f"{text[:40]!r} is neither an ISO time nor epoch milliseconds: day or month first is not guessed"
    return f"{text[:40]!r} is neither an ISO time nor epoch milliseconds"


def _numbers(match: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second, millis = map(int, match.groups())
    return datetime(year, month, day, hour, minute, second, millis * 1000, timezone.utc)


def _truefx_time(text: str) -> datetime:
    match = _TRUEFX_TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is no TrueFX time (yyyymmdd HH:MM:SS.mmm)")
    return _numbers(match)


def _histdata_time(text: str) -> datetime:
    match = _HISTDATA_TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is no HistData time (yyyymmdd HHMMSSmmm)")
    return _numbers(match) + _EST_TO_UTC


def _plain_time(text: str) -> datetime:
    text = text.strip()
    if _EPOCH_MS.fullmatch(text):
        return _EPOCH + timedelta(milliseconds=int(text))
    match = _ISO_TIME.fullmatch(text)
    if match is None:
        raise ValueError(_why_no_time(text))
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    micros = int((fraction or "")[:6].ljust(6, "0"))
    time = datetime(  # a time without zone is UTC
        int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micros, timezone.utc
    )
    return time - _offset(zone) if zone else time


def _offset(zone: str) -> timedelta:
    if zone in "Zz":
        return timedelta(0)
    digits = zone[1:].replace(":", "").ljust(4, "0")
    if int(digits[2:]) > 59 or int(digits[:2]) > 23:
        raise ValueError(f"{zone!r} is no offset from UTC")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return size if zone[0] == "+" else -size
