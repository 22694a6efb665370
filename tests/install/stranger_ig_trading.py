"""Drives ig-trading, whose models allow no unknown field, past every endpoint that is simulated."""

import json
import sys

import ig_trading

URL, KEY, USER, PASSWORD, ACCOUNT, EPIC, VERSION = sys.argv[1:]


def tell(kind, *values):
    print(json.dumps([kind, *values], default=str), flush=True)


def plain(model):
    if isinstance(model, (tuple, list)):
        return [plain(each) for each in model]
    return model.model_dump(mode="json", by_alias=True)


def refusal(**wrong):
    given = {"api_key": KEY, "username": USER, "password": PASSWORD, "url": URL} | wrong
    client = ig_trading.Client(**given)
    try:
        client.login()
    except ig_trading.APIError as error:
        return type(error).__name__
    return "none"


with ig_trading.Client(api_key=KEY, username=USER, password=PASSWORD, url=URL) as client:
    tell("login")
    tell("accounts", plain(client.accounts.list()))
    tell("session", plain(client.session.get()))
    tell("applications", plain(client.application.list()))
    for version in (1, 2, 3, 4):
        tell("market", plain(client.markets.get(EPIC, version=version)))
    for version in (1, 2):
        tell("markets", plain(client.markets.list([EPIC], version=version)))
        tell("search", plain(client.markets.list(search_term="EUR/USD", version=version)))
    client.refresh_token()
    tell("refreshed", plain(client.session.get()))
tell("refusals", {"password": refusal(password="wrong"), "key": refusal(api_key="wrong")})
tell("bye")
