"""What a server says: a type for each line, with ``parse`` and ``encode`` (TLCP.md sections 6 and 10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ig_sdk.errors import StreamProtocolError
from ig_sdk.lightstreamer.tlcp.codec.mpn import MpnConf, MpnDel, MpnOk, MpnReg, MpnZero
from ig_sdk.lightstreamer.tlcp.codec.notification import Notification
from ig_sdk.lightstreamer.tlcp.codec.text import at_least, decode_lenient, parse_decimal, parse_integer


@dataclass(frozen=True, slots=True)
class Conok(Notification):
    """A session was created or bound."""

    TAG = "CONOK"
    KINDS = "snns"
    session: str
    request_limit: int
    keepalive: int
    control_link: str = "*"


@dataclass(frozen=True, slots=True)
class Conerr(Notification):
    """Creation or binding failed."""

    TAG = "CONERR"
    KINDS = "ns"
    code: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class End(Notification):
    """The server closed the session."""

    TAG = "END"
    KINDS = "ns"
    code: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Loop(Notification):
    """The session is unbound; bind it again after ``delay`` milliseconds."""

    TAG = "LOOP"
    KINDS = "n"
    delay: int


@dataclass(frozen=True, slots=True)
class Wsok(Notification):
    """Answer to ``wsok``."""

    TAG = "WSOK"


@dataclass(frozen=True, slots=True)
class Reqok(Notification):
    """A request was done; without an id it answers an HTTP heartbeat."""

    TAG = "REQOK"
    KINDS = "s"
    request: str | None = None

    @property
    def args(self) -> tuple[Any, ...]:
        """The request id, or nothing."""
        return () if self.request is None else (self.request,)


@dataclass(frozen=True, slots=True)
class Reqerr(Notification):
    """A request failed."""

    TAG = "REQERR"
    KINDS = "sns"
    request: str
    code: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Error(Notification):
    """A request was not even understood."""

    TAG = "ERROR"
    KINDS = "ns"
    code: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Subok(Notification):
    """A subscription is active."""

    TAG = "SUBOK"
    KINDS = "nnn"
    DATA = True
    subscription: int
    items: int
    fields: int


@dataclass(frozen=True, slots=True)
class Subcmd(Notification):
    """A COMMAND subscription is active; positions of the key and command fields, from 1."""

    TAG = "SUBCMD"
    KINDS = "nnnnn"
    DATA = True
    subscription: int
    items: int
    fields: int
    key: int
    command: int


@dataclass(frozen=True, slots=True)
class Unsub(Notification):
    """A subscription is gone."""

    TAG = "UNSUB"
    KINDS = "n"
    DATA = True
    subscription: int


@dataclass(frozen=True, slots=True)
class Conf(Notification):
    """The frequency in force: ``unlimited`` or updates a second; ``filtered`` or ``unfiltered``."""

    TAG = "CONF"
    KINDS = "nds"
    DATA = True
    subscription: int
    frequency: str
    filtering: str = "filtered"


@dataclass(frozen=True, slots=True)
class Update(Notification):
    """An update or a row of the snapshot; ``payload`` is the undecoded field list."""

    TAG = "U"
    KINDS = "nnf"
    DATA = True
    subscription: int
    item: int
    payload: str


@dataclass(frozen=True, slots=True)
class Eos(Notification):
    """End of an item's snapshot."""

    TAG = "EOS"
    KINDS = "nn"
    DATA = True
    subscription: int
    item: int


@dataclass(frozen=True, slots=True)
class Cs(Notification):
    """The item's list is to be cleared."""

    TAG = "CS"
    KINDS = "nn"
    DATA = True
    subscription: int
    item: int


@dataclass(frozen=True, slots=True)
class Ov(Notification):
    """Updates of an item were dropped."""

    TAG = "OV"
    KINDS = "nnn"
    DATA = True
    subscription: int
    item: int
    lost: int


@dataclass(frozen=True, slots=True)
class MsgDone(Notification):
    """A message was processed; before 2.5.0 there is no response."""

    TAG = "MSGDONE"
    KINDS = "sns"
    DATA = True
    sequence: str
    prog: int
    response: str = ""

    def encode(self, version: str = "2.5.0") -> str:
        """Return the line; the third argument exists from 2.5.0 on (C-187)."""
        return self._join(self.args if at_least(version, "2.5.0") else self.args[:2])


@dataclass(frozen=True, slots=True)
class MsgFail(Notification):
    """A message failed; with code 39 the message is the number of lost ones, ending at ``prog``."""

    TAG = "MSGFAIL"
    KINDS = "snns"
    DATA = True
    sequence: str
    prog: int
    code: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Cons(Notification):
    """The bandwidth in force: kilobits a second, ``unlimited`` or ``unmanaged``."""

    TAG = "CONS"
    KINDS = "d"
    bandwidth: str


@dataclass(frozen=True, slots=True)
class Sync(Notification):
    """Seconds since this bind on the server's clock."""

    TAG = "SYNC"
    KINDS = "n"
    seconds: int


@dataclass(frozen=True, slots=True)
class ClientIp(Notification):
    """The client's address as the server sees it."""

    TAG = "CLIENTIP"
    KINDS = "s"
    address: str


@dataclass(frozen=True, slots=True)
class ServName(Notification):
    """The server socket's configured name."""

    TAG = "SERVNAME"
    KINDS = "s"
    name: str


@dataclass(frozen=True, slots=True)
class Prog(Notification):
    """The number of data notifications before the next one."""

    TAG = "PROG"
    KINDS = "n"
    count: int


@dataclass(frozen=True, slots=True)
class Noop(Notification):
    """Padding."""

    TAG = "NOOP"
    KINDS = "s"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Probe(Notification):
    """Keep-alive; nothing is to be sent in reply."""

    TAG = "PROBE"


@dataclass(frozen=True, slots=True)
class Unknown(Notification):
    """A line whose tag this version does not know; to be ignored (C-048)."""

    name: str
    text: str = ""

    @property
    def tag(self) -> str:
        """The unknown tag."""
        return self.name

    @property
    def args(self) -> tuple[Any, ...]:
        """Nothing: how many there are is not known."""
        return ()

    def encode(self, version: str = "2.5.0") -> str:  # noqa: ARG002 -- as in the base
        """Return the line as it came."""
        return f"{self.name},{self.text}" if self.text else self.name


_KNOWN: Final[tuple[type[Notification], ...]] = (
    *(Conok, Conerr, End, Loop, Wsok, Reqok, Reqerr, Error, Subok, Subcmd, Unsub, Conf, Update, Eos, Cs, Ov, MsgDone),
    *(MsgFail, Cons, Sync, ClientIp, ServName, Prog, Noop, Probe, MpnReg, MpnZero, MpnOk, MpnConf, MpnDel),
)
TYPES: Final[dict[str, type[Notification]]] = {kind.TAG: kind for kind in _KNOWN}
DATA_TAGS: Final = frozenset(kind.TAG for kind in _KNOWN if kind.DATA)
# The arguments that were added later or may be missing: tag -> fewest arguments.
_FEWEST: Final = {"REQOK": 0, "MSGDONE": 2}


def tag_of(line: str) -> str:
    """Return the line's tag."""
    return line.partition(",")[0]


def parse(line: str) -> Notification:
    """Return the notification in one line (without CR-LF).

    Raises:
        StreamProtocolError: A known tag with a wrong number of arguments, or text where a number is due.
    """
    tag, comma, rest = line.partition(",")
    kind = TYPES.get(tag)
    if kind is None:
        return Unknown(tag, rest)
    make: Callable[..., Notification] = kind
    kinds = kind.KINDS
    texts = rest.split(",", len(kinds) - 1) if comma and kinds else ([rest] if comma else [])
    if not _FEWEST.get(tag, len(kinds)) <= len(texts) <= len(kinds):
        raise StreamProtocolError(f"{tag} with {len(texts)} arguments", line=line)
    try:
        return make(*[_DECODERS[letter](text) for letter, text in zip(kinds, texts, strict=False)])
    except StreamProtocolError as error:
        raise StreamProtocolError(f"{tag}: {error.message}", line=line) from None


def _raw(text: str) -> str:
    return text


_DECODERS: Final[dict[str, Any]] = {"n": parse_integer, "d": parse_decimal, "s": decode_lenient, "f": _raw}
