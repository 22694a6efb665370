"""Who reads one item: those who get everything, and those who wait to be let in."""

from __future__ import annotations

from collections.abc import Iterator

from ig_sdk.streaming.channel import Reader
from ig_sdk.streaming.events import PriceEvent


class Readers:
    """The readers of one item.

    Attributes:
        now: Those who get each datum; replaced, never changed.

    Threading:
        ``join`` and ``leave`` under the line's lock, everything else in its turn.
    """

    __slots__ = ("_everybody", "_joining", "now")

    def __init__(self) -> None:
        self.now: tuple[Reader, ...] = ()
        self._joining: tuple[Reader, ...] = ()
        self._everybody: tuple[Reader, ...] = ()  # who joined and has not left

    @property
    def waiting(self) -> bool:
        """Whether somebody waits to be let in."""
        return bool(self._joining)

    @property
    def blocking(self) -> bool:
        """Whether the server shall wait for one of them."""
        return any(reader.options.overflow == "block" for reader in self._everybody)

    def join(self, reader: Reader, *, at_once: bool) -> None:
        """Take a reader in, at once or with the next :meth:`admit`."""
        if at_once:
            self.now += (reader,)
        else:
            self._joining += (reader,)
        self._everybody += (reader,)

    def leave(self, reader: Reader) -> bool:
        """Let a reader have nothing more; return whether nobody is left."""
        self.now = tuple(each for each in self.now if each is not reader)
        self._joining = tuple(each for each in self._joining if each is not reader)
        self._everybody = tuple(each for each in self._everybody if each is not reader)
        return not self._everybody

    def admit(self) -> Iterator[Reader]:
        """Let those in who wait; yields each."""
        joining, self._joining = self._joining, ()
        for reader in joining:
            if reader in self._everybody:
                self.now += (reader,)
                yield reader

    def tell(self, event: PriceEvent) -> None:
        """Tell an event to everybody."""
        for reader in self._everybody:
            reader.tell(event)

    def __len__(self) -> int:
        return len(self._everybody)

    def __iter__(self) -> Iterator[Reader]:
        return iter(self._everybody)
