"""Candles of the past: planning, reading, decoding and keeping them; for ``ig.history`` only."""
