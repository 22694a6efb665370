"""The key with which a login encrypts its password.

Source:
    REST.md section 2.4.
"""

from __future__ import annotations

import base64
import binascii
import importlib
import threading
from importlib.util import find_spec
from typing import Any

from ig_sdk.errors import ConfigError
from ig_sdk.simulator.refusals import RestRefusal

# As large as IG's. Generating one takes a moment, so it is done on the first use.
_BITS = 2048


class EncryptionKey:
    """An RSA key pair, generated on first use.

    Threading:
        Safe from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._private: Any = None

    def public_text(self) -> str:
        """Return the public key, base64 of its X.509 SubjectPublicKeyInfo.

        Raises:
            RestRefusal: The optional package ``cryptography`` is not installed.
        """
        serialization = _cryptography("hazmat.primitives.serialization")
        encoded: bytes = (
            self._key()
            .public_key()
            .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        return base64.b64encode(encoded).decode()

    def decrypt(self, text: str) -> str:
        """Return the password inside ``text``.

        Raises:
            RestRefusal: It was not encrypted with this key, or not in IG's format.
        """
        padding = _cryptography("hazmat.primitives.asymmetric.padding")
        try:
            clear = base64.b64decode(self._key().decrypt(base64.b64decode(text), padding.PKCS1v15()), validate=True)
            password, separator, stamp = clear.decode().rpartition("|")
        except (ValueError, binascii.Error):
            raise RestRefusal("error.security.invalid-details") from None
        if not separator or not stamp.isdecimal():
            raise RestRefusal("error.security.invalid-details")
        return password

    def _key(self) -> Any:
        rsa = _cryptography("hazmat.primitives.asymmetric.rsa")
        with self._lock:
            if self._private is None:
                self._private = rsa.generate_private_key(public_exponent=65_537, key_size=_BITS)
            return self._private


def require_cryptography() -> None:
    """Check that encrypted logins can be accepted.

    Raises:
        ConfigError: The optional package ``cryptography`` is not installed.
    """
    if find_spec("cryptography") is None:
        raise ConfigError(
            ["encrypted_only: needs the package cryptography to read passwords"],
            hint="pip install 'ig-sdk[encryption]'",
        )


def _cryptography(name: str) -> Any:
    # An optional package that only encrypted logins need.
    try:
        return importlib.import_module(f"cryptography.{name}")
    except ModuleNotFoundError:
        raise RestRefusal("system.error") from None
