"""Unofficial Python SDK for the IG broker; not affiliated with IG."""
