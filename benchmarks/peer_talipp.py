"""talipp's EMA, RSI and Bollinger bands, a value at a time; runs in an environment of its own."""

from __future__ import annotations

import time

from rounds import serve
from series import PRICES, prices
from talipp.indicators import BB, EMA, RSI

values = prices(PRICES)


def one_round() -> tuple[float, int]:
    ema, rsi, bands = EMA(20), RSI(14), BB(20, 2.0)
    start = time.process_time()
    for x in values:
        ema.add(x)
        rsi.add(x)
        bands.add(x)
        _ = ema[-1], rsi[-1], bands[-1]
    return time.process_time() - start, len(ema)


serve(one_round)
