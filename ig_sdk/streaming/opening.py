"""How each kind of item is made, and what a stream of it has counted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ig_sdk.clock import Clock
from ig_sdk.config import IGConfig
from ig_sdk.errors import UsageError
from ig_sdk.lightstreamer import StatusChanged
from ig_sdk.streaming.accounts.content import account_plan
from ig_sdk.streaming.candles.content import CandleUpdates, candle_plan
from ig_sdk.streaming.channel import Reader
from ig_sdk.streaming.line import Line
from ig_sdk.streaming.prices.feeds import FEEDS, epic_of
from ig_sdk.streaming.prices.market import PriceCounts, Prices, price_plan
from ig_sdk.streaming.readers import Readers
from ig_sdk.streaming.shared import SharedItem
from ig_sdk.streaming.updates import UpdateCounts, Updates


def markets_of(epics: str | Iterable[str], what: str) -> tuple[list[str], list[str]]:
    """Return the markets as they were named, and as epics, each once."""
    names = [epics] if isinstance(epics, str) else list(epics)
    wanted = list(dict.fromkeys(epic_of(name) for name in names))
    if not wanted:
        raise ValueError(f"{what}() needs at least one market")
    return names, wanted


def prices_of(epic: str) -> str:
    """Return what the price item of a market is called among the connection's."""
    return f"prices {epic}"


def price_item(epic: str, config: IGConfig, clock: Clock, turn: threading.Lock, wake: Callable[[], None]) -> SharedItem:
    """Make the item of a market's prices."""
    feed, readers = FEEDS[config.stream.price_source], Readers()
    prices = Prices(
        epic,
        feed,
        readers,
        kept=config.live.tick_buffer_size,
        patience_s=config.live.heartbeat_interval_s,
        clock=clock,
        threshold=config.live.data_quality_threshold,
        per_second=config.live.max_ticks_per_second,
        wake=wake,
    )
    plan = price_plan(epic, feed, config.live.max_ticks_per_second)
    return SharedItem(plan, prices, readers, clock=clock, turn=turn, wake=wake)


def candle_item(epic: str, scale: str, clock: Clock, turn: threading.Lock, wake: Callable[[], None]) -> SharedItem:
    """Make the item of a market's candles of one scale."""
    readers = Readers()
    content = CandleUpdates(epic, scale, readers, clock)
    return SharedItem(candle_plan(epic, scale), content, readers, clock=clock, turn=turn, wake=wake)


def update_item(kind: type[Updates], clock: Clock, turn: threading.Lock, wake: Callable[[], None]) -> SharedItem:
    """Make an item of the account."""
    readers = Readers()
    return SharedItem(account_plan(kind), kind(readers, clock), readers, clock=clock, turn=turn, wake=wake)


def prices_in(line: Line, market: str, market_epic: Callable[[str], str]) -> Prices:
    """Return the prices of a market that somebody reads.

    Raises:
        UsageError: Nobody does.
    """
    epic = epic_of(market)
    item = line.item(prices_of(epic)) or line.item(prices_of(market_epic(market)))
    if item is None or not isinstance(item.content, Prices):
        raise UsageError(f"nobody streams the prices of {epic}", hint=f"open them first: prices([{market!r}])")
    return item.content


def counting_prices(reader: Reader, items: Sequence[SharedItem]) -> Callable[[], dict[str, PriceCounts]]:
    """Return what tells the counts of a reader's markets from now on."""
    before = {item.name: _prices_of(item) for item in items}

    def counts() -> dict[str, PriceCounts]:
        return {item.name: _for_reader(reader, item, before[item.name]) for item in items}

    return counts


def counting(reader: Reader, items: Sequence[SharedItem]) -> Callable[[], dict[str, UpdateCounts]]:
    """Return what tells the counts of a reader's other items from now on."""
    before = {item: _updates_of(item) for item in items}

    def counts() -> dict[str, UpdateCounts]:
        return {item.name: _updates_of(item, reader).since(before[item]) for item in items}

    return counts


def call(keeps: object, callback: Callable[[StatusChanged], object], event: StatusChanged) -> None:
    """Call a status callback; as long as the line knows this call, what it ``keeps`` lives."""
    del keeps
    callback(event)


def end(line: Line, user: object, readers: set[Reader]) -> None:
    """End what a forgotten stream left open."""
    for reader in list(readers):
        reader.close()
        line.release(reader)
    line.leave(user)


def _prices_of(item: SharedItem) -> PriceCounts:
    assert isinstance(item.content, Prices)
    return replace(item.content.counts(), lost=item.lost, gaps=item.gaps)


def _for_reader(reader: Reader, item: SharedItem, before: PriceCounts) -> PriceCounts:
    counts = _prices_of(item).since(before)
    ticks = counts.ticks + (item.name in reader.greeted)
    return replace(counts, ticks=ticks, lost=counts.lost + reader.lost.get(item.name, 0))


def _updates_of(item: SharedItem, reader: Reader | None = None) -> UpdateCounts:
    assert isinstance(item.content, Updates)
    dropped = reader.lost.get(item.name, 0) if reader is not None else 0
    return replace(item.content.counts(), lost=item.lost + dropped, gaps=item.gaps)
