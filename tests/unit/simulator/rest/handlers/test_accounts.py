"""Accounts, preferences, applications and their allowances over the REST API."""

from __future__ import annotations

import json

from ig_sdk.simulator.accounts.allowances import Allowances


def test_a_disabled_key_is_dead(house, auth, call, refusal):
    """Disabling turns the calling key off for everything, logins too."""
    assert call("PUT", "/operations/application/disable").json["status"] == "DISABLED"
    dead = (403, "error.security.api-key-disabled")
    assert refusal(call("GET", "/session")) == dead
    assert refusal(house.call("POST", "/session", 2, house.login_body, **house.key)) == dead


def test_an_update_can_disable_the_key_too(house, auth, call, refusal):
    """The status of an application is what counts, however it is set."""
    body = {"apiKey": house.sessions.credentials.api_key, "status": "DISABLED"}
    assert call("PUT", "/operations/application", body).json["status"] == "DISABLED"
    assert refusal(call("GET", "/session")) == (403, "error.security.api-key-disabled")


def test_an_application_is_updated(new_house, refusal):
    """The owner's own limits are set, reported and applied; another key is refused."""
    house = new_house(Allowances())
    auth = house.log_in()
    key = house.sessions.credentials.api_key
    body = {"apiKey": key, "allowanceAccountOverall": "3", "allowanceAccountTrading": 1}
    updated = house.call("PUT", "/operations/application", 1, body, **auth).json
    assert (updated["allowanceAccountOverall"], updated["allowanceAccountTrading"]) == (3, 1)
    assert house.call("GET", "/operations/application", 1, **auth).json == [updated]
    assert house.call("GET", "/session", 1, **auth).status_code == 200
    over = house.call("GET", "/session", 1, **auth)
    assert refusal(over) == (403, "error.public-api.exceeded-account-allowance")
    house.clock.advance(60)
    other = house.call("PUT", "/operations/application", 1, {"apiKey": "other"}, **auth)
    assert refusal(other) == (403, "unauthorised.clientId.api-key.mismatch")
    negative = house.call("PUT", "/operations/application", 1, {"apiKey": key, "allowanceAccountTrading": -1}, **auth)
    assert refusal(negative) == (400, "invalid.input")


def test_the_trading_allowance(new_house, refusal):
    """Deals have an allowance of their own, each account its own; one more is refused and does nothing."""
    house = new_house(Allowances(trading=2))
    auth = house.log_in()
    deal = {"stopLevel": 1}
    for _ in range(2):
        assert house.call("PUT", "/positions/otc/DIAAAAX", 2, deal, **auth).status_code == 404
    over = house.call("PUT", "/positions/otc/DIAAAAX", 2, deal, **auth)
    assert refusal(over) == (403, "error.public-api.exceeded-account-trading-allowance")
    assert house.call("GET", "/positions", 2, **auth).status_code == 200
    other = house.log_in("XYZ987")
    assert house.call("PUT", "/positions/otc/DIAAAAX", 2, deal, **other).status_code == 404
    house.clock.advance(60)
    assert house.call("PUT", "/positions/otc/DIAAAAX", 2, deal, **auth).status_code == 404


def test_hedging_mode_is_kept(call):
    """The undocumented preference is reported once it was set."""
    assert "hedgingMode" not in call("GET", "/accounts/preferences").json
    call("PUT", "/accounts/preferences", {"hedgingMode": "NETTING"})
    assert call("GET", "/accounts/preferences").json["hedgingMode"] == "NETTING"


def test_replies_are_plain_json(house, auth):
    """Numbers are numbers, on the wire as well, and the length is given."""
    reply = house.call("GET", "/accounts", 1, **auth)
    assert json.loads(reply.data)["accounts"][0]["balance"]["balance"] == 10_000
    assert int(reply.headers["Content-Length"]) == len(reply.data)
