"""How the simulated Lightstreamer server is set up: limits and timings are IG's, ``like_ig`` adds IG's manners.

Source:
    IG-SPECIFICS.md section 10 (profile), TLCP.md sections 15 to 17 and 20 (where the protocol leaves a choice).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

Choice = Literal["never", "always", "random"]


@dataclass(frozen=True)
class StreamOptions:
    """Limits, timings and test modes of the stream server.

    Attributes:
        tlcp_max: Highest TLCP version taken; a higher one gets ``CONERR,65`` (IG: 2.4.0).
        refuse_at_handshake: Refuse a version that is too high at the WebSocket handshake instead.
        adapter_sets: Adapter Sets that exist.
        cids: Values of ``LS_cid`` that are taken; ``None`` takes any, other clients have ids of their own.
        control_link: Fourth argument of ``CONOK``. IG sends a bare host, which official clients complete with the
            original scheme but not always with the port: on another port than the scheme's they would find nobody. So
            ``*`` unless asked for.
        server_name: Argument of ``SERVNAME``.
        request_limit: Longest request in bytes.
        keepalive_ms: Silence before ``PROBE`` when the client asks for none.
        keepalive_min_ms: Shortest that a client may ask for.
        keepalive_max_ms: Longest that a client may ask for.
        content_length: Body budget of an HTTP stream when the client asks for none.
        content_length_min: A smaller wish is replaced by ``content_length``.
        idle_max_ms: Longest wait inside a poll.
        polling_max_ms: Longest pause between polls.
        polling_tolerance_s: How much longer a polled session is kept than its pause.
        sync_s: Period of ``SYNC``.
        session_timeout_s: How long a session is kept that was asked to bind again.
        recovery_s: How long a sent data notification is kept for recovery, and a session whose connection broke.
            Official clients with a keepalive of 5 s notice a silent connection after 10 s.
        recovery_lines: How many are kept at most.
        prog_back: Answer a recovery so many notifications earlier than asked (test mode, C-216).
        max_items: Items that one session may subscribe; ``None`` for no limit (IG: 40).
        max_sessions: Sessions at the same time; more are refused with 8.
        max_sessions_per_user: Older sessions of a user are ended with 35; ``None`` for no limit.
        buffer_lines: Lines that wait for one client before its updates are merged, dropped or held back.
        answer_lines: Answers that may wait for a client that does not read before it is cut off.
        stalled_client_s: How long a client may take no byte before its connection is given up.
        lines_per_message: Lines of one WebSocket message: ``"one"``, ``"all"`` that are ready, or ``"random"``.
        chunk_bytes: Cut HTTP bodies into chunks of at most so many bytes, also inside lines; 0 leaves them whole.
        runs: Whether unchanged fields are written ``^N`` (``"random"``: either).
        diffs: Difference formats that may be used, of ``"T"`` and ``"P"``.
        diff_min_chars: Shorter values are always sent whole.
        unset: What the first update of an item says of a field that has no value: ``"null"`` (``#``), or ``"empty"``
            (nothing between the bars: unchanged since there was none, as IG sends it).
        top_frequency: Updates a second that ``CONF`` names at most, ``None`` for ``unlimited`` (IG: 20.0). It is said,
            and not kept to: no update of a replay may be lost.
        update_first: Whether ``TRADE`` shows the update of a position or order before the confirm of its deal; unless
            ``"never"``, the update's time is some milliseconds earlier than the confirm's.
    """

    tlcp_max: str = "2.4.0"
    refuse_at_handshake: bool = False
    adapter_sets: tuple[str, ...] = ("DEFAULT",)
    cids: frozenset[str] | None = None
    control_link: str = "*"
    server_name: str = "Lightstreamer HTTPS NSE Listener"
    request_limit: int = 50_000
    keepalive_ms: int = 5_000
    keepalive_min_ms: int = 500
    keepalive_max_ms: int = 60_000
    content_length: int = 50_000_000
    content_length_min: int = 1_000
    idle_max_ms: int = 30_000
    polling_max_ms: int = 15_000
    polling_tolerance_s: float = 13.0
    sync_s: float = 20.0
    session_timeout_s: float = 10.0
    recovery_s: float = 13.0
    recovery_lines: int = 65_536
    prog_back: int = 0
    max_items: int | None = 40
    max_sessions: int = 1_000
    max_sessions_per_user: int | None = None
    buffer_lines: int = 4_096
    answer_lines: int = 20_000
    stalled_client_s: float = 120.0
    lines_per_message: Literal["one", "all", "random"] = "all"
    chunk_bytes: int = 0
    runs: Choice = "always"
    diffs: str = "TP"
    diff_min_chars: int = 24
    unset: Literal["null", "empty"] = "null"
    top_frequency: float | None = None
    update_first: Choice = "never"

    @classmethod
    def like_ig(cls, **changes: Any) -> StreamOptions:
        """Return the options of IG's servers, down to their habits where the protocol leaves a choice.

        Args:
            changes: Options that are to be different.

        Source:
            captures: tlcp-session-2026-02-26 (``CONF``), tlcp-lines-tempeh-2025-09-05 (control link, bars, empty).
        """
        habits = cls(control_link="127.0.0.1", runs="never", unset="empty", top_frequency=20.0, update_first="random")
        return replace(habits, **changes)


def parse_version(text: str) -> tuple[int, int] | None:
    """Return major and minor of a TLCP version, or ``None`` when it is none.

    The subminor needs no newer server (TLCP.md section 1), so it is not compared.
    """
    parts = text.split(".")
    if not 2 <= len(parts) <= 3 or not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
        return None
    return int(parts[0]), int(parts[1])
