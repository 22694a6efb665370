"""IG's REST API as a WSGI application: the checks that every request passes, and the routing to its handler.

Source:
    REST.md sections 1, 3 and 6.2 (order of checks: route, method and version; key; tokens; allowance; body).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from http.client import responses
from random import Random
from typing import Any

from ig_sdk.logs import get_logger
from ig_sdk.simulator.accounts.logins import Account, Session
from ig_sdk.simulator.refusals import RestRefusal
from ig_sdk.simulator.rest.backend import Backend, Handler
from ig_sdk.simulator.rest.handlers import (
    accounts,
    costs,
    dealing,
    history,
    markets,
    navigation,
    prices,
    sessions,
    watchlists,
)
from ig_sdk.simulator.rest.request import Call, Reply, request_id, status_of
from ig_sdk.simulator.rest.rules import Rules, endpoints, read_body

_log = get_logger("simulator.rest")

PREFIX = "/gateway/deal"

HANDLERS: Mapping[str, Handler] = {
    **sessions.HANDLERS,
    **accounts.HANDLERS,
    **markets.HANDLERS,
    **navigation.HANDLERS,
    **prices.HANDLERS,
    **history.HANDLERS,
    **dealing.HANDLERS,
    **watchlists.HANDLERS,
    **costs.HANDLERS,
}

_STATUS_LINES = {code: f"{code} {reason}" for code, reason in responses.items()}
_SLASHES = re.compile("/{2,}")
_encode = json.JSONEncoder(separators=(",", ":"), default=float).encode


class Router:
    """Finds the endpoint and handler for a path.

    Args:
        handlers: Handlers by the endpoint's name in the reference.
    """

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._exact: dict[tuple[str, str, int], tuple[Rules, Handler]] = {}
        self._patterns: dict[tuple[str, int, int], list[tuple[re.Pattern[str], Rules, Handler]]] = {}
        for name, handler in handlers.items():
            rules = endpoints()[name]
            for path in rules.paths:
                if "{" not in path:
                    self._exact.setdefault((rules.method, path, rules.version), (rules, handler))
                    continue
                pattern = re.compile("([^/]+)".join(map(re.escape, re.split(r"\{\w+\}", path))), re.DOTALL)
                key = rules.method, rules.version, path.count("/")
                self._patterns.setdefault(key, []).append((pattern, rules, handler))

    def find(self, method: str, path: str, version: int) -> tuple[Rules, Handler, tuple[str, ...]]:
        """Return the rules, the handler and the variable parts of a path.

        Raises:
            RestRefusal: The path, method or version does not exist.
        """
        exact = self._exact.get((method, path, version))
        if exact is not None:
            return *exact, ()
        for pattern, rules, handler in self._patterns.get((method, version, path.count("/")), ()):
            match = pattern.fullmatch(path)
            if match:
                return rules, handler, match.groups()
        raise RestRefusal("invalid.url")


class RestApp:
    """The WSGI application.

    Args:
        backend: The simulated IG behind it.

    Threading:
        Safe from any thread.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._router = Router(HANDLERS)
        self._random = Random(f"{backend.seed}/requests")

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one WSGI request."""
        # werkzeug's Request and Response would take longer than most of the answers.
        reply = self._answer(environ)
        headers = [("X-REQUEST-ID", request_id(self._random)), *reply.headers.items()]
        body = b""
        if reply.body is not None:
            body = reply.body if isinstance(reply.body, bytes) else _encode(reply.body).encode()
            headers.append(("Content-Type", reply.content_type))
        if reply.status != 204:
            headers.append(("Content-Length", str(len(body))))
        start_response(_STATUS_LINES[reply.status], headers)
        return [body]

    def _answer(self, environ: Mapping[str, Any]) -> Reply:
        sent, path = environ["REQUEST_METHOD"], _normalised(environ["PATH_INFO"])
        override = environ.get("HTTP__METHOD", "").upper() == "DELETE"
        method = "DELETE" if override else sent
        if override and sent not in ("POST", "DELETE"):
            # An override left set on a later GET turns it into a DELETE, which IG answers with 405 (REST.md section 1).
            return Reply(405, {"errorCode": "invalid.url"})
        try:
            return self._checked_answer(method, path, environ)
        except RestRefusal as refused:
            return Reply(status_of(refused.code), {"errorCode": refused.code})
        except Exception:  # noqa: BLE001 -- an error of ours is answered as IG answers one of its own
            _log.exception("%s %s failed", method, path)
            return Reply(500, {"errorCode": "system.error"})

    def _checked_answer(self, method: str, path: str, environ: Mapping[str, Any]) -> Reply:
        """Check what all endpoints share, then return the handler's reply."""
        backend = self._backend
        rules, handler, params = self._router.find(method, path, version_of(environ.get("HTTP_VERSION")))
        api_key = environ.get("HTTP_X_IG_API_KEY", "")
        backend.sessions.check_key(api_key)
        if not backend.key_enabled:
            raise RestRefusal("error.security.api-key-disabled")
        account, session = self._caller(environ) if rules.logged_in else (None, None)
        backend.book.spend(rules.traffic, api_key, None if account is None else account.account_id)
        # The gateway drops the body of a real DELETE (REST.md section 1).
        raw = b"" if environ["REQUEST_METHOD"] == "DELETE" else environ["wsgi.input"].read()
        if not raw and rules.name == "workingorders.otc.delete.v1":
            raise RestRefusal("validation.null-not-allowed.request")
        body = read_body(raw, rules) if rules.fields else {}
        query = environ.get("QUERY_STRING", "")
        return handler(backend, Call(rules, rules.version, params, query, body, api_key, account, session))

    def _caller(self, environ: Mapping[str, Any]) -> tuple[Account, Session | None]:
        sessions = self._backend.sessions
        scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() == "bearer":
            return sessions.find_oauth(token.strip(), environ.get("HTTP_IG_ACCOUNT_ID")), None
        session = sessions.find(environ.get("HTTP_CST"), environ.get("HTTP_X_SECURITY_TOKEN"))
        return session.account, session


def _normalised(path: str) -> str:
    """Return the path after the prefix, or ``""``; some clients of other makers end it with a slash."""
    path = _SLASHES.sub("/", path)
    if path != PREFIX and not path.startswith(PREFIX + "/"):
        return ""
    # WSGI carries the bytes of a path as Latin-1.
    return path[len(PREFIX) :].rstrip("/").encode("latin-1", "replace").decode("utf-8", "replace")


def version_of(text: str | None) -> int:
    """Return the number in a ``VERSION`` header: 1 if it is missing, 0 if it is no number."""
    text = (text or "1").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 0
