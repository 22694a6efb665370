"""Requests as the server reads them: parameter lines, their values, and what is wrong with them. Pure.

Source:
    TLCP.md sections 3.2, 5, 7 and 8; C-143 to C-151.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ig_sdk.errors import StreamProtocolError
from ig_sdk.lightstreamer.tlcp.codec.requests import decode_line, split_body, split_request
from ig_sdk.lightstreamer.tlcp.codec.text import parse_integer
from ig_sdk.simulator.refusals import StreamRefusal
from ig_sdk.simulator.stream.core.connection import StreamConnection
from ig_sdk.simulator.stream.core.messages import Message
from ig_sdk.simulator.stream.core.options import StreamOptions, parse_version
from ig_sdk.simulator.stream.core.session import BindTerms
from ig_sdk.simulator.stream.core.subscription import Frequency
from ig_sdk.simulator.stream.items.adapter import MODES, SubscriptionSpec
from ig_sdk.types import Tick

Parameters = Mapping[str, str]

_DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")
_SEQUENCE = re.compile(r"[A-Za-z0-9_]+")
_REQUEST_ID = re.compile(r"(?:^|&)LS_reqId=([^&\r\n]+)")


@dataclass(frozen=True)
class ParameterLine:
    """One parameter line.

    Attributes:
        parameters: Names and decoded values.
        fault: What is wrong with the line as text, or ``None``.
    """

    parameters: Parameters
    fault: str | None = None


@dataclass
class ServerRequest:
    """One request, or a batch of one name, ready to be applied to the sessions.

    Attributes:
        name: Request name.
        lines: Its parameter lines.
        size: Length in bytes.
        allowed: For a creation: whether the login is accepted.
        refusal: For a creation or a recovery: code and message of a refusal by a fault.
        quotes: Prices for the snapshots of markets that have none yet.
    """

    name: str
    lines: tuple[ParameterLine, ...]
    size: int
    allowed: bool = False
    refusal: tuple[int, str] | None = None
    quotes: list[Tick] = field(default_factory=list)


def read_message(text: str) -> ServerRequest:
    """Return the request in a WebSocket message; what cannot be read is noted in its line."""
    name, lines = split_request(text)
    return ServerRequest(name.removesuffix("\r\n"), tuple(map(_read_line, lines)), len(text.encode(errors="replace")))


def read_body(name: str, body: str) -> ServerRequest:
    """Return the request of an HTTP body; what cannot be read is noted in its line."""
    return ServerRequest(name, tuple(map(_read_line, split_body(body))), len(body.encode(errors="replace")))


def _read_line(text: str) -> ParameterLine:
    # Real clients end a line with "&" (PEER-CLIENTS.md).
    text = text.rstrip("&")
    try:
        return ParameterLine(dict(decode_line(text)))
    except StreamProtocolError as error:
        match = _REQUEST_ID.search(text)
        return ParameterLine({"LS_reqId": match[1]} if match else {}, fault=error.message)


def check(line: ParameterLine, *names: str) -> None:
    """Refuse a line that could not be read, or that lacks (or leaves empty) a parameter.

    Raises:
        StreamRefusal: With code 67.
    """
    if line.fault is not None:
        raise StreamRefusal(67, line.fault)
    for name in names:
        if not line.parameters.get(name):
            raise StreamRefusal(67, f"Missing parameter {name}")


def check_version(version: str, options: StreamOptions) -> None:
    """Refuse a protocol version that is too new, or none at all (C-132, C-133).

    Raises:
        StreamRefusal: With code 65.
    """
    asked, highest = parse_version(version), parse_version(options.tlcp_max)
    if asked is None or highest is None or not (2, 0) <= asked <= highest:
        raise StreamRefusal(65, f"Unsupported protocol version: {version}")


def required(parameters: Parameters, name: str) -> str:
    """Return the value of a parameter that must be there.

    Raises:
        StreamRefusal: It is absent (67).
    """
    if name not in parameters:
        raise StreamRefusal(67, f"Missing parameter {name}")
    return parameters[name]


def integer(parameters: Parameters, name: str, default: int | None = None, *, lowest: int = 0) -> int | None:
    """Return a whole number, or ``default`` when the parameter is absent.

    Raises:
        StreamRefusal: It is no number, or too low (65).
    """
    text = parameters.get(name)
    if text is None:
        return default
    try:
        value = parse_integer(text)
    except StreamProtocolError:
        raise StreamRefusal(65, f"Invalid value of {name}") from None
    if value < lowest:
        raise StreamRefusal(65, f"Invalid value of {name}")
    return value


def flag(parameters: Parameters, name: str, *, default: bool) -> bool:
    """Return ``true`` or ``false``, or ``default`` when the parameter is absent.

    Raises:
        StreamRefusal: It is another word (65).
    """
    text = parameters.get(name)
    if text is None:
        return default
    if text not in ("true", "false"):
        raise StreamRefusal(65, f"Invalid value of {name}")
    return text == "true"


def acknowledged(parameters: Parameters, connection: StreamConnection) -> bool:
    """Return whether a success is to be answered with ``REQOK``."""
    # LS_ack exists on WebSockets from 2.3.0 (section 8.1); elsewhere it is an unknown parameter.
    if connection.transport != "ws" or not connection.at_least(2, 3):
        return True
    return flag(parameters, "LS_ack", default=True)


def bandwidth(parameters: Parameters) -> str | None:
    """Return ``LS_requested_max_bandwidth`` as ``CONS`` states it, or ``None`` when it is absent."""
    text = parameters.get("LS_requested_max_bandwidth")
    if text is None or text == "unlimited":
        return text
    if not _DECIMAL.fullmatch(text) or float(text) <= 0:
        raise StreamRefusal(65, "Invalid value of LS_requested_max_bandwidth")
    return str(float(text))


def bind_terms(parameters: Parameters, options: StreamOptions) -> BindTerms:
    """Return how a connection is to be served, with the server's limits applied (C-157, C-219, C-220)."""
    keepalive = integer(parameters, "LS_keepalive_millis", options.keepalive_ms, lowest=1)
    content_length = integer(parameters, "LS_content_length", options.content_length)
    polling = flag(parameters, "LS_polling", default=False)
    if polling:
        required(parameters, "LS_polling_millis")
    assert keepalive is not None, "has a default"
    assert content_length is not None, "has a default"
    return BindTerms(
        polling=polling,
        polling_ms=min(integer(parameters, "LS_polling_millis", 0) or 0, options.polling_max_ms),
        idle_ms=min(integer(parameters, "LS_idle_millis", 0) or 0, options.idle_max_ms),
        keepalive_ms=min(max(keepalive, options.keepalive_min_ms), options.keepalive_max_ms),
        inactivity_ms=integer(parameters, "LS_inactivity_millis", lowest=1),
        send_sync=flag(parameters, "LS_send_sync", default=True),
        content_length=content_length if content_length >= options.content_length_min else options.content_length,
        reduce_head=flag(parameters, "LS_reduce_head", default=False),
    )


def session_diffs(parameters: Parameters, version: tuple[int, int], options: StreamOptions) -> str:
    """Return the difference formats that may be used for a session (C-195)."""
    if version < (2, 4):
        return ""
    wanted = parameters.get("LS_supported_diffs")
    if wanted is None:
        return options.diffs
    formats = [name for name in wanted.split(",") if name]
    if not set(formats) <= {"P", "T"}:
        raise StreamRefusal(65, "Invalid value of LS_supported_diffs")
    return "".join(name for name in formats if name in options.diffs)


def subscription_number(parameters: Parameters) -> int:
    """Return ``LS_subId``."""
    required(parameters, "LS_subId")
    number = integer(parameters, "LS_subId", lowest=1)
    assert number is not None, "is there"
    return number


def subscription_spec(parameters: Parameters) -> SubscriptionSpec:
    """Return what an ``add`` asks for."""
    mode = required(parameters, "LS_mode")
    if mode not in MODES:
        raise StreamRefusal(65, "Unknown LS_mode")
    return SubscriptionSpec(
        mode=mode,
        group=required(parameters, "LS_group"),
        schema=required(parameters, "LS_schema"),
        data_adapter=parameters.get("LS_data_adapter"),
        selector=parameters.get("LS_selector"),
    )


def frequency(parameters: Parameters, *, unfiltered: bool) -> Frequency | None:
    """Return ``LS_requested_max_frequency``, or ``None`` when it is absent."""
    text = parameters.get("LS_requested_max_frequency")
    if text is None:
        return None
    if text == "unlimited":
        return "unlimited"
    if text == "unfiltered" and unfiltered:
        return "unfiltered"
    if not _DECIMAL.fullmatch(text) or float(text) <= 0:
        raise StreamRefusal(65, "Invalid value of LS_requested_max_frequency")
    return float(text)


def buffer_size(parameters: Parameters, mode: str) -> int | None:
    """Return the events to keep for each item; ``None`` for no limit but the server's."""
    text = parameters.get("LS_requested_buffer_size")
    if text == "unlimited":
        return None
    asked = integer(parameters, "LS_requested_buffer_size")
    if asked:
        return asked
    return 1 if mode == "MERGE" else None


def snapshot_rows(parameters: Parameters, mode: str) -> int | None:
    """Return how many snapshot rows may be sent at most: 0 for none wanted, ``None`` for all there are."""
    text = parameters.get("LS_snapshot", "false")
    if text in ("true", "false"):
        wanted = None if text == "true" else 0
    elif mode == "DISTINCT":
        wanted = integer(parameters, "LS_snapshot")
    else:
        raise StreamRefusal(65, "Invalid value of LS_snapshot")
    return 0 if mode == "RAW" else wanted


def message(parameters: Parameters) -> Message:
    """Return what a ``msg`` request sends."""
    text = required(parameters, "LS_message")
    sequence = parameters.get("LS_sequence")
    number = integer(parameters, "LS_msg_prog", lowest=1)
    outcome = flag(parameters, "LS_outcome", default=True)
    # The reserved name is refused; the code is ours (section 20, 6).
    if sequence is not None and (sequence == "UNORDERED_MESSAGES" or not _SEQUENCE.fullmatch(sequence)):
        raise StreamRefusal(65, "Invalid value of LS_sequence")
    if number is None and (sequence is not None or outcome):
        raise StreamRefusal(67, "Missing parameter LS_msg_prog")
    max_wait = integer(parameters, "LS_max_wait")
    return Message(text, sequence, number, max_wait if sequence is not None else None, outcome)


def destroy_cause(parameters: Parameters) -> tuple[int, str]:
    """Return code and message of the ``END`` that a ``destroy`` makes (C-181)."""
    if "LS_cause_code" not in parameters:
        return 31, "Destroy invoked by client"
    code = integer(parameters, "LS_cause_code", lowest=-(10**17))
    assert code is not None, "is there"
    text = parameters.get("LS_cause_message", "null")
    if len(text) > 35 or not text.isascii() or not text.isprintable():
        text = "[Custom message skipped]"
    return min(code, 0), text
