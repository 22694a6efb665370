"""Rows C-001 to C-042: addresses, transports, requests, creation."""

from __future__ import annotations

import pytest

from ig_sdk.lightstreamer.tlcp.address import complete_link, stream_url
from ig_sdk.lightstreamer.tlcp.codec.requests import Request, encode_line, encode_ws
from ig_sdk.lightstreamer.tlcp.events import ErrorOccurred, StatusChanged, Subscribed


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://server", "ws://server/lightstreamer"),
        ("https://server:8443/base/", "wss://server:8443/base/lightstreamer"),
        ("wss://push.example.com", "wss://push.example.com/lightstreamer"),
        ("https://server/lightstreamer", "wss://server/lightstreamer"),
        ("http://server/base?x=1#y", "ws://server/base/lightstreamer"),
        ("http://[::1]:8080", "ws://[::1]:8080/lightstreamer"),
    ],
)
def test_c001_address_of_a_websocket(address, url):
    """C-001: ws(s)://host[:port][prefix]/lightstreamer, without a query string."""
    assert stream_url(address, "ws") == url


@pytest.mark.parametrize(
    "address", ["server", "ftp://server", "http://", "http://a:b@server", "http://server:x", "ws://a b"]
)
def test_addresses_that_are_none_are_refused(make_client, address):
    """What is no address of a server is a ValueError at once, not a failure later."""
    with pytest.raises(ValueError):
        make_client(address=address)


@pytest.mark.parametrize("version", ["2.5.0", "2.4.0", "2.1.0"])
def test_c002_subprotocol(make_client, version):
    """C-002: one subprotocol, with the configured version in it."""
    client = make_client(versions=(version,)).connect()
    assert client.connects[0].subprotocol == f"TLCP-{version}.lightstreamer.com"


def test_c004_c005_requests_on_a_websocket_are_text_without_the_protocol(started):
    """C-004, C-005: a request is one text, and LS_protocol is not in it."""
    started.subscribe()
    started.close()
    assert started.sent
    assert all(isinstance(text, str) and "LS_protocol" not in text for text in started.sent)


@pytest.mark.parametrize(("version", "first"), [("2.1.0", "create_session"), ("2.2.0", "wsok"), ("2.5.0", "wsok")])
def test_c007_wsok_from_2_2_0_on(make_client, version, first):
    """C-007: wsok is not sent below 2.2.0."""
    client = make_client(versions=(version,)).connect().open()
    assert client.sent[0].partition("\r\n")[0] == first


def test_c008_http_requests(make_client):
    """C-008: POST targets end in .txt and carry LS_protocol; the body holds the parameters."""
    client = make_client(transports=("http-streaming",), versions=("2.4.0",)).connect()
    assert client.connects[0].url == "http://server"
    client.open().say("CONOK,S1,50000,5000,*")
    client.subscribe()
    (create, _), (control, body) = client.sent
    assert create == "/lightstreamer/create_session.txt?LS_protocol=TLCP-2.4.0"
    assert control == "/lightstreamer/control.txt?LS_protocol=TLCP-2.4.0&LS_session=S1"
    assert body.startswith("LS_reqId=1&LS_op=add")


def test_c009_control_requests_are_marked_as_none_of_the_stream(make_client):
    """C-009: over HTTP only create and bind belong on the stream connection."""
    client = make_client(transports=("http-streaming",)).connect().open().say("CONOK,S1,50000,5000,link.host")
    client.subscribe()
    assert [send.stream for send in client.sends] == [True, False]
    assert client.sends[1].url == "http://link.host"


@pytest.mark.parametrize("last", ["LOOP,0", "END,48,over"])
def test_c011_nothing_counts_after_loop_or_end(make_client, last):
    """C-011: what follows LOOP or END in the same body is ignored."""
    client = make_client(transports=("http-streaming",)).connect().open().say("CONOK,S1,50000,5000,*")
    client.subscribed("U,1,1,a|b", last, "U,1,1,c|d", "END,2,x")
    assert client.rows == [["a", "b"]]
    client.say("U,1,1,e|f")
    assert client.rows == [["a", "b"]]
    assert client.session.counter.ignored == 3


def test_c012_c013_c014_lines_of_a_message(started):
    """C-012, C-013, C-014: several lines in order, the last without CR-LF, empty ones skipped."""
    started.subscribe()
    started.raw("\r\nSUBOK,1,1,2\r\n\r\nU,1,1,a|b\r\nU,1,1,c|")
    assert started.rows == [["a", "b"], ["c", "b"]]
    assert started.count == 3


def test_c015_lone_cr_and_lf_are_data(started):
    """C-015: only CR-LF ends a line, on the plain and on the fast path."""
    started.subscribed("U,1,1,a\nb|c\rd", "U,1,1,\n|\r")
    assert started.rows == [["a\nb", "c\rd"], ["\n", "\r"]]


def test_c016_control_link_for_new_connections(started):
    """C-016: rebind and recovery go to the control link, with the original scheme and port."""
    client = started
    client.recover("PROG,0", conok="CONOK,S1,50000,5000,link.host").forget()
    client.subscribed("U,1,1,a|b")
    client.lost()
    assert client.connects[0].url == "ws://link.host/lightstreamer"
    client.open().say("CONOK,S1,50000,5000,*", "PROG,2", "U,1,1,c|", "LOOP,0")
    assert client.connects[1].url == "ws://link.host/lightstreamer"


@pytest.mark.parametrize(
    ("link", "address", "complete"),
    [
        ("foo.com", "http://base.it", "http://foo.com"),
        ("foo.com", "https://base.it:8443/path", "https://foo.com:8443"),
        ("foo.com:9000", "https://base.it:8443", "https://foo.com:9000"),
        ("https://foo.com:8080", "http://base.it", "https://foo.com:8080"),
        ("https://foo.com", "http://base.it:80", "https://foo.com"),
        ("foo.com/push/", "http://base.it/path", "http://foo.com/push"),
        ("[::1]:9", "http://base.it", "http://[::1]:9"),
    ],
)
def test_c017_control_link_is_completed(link, address, complete):
    """C-017: scheme and port come from the original address unless the link has its own; the path does not."""
    assert complete_link(link, address) == complete


@pytest.mark.parametrize("link", ["javascript://x", "a b", "x:y", "http://u:p@h", "", "http://", "/"])
def test_control_link_that_is_none_is_told_and_not_used(make_client, link):
    """A link that cannot be used leaves the original address in force."""
    client = make_client().start(conok=f"CONOK,S1,50000,5000,{link}").lost()
    assert client.connects[0].url == "ws://server/lightstreamer"


def test_control_link_cannot_take_the_encryption_away(make_client):
    """A link in the clear is not followed from an encrypted address."""
    client = make_client(address="https://server").connect().open().say("CONOK,S1,50000,5000,http://evil")
    assert client.of(ErrorOccurred)
    client.lost()
    assert client.connects[-1].url == "wss://server/lightstreamer"


def test_c018_new_session_at_the_original_address(started):
    """C-018: a new session begins at the original address, whatever the link was."""
    started.recover("PROG,0", conok="CONOK,S1,50000,5000,link.host").forget()
    started.subscribed("U,1,1,a|b", "END,48,too old")
    assert started.connects[0].url == "ws://server/lightstreamer"
    assert started.connects[0].new_session


def test_c019_c020_one_request_a_message(started):
    """C-019, C-020: the name alone on the first line, then the parameters; one name in a message."""
    started.subscribe()
    started.session.send_message("hello", started.now)
    started.pump()
    assert [text.split("\r\n")[0] for text in started.sent] == ["control", "msg"]
    assert all(text.count("\r\n") == 1 for text in started.sent)


def test_c021_c022_requests_without_parameters(make_client):
    """C-021, C-022: wsok stands alone, an empty heartbeat ends in an empty line."""
    client = make_client(inactivity_ms=1000).start().wait(1.0)
    assert client.sent == ["heartbeat\r\n\r\n"]
    assert encode_ws(Request("wsok")) == "wsok"


def test_c023_c024_c025_encoding_of_values(started):
    """C-023, C-024, C-025: reserved characters, UTF-8 and blanks are percent-encoded in every value."""
    started.session.send_message("a&b=c%d+e\r\nf é€", started.now)
    assert "LS_message=a%26b%3Dc%25d%2Be%0D%0Af%20%C3%A9%E2%82%AC&" in started.pump().sent[0]


def test_c026_c027_names_numbers_booleans(started):
    """C-026, C-027: names keep their case, decimals have a dot and no exponent, booleans are words."""
    started.subscribe(max_frequency=2.5, buffer_size=3, snapshot=False)
    assert started.parameters[0] == {
        "LS_reqId": "1",
        "LS_op": "add",
        "LS_subId": "1",
        "LS_mode": "MERGE",
        "LS_group": "i1",
        "LS_schema": "f1 f2",
        "LS_requested_buffer_size": "3",
        "LS_requested_max_frequency": "2.5",
        "LS_snapshot": "false",
    }
    started.session.constrain(1e-5, started.now)
    assert started.pump().parameters[-1]["LS_requested_max_bandwidth"] == "0.00001"


@pytest.mark.parametrize("limit", [1, 130, 300, 1000])
def test_c028_c029_batches_keep_to_the_limit(make_client, limit):
    """C-028, C-029: no batch exceeds the request limit in bytes; what alone exceeds it goes alone; nothing is left out."""
    client = make_client(transports=("http-streaming",))
    for number in range(12):
        client.subscribe(items=f"item-{number}-é")
    client.connect().open().say(f"CONOK,S1,{limit},5000,*")
    controls = [send.request for send in client.sends if not send.stream]
    for request in controls:
        assert request.name == "control"
        assert request.lines
        assert len(encode_ws(request).encode()) <= limit or len(request.lines) == 1
    assert [dict(line)["LS_subId"] for request in controls for line in request.lines] == [str(n) for n in range(1, 13)]
    if limit == 1000:
        assert len(controls) < 6


def test_c030_request_ids_are_fresh(started):
    """C-030: every request has an id of letters and digits that was not used before, over all connections."""
    for _ in range(3):
        started.subscribe()
    started.recover("PROG,0")
    started.subscribe()
    started.close()
    ids = [line["LS_reqId"] for line in started.parameters if "LS_reqId" in line]
    assert len(set(ids)) == len(ids) == 5
    assert all(identifier.isalnum() for identifier in ids)


def test_c031_cid(make_client):
    """C-031: LS_cid is always sent: the generic one, unless another is configured."""
    assert "LS_cid=mgQkwtwdysogQz2BJ4Ji%20kOj2Bg" in make_client().connect().open().sent[1]
    assert "LS_cid=mine" in make_client(cid="mine").connect().open().sent[1]


def test_c032_absent_and_empty_credentials(make_client):
    """C-032: what is not configured is left out; an empty value is sent only when told."""
    create = make_client().connect().open().parameters[0]
    assert not {"LS_user", "LS_password", "LS_adapter_set"} & create.keys()
    create = make_client(adapter_set="DEMO").connect().open("u", "").parameters[0]
    assert (create["LS_user"], create["LS_password"], create["LS_adapter_set"]) == ("u", "", "DEMO")
    create = make_client(adapter_set="").connect().open("").parameters[0]
    assert (create["LS_user"], create["LS_adapter_set"]) == ("", "")
    assert "LS_password" not in create


@pytest.mark.parametrize("transport", ["ws", "http-streaming", "http-polling"])
def test_c033_c034_polling_and_streaming_parameters(make_client, transport):
    """C-033, C-034: never both kinds; with LS_polling always LS_polling_millis."""
    client = make_client(
        transports=(transport,), keepalive_ms=4000, inactivity_ms=3000, content_length=10**6, polling_idle_ms=2000
    )
    client.connect().open().say("CONOK,S1,50000,5000,*", "LOOP,0").open()
    create, bind = client.parameters
    for line in (create, bind):
        streaming = {"LS_keepalive_millis", "LS_inactivity_millis", "LS_send_sync"} & line.keys()
        polling = {"LS_polling", "LS_polling_millis", "LS_idle_millis"} & line.keys()
        assert bool(streaming) != bool(polling)
        assert len(streaming or polling) == 3
        assert ("LS_content_length" in line) == (transport == "http-streaming")


def test_c035_supported_diffs(make_client):
    """C-035: sent when configured, and when a format of the version cannot be decoded here; empty as such."""

    def asked(**how):
        return make_client(**how).connect().open().parameters[0].get("LS_supported_diffs")

    assert asked() is None
    assert asked(json_patch=None) == "T"
    assert asked(supported_diffs=()) == ""
    assert asked(supported_diffs=("P", "T")) == "P,T"
    assert asked(supported_diffs=("P", "T"), json_patch=None) == "T"
    assert asked(supported_diffs=("P",), json_patch=None) == ""
    assert asked(json_patch=None, versions=("2.3.0",)) is None
    assert encode_line((("LS_supported_diffs", ""),)) == "LS_supported_diffs="


def test_c036_wsok_is_not_waited_for(client):
    """C-036: create_session follows wsok at once, and no WSOK is needed."""
    client.connect().open()
    assert [text.partition("\r\n")[0] for text in client.sent] == ["wsok", "create_session"]
    assert client.say("CONOK,S1,50000,5000,*").states[-1] == "CONNECTED new"


def test_c037_conok_is_taken_at_its_word(make_client):
    """C-037: session id, request limit, keepalive and control link come from CONOK."""
    client = make_client().start(conok="CONOK,Sabc,50000,1000,foo").wait(3.0)
    assert client.session.session_id == "Sabc"
    assert client.states == ["STALLED"]
    client.wait(3.0)
    assert client.connects[0].url == "ws://foo/lightstreamer"


def test_c038_c039_lines_after_conok(make_client):
    """C-038, C-039: SERVNAME, CLIENTIP, CONS, NOOP and an expected PROG in any order, or none of them."""
    client = make_client().connect().open()
    client.say("CONOK,S1,50000,5000,*", "NOOP,x", "CONS,12.5", "PROG,0", "CLIENTIP,1.2.3.4", "SERVNAME,A%2C b, c")
    facts = client.session.facts
    assert (facts.name, facts.client_ip, facts.bandwidth) == ("A, b, c", "1.2.3.4", "12.5")
    assert client.states == ["CONNECTING", "CONNECTED new"]
    assert make_client().start().session.status == "CONNECTED"


def test_c040_requests_are_pipelined(client):
    """C-040: subscriptions follow the creation without LS_session and without waiting, each in a message of its own."""
    client.subscribe(items="a")
    client.connect().open()
    client.subscribe(items="b")
    assert [text.partition("\r\n")[0] for text in client.sent] == ["wsok", "create_session", "control", "control"]
    assert all("LS_session" not in text for text in client.sent)
    client.say("WSOK", "CONOK,S1,50000,5000,*", "REQOK,1", "SUBOK,1,1,2")
    assert len(client.operations("add")) == 2
    assert client.of(Subscribed)


def test_requests_before_2_2_0_wait_and_name_the_session(make_client):
    """Below 2.2.0 nothing is pipelined, and every request names its session (section 3.4)."""
    client = make_client(versions=("2.1.0",))
    client.subscribe()
    client.connect().open()
    assert [text.partition("\r\n")[0] for text in client.sent] == ["create_session"]
    client.say("CONOK,S1,50000,5000,*").close()
    assert [line["LS_session"] for line in client.parameters[1:]] == ["S1", "S1"]


def test_c041_conerr_is_reported(client):
    """C-041: code and message are told, the message may be empty and may hold commas."""
    client.connect().open().say("CONERR,2,no such, adapter%2C set")
    event = client.of(StatusChanged)[-1]
    assert (event.status, event.error.code) == ("FAILED", 2)
    assert "no such, adapter, set" in str(event.error)
    client.forget()
    client.connect().open().say("CONERR,-5,")
    assert client.of(StatusChanged)[-1].error.code == -5


def test_c042_pipelined_requests_fail_with_the_creation(client):
    """C-042: after a failed creation nothing is pending, and all is asked for again in the next session."""
    client.subscribe()
    client.connect().open().say("CONERR,5,overloaded")
    assert client.states[-1] == "RECONNECTING"
    client.forget().wait(5.0)
    assert not client.sent
    client.open()
    assert len(client.operations("add")) == 1
