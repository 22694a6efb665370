"""nautilus_trader's TimeBarAggregator in its backtest loop; runs in an environment of its own."""

from __future__ import annotations

import time

from nautilus_trader.common.component import TestClock
from nautilus_trader.data.aggregation import TimeBarAggregator
from nautilus_trader.model.data import BarType, QuoteTick
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from rounds import serve
from series import SPREAD, TICKS, tick_rows

rows = tick_rows(TICKS)
instrument = TestInstrumentProvider.default_fx_ccy("EUR/USD")
size = Quantity.from_int(1)
ticks = [QuoteTick(instrument.id, Price(bid, 5), Price(bid + SPREAD, 5), size, size, ns, ns) for ns, bid in rows]


def one_round() -> tuple[float, int]:
    made: list[object] = []
    clock = TestClock()
    clock.set_time(rows[0][0])
    kind = BarType.from_str(f"{instrument.id}-1-MINUTE-BID-INTERNAL")
    aggregator = TimeBarAggregator(instrument, kind, made.append, clock)
    getattr(aggregator, "start_timer", lambda: None)()
    advance, handle = clock.advance_time, aggregator.handle_quote_tick
    start = time.process_time()
    for tick in ticks:
        for event in advance(tick.ts_event):
            event.handle()
        handle(tick)
    return time.process_time() - start, len(made)


serve(one_round)
