"""Ticks to candles to signals to actions."""
