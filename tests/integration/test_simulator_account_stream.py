"""TRADE and ACCOUNT on the wire: what is dealt over REST arrives on the stream, in order, once."""

from __future__ import annotations

import json
import queue

from ig_sdk import IGClient, LightstreamerClient, Stop, Subscription
from ig_sdk.lightstreamer import ItemUpdate

WAIT_S = 10.0


def _next(updates: queue.Queue[ItemUpdate]) -> tuple[str, dict]:
    """The one field of a TRADE row that is not null, read."""
    update = updates.get(timeout=WAIT_S)
    ((field, text),) = [(name, value) for name, value in update.values.items() if value is not None]
    return field, json.loads(text)


def _client(ig: IGClient) -> LightstreamerClient:
    access = ig.stream_access()
    return LightstreamerClient(
        access.endpoint, user=access.user, password=access.password, protocol_versions=("2.4.0",)
    )


class Updates:
    """Keeps the updates of one item."""

    def __init__(self, mode: str, item: str, fields: list[str]) -> None:
        self.queue: queue.Queue[ItemUpdate] = queue.Queue()
        self.subscribed: queue.Queue[object] = queue.Queue()
        self.subscription = Subscription(mode, [item], fields)
        self.subscription.add_listener(self)

    def on_subscribed(self, event: object) -> None:
        self.subscribed.put(event)

    def on_update(self, update: ItemUpdate) -> None:
        self.queue.put(update)


def test_a_deal_is_told_in_order(ig_simulator):
    """Open, rest an order, cancel it, close: confirm first, then the update of the position or order."""
    with ig_simulator.client() as ig, _client(ig) as stream:
        trade = Updates("DISTINCT", f"TRADE:{ig.session.get().account_id}", ["CONFIRMS", "OPU", "WOU"])
        stream.subscribe(trade.subscription)
        trade.subscribed.get(timeout=WAIT_S)
        opened = ig.positions.open("EURUSD", "BUY", 2, stop=Stop(distance=50))
        order = ig.orders.create("GBPUSD", "BUY", 1, level="0.5")
        ig.orders.cancel(order.deal_id)
        ig.positions.close(opened.deal_id, 1)
        ig.positions.close(opened.deal_id)
        seen = [_next(trade.queue) for _ in range(10)]
    told = [(field, row["dealId"], row["status"]) for field, row in seen]
    position, resting = opened.deal_id, order.deal_id
    assert told == [
        ("CONFIRMS", position, "OPEN"),
        ("OPU", position, "OPEN"),
        ("CONFIRMS", resting, "OPEN"),
        ("WOU", resting, "OPEN"),
        ("CONFIRMS", resting, "DELETED"),
        ("WOU", resting, "DELETED"),
        ("CONFIRMS", position, "PARTIALLY_CLOSED"),
        ("OPU", position, "UPDATED"),
        ("CONFIRMS", position, "CLOSED"),
        ("OPU", position, "DELETED"),
    ]
    assert {row["dealReference"] for _, row in seen} == {opened.deal_reference, order.deal_reference}


def test_figures_follow_a_deal(ig_simulator):
    """A new subscriber is shown the account's money; a deal takes its margin from what is available."""
    with ig_simulator.client() as ig, _client(ig) as stream:
        item = f"ACCOUNT:{ig.session.get().account_id}"
        account = Updates("MERGE", item, ["FUNDS", "DEPOSIT", "AVAILABLE_TO_DEAL"])
        stream.subscribe(account.subscription)
        first = account.queue.get(timeout=WAIT_S)
        assert dict(first.values) == {"FUNDS": "10000.00", "DEPOSIT": "0.00", "AVAILABLE_TO_DEAL": "10000.00"}
        assert first.is_snapshot
        opened = ig.positions.open("EURUSD", "BUY", 1)
        margin = account.queue.get(timeout=WAIT_S)
        assert float(margin["DEPOSIT"]) > 0
        assert float(margin["AVAILABLE_TO_DEAL"]) < 10_000
        closed = ig.positions.close(opened.deal_id)
        while (last := account.queue.get(timeout=WAIT_S))["DEPOSIT"] != "0.00":
            pass
        assert float(last["FUNDS"]) == 10_000 + float(closed.profit)
        (own,) = [each for each in ig.accounts.list() if each.account_id in item]
        assert own.balance.balance == 10_000 + closed.profit


def test_another_account_is_not_told(ig_simulator):
    """What happens on one account is not seen on the other's items."""
    with ig_simulator.client() as ig, _client(ig) as stream:
        other = Updates("DISTINCT", "TRADE:XYZ987", ["CONFIRMS", "OPU", "WOU"])
        own = Updates("DISTINCT", "TRADE:ABC123", ["CONFIRMS", "OPU", "WOU"])
        for each in (other, own):
            stream.subscribe(each.subscription)
            each.subscribed.get(timeout=WAIT_S)
        ig.positions.open("EURUSD", "SELL", 1)
        assert _next(own.queue)[0] == "CONFIRMS"
        assert _next(own.queue)[0] == "OPU"
        assert other.queue.empty()
