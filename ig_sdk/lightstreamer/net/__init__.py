"""Sockets, TLS, WebSocket and HTTP without blocking: for the client's I/O thread, which alone may use them.

``address`` says where a client may connect; ``http_parser`` and ``websocket_frames`` turn bytes into text without I/O.
"""
