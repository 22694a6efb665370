"""How the two servers refuse a request: each code becomes an answer on its own wire."""

from __future__ import annotations


class RestRefusal(Exception):
    """A REST request that is refused, such as a login or a token.

    Attributes:
        code: IG's ``errorCode``.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class StreamRefusal(Exception):
    """A request of the streaming protocol that is refused.

    Attributes:
        code: Code of ``REQERR`` or ``CONERR`` (TLCP.md section 18.2).
        message: Its text.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
