"""What belongs to one process: connections, threads, locks and logins do not survive a fork.

``os.fork`` (and with it ``multiprocessing`` on Linux up to Python 3.13, and servers that load an application before
they fork) copies an open client: both copies would read the answers of one connection, each the other's. Its threads
are not copied, and a lock that another thread held at that moment stays locked in the copy for ever.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import warnings
import weakref
from collections.abc import Callable

from ig_sdk.errors import UsageError

_sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()


class Home:
    """The process that an object was made in.

    Args:
        what: What was made, for the error: ``"client"``.
        instead: What to do in another process.

    Threading:
        Safe from any thread; takes no lock, for one may have been held when the process was forked.
    """

    __slots__ = ("_instead", "_pid", "_what")

    def __init__(self, what: str, instead: str) -> None:
        self._what = what
        self._instead = instead
        self._pid = os.getpid()

    @property
    def left(self) -> bool:
        """Whether this is another process: a child that was forked off later."""
        return os.getpid() != self._pid

    def check(self) -> None:
        """Raise ``UsageError`` in a process that was forked off later."""
        if os.getpid() != self._pid:
            raise UsageError(
                f"this {self._what} belongs to process {self._pid}, which process {os.getpid()} was forked from: "
                "they would read each other's answers",
                hint=self._instead,
            )


class Abandoned:
    """Ends what an object started when the object is garbage collected while it is open, and says so.

    Args:
        owner: The object. Nothing that ``ends`` holds may hold it.
        what: What it is, and how to close it, for the ``ResourceWarning``.
        ends: End everything; called on a thread of its own, for the collection may happen inside anybody's lock.

    Threading:
        Safe from any thread.
    """

    def __init__(self, owner: object, what: str, *ends: Callable[[], object]) -> None:
        self._finalizer = weakref.finalize(owner, _abandoned, Home("", ""), what, ends)
        # At the end of the program the daemon threads end by themselves.
        self._finalizer.atexit = False

    def cancel(self) -> None:
        """Do nothing at the collection: it was closed properly."""
        self._finalizer.detach()


def _abandoned(home: Home, what: str, ends: tuple[Callable[[], object], ...]) -> None:
    if home.left:
        return  # everything is the parent's

    def end() -> None:
        for each in ends:
            each()

    threading.Thread(target=end, name="ig-abandoned", daemon=True).start()
    warnings.warn(what, ResourceWarning, stacklevel=2)


def keep_here(sock: socket.socket) -> None:
    """Close the copy of a socket that a forked child gets, so that only this process's close ends the connection."""
    _sockets.add(sock)


def _drop_copies() -> None:
    """Close a child's copies: the descriptors alone, without a word on the connection."""
    for sock in list(_sockets):
        with contextlib.suppress(OSError):
            number = sock.detach()
            if number >= 0:
                os.close(number)


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_drop_copies)
