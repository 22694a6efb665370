"""What the tests of the handlers share."""

from __future__ import annotations

import pytest


@pytest.fixture
def call(house, auth):
    """Calls version 1 of an endpoint, logged in."""

    def send(method: str, path: str, body=None):
        return house.call(method, path, 1, body, **auth)

    return send
