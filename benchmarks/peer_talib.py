"""TA-Lib's stream functions over a window that moves; runs in an environment of its own."""

from __future__ import annotations

import time

import numpy as np
from rounds import serve
from series import PRICES, prices
from talib import stream

# Enough for EMA and RSI to forget what lies before; Bollinger bands look at their 20.
WINDOW = 300
values = prices(PRICES)


def one_round() -> tuple[float, int]:
    series = np.empty(len(values) + WINDOW)
    series[:WINDOW] = values[0]
    start = time.process_time()
    for place, x in enumerate(values):
        series[WINDOW + place] = x
        window = series[place + 1 : WINDOW + place + 1]
        _ = stream.EMA(window, 20), stream.RSI(window, 14), stream.BBANDS(window[-20:], 20, 2, 2)
    return time.process_time() - start, len(values)


serve(one_round)
