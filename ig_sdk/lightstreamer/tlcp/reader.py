"""Each line of the server to the part that it concerns: the plain path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ig_sdk.errors import StreamError, StreamProtocolError
from ig_sdk.lightstreamer.tlcp import fast
from ig_sdk.lightstreamer.tlcp.codec import notifications as say
from ig_sdk.lightstreamer.tlcp.codec.notification import Notification
from ig_sdk.lightstreamer.tlcp.codec.text import excerpt, split_lines
from ig_sdk.lightstreamer.tlcp.counter import DataCounter
from ig_sdk.lightstreamer.tlcp.events import ErrorOccurred, Event, LineIgnored
from ig_sdk.lightstreamer.tlcp.items import ItemState
from ig_sdk.lightstreamer.tlcp.lifecycle import Lifecycle
from ig_sdk.lightstreamer.tlcp.messages import Messages
from ig_sdk.lightstreamer.tlcp.pending import PendingRequests
from ig_sdk.lightstreamer.tlcp.policy import SESSION_IS_GONE
from ig_sdk.lightstreamer.tlcp.repair import Repair
from ig_sdk.lightstreamer.tlcp.subscriptions import Subscriptions
from ig_sdk.lightstreamer.tlcp.transitions import LISTENING, Phase

_NO_TABLE: Final[dict[str, ItemState]] = {}
_MAX_UNKNOWN_TAGS: Final = 50
_MAX_TAG: Final = 20
_STREAMING: Final = Phase.STREAMING  # looking a member up is slow before Python 3.12


@dataclass(slots=True)
class ServerFacts:
    """What the server says about itself and the connection; ``None`` while it does not.

    Attributes:
        name: Its name for its socket.
        client_ip: The client's address as it sees it.
        bandwidth: The bandwidth in force: kilobits a second, ``unlimited`` or ``unmanaged``.
    """

    name: str | None = None
    client_ip: str | None = None
    bandwidth: str | None = None


class Reader:
    """Processes lines in the order in which they came.

    Attributes:
        table: Items whose next update the fast path may take; empty while every line must be looked at.
        events: Where events gather.
        counter: The session's data notifications.
        facts: What the server says about itself.
    """

    def __init__(
        self,
        life: Lifecycle,
        subscriptions: Subscriptions,
        messages: Messages,
        requests: PendingRequests,
        events: list[Event],
    ) -> None:
        self.table = _NO_TABLE
        self.events = events
        self.counter: DataCounter = life.counter
        self.facts = ServerFacts()
        self._now = 0.0
        self._life = life
        self._connection = connection = life.connection
        self._timers = connection.timers
        self._subscriptions = subscriptions
        self._repair = Repair(subscriptions, events)
        self._messages = messages
        self._requests = requests
        self._unknown: set[str] = set()
        self._data: dict[type[Notification], Callable[[Any], None]] = {
            say.Update: subscriptions.update,
            say.Subok: subscriptions.subok,
            say.Subcmd: subscriptions.subok,
            say.Unsub: subscriptions.unsub,
            say.Conf: subscriptions.conf,
            say.Eos: subscriptions.eos,
            say.Cs: subscriptions.cs,
            say.Ov: subscriptions.ov,
            say.MsgDone: messages.done,
            say.MsgFail: messages.failed,
        }
        self._other: dict[type[Notification], Callable[[Any], None]] = {
            say.Conok: self._conok,
            say.Conerr: lambda note: life.refused(note.code, note.message, self._now),
            say.End: lambda note: life.end(note.code, note.message, self._now),
            say.Loop: lambda note: life.loop(note.delay, self._now),
            say.Prog: lambda note: life.prog(note.count, self._now),
            say.Reqok: self._reqok,
            say.Reqerr: self._reqerr,
            say.Error: self._error,
            say.Probe: self._probe,
            say.Cons: lambda note: setattr(self.facts, "bandwidth", note.bandwidth),
            say.ServName: lambda note: setattr(self.facts, "name", note.name),
            say.ClientIp: lambda note: setattr(self.facts, "client_ip", note.address),
            say.Unknown: self._skip,
        }

    def receive(self, text: str, now: float) -> None:
        """Process whole lines of the stream connection."""
        phase = self._connection.phase
        if phase is not _STREAMING:
            if phase not in LISTENING:
                self.counter.ignored += 1  # from a connection that was left (C-011, C-109)
                return
            self._life.heard(now)
        self._now = self._timers.heard_at = now
        fast.decode(text, self)

    def disarm(self) -> None:
        """Have the plain path see the next line, whatever it is."""
        self.table = _NO_TABLE

    def line(self, line: str) -> None:
        """Process one line by the plain path, and see whether the fast one may go on."""
        self._line(line)
        self.table = self._subscriptions.live if self._life.quiet else _NO_TABLE

    def answered(self, text: str, now: float) -> None:
        """Process the answer to an HTTP control request: only ``REQOK``, ``REQERR`` and ``ERROR`` belong there."""
        self._now = now
        for line in split_lines(text):
            try:
                note = say.parse(line)
            except StreamProtocolError as error:
                if self._connection.phase is not Phase.CLOSING:
                    self.events.append(ErrorOccurred(error))
                return  # one error is enough for a body of garbage
            if not isinstance(note, say.Reqok | say.Reqerr | say.Error):
                self.counter.ignored += 1
            elif self._connection.phase is Phase.CLOSING:
                self._while_closing(note, apart=True)
            else:
                self._other[type(note)](note)

    def _line(self, line: str) -> None:
        connection = self._connection
        if not connection.listening:
            self.counter.ignored += 1  # after LOOP, END or a fault in the same message
            return
        try:
            note = say.parse(line)
        except StreamProtocolError as error:
            if connection.phase is Phase.CLOSING:
                self.counter.ignored += 1  # as below
                return
            # Not quite data before the session is there: recovery has nothing to bring again.
            data = connection.bound and say.tag_of(line) in say.DATA_TAGS
            self._malformed(line, error, data=data, counted=False)
            return
        if connection.phase is Phase.CLOSING:
            self._while_closing(note)
            return
        try:
            if note.DATA:
                self._take(note)
            else:
                handler = self._other.get(type(note))
                if handler is not None:
                    handler(note)
        except StreamProtocolError as error:
            fault = StreamProtocolError(error.message, line=line, cause=error)
            self._malformed(line, fault, data=note.DATA, counted=True)

    def _malformed(self, line: str, error: StreamProtocolError, *, data: bool, counted: bool) -> None:
        life = self._life
        about_one = data and not life.awaiting_prog
        if not (about_one and self._repair.blame(line, error.message, self._now)):
            life.malformed(self._now, error, data=data)
        elif not counted:
            self.counter.take()  # the server counts it, too

    def _while_closing(self, note: Notification, *, apart: bool = False) -> None:
        """Look for the end of the session; nothing else is for anybody any more."""
        if isinstance(note, say.End | say.Conerr | say.Error):
            self._other[type(note)](note)
        elif isinstance(note, say.Conok):
            self._connection.created_too_late(note.session, note.control_link)
        elif isinstance(note, say.Reqok | say.Reqerr):
            # On the stream's own connection END follows REQOK.
            self._connection.destroy_answered(note.request, self._now, final=apart or isinstance(note, say.Reqerr))

    def _take(self, note: Notification) -> None:
        life = self._life
        if not self._connection.bound:
            self.counter.ignored += 1  # no session yet, or none any more
        elif life.awaiting_prog:
            life.replace(self._now, "the server did not say where it begins", destroy=True)
        elif self.counter.take():
            before = len(self.events)
            self._data[type(note)](note)
            if isinstance(note, say.Update) and len(self.events) > before:  # discarded ones do not
                life.updated(self._now)

    def _conok(self, note: say.Conok) -> None:
        if not self._life.conok(note, self._now) and not self._connection.route.polls:
            self._requests.restart(self._now)  # not at each poll: an answer that is lost would never be missed
        if self._connection.bound:
            self._subscriptions.begin()
            self._messages.begin()

    def _reqok(self, note: say.Reqok) -> None:
        pending = None if note.request is None else self._requests.answer(note.request)
        if pending is None:
            return  # a heartbeat's, or one that was settled already
        if pending.operation == "message":
            self._messages.accepted(pending)
        else:
            self._subscriptions.accepted(pending)

    def _reqerr(self, note: say.Reqerr) -> None:
        gone = note.code in SESSION_IS_GONE
        if not gone and self._requests.doubt(note.request, (note.code, note.message), self._now):
            return
        pending = self._requests.answer(note.request)
        if pending is None:
            return
        if pending.operation == "message":
            self._messages.refused(pending, note.code, note.message)
        if gone:
            self._life.replace(self._now, f"the server does not know the session: {note.code} {excerpt(note.message)}")
        elif pending.operation == "constrain":
            text = f"bandwidth not changed: {note.code} {excerpt(note.message)}"
            self.events.append(ErrorOccurred(StreamError(text, code=note.code)))
        elif pending.operation != "message":
            self._subscriptions.refused(pending, note.code, note.message)

    def _error(self, note: say.Error) -> None:
        text = f"the server did not understand a request: {note.code} {excerpt(note.message)}".rstrip()
        if self._connection.phase is Phase.CLOSING:
            self._connection.ended(self._now)
        else:
            self._life.prove(self._now)
            self._connection.stop(self._now, StreamError(text, code=note.code), destroy=True)  # C-122

    def _probe(self, _note: say.Probe) -> None:
        # Nothing is sent in reply (C-053). A server with nothing to send may leave PROG for later; but it is there.
        if self._life.awaiting_prog and self.counter.position == self.counter.count:
            self._life.recovered(self._now)

    def _skip(self, note: say.Unknown) -> None:
        self.counter.ignored += 1
        line = note.encode()
        about = self._repair.suspect(line) if self._connection.bound else None
        if about is not None:
            self._damaged(line, *about)
            return
        tag = note.name[:_MAX_TAG]
        if tag not in self._unknown and len(self._unknown) < _MAX_UNKNOWN_TAGS:
            self._unknown.add(tag)
            self.events.append(LineIgnored(tag))

    def _damaged(self, line: str, wire: int, position: int) -> None:
        """A line has no tag of the protocol's, and may well have been data."""
        counter = self.counter
        error = StreamProtocolError("a line that is none of the protocol's", line=line)
        if self._life.awaiting_prog or counter.skipping:
            # Where the server is in its repetition is unknown now.
            self._life.malformed(self._now, error, data=True)
            return
        counter.unsure = True
        if not self._repair.damaged(wire, position, self._now, error):
            self._life.malformed(self._now, error, data=True)
