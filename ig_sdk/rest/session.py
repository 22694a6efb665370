"""``ig.session``: who is logged in, and on which account."""

from __future__ import annotations

from ig_sdk import _json
from ig_sdk.rest.arguments import text_of
from ig_sdk.rest.login.auth import Auth
from ig_sdk.rest.login.session_info import DETAILS, AccountSwitch, EncryptionKey, SessionAccount, SessionDetails


class SessionResource:
    """The session; reached as ``ig.session``.

    Threading:
        Safe from any thread.
    """

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    @property
    def accounts(self) -> tuple[SessionAccount, ...]:
        """The user's accounts; logs in if need be. A login of version 3 lists none, so they are asked for once."""
        return self._auth.accounts(self._auth.deadline(None))

    def get(self, *, timeout: float | None = None) -> SessionDetails:
        """Return the session as IG sees it now.

        Args:
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            IGError: The call failed.

        Source:
            ``GET /session`` version 1 (REST.md section 5); sample ``session_get_v1``.
        """
        reply = self._auth.call(DETAILS, self._auth.deadline(timeout))
        return _json.decode(SessionDetails, reply.data, path="session")

    def switch(self, account: str, *, make_default: bool = False, timeout: float | None = None) -> AccountSwitch:
        """Work on another account from now on, also after the login is renewed.

        A stream that is open keeps the account that it was opened with until it needs a new session, which is opened
        on the account in use then.

        Args:
            account: Id of the account, or its name or type where only one has it.
            make_default: Make it the preferred account for good, on the web platform too.
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Returns:
            What IG says about the account. A login of version 3 names the account with each call, so without
            ``make_default`` IG is not asked and nothing is known.

        Raises:
            ValueError: No account of the user, or more than one, is meant by ``account``.
            IGError: The call failed.

        Source:
            ``PUT /session`` version 1 (REST.md sections 2.1 and 2.2); sample ``session_put_v1``.
        """
        return self._auth.switch(text_of(account, "account"), self._auth.deadline(timeout), make_default=make_default)

    def encryption_key(self, *, timeout: float | None = None) -> EncryptionKey:
        """Return the key with which a password can be encrypted now; needs the API key only, no login.

        A login does this by itself where ``encrypt_password`` or IG asks for it.

        Args:
            timeout: Seconds for the whole call; ``None`` bounds each attempt by the configuration.

        Raises:
            IGError: The call failed.

        Source:
            ``GET /session/encryptionKey`` version 1 (REST.md section 2.4).
        """
        return self._auth.encryption_key(self._auth.deadline(timeout))
