"""The client's half of the Lightstreamer text protocol (TLCP) without I/O: for the threads of the package above.

``session`` is the entry: text and time in, events and actions out. ``transitions`` holds the session's phases as a
table, ``codec`` what both halves of the protocol share. Only the standard library and ``ig_sdk.errors`` are imported.
"""
