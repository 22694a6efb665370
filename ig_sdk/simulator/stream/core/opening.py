"""What must be right before a session is created or bound. Pure.

Source:
    TLCP.md sections 7, 17 and 18.1; C-132, C-152 to C-158, C-217.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from ig_sdk.simulator.refusals import StreamRefusal
from ig_sdk.simulator.stream.core import requests as read
from ig_sdk.simulator.stream.core.connection import StreamConnection
from ig_sdk.simulator.stream.core.options import StreamOptions, parse_version
from ig_sdk.simulator.stream.core.requests import ParameterLine, Parameters, ServerRequest
from ig_sdk.simulator.stream.core.session import StreamSession


def check_creation(connection: StreamConnection, request: ServerRequest, options: StreamOptions) -> None:
    """Refuse a creation that cannot be.

    Raises:
        StreamRefusal: With the code of ``CONERR``.
    """
    first = request.lines[0] if request.lines else ParameterLine({})
    read.check_version(connection.version, options)
    check_free(connection)
    read.check(first)
    cid = first.parameters.get("LS_cid")
    if cid is None or (options.cids is not None and cid not in options.cids):
        raise StreamRefusal(71, "Client type not supported")
    if request.refusal is not None:
        raise StreamRefusal(*request.refusal)
    if first.parameters.get("LS_adapter_set", "DEFAULT") not in options.adapter_sets:
        raise StreamRefusal(2, "Adapter Set not found")
    read.bind_terms(first.parameters, options)
    if not request.allowed:
        raise StreamRefusal(1, "User/password check failed")


def check_free(connection: StreamConnection) -> None:
    """Refuse a connection that a session streams on already (C-158).

    Raises:
        StreamRefusal: With code 69.
    """
    if connection.session is not None:
        raise StreamRefusal(69, "A session is already bound to this connection")


def new_session(
    session_id: str,
    connection: StreamConnection,
    request: ServerRequest,
    options: StreamOptions,
    random: Random,
    *,
    deliver: Callable[[str], str],
    now: float,
) -> StreamSession:
    """Return a session as the client wants it, not bound yet.

    Raises:
        StreamRefusal: A parameter cannot be used (65).
    """
    parameters = request.lines[0].parameters
    session = StreamSession(
        session_id,
        options,
        user=parameters.get("LS_user"),
        version=connection.version,
        diffs=read.session_diffs(parameters, parse_version(connection.version) or (2, 0), options),
        deliver=deliver,
        random=random,
        now=now,
    )
    session.bandwidth = read.bandwidth(parameters) or "unlimited"
    session.no_cons = read.flag(parameters, "LS_reduce_head", default=False)
    return session


def recovery_point(session: StreamSession, parameters: Parameters, now: float) -> int | None:
    """Return ``LS_recovery_from``, or ``None`` when no recovery is asked for.

    Raises:
        StreamRefusal: It is no number (65), or a point that cannot be returned to (4).
    """
    count = read.integer(parameters, "LS_recovery_from")
    if count is not None and not session.can_recover(count, now):
        raise StreamRefusal(4, "Recovery not possible from the requested point")
    return count
