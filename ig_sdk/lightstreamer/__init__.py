"""A client for any Lightstreamer server."""
