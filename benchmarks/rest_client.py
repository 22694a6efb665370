"""One client in its process: argv its name, address, epic. For each line "job count" on stdin it says what that took.

Jobs: ``decode`` (the body of 1,000 prices to typed rows or a frame), ``login`` (a client made and logged in),
``market``, ``positions``, ``day`` (login, market, positions, 1,000 prices, logout), ``serial`` and ``parallel`` (a
market of a slow server, by one thread or by eight). Standard library at module level: each client has an environment of
its own.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

FOLDER = sys.path.pop(0)  # whose lightstreamer.py would be found in the place of a peer's package
NAME, URL, EPIC = sys.argv[1:]
KEY, USER, PASSWORD, ACCOUNT = "benchkey", "benchuser", "benchpassword", "ABC123"
ROWS = 1000
Job = Callable[[], object]


def fetched(path: str, version: int) -> bytes:
    request = urllib.request.Request(f"{URL}{path}", headers={"VERSION": str(version)})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        return answer.read()


def ours(body: bytes) -> dict[str, Job]:
    from datetime import datetime, timedelta, timezone

    from ig_sdk import IGClient, IGConfig
    from ig_sdk.rest.prices.decode import decode_prices
    from ig_sdk.types import Resolution

    config = IGConfig(
        base_url=URL, api_key=KEY, identifier=USER, password=PASSWORD, history={"cache": "none"},
        # The limiter works as always, and has nothing to wait for, since the others have none.
        limits={"non_trading_per_minute": 10**6, "trading_per_minute": 10**6, "historical_points_per_week": 10**9},
    )  # fmt: skip
    now = datetime.now(timezone.utc)

    def logged_in() -> IGClient:
        client = IGClient(config)
        client.login()
        return client

    def day() -> None:
        with IGClient(config) as client:
            client.login()
            client.markets.get(EPIC)
            client.positions.list()
            assert len(client.history.prices(EPIC, "MINUTE", points=ROWS)) == ROWS

    client = logged_in()
    return {
        "decode": lambda: decode_prices(
            body, EPIC, Resolution.MINUTE, now=now, local_offset=lambda: timedelta(0)
        ).candles[ROWS - 1],
        "login": logged_in,
        "market": lambda: client.markets.get(EPIC),
        "positions": client.positions.list,
        "day": day,
        "slow": lambda: client.markets.get(f"SLOW.{EPIC}"),
    }


def dataclasses_json(body: bytes) -> dict[str, Job]:
    sys.path.append(FOLDER)
    from rest_models import Prices

    return {"decode": lambda: Prices.from_dict(json.loads(body)).prices[ROWS - 1].open_price.bid}


def trading_ig(body: bytes) -> dict[str, Job]:
    import trading_ig.rest
    from trading_ig import IGService

    trading_ig.rest.D_BASE_URL["bench"] = URL
    text = body.decode()

    def logged_in() -> IGService:
        service = IGService(USER, PASSWORD, KEY, acc_type="bench", acc_number=ACCOUNT)
        service.create_session(version="2")
        return service

    def day() -> None:
        service = logged_in()
        service.fetch_market_by_epic(EPIC)
        service.fetch_open_positions()
        found = service.fetch_historical_prices_by_epic(EPIC, "1Min", numpoints=ROWS, pagesize=0, wait=0)
        assert len(found["prices"]) == ROWS
        service.logout()

    service = logged_in()
    return {
        "decode": lambda: service.format_prices(service.parse_response(text)["prices"], "3").iloc[ROWS - 1],
        "login": logged_in,
        "market": lambda: service.fetch_market_by_epic(EPIC),
        "positions": service.fetch_open_positions,
        "day": day,
    }


def ig_trading_lib(body: bytes) -> dict[str, Job]:
    import ig_trading_lib.core
    from ig_trading_lib import IG, Environment, IGConfig, SessionCredentials
    from ig_trading_lib.operations.markets import PricesQuery, PricesResponse

    ig_trading_lib.core.IGConfig.base_url = property(lambda _config: URL)
    config = IGConfig(
        environment=Environment.DEMO, credentials=SessionCredentials(KEY, USER, PASSWORD), account_id=ACCOUNT
    )

    def logged_in() -> IG:
        client = IG(config)
        client.__enter__()
        client._transport._ensure_authenticated()  # noqa: SLF001 -- what its first call begins with
        return client

    def day() -> None:
        with IG(config) as client:
            calls = client.operations
            calls.markets.get(EPIC)
            calls.positions.list()
            found = calls.prices.list(EPIC, PricesQuery(resolution="MINUTE", max_points=ROWS, page_size=0))
            assert len(found.prices) == ROWS
            calls.session.delete()

    calls = logged_in().operations
    return {
        "decode": lambda: PricesResponse.model_validate(json.loads(body)).prices[ROWS - 1],
        "login": logged_in,
        "market": lambda: calls.markets.get(EPIC),
        "positions": calls.positions.list,
        "day": day,
    }


def ig_trading(body: bytes) -> dict[str, Job]:
    from ig_trading import Client
    from ig_trading.prices import v3

    def logged_in() -> Client:
        client = Client(api_key=KEY, username=USER, password=PASSWORD, url=URL)
        client.login()
        return client

    def day() -> None:
        with Client(api_key=KEY, username=USER, password=PASSWORD, url=URL) as client:
            client.markets.get(EPIC)
            client.positions.list()
            assert len(client.prices.get(EPIC, num_points=ROWS, page_size=0).prices) == ROWS

    client = logged_in()
    return {
        "decode": lambda: v3.Prices.model_validate(json.loads(body)).prices[ROWS - 1],
        "login": logged_in,
        "market": lambda: client.markets.get(EPIC),
        "positions": client.positions.list,
        "day": day,
    }


CLIENTS = {
    "ours": ours,
    "dataclasses-json": dataclasses_json,
    "trading-ig": trading_ig,
    "ig-trading-lib": ig_trading_lib,
    "ig-trading": ig_trading,
}


def measured(jobs: dict[str, Job], name: str, count: int) -> dict[str, float]:
    job = jobs["slow" if name in ("serial", "parallel") else name]
    threads = 8 if name == "parallel" else 1
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: job(), range(threads)))  # connections are made, imports are done
        wall, cpu = time.perf_counter(), time.process_time()
        if threads == 1:
            for _ in range(count):
                job()
        else:
            list(pool.map(lambda _: job(), range(count)))
        return {"wall": (time.perf_counter() - wall) / count, "cpu": (time.process_time() - cpu) / count}


def main() -> None:
    jobs = CLIENTS[NAME](fetched(f"/prices/{EPIC}", 3))
    print(json.dumps({"jobs": list(jobs)}), flush=True)
    for line in sys.stdin:
        name, count = line.split()
        print(json.dumps(measured(jobs, name, int(count))), flush=True)
    os._exit(0)  # some clients' threads never end by themselves


if __name__ == "__main__":
    main()
