"""Where candles, signals and stream events go: a logger, JSON lines, anything with ``write`` and ``close``."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ig_sdk.errors import UsageError
from ig_sdk.logs import ROOT, Repeats, get_logger
from ig_sdk.pipeline.strategies import Signal
from ig_sdk.types import Candle, Resolution

_log = get_logger("pipeline")


@runtime_checkable
class Sink(Protocol):
    """Receives what the orchestrator produces, in order: a closed ``Candle``, then its signals that are not ``HOLD``.

    A signal that was held back comes as a ``Held`` with the reason.
    Events of the source (gaps, lost updates) are passed on as they came; a candle that is still open at the end comes
    last, with ``complete=False``.
    """

    def write(self, record: object) -> None:
        """Take one record."""
        ...

    def close(self) -> None:
        """Called once, after the last record, also after a failure."""
        ...


class LogSink:
    """Writes each record as one line of a logger.

    Args:
        logger: Its name.
        level: Level of the lines.
    """

    def __init__(self, logger: str = "ig_sdk.pipeline", *, level: int = logging.INFO) -> None:
        own = logger.startswith(f"{ROOT}.")
        self._log = get_logger(logger.removeprefix(f"{ROOT}.")) if own else logging.getLogger(logger)
        self._level = level

    def write(self, record: object) -> None:
        """Log one record."""
        if not self._log.isEnabledFor(self._level):
            return
        if isinstance(record, Candle):
            self._log.log(
                self._level,
                "%s %s %s open %.10g high %.10g low %.10g close %.10g ticks %d%s",
                record.epic,
                resolution_name(record.resolution),
                record.opens_at.isoformat(),
                record.open,
                record.high,
                record.low,
                record.close,
                record.ticks,
                "" if record.complete else " (incomplete)",
            )
        elif isinstance(record, Signal):
            self._log.log(
                self._level,
                "%s %s %s at %.10g: %s",
                record.epic,
                record.action,
                record.time.isoformat(),
                record.price,
                record.reason,
            )
        else:
            self._log.log(self._level, "%s", record)

    def close(self) -> None:
        """Do nothing: the logger belongs to the application."""


class JsonLinesSink:
    """Appends each record to a file as one line of JSON, complete when ``write`` returns.

    ``"type"`` names the record (``"candle"``, ``"signal"``, ``"gap"`` …); times are ISO 8601 with their offset, a
    resolution is IG's name or its length such as ``"90s"``.

    Args:
        path: File to append to; created if it is missing, its folder is not.

    Raises:
        UsageError: The file cannot be opened.

    Threading:
        Safe from any thread.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        try:
            self._file = self._path.open("a", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot write to {self._path}: {error.strerror or error}") from error

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def write(self, record: object) -> None:
        """Append one record.

        Raises:
            UsageError: The sink is closed.
            ValueError: The record cannot be written as JSON; the file is unchanged.
        """
        line = json.dumps(as_json(record), ensure_ascii=False, allow_nan=False) + "\n"
        with self._lock:
            if self._file.closed:
                raise UsageError(f"the sink of {self._path} is closed")
            self._file.write(line)
            self._file.flush()

    def close(self) -> None:
        """Close the file; idempotent."""
        with self._lock:
            self._file.close()

    def __enter__(self) -> JsonLinesSink:  # noqa: PYI034 -- Self needs Python 3.11
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def as_json(record: object) -> dict[str, Any]:
    """Return a candle, a signal or any other dataclass as a JSON-compatible object, its kind under ``"type"``.

    Raises:
        ValueError: It is not a dataclass.
    """
    value = _plain(record)
    if not is_dataclass(record) or not isinstance(value, dict):
        raise ValueError(f"a record is a dataclass such as Candle or Signal, not {record!r:.80}")
    return {"type": type(record).__name__.lower(), **value}


def resolution_name(length: timedelta) -> str:
    """Return IG's name of a candle length, or the length itself such as ``"90s"``; ``Resolution.parse`` reads both."""
    return length.name if isinstance(length, Resolution) else f"{int(length.total_seconds())}s"


def _plain(value: object) -> Any:
    if isinstance(value, Enum) and not isinstance(value, timedelta):
        return value.value
    if isinstance(value, timedelta):
        return resolution_name(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, (str, int, float)) else str(value)


class Outlet:
    """Several sinks as one that never raises: a failure is logged with its traceback and counted.

    Args:
        sinks: Written to in this order.
    """

    def __init__(self, sinks: Iterable[Sink]) -> None:
        self._sinks = tuple(sinks)
        self._failures = Repeats(_log)
        self.errors = 0

    def write(self, record: object) -> None:
        """Write one record to every sink."""
        for sink in self._sinks:
            self._guard(sink, "write", sink.write, record)

    def close(self) -> None:
        """Close every sink."""
        for sink in self._sinks:
            self._guard(sink, "close", sink.close)

    def _guard(self, sink: Sink, what: str, call: Callable[..., None], *arguments: object) -> None:
        try:
            call(*arguments)
        except Exception as error:  # noqa: BLE001 -- a sink is the user's: no error of it stops the run
            self.errors += 1
            self._failures.error(f"{type(sink).__name__}.{what}() failed", error)
