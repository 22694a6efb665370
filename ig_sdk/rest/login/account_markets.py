"""Which market a name means: that depends on the type of the account in use."""

from __future__ import annotations

from ig_sdk.rest.arguments import text_of
from ig_sdk.rest.http.deadline import Deadline
from ig_sdk.rest.login.auth import Auth
from ig_sdk.types import epic_for


def account_type_of(auth: Auth, deadline: Deadline) -> str | None:
    """Return the type of the account in use, ``CFD`` or ``SPREADBET``, logging in if need be."""
    accounts, login = auth.accounts(deadline), auth.login(deadline)
    kinds = [each.account_type for each in accounts if each.account_id == auth.account_id]
    return kinds[0] if kinds else login.account_type


def account_epic(auth: Auth, market: object, deadline: Deadline) -> str:
    """Return the epic of a market; one of the five pairs by name is the one that the account in use deals in.

    Only a name takes a login.

    Raises:
        TypeError: It is no text.
        ValueError: It is empty.
    """
    given = text_of(market, "epic")
    return given if epic_for(given) == given else epic_for(given, account_type_of(auth, deadline))
