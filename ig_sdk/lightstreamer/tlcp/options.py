"""The settings of a session."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise

from ig_sdk.lightstreamer.tlcp.actions import StreamTransport
from ig_sdk.lightstreamer.tlcp.codec.text import version_numbers

# The value that the specification assigns to every client that is not an official library (TLCP.md section 7.1).
GENERIC_CID = "mgQkwtwdysogQz2BJ4Ji kOj2Bg"
_VERSION = re.compile(r"2\.[0-9]{1,3}\.[0-9]{1,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How a session is opened, kept alive and brought back.

    Attributes:
        address: Address of the server: ``http(s)://`` or ``ws(s)://``, host, optional port, optional path prefix.
        adapter_set: Adapter Set, or ``None`` for the server's default.
        versions: TLCP versions from the newest to the oldest, in which order they are tried; the next one is taken on
            ``CONERR`` 65 that names the version.
        transports: Ways to stream, in the order of trying.
        cid: Kind of client; a wrong one is refused.
        keepalive_ms: Longest silence to ask of the server, or ``None`` to leave it to the server.
        inactivity_ms: How often the server is promised a request (``heartbeat`` at need), or ``None``.
        send_sync: Whether the server should send ``SYNC``.
        supported_diffs: Difference formats to accept, of ``"P"`` (JSON patch) and ``"T"`` (TLCP-diff); ``None`` for all
            that can be decoded.
        unset_is_null: Take a field that the first update of an item leaves out for null, as IG's servers mean it; the
            protocol calls it an error (C-078).
        max_bandwidth: Kilobits a second to ask for, or ``None``.
        content_length: Length of one HTTP stream body to ask for, or ``None``.
        polling_ms: How long the client stays away between polls.
        polling_idle_ms: How long the server may hold a poll that has nothing to say.
        answer_timeout_s: For the first answer to ``create_session`` and ``bind_session``.
        request_timeout_s: For the answer to a control request; it is sent once more then.
        close_timeout_s: How long ``close`` waits for the server's ``END``.
        stall_tolerance_s: Silence beyond the keepalive that means STALLED.
        drop_after_s: Further silence after which the connection is dropped.
        recovery_s: How long after a loss the old session is still asked for.
        initial_delay_s: First waiting time before a reconnect.
        max_delay_s: Longest waiting time.
        slow_delay_s: Longest waiting time after an hour of waiting in vain; ``max_delay_s`` where that is longer.
        multiplier: Growth of the waiting time.
        few_attempts: How often a refusal that may pass, or may not, is retried.
        ignore_control_link: Stay at ``address``, whatever other address the server names.
    """

    address: str
    adapter_set: str | None = None
    versions: tuple[str, ...] = ("2.5.0", "2.4.0")
    transports: tuple[StreamTransport, ...] = ("ws", "http-streaming", "http-polling")
    cid: str = GENERIC_CID
    keepalive_ms: int | None = None
    inactivity_ms: int | None = None
    send_sync: bool = False
    supported_diffs: tuple[str, ...] | None = None
    unset_is_null: bool = False
    max_bandwidth: float | None = None
    content_length: int | None = None
    polling_ms: int = 0
    polling_idle_ms: int = 5000
    answer_timeout_s: float = 10.0
    request_timeout_s: float = 4.0
    close_timeout_s: float = 1.0
    stall_tolerance_s: float = 2.0
    drop_after_s: float = 3.0
    recovery_s: float = 15.0
    initial_delay_s: float = 1.0
    max_delay_s: float = 30.0
    slow_delay_s: float = 120.0
    multiplier: float = 2.0
    few_attempts: int = 3
    ignore_control_link: bool = False
    max_messages: int = field(default=10_000, repr=False)

    def __post_init__(self) -> None:
        self._check_versions()
        if not self.transports or not set(self.transports) <= {"ws", "http-streaming", "http-polling"}:
            raise ValueError("transports must be some of 'ws', 'http-streaming', 'http-polling'")
        if self.supported_diffs is not None and not set(self.supported_diffs) <= {"P", "T"}:
            raise ValueError("supported_diffs must be some of 'P', 'T'")

    def _check_versions(self) -> None:
        if not self.versions or not all(_VERSION.fullmatch(version) for version in self.versions):
            raise ValueError("versions must be at least one TLCP version such as '2.4.0'")
        numbers = [version_numbers(version) for version in self.versions]
        if any(after >= before for before, after in pairwise(numbers)):
            # A refusal says that the server is too old (C-123): a newer version would be refused all the more.
            raise ValueError(
                "versions must go from the newest to the oldest: after a refusal only lower ones are tried"
            )
