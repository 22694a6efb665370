"""Passwords as IG's company servers want them."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from ig_sdk.errors import ConfigError, DecodeError
from ig_sdk.rest.login.encryption import encrypted

PRIVATE = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
KEY = base64.b64encode(PRIVATE.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@given(password=st.text(min_size=1, max_size=30), stamp=st.integers(0, 2**45))
def test_only_the_holder_of_the_key_can_read_it(password: str, stamp: int) -> None:
    """What IG decrypts is base64 of password, bar and time stamp; each time it looks different."""
    texts = {encrypted(password, KEY, stamp) for _ in range(2)}
    assert len(texts) == 2
    for text in texts:
        clear = base64.b64decode(PRIVATE.decrypt(base64.b64decode(text), padding.PKCS1v15()))
        assert clear.decode() == f"{password}|{stamp}"


def test_a_password_that_is_too_long() -> None:
    """What the key cannot hold is told, without the password."""
    with pytest.raises(ConfigError, match="too long") as caught:
        encrypted("canary" * 50, KEY, 1)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "key", ["", "AAAA", "no base64", KEY[:100], "é"], ids=["empty", "short", "text", "cut", "accent"]
)
def test_a_key_that_is_none(key: str) -> None:
    """It is the answer that cannot be understood."""
    with pytest.raises(DecodeError, match="key"):
        encrypted("password", key, 1)
