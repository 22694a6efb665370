"""A password as IG takes it from companies that refuse plain text: RSA, with a key that IG gives.

Source:
    REST.md section 2.4.
"""

from __future__ import annotations

import base64
import importlib
from typing import Any

from ig_sdk.errors import ConfigError, DecodeError


def encrypted(password: str, key: str, stamp: int) -> str:
    """Return the encrypted ``password`` for a login.

    Args:
        password: In plain text.
        key: IG's key, base64 of its X.509 SubjectPublicKeyInfo.
        stamp: The ``timeStamp`` that came with the key.

    Raises:
        ConfigError: The package that encrypts is not installed, or the password is longer than the key can hold.
        DecodeError: The key is none.
    """
    padding = _cryptography("hazmat.primitives.asymmetric.padding")
    public = _public_key(key)
    text = base64.b64encode(f"{password}|{stamp}".encode())
    # PKCS#1 v1.5 needs 11 bytes of the key for itself.
    if len(text) > public.key_size // 8 - 11:
        raise ConfigError(["password: is too long to be encrypted with IG's key"])
    return base64.b64encode(public.encrypt(text, padding.PKCS1v15())).decode()


def _public_key(key: str) -> Any:
    serialization = _cryptography("hazmat.primitives.serialization")
    rsa = _cryptography("hazmat.primitives.asymmetric.rsa")
    exceptions = _cryptography("exceptions")
    try:
        public = serialization.load_der_public_key(base64.b64decode(key))
    except (ValueError, exceptions.UnsupportedAlgorithm):
        public = None
    if not isinstance(public, rsa.RSAPublicKey):
        raise DecodeError("IG's encryption key cannot be read", path="encryptionKey")
    return public


def _cryptography(name: str) -> Any:
    try:
        return importlib.import_module(f"cryptography.{name}")
    except ModuleNotFoundError as error:
        raise ConfigError(
            ["encrypt_password: a password can only be encrypted with the package cryptography"],
            hint="pip install 'ig-sdk[encryption]'",
        ) from error
