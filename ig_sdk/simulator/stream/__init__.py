"""The Lightstreamer server: its port, WebSockets and HTTP streams, and the lock around ``core``.

For ``simulator.py`` and tests.
"""
