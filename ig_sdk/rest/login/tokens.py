"""The tokens of a login, and how requests and streams prove it with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ig_sdk.errors import DecodeError
from ig_sdk.redaction import Hidden

XST = "x-security-token"
# What IG grants (REST.md section 2.2), for an answer that does not say.
_LIFETIME_S = 60.0
# A token that is as good as over is renewed before it is sent, so that a slow request does not meet its end.
_EARLY_S = 10.0


@dataclass(frozen=True)
class SessionTokens:
    """Client token and account token, of a login of version 2 or fetched for a stream.

    Source:
        REST.md sections 2.1 and 2.3.
    """

    cst: str = field(repr=False)
    xst: str = field(repr=False)

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> SessionTokens:
        """Return the tokens in the header of an answer.

        Raises:
            DecodeError: One of them is not there.
        """
        if not headers.get("cst") or not headers.get(XST):
            raise DecodeError("the answer has no tokens", path="CST, X-SECURITY-TOKEN")
        return cls(headers["cst"], headers[XST])

    def headers(self, account_id: str | None) -> dict[str, str]:
        """Return the header fields that prove the login; the account token names the account."""
        del account_id
        return Hidden({"CST": self.cst, "X-SECURITY-TOKEN": self.xst})

    def overdue(self, now: float) -> bool:
        """Whether they are to be renewed before they are used: never, their life is not known beforehand."""
        del now
        return False

    @property
    def stream_password(self) -> str:
        """Password of a stream."""
        return f"CST-{self.cst}|XST-{self.xst}"


@dataclass(frozen=True)
class OAuthTokens:
    """Access and refresh token of a login of version 3.

    Attributes:
        access: Sent with each request.
        refresh: Exchanged, once, for new ones.
        kind: The word before the access token.
        expires_at: Monotonic time of the access token's end.
        refused: IG would not take the access token any more.

    Source:
        REST.md section 2.2.
    """

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    kind: str
    expires_at: float
    refused: bool = False

    @classmethod
    def of(cls, data: object, *, asked_at: float) -> OAuthTokens:
        """Return the tokens in an answer.

        Args:
            data: The object with ``access_token`` and the others.
            asked_at: When the request was made: the token is not younger than the answer.

        Raises:
            DecodeError: They are not there.
        """
        read = data if isinstance(data, Mapping) else {}
        access, refresh = read.get("access_token"), read.get("refresh_token")
        if not isinstance(access, str) or not isinstance(refresh, str) or not access or not refresh:
            raise DecodeError("the answer has no tokens", path="access_token, refresh_token")
        kind = read.get("token_type")
        try:
            # A text of seconds (REST.md section 2.2).
            lifetime_s = float(read.get("expires_in") or _LIFETIME_S)
        except (TypeError, ValueError):
            lifetime_s = _LIFETIME_S
        if not 0 < lifetime_s < 1e9:
            lifetime_s = _LIFETIME_S
        return cls(access, refresh, kind if isinstance(kind, str) and kind else "Bearer", asked_at + lifetime_s)

    def headers(self, account_id: str | None) -> dict[str, str]:
        """Return the header fields that prove the login and name the account."""
        proof = Hidden({"Authorization": f"{self.kind} {self.access}"})
        if account_id:
            proof["IG-ACCOUNT-ID"] = account_id
        return proof

    def overdue(self, now: float) -> bool:
        """Whether they are to be renewed before they are used."""
        return self.refused or now >= self.expires_at - _EARLY_S


@dataclass(frozen=True)
class StreamAccess:
    """What it takes to open a stream.

    Attributes:
        endpoint: Address of the stream server.
        account_id: Account whose prices and deals it carries.
        user: Lightstreamer user name: the account id.
        password: Lightstreamer password, made of the tokens.
        items: How many items the stream may carry, if IG or the user has said so.

    Source:
        REST.md section 2.3: user = account id, password = ``CST-<cst>|XST-<xst>``.
    """

    endpoint: str
    account_id: str
    user: str
    password: str = field(repr=False)
    items: int | None = None


Tokens = SessionTokens | OAuthTokens
