"""The transport's edge: foreign failures become ours, exactly once."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import requests
import responses
import urllib3
from requests.exceptions import ChunkedEncodingError

from ig_sdk.errors import (
    ConfigError,
    ConnectFailed,
    ConnectionLost,
    DecodeError,
    IGError,
    RequestTimeout,
    TransportError,
)
from ig_sdk.rest.http import transport as module
from ig_sdk.rest.http.transport import Request, RequestsTransport, Response, Timeout

URL = "https://demo-api.ig.com/gateway/deal/session"
LIMITS = Timeout(connect_s=1, read_s=2)
CANARY = "canary7f3a"


def send(request: Request) -> Response:
    transport = RequestsTransport()
    try:
        return transport.send(request, timeout=LIMITS)
    finally:
        transport.close()


@responses.activate
def test_an_answer_comes_back_as_it_is() -> None:
    """Status, headers in lower case, body: whatever the status."""
    responses.post(URL, json={"errorCode": "x"}, status=403, headers={"CST": "abc", "X-SECURITY-TOKEN": "def"})
    answer = send(Request("POST", URL, {"VERSION": "2"}, b"{}"))
    assert (answer.status, answer.body) == (403, b'{"errorCode": "x"}')
    assert (answer.headers["cst"], answer.headers["x-security-token"]) == ("abc", "def")
    assert responses.calls[0].request.headers["VERSION"] == "2"
    assert responses.calls[0].request.body == b"{}"


@responses.activate
def test_redirects_are_not_followed() -> None:
    """A redirect is an answer; the tokens go nowhere else."""
    responses.get(URL, status=302, headers={"Location": "https://elsewhere.example.com/"})
    assert send(Request("GET", URL, {"CST": "abc"})).status == 302
    assert len(responses.calls) == 1


@responses.activate
def test_nothing_is_added_but_what_http_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No cookie, no .netrc, no proxy of the environment."""
    (tmp_path / ".netrc").write_text("default login me password canary")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    responses.get(URL, headers={"Set-Cookie": "a=b"})
    transport = RequestsTransport()
    for _ in range(2):
        transport.send(Request("GET", URL, {"CST": "abc"}), timeout=LIMITS)
    transport.close()
    for call in responses.calls:
        assert set(call.request.headers) == {"CST"}
        assert not call.request.req_kwargs["proxies"]


@pytest.mark.parametrize(
    ("failure", "kind", "sent"),
    [
        (requests.ConnectTimeout(), ConnectFailed, "no"),
        (requests.ConnectionError(urllib3.exceptions.NewConnectionError(None, "refused")), ConnectFailed, "no"),  # type: ignore[arg-type]
        (requests.ReadTimeout(), RequestTimeout, "maybe"),
        (requests.ConnectionError(urllib3.exceptions.ProtocolError("reset")), ConnectionLost, "maybe"),
        (requests.ConnectionError("no reason given"), ConnectionLost, "maybe"),
        (requests.exceptions.SSLError("in the middle"), ConnectionLost, "maybe"),
        (ChunkedEncodingError("half"), ConnectionLost, "maybe"),
        (urllib3.exceptions.ReadTimeoutError(None, "", "slow"), RequestTimeout, "maybe"),  # type: ignore[arg-type]
        (urllib3.exceptions.DecodeError("bad gzip"), ConnectionLost, "maybe"),
        (requests.exceptions.InvalidURL("odd"), ConnectionLost, "maybe"),
        (ConnectionResetError("reset"), ConnectionLost, "maybe"),
    ],
)
@responses.activate
def test_failures_are_mapped_once(failure: Exception, kind: type[TransportError], sent: str) -> None:
    """Each foreign failure has one class; only proof of an unsent request says "no"."""
    responses.get(URL, body=failure)
    with pytest.raises(TransportError) as excinfo:
        send(Request("GET", URL, {"CST": CANARY}))
    error = excinfo.value
    assert type(error) is kind
    assert (error.sent, error.method, error.path) == (sent, "GET", "/gateway/deal/session")
    assert error.__cause__ is failure
    assert getattr(failure, "request", None) is None
    assert CANARY not in str(error)


@responses.activate
def test_an_answer_has_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too large is not read to its end."""
    responses.get(URL, body=b"x" * (module.MAX_BODY + 1))
    with pytest.raises(DecodeError, match="larger than"):
        send(Request("GET", URL))


@pytest.mark.parametrize("url", ["http://demo-api.ig.com/x", "http://127.0.0.1.example.com/", "ftp://127.0.0.1/"])
def test_plain_http_stays_on_this_machine(url: str) -> None:
    """Tokens are not sent where they can be read."""
    with pytest.raises(IGError) as excinfo:
        send(Request("GET", url))
    assert isinstance(excinfo.value, (ConfigError, ConnectionLost))


def test_a_refused_connection_was_not_sent() -> None:
    """A closed port is ConnectFailed with sent "no"."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(ConnectFailed, match=r"cannot connect to 127\.0\.0\.1: Connection refused") as excinfo:
            send(Request("POST", f"http://127.0.0.1:{port}/x", body=b"{}"))
    assert excinfo.value.sent == "no"


def test_missing_certificates_are_a_fault_of_the_configuration() -> None:
    """A ca_bundle that is not there is told at once."""
    with pytest.raises(ConfigError, match="ca_bundle"):
        RequestsTransport(ca_bundle="/nowhere/cert.pem")


def test_a_closed_transport_sends_nothing() -> None:
    """After close() a request fails as unsent; closing again is fine."""
    transport = RequestsTransport()
    transport.close()
    transport.close()
    with pytest.raises(ConnectFailed) as excinfo:
        transport.send(Request("GET", URL), timeout=LIMITS)
    assert excinfo.value.sent == "no"


def test_reprs_hide_headers_and_body() -> None:
    """Tokens and passwords are in no repr."""
    request = Request("POST", URL, {"CST": CANARY}, CANARY.encode())
    assert CANARY not in repr(request)
    assert CANARY not in repr(Response(200, {"cst": CANARY}, CANARY.encode()))
