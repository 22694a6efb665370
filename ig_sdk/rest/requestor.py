"""What is the same for every call: headers, attempts, pauses, errors, decoding, logging."""

from __future__ import annotations

import json
import math
import random as _random
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

from ig_sdk import _json, logs
from ig_sdk.clock import Clock
from ig_sdk.config import IGConfig
from ig_sdk.errors import DecodeError, IGError, RequestTimeout, UsageError
from ig_sdk.rest.codes import error_for
from ig_sdk.rest.endpoint import Endpoint
from ig_sdk.rest.retry import Step, decide
from ig_sdk.rest.transport import Request, Response, Timeout, Transport
from ig_sdk.schedule import delays

Secrets = tuple[str | None, ...]

_JSON = "application/json; charset=UTF-8"
_log = logs.get_logger("rest")
# A socket takes no timeout of centuries.
_LONGEST_S = 7 * 86_400.0


@dataclass(frozen=True)
class Reply:
    """A decoded answer.

    Attributes:
        status: HTTP status.
        headers: Header fields, names in lower case.
        data: The JSON value, ``None`` for an empty body; fractions as ``Decimal``.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    data: Any = field(repr=False)


@dataclass(frozen=True)
class Stamp:
    """The headers that prove a login, and which login that was."""

    headers: Mapping[str, str] = field(repr=False)
    generation: int


class Budget:
    """How long one call may still take.

    Args:
        clock: Measures it.
        timeout: Seconds for the whole call with all its attempts; ``None`` bounds each attempt by the configuration.

    Raises:
        ValueError: ``timeout`` is not a positive number.
    """

    def __init__(self, clock: Clock, timeout: float | None) -> None:
        if timeout is not None and not (timeout > 0 and math.isfinite(timeout)):
            raise ValueError(f"timeout must be a positive number of seconds, not {timeout!r}")
        self._clock = clock
        self._ends = None if timeout is None else clock.monotonic() + min(timeout, _LONGEST_S)

    @property
    def limited(self) -> bool:
        """Whether the caller set a limit."""
        return self._ends is not None

    @property
    def left_s(self) -> float:
        """Seconds left, endless without a limit."""
        return math.inf if self._ends is None else self._ends - self._clock.monotonic()

    def attempt(self, config: IGConfig) -> Timeout:
        """Return the limits of the next attempt: a limit set by the caller counts for it, else the configuration."""
        if self._ends is None:
            return Timeout(min(config.connect_timeout_s, _LONGEST_S), min(config.read_timeout_s, _LONGEST_S))
        left = max(self.left_s, 0.001)
        return Timeout(min(config.connect_timeout_s, left), left)


class Authorizer(Protocol):
    """Gives requests the tokens of a login."""

    def stamp(self, budget: Budget) -> Stamp:
        """Return the headers of a live login, logging in if there is none."""
        ...

    def renew(self, generation: int) -> None:
        """Forget the login ``generation``, unless a newer one has taken its place."""
        ...


class Requestor:
    """Sends calls and answers with data or an error of the tree.

    Args:
        transport: Carries single requests.
        config: Attempts, pauses, timeouts.
        target: Returns the configuration with the address and the key to use.
        clock: Measures and waits.
        closing: Set when the client closes: pauses end, new calls are refused.
        random: Draws the jitter.

    Threading:
        Safe from any thread; holds no lock.
    """

    def __init__(
        self,
        transport: Transport,
        config: IGConfig,
        target: Callable[[], IGConfig],
        *,
        clock: Clock,
        closing: threading.Event,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self._transport = transport
        self._config = config
        self._target = target
        self._clock = clock
        self._closing = closing
        self._random = random

    def budget(self, timeout: float | None) -> Budget:
        """Return the budget of a new call."""
        return Budget(self._clock, timeout)

    def call(
        self,
        endpoint: Endpoint,
        *,
        budget: Budget,
        parts: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        authorizer: Authorizer | None = None,
        last: bool = False,
    ) -> Reply:
        """Return the answer to one call, after as many attempts as it takes and is allowed.

        Args:
            endpoint: What to call.
            budget: How long it may take.
            parts: Variable parts of the path.
            query: Query parameters.
            body: JSON object to send.
            headers: Further headers of this call.
            authorizer: Gives the tokens.
            last: The client's own farewell, sent although it is closing.

        Raises:
            IGError: The call failed; which class says how.
        """
        path = endpoint.path_for(dict(parts or {})) + ("?" + urlencode(query) if query else "")
        payload = None if body is None else json.dumps(body).encode()
        with logs.correlation():
            return self._attempts(endpoint, path, payload, dict(headers or {}), budget, authorizer, last=last)

    def _attempts(
        self,
        endpoint: Endpoint,
        path: str,
        payload: bytes | None,
        headers: dict[str, str],
        budget: Budget,
        authorizer: Authorizer | None,
        *,
        last: bool,
    ) -> Reply:
        retries, renewed, pauses = 0, False, self._pauses()
        while True:
            self._refuse_when_closed(last=last)
            stamp = authorizer.stamp(budget) if authorizer else Stamp({}, 0)
            try:
                return self._once(endpoint, path, payload, {**headers, **stamp.headers}, budget)
            except IGError as failure:
                limits = self._config.reconnect
                decision = decide(
                    failure,
                    mutating=endpoint.mutating,
                    retries_left=retries < limits.max_retries,
                    can_renew=authorizer is not None and not renewed,
                    max_pause_s=limits.max_delay_s,
                )
                if decision.step is Step.GIVE_UP:
                    raise
                _log.info("%s %s: %s; %s", endpoint.method, endpoint.path, failure, decision.step.value)
                if decision.step is Step.RENEW and authorizer is not None:
                    renewed = True
                    authorizer.renew(stamp.generation)
                    continue
                retries += 1
                self._pause(decision.pause_s if decision.pause_s is not None else next(pauses), budget, failure)

    def _pauses(self) -> Iterator[float]:
        limits = self._config.reconnect
        return delays(limits.initial_delay_s, limits.max_delay_s, limits.multiplier, random=self._random)

    def _pause(self, seconds: float, budget: Budget, failure: IGError) -> None:
        """Wait for the next attempt; raise the failure itself when there is no time or no point."""
        if seconds >= budget.left_s or self._clock.wait(self._closing, seconds):
            raise failure

    def _refuse_when_closed(self, *, last: bool) -> None:
        if self._closing.is_set() and not last:
            raise UsageError("this client is closed", hint="make a new IGClient")

    def _once(
        self, endpoint: Endpoint, path: str, payload: bytes | None, headers: dict[str, str], budget: Budget
    ) -> Reply:
        config = self._target()
        bare = path.partition("?")[0]
        if budget.left_s <= 0:
            raise RequestTimeout("no time is left for the request", sent="no", method=endpoint.method, path=bare)
        request = Request(
            endpoint.method,
            f"{config.base_url}{path}",
            _base_headers(endpoint, config, with_body=payload is not None) | headers,
            payload,
        )
        began = self._clock.monotonic()
        response = self._transport.send(request, timeout=budget.attempt(config))
        secrets = (config.password, config.api_key, config.identifier, *headers.values())
        identity = logs.redact(_without(response.headers.get("x-request-id", ""), secrets))[:80]
        took_ms = (self._clock.monotonic() - began) * 1000
        _log.debug("%s %s: HTTP %d in %.0f ms, request %s", endpoint.method, bare, response.status, took_ms, identity)
        if 200 <= response.status < 300:
            return Reply(response.status, response.headers, _body(response, endpoint, secrets))
        raise error_for(
            response.status,
            _without(_code(response), secrets),
            method=endpoint.method,
            path=bare,
            retry_after=response.headers.get("retry-after"),
            request_id=identity,
        )


def _base_headers(endpoint: Endpoint, config: IGConfig, *, with_body: bool) -> dict[str, str]:
    """Return the headers of this one request; nothing is kept between requests (REST.md section 1)."""
    headers = {
        "Accept": _JSON,
        "User-Agent": "ig_sdk",
        "VERSION": str(endpoint.version),
        "X-IG-API-KEY": config.api_key or "",
    }
    return headers | {"Content-Type": _JSON} if with_body else headers


def _body(response: Response, endpoint: Endpoint, secrets: Secrets) -> Any:
    if not response.body.strip():
        return None
    try:
        return _json.loads(response.body, what=f"answer to {endpoint.method} {endpoint.path}")
    except DecodeError as error:
        error.path = endpoint.path
        # Longer than any secret first, so that none is cut in half and missed.
        start = response.body[:2000].decode("utf-8", "replace")
        error.excerpt = logs.redact(_without(start, secrets))[:80]
        raise


def _code(response: Response) -> str:
    """Return IG's error code; a body of another kind (an HTML page of a proxy) has none."""
    try:
        data = _json.loads(response.body)
    except DecodeError:
        return ""
    code = data.get("errorCode") if isinstance(data, Mapping) else None
    return code if isinstance(code, str) else ""


def _without(text: str, secrets: Secrets) -> str:
    """Return what the server wrote without what it may have copied from the request."""
    for secret in secrets:
        if secret and len(secret) >= 4:
            text = text.replace(secret, "***")
    return text
