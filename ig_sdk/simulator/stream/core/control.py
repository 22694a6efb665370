"""Control requests and messages on one session. Pure.

Each operation first checks everything and raises ``StreamRefusal``, then returns the action that follows ``REQOK``,
so that the answer precedes the notifications.

Source:
    TLCP.md sections 8 and 9; C-169 to C-189.
"""

from __future__ import annotations

from collections.abc import Callable

from ig_sdk.lightstreamer.tlcp.codec.notifications import Conf, Subcmd, Subok, Unsub
from ig_sdk.simulator.refusals import StreamRefusal
from ig_sdk.simulator.stream.core import requests as read
from ig_sdk.simulator.stream.core.channels import Feeds
from ig_sdk.simulator.stream.core.requests import Parameters
from ig_sdk.simulator.stream.core.session import StreamSession
from ig_sdk.simulator.stream.core.subscription import ServerSubscription
from ig_sdk.simulator.stream.items.adapter import Layout

Action = Callable[[], None]

_MPN = frozenset({"register", "reset_badge", "activate", "pn_reconf", "deactivate"})


def control(session: StreamSession, parameters: Parameters, feeds: Feeds, now: float) -> Action:
    """Check a ``control`` request and return what it does.

    Raises:
        StreamRefusal: It cannot be done.
    """
    operation = read.required(parameters, "LS_op")
    if operation in _MPN:
        raise StreamRefusal(40, "MPN disabled")
    prepare = _OPERATIONS.get(operation)
    if prepare is None:
        raise StreamRefusal(65, "Unknown LS_op")
    return prepare(session, parameters, feeds, now)


def message(session: StreamSession, parameters: Parameters, now: float) -> Action:
    """Check a ``msg`` request and return what it does.

    Raises:
        StreamRefusal: It cannot be done.
    """
    text = read.message(parameters)
    session.messages.check(text)
    return lambda: session.messages.take(text, now)


def _add(session: StreamSession, parameters: Parameters, feeds: Feeds, now: float) -> Action:
    number = read.subscription_number(parameters)
    if number in session.subscriptions:
        raise StreamRefusal(65, "LS_subId already in use")
    spec = read.subscription_spec(parameters)
    frequency = read.frequency(parameters, unfiltered=True) or "unlimited"
    buffer_size = read.buffer_size(parameters, spec.mode)
    rows = read.snapshot_rows(parameters, spec.mode)
    layout = feeds.adapter.layout(spec)
    _check_limit(session, layout)
    # An unfiltered subscription has no buffer of its own size (section 8.1).
    if frequency == "unfiltered":
        buffer_size = None
    subscription = ServerSubscription(session, number, spec.mode, layout, frequency=frequency, buffer_size=buffer_size)
    return lambda: _start(session, subscription, feeds, rows, now)


def _check_limit(session: StreamSession, layout: Layout) -> None:
    limit = session.options.max_items
    taken = sum(len(subscription.layout.items) for subscription in session.subscriptions.values())
    if limit is not None and taken + len(layout.items) > limit:
        # IG's limit of 40; its code was not found and is ours (IG-SPECIFICS sections 10 and 11).
        raise StreamRefusal(-1, f"Subscription limit of {limit} items exceeded")


def _start(
    session: StreamSession, subscription: ServerSubscription, feeds: Feeds, rows: int | None, now: float
) -> None:
    layout = subscription.layout
    session.subscriptions[subscription.number] = subscription
    number, items, fields = subscription.number, len(layout.items), len(layout.fields)
    if layout.key is not None and layout.command is not None:
        session.data(Subcmd(number, items, fields, layout.key, layout.command).encode(), now)
    else:
        session.data(Subok(number, items, fields).encode(), now)
    _confirm(subscription, now)
    feeds.attach(subscription)
    if rows == 0:
        return
    for index, channel in enumerate(layout.channels):
        known = feeds.adapter.snapshot(channel)
        most = 1 if subscription.mode == "MERGE" else (len(known) if rows is None else rows)
        subscription.open_snapshot(index, known[max(len(known) - most, 0) :], now)


def _confirm(subscription: ServerSubscription, now: float) -> None:
    filtering = "filtered" if subscription.filtered else "unfiltered"
    conf = Conf(subscription.number, subscription.frequency_text, filtering)
    subscription.session.data(conf.encode(), now)


def _subscription(session: StreamSession, parameters: Parameters) -> ServerSubscription:
    subscription = session.subscriptions.get(read.subscription_number(parameters))
    if subscription is None:
        raise StreamRefusal(19, "Subscription not found")
    return subscription


def _delete(session: StreamSession, parameters: Parameters, feeds: Feeds, now: float) -> Action:
    subscription = _subscription(session, parameters)

    def delete() -> None:
        del session.subscriptions[subscription.number]
        feeds.detach(subscription)
        session.data(Unsub(subscription.number).encode(), now)

    return delete


def _reconf(session: StreamSession, parameters: Parameters, feeds: Feeds, now: float) -> Action:
    del feeds
    subscription = _subscription(session, parameters)
    wanted = read.frequency(parameters, unfiltered=False)
    if subscription.frequency == "unfiltered":
        raise StreamRefusal(13, "The subscription is unfiltered")

    def reconf() -> None:
        # RAW is not limited, the request is ignored there (section 8.3); CONF states what is in force.
        if wanted is not None and subscription.mode != "RAW":
            subscription.reconfigure(wanted)
        _confirm(subscription, now)
        subscription.pump(now)

    return reconf


def _constrain(session: StreamSession, parameters: Parameters, feeds: Feeds, now: float) -> Action:
    del feeds
    bandwidth = read.bandwidth(parameters)

    def constrain() -> None:
        session.bandwidth = bandwidth or session.bandwidth
        session.put_bandwidth(now)

    return constrain


def _force_rebind(session: StreamSession, parameters: Parameters, feeds: Feeds, now: float) -> Action:
    del feeds
    pause_ms = read.integer(parameters, "LS_polling_millis", 0) or 0
    close_socket = read.flag(parameters, "LS_close_socket", default=False)
    pause_ms = min(pause_ms, session.options.polling_max_ms)
    return lambda: session.loop(0, now, keep_ms=pause_ms, close_socket=close_socket)


def _destroy(session: StreamSession, parameters: Parameters, feeds: Feeds, now: float) -> Action:
    del feeds
    code, text = read.destroy_cause(parameters)
    close_socket = read.flag(parameters, "LS_close_socket", default=False)
    return lambda: session.end(code, text, now, close_socket=close_socket)


_OPERATIONS: dict[str, Callable[[StreamSession, Parameters, Feeds, float], Action]] = {
    "add": _add,
    "delete": _delete,
    "reconf": _reconf,
    "constrain": _constrain,
    "force_rebind": _force_rebind,
    "destroy": _destroy,
}
