"""Log files: one for each component, and one correlation id through REST, login and stream."""

from __future__ import annotations

import json
import re
from itertools import islice
from pathlib import Path

from ig_sdk import IGClient, logs
from ig_sdk.simulator import Simulator

EPIC = "CS.D.EURUSD.MINI.IP"


def take_ticks(ig: IGClient) -> None:
    with ig.stream() as stream, stream.prices([EPIC]) as prices:
        assert len(list(islice(iter(prices), 2))) == 2


def test_one_id_goes_through_rest_and_stream(tmp_path: Path) -> None:
    """What is done under one correlation id is found under it in the files of login, REST calls and stream."""
    settings = {"directory": str(tmp_path), "level": "DEBUG", "json": True}
    with Simulator(speed=20) as sim, logs.correlation("morning-run"), sim.client(logging=settings) as ig:
        ig.market("EURUSD").quote()
        take_ticks(ig)
    for component in ("rest", "auth", "stream"):
        lines = [json.loads(line) for line in (tmp_path / f"{component}.log").read_text().splitlines()]
        assert {line["correlation_id"] for line in lines} == {"morning-run"}, component


def test_a_stream_without_an_id_makes_one(tmp_path: Path) -> None:
    """The records of a stream, and of the login that it needs, belong together by an id of their own."""
    with Simulator(speed=20) as sim, sim.client(logging={"directory": str(tmp_path), "level": "DEBUG"}) as ig:
        take_ticks(ig)
    ids = {
        name: set(re.findall(r"\[([^\]]+)\] \(", (tmp_path / f"{name}.log").read_text())) for name in ("auth", "stream")
    }
    assert len(ids["stream"]) == 1
    assert ids["stream"] <= ids["auth"]
    assert ids["stream"] != {"-"}


def test_files_are_rotated(tmp_path: Path) -> None:
    """A file that has grown to its size is put aside, and a number of those is kept."""
    stop = logs.to_files(tmp_path, level="INFO", rotation_mb=0.001, backups=2)
    logger = logs.get_logger("rest")
    before = logger.level
    logger.setLevel("INFO")
    try:
        for number in range(100):
            logger.info("line %d %s", number, "x" * 60)
    finally:
        logger.setLevel(before)
        stop()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rest.log", "rest.log.1", "rest.log.2"]
    assert all(path.stat().st_size <= 1_200 for path in tmp_path.iterdir())
