"""``ig.sentiment``: how many of IG's clients are long, and how many short."""

# ruff: noqa: RUF009 -- the functions of _json declare fields, as dataclasses.field() does
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ig_sdk import _json
from ig_sdk.errors import NotFound
from ig_sdk.rest.arguments import several_of
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.login.auth import Auth

GET = Endpoint("GET", "/clientsentiment/{marketId}", version=1)
LIST = Endpoint("GET", "/clientsentiment", version=1)
RELATED = Endpoint("GET", "/clientsentiment/related/{marketId}", version=1)


@_json.model
@dataclass(frozen=True)
class ClientSentiment(_json.Model):
    """Which way IG's clients lean in one market.

    Attributes:
        market_id: IG's id of the underlying, ``market.instrument.market_id``.
        long_position_percentage: Share of clients who are long, in percent.
        short_position_percentage: Share of clients who are short, in percent.
        extra: What IG sent and this class does not know.
    """

    market_id: str | None = _json.text()
    long_position_percentage: Decimal | None = _json.decimal()
    short_position_percentage: Decimal | None = _json.decimal()
    extra: dict[str, Any] = _json.extra()


class SentimentResource:
    """What IG's clients do; reached as ``ig.sentiment``.

    Markets are named by the id of their underlying (``"EURUSD"``, ``"DE30"``), not by epic.

    Threading:
        Safe from any thread.
    """

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    def get(self, market_id: str, *, timeout: float | None = None) -> ClientSentiment:
        """Return which way clients lean in one market.

        Args:
            market_id: ``market.instrument.market_id``, e.g. ``"EURUSD"``.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            NotFound: IG knows no such market: it answers that nobody is long and nobody short.
            IGError: The call failed.

        Source:
            ``GET /clientsentiment/{marketId}`` version 1 (REST.md section 5, oddities).
        """
        reply = self._auth.call(GET, self._auth.deadline(timeout), parts={"marketId": market_id})
        found = _json.decode(ClientSentiment, reply.data, path="clientsentiment")
        if found.long_position_percentage == 0 and found.short_position_percentage == 0:
            raise NotFound(
                f"IG has no sentiment for {market_id!r}",
                status=reply.status,
                method=GET.method,
                path=GET.path,
                hint="ask with the market's instrument.market_id, not with its epic",
            )
        return found

    def related(self, market_id: str, *, timeout: float | None = None) -> list[ClientSentiment]:
        """Return which way clients lean in the markets that clients of this one trade too.

        Args:
            market_id: ``market.instrument.market_id``.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            IGError: The call failed.

        Source:
            ``GET /clientsentiment/related/{marketId}`` version 1 (REST.md section 5).
        """
        reply = self._auth.call(RELATED, self._auth.deadline(timeout), parts={"marketId": market_id})
        return _json.decode_rows(ClientSentiment, reply.data, "clientSentiments")

    # Last in the class: below it, "list" would no longer be the type.
    def list(self, market_ids: Iterable[str], *, timeout: float | None = None) -> list[ClientSentiment]:
        """Return which way clients lean in several markets, as IG sends it; an id that it does not know has 0 and 0.

        Args:
            market_ids: Ids of the markets, ``market.instrument.market_id``.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            ValueError: An id cannot be one.
            IGError: The call failed.

        Source:
            ``GET /clientsentiment?marketIds=`` version 1 (REST.md section 5, oddities); samples ``clientsentiment_v1``.
        """
        asked = several_of(market_ids, "market_ids")
        if not asked:
            return []
        reply = self._auth.call(LIST, self._auth.deadline(timeout), query={"marketIds": ",".join(asked)})
        return _json.decode_rows(ClientSentiment, reply.data, "clientSentiments")
