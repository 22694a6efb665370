"""Loggers by component, correlation ids, and the filter that keeps secrets out of every record.

The library logs under ``ig_sdk.<component>`` and sets up nothing by itself; files only if asked for (``to_files``).
It adds no silent handler either: where an application has configured no logging, Python prints warnings and errors to
standard error.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from ig_sdk.redaction import redact

ROOT = "ig_sdk"
COMPONENTS = ("rest", "auth", "stream", "prices", "pipeline", "simulator")

_NO_CORRELATION = "-"
_correlation: ContextVar[str] = ContextVar("ig_sdk_correlation", default=_NO_CORRELATION)


class RedactionFilter(logging.Filter):
    """Replaces secrets in a record's message and traceback, and stamps the correlation id on it."""

    _plain = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; never drops one."""
        if not hasattr(record, "correlation_id"):
            record.correlation_id = _correlation.get()
            _count(record.levelno)
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            # The logging module reports a bad format string; its arguments must not be shown here.
            message = f"{record.msg} (arguments do not fit)"
        record.msg, record.args = redact(message), ()
        if record.exc_info and not record.exc_text:
            # Formatters print exc_text unchanged if there is one.
            record.exc_text = self._plain.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return True


@dataclass(frozen=True)
class LogCounts:
    """How often trouble was logged in this process.

    Attributes:
        warnings: Warnings.
        errors: Errors, and worse.
    """

    warnings: int = 0
    errors: int = 0


_counts_lock = threading.Lock()  # guards the next one; a leaf
_counts = LogCounts()


def counts() -> LogCounts:
    """Return how often the library logged trouble in this process, whether or not anybody shows it."""
    return _counts


def _count(level: int) -> None:
    global _counts  # noqa: PLW0603 -- logging belongs to the process, and so do its counts
    if level >= logging.WARNING:
        with _counts_lock:
            errors = level >= logging.ERROR
            _counts = LogCounts(_counts.warnings + (not errors), _counts.errors + errors)


def get_logger(component: str) -> logging.Logger:
    """Return the logger of one component: ``"rest"`` gives ``ig_sdk.rest``, redacted.

    Logger filters do not reach child loggers, so each component's own logger carries the filter.
    """
    logger = logging.getLogger(f"{ROOT}.{component}")
    for item in list(logger.filters):
        # A reloaded module (notebooks, coverage) finds the filter of its earlier copy, with other correlation ids.
        if type(item).__name__ == RedactionFilter.__name__ and not isinstance(item, RedactionFilter):
            logger.removeFilter(item)
    if not any(isinstance(item, RedactionFilter) for item in logger.filters):
        logger.addFilter(RedactionFilter())
    return logger


class Repeats:
    """Tells the same trouble once, then only how often it came again: after 10, 100, 1000 ... times.

    Args:
        logger: Where it is told.

    Threading:
        Safe from any thread; the lock is a leaf.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._log = logger
        self._lock = threading.Lock()
        self._counts: dict[object, int] = {}

    def error(self, message: str, error: BaseException) -> None:
        """Tell an exception with its traceback; the same kind from the same line is only counted from then on."""
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        line = None if where is None else (where.tb_frame.f_code.co_filename, where.tb_lineno)
        count = self._count((message, type(error), line))
        if count == 1:
            self._log.error("%s", message, exc_info=error)
        elif _is_round(count):
            self._log.error("%s: %s raised again %d times", message, type(error).__name__, count - 1)

    def warning(self, key: object, message: str) -> None:
        """Tell a warning; the next ones with the same ``key`` are only counted."""
        count = self._count(key)
        if count == 1:
            self._log.warning("%s", message)
        elif _is_round(count):
            self._log.warning("%s (%d times more since it was first told)", message, count - 1)

    def _count(self, key: object) -> int:
        with self._lock:
            if key not in self._counts and len(self._counts) >= _KINDS:
                key = None  # so many kinds are one kind
            self._counts[key] = count = self._counts.get(key, 0) + 1
        return count


_KINDS = 1_000


def _is_round(count: int) -> bool:
    """Whether this is the 10th, 100th, 1000th ... repetition."""
    return count > 10 and str(count - 1).strip("0") == "1"


def correlation_id() -> str:
    """Return the correlation id of this thread's records; ``"-"`` if there is none."""
    return _correlation.get()


@contextlib.contextmanager
def correlation(identity: str | None = None) -> Iterator[str]:
    """Give all records of this thread one id; an outer id stays in force unless ``identity`` is given.

    Args:
        identity: The id; a random one unless given.
    """
    outer = _correlation.get()
    chosen = identity or (outer if outer != _NO_CORRELATION else os.urandom(4).hex())
    token = _correlation.set(chosen)
    try:
        yield chosen
    finally:
        _correlation.reset(token)


class TextFormatter(logging.Formatter):
    """``time level [correlation] (component) message``, times in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text."""
        tail = "\n" + record.exc_text if record.exc_text else ""
        return (
            f"{_stamp(record)} {record.levelname} [{getattr(record, 'correlation_id', _NO_CORRELATION)}] "
            f"({_component(record)}) {record.getMessage()}{tail}"
        )


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``ts``, ``level``, ``component``, ``correlation_id``, ``message``, ``exception``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        fields = {
            "ts": _stamp(record),
            "level": record.levelname,
            "component": _component(record),
            "correlation_id": getattr(record, "correlation_id", _NO_CORRELATION),
            "message": record.getMessage(),
        }
        if record.exc_text:
            fields["exception"] = record.exc_text
        return json.dumps(fields, ensure_ascii=False)


def _stamp(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, tz=timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _component(record: logging.LogRecord) -> str:
    return record.name.removeprefix(f"{ROOT}.")


_files_lock = threading.Lock()  # guards the next one; held over no I/O but opening a file
_users: dict[logging.FileHandler, int] = {}  # of each file that is written: how many clients asked for it


def to_files(
    directory: str | Path, *, level: str = "INFO", rotation_mb: float = 100.0, as_json: bool = False, backups: int = 5
) -> Callable[[], None]:
    """Write each component's records to a rotating file ``<directory>/<component>.log``.

    Args:
        directory: Folder; created if missing.
        level: Lowest level to write.
        rotation_mb: Size at which a file is rotated.
        as_json: One JSON object a line instead of text.
        backups: Rotated files to keep.

    Returns:
        A function that stops the writing and closes the files; calling it again does nothing.

    Raises:
        OSError: The folder or a file cannot be written.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    opened: list[tuple[logging.Logger, logging.FileHandler]] = []
    with _files_lock:
        for component in COMPONENTS:
            logger = get_logger(component)
            handler = _join_file(logger, folder / f"{component}.log", int(rotation_mb * 1_000_000), backups)
            handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
            handler.setLevel(level)
            opened.append((logger, handler))

    def stop() -> None:
        with _files_lock:
            while opened:
                logger, handler = opened.pop()
                _users[handler] -= 1
                if not _users[handler]:
                    del _users[handler]
                    logger.removeHandler(handler)
                    _end(handler)

    return stop


def _join_file(logger: logging.Logger, path: Path, size: int, backups: int) -> logging.FileHandler:
    """Return the handler that already writes this file, else a new one: two would rotate it under each other."""
    for shared in _users:
        if shared in logger.handlers and Path(shared.baseFilename) == path.absolute():
            _users[shared] += 1
            return shared
    # Few applications write files, and the module brings sockets and pickle.
    from logging.handlers import RotatingFileHandler  # noqa: PLC0415

    # delay: a component that logs nothing leaves no empty file
    handler = RotatingFileHandler(path, maxBytes=max(size, 1), backupCount=backups, encoding="utf-8", delay=True)
    handler.addFilter(RedactionFilter())
    handler.handleError = _say_once(handler, path)  # type: ignore[assignment] # the class is imported only here
    logger.addHandler(handler)
    _users[handler] = 1
    return handler


def _end(handler: logging.Handler) -> None:
    # A full disk is found when what is buffered is written: it costs the records, not whoever closes.
    with contextlib.suppress(OSError, ValueError):
        handler.close()


def _say_once(handler: logging.Handler, path: Path) -> Callable[[logging.LogRecord], None]:
    """Return what to do about a record that cannot be written: a line for the first, no traceback for each."""
    usual, said = handler.handleError, threading.Event()

    def handle(record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            usual(record)
        elif not said.is_set() and sys.stderr is not None:
            said.set()
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(f"ig_sdk cannot write to {path}: {error.strerror}; records are lost until it can\n")

    return handle


def _hold_files() -> None:
    """Let no thread be in the middle of a line when the process forks: the child could never write to that file."""
    _held.extend(_users)
    for handler in _held:
        handler.acquire()


def _let_files_go() -> None:
    while _held:
        _held.pop().release()


def _begin_anew() -> None:
    """Forget in the child what other threads of the parent held."""
    global _counts_lock  # noqa: PLW0603 -- the copy of a lock that is held is never let go
    _held.clear()
    _counts_lock = threading.Lock()


_held: list[logging.FileHandler] = []
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    # In the child logging itself makes the locks of all handlers new.
    os.register_at_fork(before=_hold_files, after_in_parent=_let_files_go, after_in_child=_begin_anew)


def set_level(level: str) -> None:
    """Set the level of all ``ig_sdk`` loggers."""
    logging.getLogger(ROOT).setLevel(level)
