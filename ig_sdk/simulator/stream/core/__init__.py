"""The rules of a Lightstreamer server: sessions, subscriptions, requests.

Pure: lines and times in, lines out. For ``stream`` only.
"""
