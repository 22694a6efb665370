"""Prices of some markets on IG's stream: feeds, silence, the reader's side; for ``ig_sdk.streaming`` only."""
