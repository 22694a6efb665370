"""What a secret looks like in text, and that it does not stay there."""

from __future__ import annotations

import pytest

from ig_sdk.redaction import Hidden, redact

CANARY = "canary7f3a"


@pytest.mark.parametrize(
    "text",
    [
        f'{{"identifier": "{CANARY}", "password": "{CANARY} and more"}}',
        f"{{'password': '{CANARY}'}}",
        f'{{\\"password\\": \\"{CANARY}\\"}}',
        f'password="with \\" quote {CANARY}"',
        f"X-SECURITY-TOKEN: {CANARY}",
        f"X-IG-API-KEY: {CANARY}",
        f"('X-IG-API-KEY', '{CANARY}')",
        f"CST={CANARY}&x=1",
        f"Authorization: Bearer {CANARY}.part-2",
        f"{{'Authorization': 'Bearer {CANARY}'}}",
        f"LS_user=A&LS_password=CST-{CANARY}%7CXST-{CANARY}&LS_cid=x",
        f"LS_password={CANARY}",
        f"CST-{CANARY}|XST-{CANARY}",
        f"https://user:{CANARY}@proxy:3128/path",
        f"api_key={CANARY}, more",
        f'"access_token":"{CANARY}","refresh_token":"{CANARY}"',
        f"Set-Cookie: {CANARY}",
        f"b'password': b'{CANARY}'",
    ],
)
def test_secrets_are_redacted(text: str) -> None:
    """A secret of any form is hidden."""
    assert CANARY not in redact(text)


@pytest.mark.parametrize(
    "text",
    ["GET /markets/CS.D.EURUSD.MINI.IP: HTTP 200", "the password is wrong", "LS_user=ABC123&LS_op=add", "a: b, c=d"],
)
def test_harmless_text_stays(text: str) -> None:
    """What is no secret is not touched."""
    assert redact(text) == text


def test_hidden_mappings_show_their_names_only() -> None:
    """The printed variables of a frame show the names of the secrets and none of the values."""
    shown = repr(Hidden(password=CANARY, token=CANARY))
    assert shown == "<password, token>"
