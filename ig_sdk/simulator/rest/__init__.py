"""IG's REST API on a port: the WSGI application, its rules and storage.

Only ``simulator.py`` uses it; the stream never does.
"""
