"""Where prices come from: made-up markets, replayed ticks, past candles, and the feed that paces them.

For everything above.
"""
