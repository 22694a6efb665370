"""The Lightstreamer text protocol (TLCP) without I/O.

``session`` is the client's half: text and time in, events and actions out. ``requests``, ``notifications``, ``values``
and ``diff`` are the codec, for both halves. ``transitions`` holds the session's states as a table.
"""
