"""Endpoints as data."""

from __future__ import annotations

import pytest

from ig_sdk.rest.http.endpoint import Endpoint

MARKET = Endpoint("GET", "/markets/{epic}", version=3)


def test_parts_are_encoded() -> None:
    """A part stays one part of the path."""
    assert MARKET.path_for({"epic": "CS.D.EURUSD.MINI.IP"}) == "/markets/CS.D.EURUSD.MINI.IP"
    assert MARKET.path_for({"epic": "a/b?c#d%2e ü"}) == "/markets/a%2Fb%3Fc%23d%252e%20%C3%BC"


@pytest.mark.parametrize("part", ["", " ", ".", ".."])
def test_parts_that_lead_elsewhere_are_refused(part: str) -> None:
    """Nothing empties the path or climbs out of it."""
    with pytest.raises(ValueError, match="epic"):
        MARKET.path_for({"epic": part})
