"""Loggers, redaction, correlation ids, files."""

from __future__ import annotations

import errno
import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ig_sdk import logs

CANARY = "canary7f3a"


def test_records_are_redacted_in_every_part(caplog: pytest.LogCaptureFixture) -> None:
    """Message, arguments and traceback of a record hold no secret, also for handlers of the application."""
    logger = logs.get_logger("rest")
    with caplog.at_level(logging.DEBUG, "ig_sdk"):
        logger.info("sent %s", {"password": CANARY})
        try:
            int(f"password={CANARY}")
        except ValueError:
            logger.exception("failed with X-SECURITY-TOKEN: %s", CANARY)
    assert len(caplog.records) == 2
    assert CANARY not in caplog.text
    assert "ValueError" in caplog.text
    assert all(CANARY not in str(record.__dict__.get("args")) for record in caplog.records)


def test_arguments_that_do_not_fit_do_not_leak(caplog: pytest.LogCaptureFixture) -> None:
    """A wrong format string loses the arguments, not the record."""
    with caplog.at_level(logging.DEBUG, "ig_sdk"):
        logs.get_logger("rest").info("%s %s", CANARY)
    assert "do not fit" in caplog.text
    assert CANARY not in caplog.text


def test_who_configured_nothing_hears_warnings_once_and_then_their_number() -> None:
    """Without any handler Python prints to stderr: redacted, a traceback once, then counts; nothing below WARNING."""
    code = (
        "from ig_sdk import logs\n"
        "log = logs.get_logger('pipeline'); repeats = logs.Repeats(log)\n"
        "log.info('quiet')\n"
        "for number in range(101):\n"
        "    try: 1 / 0\n"
        "    except ZeroDivisionError as error: repeats.error('on_tick failed, password=canary7f3a', error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr.count("Traceback") == 1
    assert done.stderr.count("on_tick failed") == 3
    assert "raised again 100 times" in done.stderr
    assert "quiet" not in done.stderr
    assert CANARY not in done.stderr


def test_every_logger_of_the_library_is_redacted() -> None:
    """No module takes a logger past ``get_logger``, which puts the filter on it."""
    package = Path(logs.__file__).parent
    takers = [path.name for path in package.rglob("*.py") if 'getLogger("ig_sdk' in path.read_text(encoding="utf-8")]
    assert takers == []


def test_warnings_are_told_once_for_each_key(caplog: pytest.LogCaptureFixture) -> None:
    """The first, the 10th repetition, the 100th; another key counts by itself."""
    repeats = logs.Repeats(logs.get_logger("pipeline"))
    for _ in range(101):
        repeats.warning("a", "odd")
    repeats.warning("b", "odd too")
    assert len(caplog.records) == 4


def test_one_filter_a_logger() -> None:
    """Asking for a logger again does not filter twice."""
    logger = logs.get_logger("rest")
    assert logs.get_logger("rest") is logger
    assert sum(isinstance(item, logs.RedactionFilter) for item in logger.filters) == 1


def test_a_reloaded_module_takes_over() -> None:
    """The filter of a former copy of the module, as a notebook leaves it, is replaced."""
    former = type("RedactionFilter", (logging.Filter,), {})()
    logger = logging.getLogger("ig_sdk.rest")
    logger.addFilter(former)
    logs.get_logger("rest")
    assert former not in logger.filters
    assert sum(isinstance(item, logs.RedactionFilter) for item in logger.filters) == 1


def test_correlation_ids_nest_and_end(caplog: pytest.LogCaptureFixture) -> None:
    """Records within one block share an id; another thread has its own."""
    logger = logs.get_logger("rest")
    other: list[str] = []
    with caplog.at_level(logging.DEBUG, "ig_sdk"), logs.correlation() as outer:
        with logs.correlation() as inner:
            logger.info("inside")
        thread = threading.Thread(target=lambda: other.append(logs.correlation_id()), name="test-other")
        thread.start()
        thread.join(5)
        with logs.correlation("mine"):
            assert logs.correlation_id() == "mine"
    assert inner == outer != "-"
    assert other == ["-"]
    assert logs.correlation_id() == "-"
    assert caplog.records[0].correlation_id == outer  # type: ignore[attr-defined]


@pytest.fixture
def loud() -> Iterator[None]:
    """The library's loggers let everything through, and are put back."""
    root = logging.getLogger("ig_sdk")
    before = root.level
    logs.set_level("DEBUG")
    yield
    root.setLevel(before)


@pytest.mark.usefixtures("loud")
def test_files_by_component(tmp_path: Path) -> None:
    """Each component writes its own file, redacted, until it is stopped."""
    stop = logs.to_files(tmp_path / "log", level="DEBUG")
    with logs.correlation("abcd"):
        logs.get_logger("rest").info("password=%s", CANARY)
        logs.get_logger("auth").debug("hello")
    stop()
    stop()
    logs.get_logger("rest").info("too late")
    assert sorted(file.name for file in (tmp_path / "log").iterdir()) == ["auth.log", "rest.log"]
    line = (tmp_path / "log" / "rest.log").read_text(encoding="utf-8")
    assert "INFO [abcd] (rest) password=***" in line
    assert "too late" not in line
    assert not [h for h in logging.getLogger("ig_sdk.rest").handlers if isinstance(h, logging.FileHandler)]


@pytest.mark.usefixtures("loud")
def test_files_as_json(tmp_path: Path) -> None:
    """The JSON form is one object a line, traceback included."""
    stop = logs.to_files(tmp_path, as_json=True)
    try:
        int("odd")
    except ValueError:
        logs.get_logger("auth").exception("failed\nbadly")
    stop()
    (line,) = (tmp_path / "auth.log").read_text(encoding="utf-8").splitlines()
    record = json.loads(line)
    assert record["ts"].endswith("Z")
    assert (record["level"], record["component"], record["message"]) == ("ERROR", "auth", "failed\nbadly")
    assert "ValueError: invalid literal" in record["exception"]


@pytest.mark.usefixtures("loud")
def test_one_file_for_two_who_ask(tmp_path: Path) -> None:
    """Two clients with one folder write each record once, and the file closes with the last."""
    first, second = logs.to_files(tmp_path), logs.to_files(tmp_path)
    logs.get_logger("rest").info("one")
    first()
    logs.get_logger("rest").info("two")
    second()
    assert (tmp_path / "rest.log").read_text(encoding="utf-8").count("\n") == 2


@pytest.mark.usefixtures("loud")
def test_files_rotate(tmp_path: Path) -> None:
    """A file that is full is put aside."""
    stop = logs.to_files(tmp_path, rotation_mb=0.0005)
    for number in range(20):
        logs.get_logger("rest").info("record number %d of a file that is full soon", number)
    stop()
    assert (tmp_path / "rest.log.1").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_full_disk_costs_the_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither logging nor the end of it fails; one line says what is lost, and the other files are closed too."""
    (tmp_path / "rest.log").symlink_to("/dev/full")
    stop = logs.to_files(tmp_path)
    for component in ("rest", "auth", "rest"):
        logs.get_logger(component).warning("something happened")
    stop()
    assert capsys.readouterr().err.count("cannot write to") == 1
    assert "something happened" in (tmp_path / "auth.log").read_text()
    assert not any(isinstance(each, logging.FileHandler) for each in logs.get_logger("rest").handlers)


def test_a_file_that_fails_when_it_is_closed(tmp_path: Path) -> None:
    """What the disk refuses at the very end is nobody's error either."""

    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    stop = logs.to_files(tmp_path)
    (handler,) = (each for each in logs.get_logger("rest").handlers if isinstance(each, logging.FileHandler))
    handler.stream = Full()  # type: ignore[assignment] # what a file is to a handler
    stop()
    assert handler not in logs.get_logger("rest").handlers


def test_trouble_is_counted_whether_or_not_it_is_shown() -> None:
    """Warnings and errors of every component count once each, also where files are written; what is less does not."""
    before = logs.counts()
    logger = logs.get_logger("rest")
    logger.info("all is well")
    logger.warning("look here")
    logger.error("this failed")
    logs.get_logger("stream").critical("this failed badly")
    after = logs.counts()
    assert (after.warnings - before.warnings, after.errors - before.errors) == (1, 2)


def test_a_record_that_is_written_to_a_file_counts_once(tmp_path: Path) -> None:
    """The file's handler cleans the record again, and does not count it again."""
    stop = logs.to_files(tmp_path)
    before = logs.counts()
    try:
        logs.get_logger("rest").warning("once")
    finally:
        stop()
    assert logs.counts().warnings - before.warnings == 1
