"""``ig.confirms``: IG's verdict on a deal."""

from __future__ import annotations

from ig_sdk.errors import DealUncertain
from ig_sdk.rest.deals.confirm_reader import WAIT_S, ConfirmReader
from ig_sdk.rest.login.auth import Auth
from ig_sdk.types import Confirm


class ConfirmsResource:
    """The confirms; reached as ``ig.confirms``.

    IG keeps one for about a minute.

    Threading:
        Safe from any thread.
    """

    def __init__(self, auth: Auth, reader: ConfirmReader) -> None:
        self._auth = auth
        self._reader = reader

    def get(self, deal_reference: str, *, timeout: float | None = None) -> Confirm:
        """Return the confirm of a deal reference, accepted or rejected.

        Closes and amendments through the API carry the reference of the deal that opened the position: what this
        returns is the latest of them.

        Args:
            deal_reference: Names the request.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            ValueError: The reference is empty.
            NotFound: There is none yet, or none any more.
            IGError: The call failed.

        Source:
            ``GET /confirms/{dealReference}`` version 1 (REST.md section 6.1); samples ``confirm_v1``.
        """
        return self._reader.read(deal_reference, self._auth.deadline(timeout))

    def wait(self, deal_reference: str, *, timeout: float | None = None) -> Confirm:
        """Return the confirm of a deal reference as soon as there is one, accepted or rejected.

        Args:
            deal_reference: Names the request.
            timeout: Seconds for the whole call; ``None`` means ten.

        Raises:
            ValueError: The reference is empty.
            DealUncertain: There was none in time, or IG does not let this client see it.

        Source:
            As for ``get``.
        """
        deadline = self._auth.deadline(WAIT_S if timeout is None else timeout)
        found, why = self._reader.watch(deal_reference, deadline, lambda _: True)
        if found is None:
            raise DealUncertain(
                f"no confirm of {deal_reference}: {why}",
                deal_reference=deal_reference,
                why=why,
                hint="look at ig.positions.list() and ig.orders.list() before dealing again",
            )
        return found
