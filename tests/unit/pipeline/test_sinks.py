"""Sinks: one JSON object a line, one log line a record, and an outlet that never raises."""

from __future__ import annotations

import json
import logging
import math
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ig_sdk.errors import UsageError
from ig_sdk.pipeline import Action, JsonLinesSink, LogSink, Signal, Sink
from ig_sdk.pipeline.sinks import Outlet, as_json, resolution_name
from ig_sdk.streaming import Gap
from ig_sdk.types import Candle, Ohlc, Resolution

T0 = datetime(2025, 1, 6, 10, 0, tzinfo=timezone.utc)
CANDLE = Candle("E", Resolution.MINUTE, T0, 1.0, 2.0, 0.5, 1.5, None, 7, True, Ohlc(1.0, 2.0, 0.5, 1.5), None)
SIGNAL = Signal(Action.BUY, "E", T0, 1.5, "crossed", {"fast": 1.25})


def test_json_lines_are_objects_of_their_own(tmp_path: Path) -> None:
    """Everything is on disk when write returns; the file is appended to, not replaced."""
    path = tmp_path / "out.jsonl"
    path.write_text('{"type":"before"}\n', encoding="utf-8")
    with JsonLinesSink(path) as sink:
        assert isinstance(sink, Sink)
        for number, record in enumerate((CANDLE, SIGNAL, Gap("E", None, T0, "é\n")), 2):
            sink.write(record)
            assert len(path.read_text(encoding="utf-8").splitlines()) == number
    _, candle, signal, gap = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    assert candle == {
        "type": "candle",
        "epic": "E",
        "resolution": "MINUTE",
        "opens_at": "2025-01-06T10:00:00+00:00",
        "open": 1.0,
        "high": 2.0,
        "low": 0.5,
        "close": 1.5,
        "volume": None,
        "ticks": 7,
        "complete": True,
        "bid": {"open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5},
        "offer": None,
        "gap": False,
    }
    assert (signal["type"], signal["action"], signal["values"]) == ("signal", "BUY", {"fast": 1.25})
    assert (gap["type"], gap["reason"], gap["seconds"]) == ("gap", "é\n", None)


def test_resolution_names_can_be_read_back() -> None:
    """IG's name where there is one, else the length."""
    for text in ("MINUTE_5", "90s", "1d", "7m"):
        length = Resolution.parse(text)
        assert Resolution.parse(resolution_name(length)) == length
    assert resolution_name(timedelta(seconds=90)) == "90s"


def test_closed_sink_says_so(tmp_path: Path) -> None:
    """Closing twice is fine, writing afterwards is not."""
    sink = JsonLinesSink(tmp_path / "out.jsonl")
    sink.close()
    sink.close()
    assert sink.path == tmp_path / "out.jsonl"
    with pytest.raises(UsageError, match="closed"):
        sink.write(CANDLE)


def test_unwritable_file_is_told_at_once(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(UsageError, match=r"absent.*out\.jsonl"):
        JsonLinesSink(tmp_path / "absent" / "out.jsonl")


def test_what_is_no_json_leaves_the_file_unchanged(tmp_path: Path) -> None:
    """Neither numbers that JSON has not, nor records that are none."""
    with JsonLinesSink(tmp_path / "out.jsonl") as sink:
        for bad in (Signal(Action.BUY, "E", T0, math.nan), "text", 7, {"a": 1}):
            with pytest.raises(ValueError):
                sink.write(bad)
        assert not sink.path.read_text(encoding="utf-8")


def test_any_value_of_an_event_is_written() -> None:
    """What JSON does not know becomes text."""
    record = as_json(Signal(Action.EXIT, "E", T0, 1.0, values={"x": [Path("a"), (1, None)]}))  # type: ignore[dict-item]
    assert record["values"] == {"x": ["a", [1, None]]}


def test_log_sink_writes_a_line_for_each(caplog: pytest.LogCaptureFixture) -> None:
    """Candles, signals and events, on the logger and level asked for."""
    sink = LogSink("ig_sdk.pipeline.test", level=logging.WARNING)
    with caplog.at_level(logging.WARNING, "ig_sdk.pipeline.test"):
        for record in (CANDLE, SIGNAL, Gap("E", 2.0, T0)):
            sink.write(record)
    sink.close()
    candle, signal, gap = caplog.messages
    assert candle == "E MINUTE 2025-01-06T10:00:00+00:00 open 1 high 2 low 0.5 close 1.5 ticks 7"
    assert signal == "E BUY 2025-01-06T10:00:00+00:00 at 1.5: crossed"
    assert gap.startswith("Gap(")
    with caplog.at_level(logging.ERROR, "ig_sdk.pipeline.test"):
        sink.write(CANDLE)
    assert len(caplog.messages) == 3


class Broken:
    def write(self, record: object) -> None:
        raise OSError("disk full")

    def close(self) -> None:
        raise OSError("still full")


def test_outlet_never_raises(caplog: pytest.LogCaptureFixture, new_sink) -> None:
    """A sink that fails is logged with its traceback and counted; the others get their records."""
    kept = new_sink()
    outlet = Outlet([Broken(), kept])
    outlet.write(CANDLE)
    outlet.close()
    assert (kept.records, kept.closed) == ([CANDLE], 1)
    assert outlet.errors == 2
    assert all(record.exc_info for record in caplog.records)
    assert caplog.messages == ["Broken.write() failed", "Broken.close() failed"]
