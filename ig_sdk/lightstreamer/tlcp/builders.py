"""The requests a client makes, by name (TLCP.md sections 7 to 9)."""

from __future__ import annotations

from ig_sdk.lightstreamer.tlcp.actions import StreamTransport
from ig_sdk.lightstreamer.tlcp.codec.requests import Line, Number, Request, boolean, decimal, parameters
from ig_sdk.lightstreamer.tlcp.options import SessionOptions
from ig_sdk.lightstreamer.tlcp.spec import SubscriptionSpec


def create_session(
    options: SessionOptions,
    transport: StreamTransport,
    *,
    user: str | None = None,
    password: str | None = None,
    supported_diffs: tuple[str, ...] | None = None,
) -> Request:
    """Return the request for a new session.

    Args:
        options: The settings.
        transport: Polling and streaming parameters exclude each other (C-033).
        user: Name, or ``None`` for none; an empty one is sent as such (C-032).
        password: Password, likewise.
        supported_diffs: Difference formats to allow; ``None`` leaves it to the server.
    """
    return Request(
        "create_session",
        (
            parameters(
                ("LS_adapter_set", options.adapter_set),
                ("LS_user", user),
                ("LS_password", password),
                ("LS_cid", options.cid),
                ("LS_requested_max_bandwidth", _optional(options.max_bandwidth)),
                ("LS_supported_diffs", None if supported_diffs is None else ",".join(supported_diffs)),
            )
            + _stream_parameters(options, transport),
        ),
    )


def bind_session(
    options: SessionOptions, transport: StreamTransport, session: str, *, recovery_from: int | None = None
) -> Request:
    """Return the request that binds a session to this connection, after a break with the count of what was received."""
    own = parameters(("LS_session", session), ("LS_recovery_from", recovery_from))
    return Request("bind_session", (own + _stream_parameters(options, transport),))


def heartbeat() -> Request:
    """Return the reverse heartbeat; its session is that of the connection or of the query string (C-022)."""
    return Request("heartbeat", ((),))


def add(subscription: int, spec: SubscriptionSpec) -> Line:
    """Return the parameters that subscribe."""
    return parameters(
        ("LS_op", "add"),
        ("LS_subId", subscription),
        ("LS_data_adapter", spec.data_adapter),
        ("LS_mode", spec.mode),
        ("LS_group", spec.group_text),
        ("LS_schema", spec.schema_text),
        ("LS_selector", spec.selector),
        ("LS_requested_buffer_size", spec.buffer_size),
        ("LS_requested_max_frequency", _optional(spec.max_frequency)),
        ("LS_snapshot", _snapshot(spec)),
    )


def delete(subscription: int) -> Line:
    """Return the parameters that unsubscribe."""
    return parameters(("LS_op", "delete"), ("LS_subId", subscription))


def reconf(subscription: int, max_frequency: Number) -> Line:
    """Return the parameters that change a subscription's frequency."""
    return parameters(
        ("LS_op", "reconf"), ("LS_subId", subscription), ("LS_requested_max_frequency", decimal(max_frequency))
    )


def constrain(max_bandwidth: Number) -> Line:
    """Return the parameters that change the session's bandwidth."""
    return parameters(("LS_op", "constrain"), ("LS_requested_max_bandwidth", decimal(max_bandwidth)))


def force_rebind(*, polling_ms: int | None = None, close_socket: bool = False) -> Line:
    """Return the parameters that make the server send ``LOOP``."""
    return parameters(
        ("LS_op", "force_rebind"),
        ("LS_polling_millis", polling_ms),
        ("LS_close_socket", "true" if close_socket else None),
    )


def destroy(*, close_socket: bool = True) -> Line:
    """Return the parameters that end the session."""
    return parameters(("LS_op", "destroy"), ("LS_close_socket", "true" if close_socket else None))


def message(
    text: str,
    *,
    sequence: str | None = None,
    prog: int | None = None,
    max_wait_ms: int | None = None,
    outcome: bool = True,
) -> Line:
    """Return the parameters of a message."""
    return parameters(
        ("LS_message", text),
        ("LS_sequence", sequence),
        ("LS_msg_prog", prog),
        ("LS_max_wait", max_wait_ms),
        ("LS_outcome", None if outcome else "false"),
    )


def _stream_parameters(options: SessionOptions, transport: StreamTransport) -> Line:
    if transport == "http-polling":
        return parameters(
            ("LS_polling", "true"),
            ("LS_polling_millis", options.polling_ms),
            ("LS_idle_millis", options.polling_idle_ms),
        )
    return parameters(
        ("LS_content_length", options.content_length if transport == "http-streaming" else None),
        ("LS_keepalive_millis", options.keepalive_ms),
        ("LS_inactivity_millis", options.inactivity_ms),
        ("LS_send_sync", boolean(options.send_sync)),
    )


def _snapshot(spec: SubscriptionSpec) -> str | None:
    # RAW has no snapshot (section 14.1); a length means something in DISTINCT only (C-057), which the spec checks.
    if spec.mode == "RAW":
        return None
    return boolean(spec.snapshot) if isinstance(spec.snapshot, bool) else str(spec.snapshot)


def _optional(value: Number | None) -> str | None:
    return None if value is None else decimal(value)
