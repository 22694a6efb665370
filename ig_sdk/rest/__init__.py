"""IG's REST API."""
