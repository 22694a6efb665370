"""The numbers of the limiter: the user's own, else IG's for this key, else the published ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ig_sdk.config import IGConfig
from ig_sdk.hosts import is_loopback
from ig_sdk.rest.http.endpoint import Endpoint

# "A key's own numbers" (REST.md section 3).
APPLICATION = Endpoint("GET", "/operations/application", urgent=True)


@dataclass(frozen=True)
class Limits:
    """What may be asked of IG; ``None`` where nothing is known.

    Attributes:
        trading: Requests that deal, for each account a minute.
        account: Other requests, for each account a minute.
        key: Other requests, for the API key a minute.
        historical: Price points, for each account a week.
        stream_items: Items that one stream may carry.
    """

    trading: int | None = None
    account: int | None = None
    key: int | None = None
    historical: int | None = None
    stream_items: int | None = None

    def over(self, other: Limits) -> Limits:
        """Return these, and ``other``'s where nothing is known."""
        return Limits(
            _first(self.trading, other.trading),
            _first(self.account, other.account),
            _first(self.key, other.key),
            _first(self.historical, other.historical),
            _first(self.stream_items, other.stream_items),
        )

    @property
    def complete(self) -> bool:
        """Whether IG need not be asked for its requests a minute."""
        return None not in (self.trading, self.account, self.key)


# REST.md section 3: as published for live keys, as seen on demo.
_PUBLISHED = {"live": Limits(100, 30, 60), "demo": Limits(33, 10, 20)}


def published(config: IGConfig) -> Limits:
    """Return the published numbers; a server of this machine is not IG: nothing is known until it says or refuses."""
    here = config.base_url is not None and is_loopback(urlsplit(config.base_url).hostname)
    return Limits() if here else _PUBLISHED.get(config.environment, Limits())


def configured(config: IGConfig) -> Limits:
    """Return the user's own numbers, which count for the account and for its key."""
    own = config.limits
    return Limits(
        own.trading_per_minute,
        own.non_trading_per_minute,
        own.non_trading_per_minute,
        own.historical_points_per_week,
        own.subscriptions,
    )


def of_application(data: object, config: IGConfig) -> Limits:
    """Return what IG says about the key in use; nothing where its answer cannot be understood.

    Args:
        data: Answer of ``GET /operations/application``: a bare list of keys (REST.md section 5, oddities).
        config: Says which of them is in use.
    """
    keys = [each for each in data if isinstance(each, Mapping)] if isinstance(data, list) else []
    mine = next((each for each in keys if each.get("apiKey") == config.api_key), keys[0] if len(keys) == 1 else {})
    return Limits(
        _whole(mine.get("allowanceAccountTrading")),
        _whole(mine.get("allowanceAccountOverall")),
        _whole(mine.get("allowanceApplicationOverall")),
        _whole(mine.get("allowanceAccountHistoricalData")),
        _whole(mine.get("concurrentSubscriptionsLimit")),
    )


def _first(one: int | None, other: int | None) -> int | None:
    return other if one is None else one


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
