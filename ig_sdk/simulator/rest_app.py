"""IG's REST API as a WSGI application: sessions, accounts and markets.

Source:
    REST.md sections 1 to 5 and 6.2 (order of checks: route, method and version; key; tokens; allowance; body).
"""

from __future__ import annotations

import json
import logging
import re
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from werkzeug.wrappers import Request, Response

from ig_sdk.clock import Clock
from ig_sdk.simulator import rest_replies as replies
from ig_sdk.simulator.allowances import AllowanceBook, Allowances
from ig_sdk.simulator.encryption import EncryptionKey
from ig_sdk.simulator.faults import Faults
from ig_sdk.simulator.instruments import Instrument, instruments
from ig_sdk.simulator.market import Quote
from ig_sdk.simulator.rest_request import Call, Field, Reply, read_body, status_of
from ig_sdk.simulator.sessions import Account, Refused, Session, Sessions

_log = logging.getLogger("ig_sdk.simulator.rest")

PREFIX = "/gateway/deal"

_EPIC = re.compile(r"[A-Za-z0-9._]{6,30}")
_MOST_EPICS = 50
_LOGIN = {
    "identifier": Field(str, r"[A-Za-z0-9\-_]{1,30}", owner="authenticationRequest"),
    "password": Field(str, r"(?s).{1,350}", owner="authenticationRequest"),
    "encryptedPassword": Field(bool, required=False),
}
_SWITCH = {"accountId": Field(str, r"[A-Za-z0-9\-]{1,30}"), "defaultAccount": Field(bool, required=False)}
_REFRESH = {"refresh_token": Field(str)}


class HangUp(Exception):
    """The connection is to be closed without an answer."""


@dataclass(frozen=True)
class Route:
    """One endpoint.

    Attributes:
        method: HTTP method, ``_method`` applied.
        path: Pattern of the path after the prefix.
        versions: Those served.
        answer: Makes the reply.
        logged_in: Whether it needs tokens.
    """

    method: str
    path: re.Pattern[str]
    versions: tuple[int, ...]
    answer: Callable[[RestApp, Call], Reply]
    logged_in: bool = True


class RestApp:
    """The application.

    Args:
        sessions: Who is logged in.
        quote: What a market shows now.
        stream_url: ``lightstreamerEndpoint`` of the login reply.
        clock: Time.
        faults: What goes wrong on demand.
        allowances: Requests a minute; ``None`` for no limit.
        encrypted_only: Refuse passwords in plain text, as IG does for some companies.

    Threading:
        Safe from any thread.
    """

    def __init__(
        self,
        sessions: Sessions,
        quote: Callable[[str], Quote | None],
        stream_url: str,
        *,
        clock: Clock,
        faults: Faults | None = None,
        allowances: Allowances | None = None,
        encrypted_only: bool = False,
    ) -> None:
        self._sessions = sessions
        self._quote = quote
        self._stream_url = stream_url
        self._clock = clock
        self._faults = faults or Faults()
        self._allowances = allowances or Allowances()
        self._book = AllowanceBook(allowances, clock)
        self._encrypted_only = encrypted_only
        self._encryption = EncryptionKey()
        self._stop = threading.Event()

    def close(self) -> None:
        """Let no answer wait any longer."""
        self._stop.set()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one WSGI request."""
        request = Request(environ)
        reply = self._answer(request)
        response = Response(
            None if reply.body is None else json.dumps(reply.body),
            reply.status,
            {"X-REQUEST-ID": str(uuid.uuid4()), **reply.headers},
            content_type=None if reply.body is None else "application/json; charset=UTF-8",
        )
        if reply.body is None:
            del response.headers["Content-Type"]
        return response(environ, start_response)

    def _answer(self, request: Request) -> Reply:
        path = _normalised(request.path)
        override = request.headers.get("_method", "").upper()
        method = "DELETE" if override == "DELETE" else request.method
        fault = self._faults.take_rest(method, path)
        if fault is not None:
            if fault.delay_s:
                self._clock.wait(self._stop, fault.delay_s)
            if fault.drop:
                raise HangUp
            if fault.status is not None:
                return Reply(fault.status, {"errorCode": fault.code})
        if override == "DELETE" and request.method not in ("POST", "DELETE"):
            # Left set on a later GET, the override makes a DELETE of it, which IG answers with 405 (REST.md section 1).
            return Reply(405, {"errorCode": "invalid.url"})
        try:
            route, call = self._admitted(method, path, request)
            return route.answer(self, call)
        except Refused as refused:
            return Reply(status_of(refused.code), {"errorCode": refused.code})
        except Exception:  # noqa: BLE001 -- a fault of ours is answered as IG answers one of its own
            _log.exception("%s %s failed", method, path)
            return Reply(500, {"errorCode": "system.error"})

    def _admitted(self, method: str, path: str, request: Request) -> tuple[Route, Call]:
        """Return the route of a request and the call, after the checks that all endpoints share."""
        route, params, version = _routed(method, path, request.headers.get("VERSION"))
        api_key = request.headers.get("X-IG-API-KEY", "")
        self._sessions.check_key(api_key)
        account, session = self._caller(request) if route.logged_in else (None, None)
        self._book.spend_key(api_key)
        if account is not None:
            self._book.spend_account(account.account_id)
        call = Call(version, request.args, params, request.get_data(), api_key, account, session)
        return route, call

    def _caller(self, request: Request) -> tuple[Account, Session | None]:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._sessions.find_oauth(token.strip(), request.headers.get("IG-ACCOUNT-ID")), None
        session = self._sessions.find(request.headers.get("CST"), request.headers.get("X-SECURITY-TOKEN"))
        return session.account, session

    # ---- sessions

    def _log_in(self, call: Call) -> Reply:
        given = read_body(call.body, _LOGIN)
        password = given["password"]
        if given["encryptedPassword"]:
            password = self._encryption.decrypt(password)
        elif self._encrypted_only:
            raise Refused("error.public-api.failure.encryption.required")
        self._sessions.check_login(given["identifier"], password)
        preferred = self._sessions.preferred
        if call.version == 3:
            return Reply(body=replies.oauth_login(preferred, self._sessions.open_oauth(), self._stream_url))
        session = self._sessions.open()
        body = replies.login(session.account, self._sessions.accounts, preferred, self._stream_url)
        return Reply(body=body, headers=_token_headers(session))

    def _refresh(self, call: Call) -> Reply:
        given = read_body(call.body, _REFRESH)
        return Reply(body=replies.oauth(self._sessions.refresh(given["refresh_token"])))

    def _encryption_key(self, call: Call) -> Reply:
        del call
        stamp = int(self._clock.now().timestamp() * 1000)
        return Reply(body={"encryptionKey": self._encryption.public_text(), "timeStamp": stamp})

    def _session(self, call: Call) -> Reply:
        account = _account_of(call)
        headers = {}
        if call.query.get("fetchSessionTokens", "").lower() == "true":
            headers = _token_headers(call.session or self._sessions.open(account))
        return Reply(body=replies.session(account, self._stream_url), headers=headers)

    def _switch(self, call: Call) -> Reply:
        given = read_body(call.body, _SWITCH)
        if call.session is None:
            # An OAuth caller names the account with each call; there is nothing to switch but the profile.
            self._sessions.account(given["accountId"])
            return Reply(body=replies.switched())
        self._sessions.switch(call.session, given["accountId"], as_default=bool(given["defaultAccount"]))
        return Reply(body=replies.switched(), headers={"X-SECURITY-TOKEN": call.session.xst})

    def _log_out(self, call: Call) -> Reply:
        # A bearer token is reported to stay alive (REST.md section 10).
        if call.session is not None:
            self._sessions.close(call.session)
        return Reply(204)

    # ---- accounts

    def _accounts(self, call: Call) -> Reply:
        del call
        return Reply(body=replies.accounts_list(self._sessions.accounts, self._sessions.preferred))

    def _applications(self, call: Call) -> Reply:
        return Reply(body=replies.applications(call.api_key, self._allowances))

    # ---- markets

    def _market(self, call: Call) -> Reply:
        epic = call.params[0]
        if not _EPIC.fullmatch(epic):
            raise Refused("validation.pattern.invalid.epic")
        instrument, quote = self._found(epic)
        return Reply(body=replies.market(instrument, quote, _account_of(call).currency, call.version))

    def _markets(self, call: Call) -> Reply:
        term = call.query.get("searchTerm")
        if term is not None:
            return self._search(term, call)
        epics = [epic for epic in call.query.get("epics", "").split(",") if epic]
        if not epics:
            raise Refused("validation.null-not-allowed.epics")
        if not all(_EPIC.fullmatch(epic) for epic in epics):
            raise Refused("validation.pattern.invalid.epics")
        if len(epics) > _MOST_EPICS:
            raise Refused("error.public-api.too-many-epics")
        choice = call.query.get("filter", "ALL") if call.version == 2 else "ALL"
        if choice not in ("ALL", "SNAPSHOT_ONLY"):
            raise Refused("invalid.request.filter")
        found = [self._found(epic) for epic in dict.fromkeys(epics)]
        if choice == "SNAPSHOT_ONLY":
            return Reply(body=replies.snapshots(found))
        return Reply(body=replies.markets(found, _account_of(call).currency, call.version))

    def _search(self, term: str, call: Call) -> Reply:
        words = term.replace("/", "").lower().split()
        hits = [
            each
            for each in instruments().values()
            if words and any(_holds(text, words) for text in (each.epic, each.name))
        ]
        if call.version == 2:
            # The reference knows v1 only; v2 is paged (REST.md section 10, seen by one client).
            size = _whole(call.query.get("pageSize", "50"))
            first = (_whole(call.query.get("pageNumber", "1")) - 1) * size
            hits = hits[first : first + size]
        return Reply(body=replies.search([(each, self._quote(each.epic)) for each in hits]))

    def _found(self, epic: str) -> tuple[Instrument, Quote | None]:
        instrument = instruments().get(epic)
        if instrument is None:
            raise Refused("error.public-api.epic-not-found")
        return instrument, self._quote(epic)

    ROUTES = (
        Route("POST", re.compile("/session"), (1, 2, 3), _log_in, logged_in=False),
        Route("POST", re.compile("/session/refresh-token"), (1,), _refresh, logged_in=False),
        Route("GET", re.compile("/session/encryptionKey"), (1,), _encryption_key, logged_in=False),
        Route("GET", re.compile("/session"), (1,), _session),
        Route("PUT", re.compile("/session"), (1,), _switch),
        Route("DELETE", re.compile("/session"), (1,), _log_out),
        Route("GET", re.compile("/accounts"), (1,), _accounts),
        Route("GET", re.compile("/operations/application"), (1,), _applications),
        Route("GET", re.compile("/markets"), (1, 2), _markets),
        Route("GET", re.compile("/markets/([^/]+)"), (1, 2, 3, 4), _market),
    )


def _normalised(path: str) -> str:
    """Return the path after the prefix, or ``""``; strangers' clients end it with a slash."""
    path = re.sub("/+", "/", path)
    if path != PREFIX and not path.startswith(PREFIX + "/"):
        return ""
    return path[len(PREFIX) :].rstrip("/")


def _routed(method: str, path: str, version_text: str | None) -> tuple[Route, tuple[str, ...], int]:
    # A missing VERSION means 1; what is no number is no version.
    text = (version_text or "1").strip()
    version = int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 0
    for route in RestApp.ROUTES:
        match = route.path.fullmatch(path)
        if match and route.method == method and version in route.versions:
            return route, match.groups(), version
    raise Refused("invalid.url")


def _holds(text: str, words: Sequence[str]) -> bool:
    bare = text.replace("/", "").lower()
    return all(word in bare for word in words)


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:9]) < 10**6):
        raise Refused("invalid.input")
    return int(text[:9])


def _account_of(call: Call) -> Account:
    assert call.account is not None, "the route asks for a login"
    return call.account


def _token_headers(session: Session) -> dict[str, str]:
    return {"CST": session.cst, "X-SECURITY-TOKEN": session.xst}
