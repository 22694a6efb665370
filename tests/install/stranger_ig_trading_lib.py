"""Drives ig-trading-lib through one day at the simulator; what it saw goes to stdout as JSON lines."""

import itertools
import json
import sys

import ig_trading_lib.core
from ig_trading_lib import IG, Environment, IGConfig, OAuthCredentials, SessionCredentials, StreamSubscription

URL, KEY, USER, PASSWORD, ACCOUNT, EPIC, VERSION = sys.argv[1:]


def tell(kind, *values):
    print(json.dumps([kind, *values], default=str), flush=True)


def plain(model):
    return model.model_dump(mode="json", by_alias=True)


ig_trading_lib.core.IGConfig.base_url = property(lambda self: URL)
kind = {"2": SessionCredentials, "3": OAuthCredentials}[VERSION]
config = IGConfig(environment=Environment.DEMO, credentials=kind(KEY, USER, PASSWORD), account_id=ACCOUNT)
with IG(config) as ig:
    calls = ig.operations
    tell("accounts", plain(calls.accounts.list())["accounts"])
    tell("login")
    tell("session", plain(calls.session.get()))
    tell("market", plain(calls.markets.get(EPIC)))
    # Its list of markets takes no "pct" as the unit of slippage, which is what IG was recorded to send.
    tell("search", plain(calls.markets.search("EUR/USD"))["markets"])
    for mode, item, adapter, fields in (
        ("MERGE", f"PRICE:{ACCOUNT}:{EPIC}", "Pricing", ("TIMESTAMP", "BIDPRICE1", "ASKPRICE1", "DLG_FLAG")),
        ("DISTINCT", f"CHART:{EPIC}:TICK", None, ("UTM", "BID", "OFR")),
    ):
        # Its default, True, is refused by the Lightstreamer library below it.
        wanted = StreamSubscription(item, mode, (item,), fields, data_adapter=adapter, snapshot="yes")
        updates = calls.streaming.subscribe(wanted)
        for update in itertools.islice(updates, 3):
            tell("update", update.item_name, update.is_snapshot, dict(update.fields), sorted(update.changed_fields))
        updates.close()
        tell("unsubscribed")
    calls.streaming.close()
    tell("status", "DISCONNECTED")
    calls.session.delete()
tell("bye")
