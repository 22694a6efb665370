"""What is the same for every call: headers, attempts, pauses, errors, decoding, logging."""

from __future__ import annotations

import logging
import math
import random as _random
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from ig_sdk import _json, logs
from ig_sdk.clock import Clock
from ig_sdk.config import IGConfig
from ig_sdk.errors import DecodeError, IGError, RateLimited, RequestTimeout, TransportError, UsageError
from ig_sdk.redaction import Hidden, redact
from ig_sdk.rest.http import encode as outgoing
from ig_sdk.rest.http.dates import http_date
from ig_sdk.rest.http.deadline import Deadline
from ig_sdk.rest.http.endpoint import Endpoint
from ig_sdk.rest.http.error_codes import error_for
from ig_sdk.rest.http.limits.numbers import APPLICATION, Limits, of_application
from ig_sdk.rest.http.limits.throttle import LONG_S, Permit, Throttle, asking_s
from ig_sdk.rest.http.retry import LONGEST_PAUSE_S, Remedy, decide
from ig_sdk.rest.http.transport import Response, Transport
from ig_sdk.schedule import delays

_log = logs.get_logger("rest")


@dataclass(frozen=True)
class Reply:
    """A decoded answer.

    Attributes:
        status: HTTP status.
        headers: Header fields, names in lower case.
        data: The JSON value, fractions as ``Decimal``; ``None`` for an empty body and for a raw endpoint.
        body: The body as it came.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    data: Any = field(repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Stamp:
    """The headers that prove a login, and which login that was."""

    headers: Mapping[str, str] = field(repr=False)
    generation: int


class Authorizer(Protocol):
    """Gives requests the tokens of a login."""

    @property
    def account_id(self) -> str | None:
        """The account in use, ``None`` before the first login."""
        ...

    def stamp(self, deadline: Deadline) -> Stamp:
        """Return the headers of a live login, logging in if there is none."""
        ...

    def renew(self, generation: int) -> None:
        """Forget the login ``generation``, unless a newer one has taken its place."""
        ...


@dataclass(frozen=True)
class _Call:
    """What stays the same in all attempts of one call."""

    endpoint: Endpoint
    path: str
    payload: bytes | None = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    deadline: Deadline
    authorizer: Authorizer | None
    max_retries: int
    last: bool = False


@dataclass(frozen=True, slots=True)
class RestCounts:
    """What a client has sent so far; a snapshot.

    Attributes:
        requests: Requests, each attempt counted.
        retries: Those that were not the first attempt of their call.
        refused: Those that IG refused because an allowance was spent.
        failures: Those without an answer, or answered with another error.
    """

    requests: int = 0
    retries: int = 0
    refused: int = 0
    failures: int = 0


class _Tally:
    """Counts what is sent, for all threads; the lock is a leaf."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = RestCounts()

    def add(self, failure: IGError | None, *, again: bool) -> None:
        """Count a request and how it ended."""
        refused = isinstance(failure, RateLimited)
        with self._lock:
            counts = self._counts
            self._counts = RestCounts(
                counts.requests + 1,
                counts.retries + again,
                counts.refused + refused,
                counts.failures + (failure is not None and not refused),
            )

    @property
    def so_far(self) -> RestCounts:
        return self._counts


class Requestor:
    """Sends calls and answers with data or an error of the tree.

    Args:
        transport: Carries single requests.
        config: Attempts, pauses, timeouts.
        target: Returns the configuration with the address and the key to use.
        clock: Measures and waits.
        closing: Set when the client closes: pauses end, new calls are refused.
        throttle: Keeps to IG's allowances.
        random: Draws the jitter.

    Attributes:
        throttle: Keeps to IG's allowances.

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
        throttle: Throttle,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self._transport = transport
        self._config = config
        self._target = target
        self._clock = clock
        self._closing = closing
        self.throttle = throttle
        self._random = random
        self._ahead: timedelta | None = None  # of the server's clock
        self._tally = _Tally()

    def deadline(self, timeout: float | None) -> Deadline:
        """Return the deadline of a new call."""
        return Deadline(self._clock, timeout)

    @property
    def counts(self) -> RestCounts:
        """What was sent so far."""
        return self._tally.so_far

    @property
    def server_now(self) -> datetime | None:
        """What time it is by the server's clock; ``None`` before it has said so."""
        ahead = self._ahead
        return None if ahead is None else self._clock.now() + ahead

    def call(
        self,
        endpoint: Endpoint,
        *,
        deadline: Deadline,
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
            deadline: By when it must end.
            parts: Variable parts of the path.
            query: Query parameters.
            body: JSON object to send; a ``Decimal`` in it is a number with exactly its digits.
            headers: Further headers of this call.
            authorizer: Gives the tokens.
            last: The logout of a closing client, sent although it is closing.

        Raises:
            IGError: The call failed; which class says how.
        """
        call = _Call(
            endpoint,
            outgoing.target(endpoint, parts, query),
            None if body is None else outgoing.json_text(body).encode(),
            headers or {},
            deadline,
            authorizer,
            self._config.reconnect.max_retries,
            last,
        )
        # A traceback printed with its variables shows neither password nor token here.
        del body, headers
        with logs.correlation():
            return self._attempts(call)

    def learn_limits(self, authorizer: Authorizer, deadline: Deadline) -> None:
        """Ask IG for the allowances of this key, once for each client; without an answer the published ones count.

        Never raises an ``IGError``, and leaves the caller most of its time.
        """
        if not self.throttle.begin_asking():
            return
        limits = Limits()
        try:
            with logs.correlation():
                brief = deadline.part(asking_s(deadline))
                reply = self._attempts(_Call(APPLICATION, APPLICATION.path, None, {}, brief, authorizer, 0))
            limits = of_application(reply.data, self._target())
        except IGError as error:
            _log.info("the allowances of this key are not known: %s", error)
        finally:
            self.throttle.tell(limits)

    def _attempts(self, call: _Call) -> Reply:
        failure: IGError | None = None
        attempt, renewed, pauses = 0, False, self._pauses()
        while True:
            if self._closing.is_set() and not call.last:
                raise UsageError("this client is closed", hint="make a new IGClient")
            stamp, permit = self._admit(call, failure)
            try:
                return self._once(call, stamp, permit, again=attempt > 0)
            except IGError as error:
                failure, attempt = error, attempt + 1
                sent = error.sent if isinstance(error, TransportError) else "maybe"
                able = call.authorizer is not None and not renewed
                limit = call.max_retries + renewed  # the attempt that found the token dead is not counted
                # Within the time that the caller gave, a pause may be as long as the server says.
                longest_s = math.inf if call.deadline.limited else LONGEST_PAUSE_S
                decision = decide(
                    call.endpoint, error, attempt, sent, max_retries=limit, can_renew=able, longest_pause_s=longest_s
                )
                if decision.remedy is Remedy.STOP:
                    raise
                _log.info("%s %s: %s; %s", call.endpoint.method, call.endpoint.path, error, decision.remedy.value)
                if decision.remedy is Remedy.REAUTHENTICATE and call.authorizer is not None:
                    renewed = True
                    call.authorizer.renew(stamp.generation)
                else:
                    own_s = next(pauses) if decision.remedy is Remedy.BACKOFF else 0.0
                    self._pause(decision.pause_s or own_s, call, error)

    def _admit(self, call: _Call, failure: IGError | None) -> tuple[Stamp, Permit]:
        """Return tokens and places for the next attempt; when it gets no place, the last failure is what is raised."""
        authorizer = call.authorizer
        if authorizer is None:
            return Stamp(call.headers, 0), self._enter(call, None, failure)
        stamp = authorizer.stamp(call.deadline)
        self.throttle.await_limits(call.endpoint, call.deadline)
        permit = self._enter(call, authorizer.account_id, failure)
        if permit.waited_s > 0:
            try:
                # The tokens of a version 3 login live for a minute, which is as long as a wait may be.
                stamp = authorizer.stamp(call.deadline)
            except BaseException:
                permit.leave(TransportError("there is no login", sent="no"))
                raise
        return stamp, permit

    def _enter(self, call: _Call, account_id: str | None, failure: IGError | None) -> Permit:
        if call.last:
            return Permit.free(self.throttle, call.endpoint)
        try:
            return self.throttle.enter(call.endpoint, account_id, call.deadline)
        except RateLimited as spent:
            if failure is None:
                raise
            if isinstance(failure, RateLimited) and failure.retry_after is None:
                failure.retry_after = spent.retry_after
            raise failure from None

    def _pauses(self) -> Iterator[float]:
        limits = self._config.reconnect
        return delays(limits.initial_delay_s, limits.max_delay_s, limits.multiplier, random=self._random)

    def _pause(self, seconds: float, call: _Call, failure: IGError) -> None:
        """Wait for the next attempt; raise the failure itself when there is no time or no point."""
        if seconds >= call.deadline.left_s:
            raise failure
        if seconds > LONG_S:
            _log.warning("%s %s waits %.1f s: %s", call.endpoint.method, call.endpoint.path, seconds, failure)
        if self._clock.wait(self._closing, seconds):
            raise failure

    def _once(self, call: _Call, stamp: Stamp, permit: Permit, *, again: bool) -> Reply:
        # What is neither an answer nor an error of ours (an interrupt) may have been sent.
        failure: IGError | None = TransportError("interrupted")
        try:
            reply = self._exchange(call, Hidden({**call.headers, **stamp.headers}))
        except IGError as error:
            failure = error
            raise
        else:
            failure = None
            return reply
        finally:
            self._tally.add(failure, again=again)
            permit.leave(failure)

    def _exchange(self, call: _Call, headers: Mapping[str, str]) -> Reply:
        endpoint, config = call.endpoint, self._target()
        bare = call.path.partition("?")[0]
        if call.deadline.left_s <= 0:
            raise RequestTimeout("no time is left for the request", sent="no", method=endpoint.method, path=bare)
        request = outgoing.request(endpoint, call.path, call.payload, headers, config)
        began = self._clock.monotonic()
        response = self._transport.send(request, timeout=call.deadline.attempt(config))
        told = http_date(response.headers.get("date", ""))
        if told is not None:
            self._ahead = told - self._clock.now()
        took_ms = (self._clock.monotonic() - began) * 1000
        well = 200 <= response.status < 300
        echoes = _Echoes(config, headers, call)
        read = not well or _log.isEnabledFor(logging.DEBUG)
        identity = echoes.removed_from(response.headers.get("x-request-id", ""))[:80] if read else ""
        _log.debug("%s %s: HTTP %d in %.0f ms, request %s", endpoint.method, bare, response.status, took_ms, identity)
        if well:
            data = None if endpoint.raw else _body(response, endpoint, echoes)
            return Reply(response.status, response.headers, data, response.body)
        raise error_for(
            response.status,
            echoes.removed_from(_code(response)),
            method=endpoint.method,
            path=bare,
            retry_after=response.headers.get("retry-after"),
            date=response.headers.get("date", ""),
            now=self._clock.now(),
            request_id=identity,
        )


class _Echoes:
    """What a server may copy from the request into its answer and nobody should read there.

    Args:
        config: Whose key and credentials were sent.
        headers: The tokens that were sent.
        call: What else was sent.
    """

    def __init__(self, config: IGConfig, headers: Mapping[str, str], call: _Call) -> None:
        self._config = config
        self._headers = headers
        self._call = call

    def removed_from(self, text: str) -> str:
        """Return what the server wrote without them, and without what looks like a secret."""
        for secret in self._secrets():
            if secret and len(secret) >= 4:
                text = text.replace(secret, "***")
        return redact(text)

    def _secrets(self) -> tuple[str | None, ...]:
        config, call, sent = self._config, self._call, self._headers.values()
        # A bearer token by itself as well, and what a login or its renewal carries in the body.
        bare = [value.rpartition(" ")[2] for value in sent]
        carried = [] if call.endpoint.authenticated or call.payload is None else _json.loads(call.payload).values()
        given = [value for value in carried if isinstance(value, str)]
        return (config.password, config.api_key, config.identifier, *sent, *bare, *given)


def _body(response: Response, endpoint: Endpoint, echoes: _Echoes) -> Any:
    if not response.body.strip():
        return None
    try:
        return _json.loads(response.body, what=f"answer to {endpoint.method} {endpoint.path}")
    except DecodeError as error:
        message = error.message
    # A new error: the frames of the other one hold the body, which after a login is tokens. Its beginning is longer
    # than any secret, so that none is cut in half and missed.
    excerpt = echoes.removed_from(response.body[:2000].decode("utf-8", "replace"))[:80]
    raise DecodeError(message, path=endpoint.path, excerpt=excerpt)


def _code(response: Response) -> str:
    """Return IG's error code; a body of another kind (an HTML page of a proxy) has none."""
    try:
        data = _json.loads(response.body)
    except DecodeError:
        return ""
    code = data.get("errorCode") if isinstance(data, Mapping) else None
    return code if isinstance(code, str) else ""
