"""The simulator that most of these tests talk to, a clock on which nobody waits, a certificate authority for TLS."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ig_sdk.client import IGClient
from ig_sdk.clock import ManualClock
from ig_sdk.simulator import Simulator

MADE_AT = datetime(2020, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def sim(ig_simulator: Simulator) -> Simulator:
    """A running simulator without allowances; the mark ``ig_simulator`` gives it other options."""
    return ig_simulator


@pytest.fixture
def ig(sim: Simulator) -> Iterator[IGClient]:
    """A client of it."""
    with sim.client() as client:
        yield client


class QuickClock(ManualClock):
    """A clock on which every wait is soon over; the simulator and the sockets keep real time."""

    def wait(self, event: threading.Event, timeout: float) -> bool:
        if not event.wait(min(timeout, 0.06)):
            self.advance(timeout)
        return event.is_set()


@pytest.fixture
def quick_clock() -> ManualClock:
    """A clock on which every wait is soon over."""
    return QuickClock()


class Authority(NamedTuple):
    """A certificate authority, and what it has signed."""

    bundle: Path
    """Its own certificate: what a client is to trust."""
    server: Path
    """Key and certificate of a server at 127.0.0.1."""


def _certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    authority = key is signer
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(MADE_AT)
        .not_valid_after(MADE_AT + timedelta(days=36_500))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        # Python 3.13 insists on these two.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if authority:
        usage = dict.fromkeys(
            (
                "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                "encipher_only", "decipher_only",
            ), False,
        )  # fmt: skip
        builder = builder.add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
    else:
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer, hashes.SHA256())


def _authority(folder: Path, name: str) -> Authority:
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    made = Authority(folder / f"{name}.pem", folder / f"{name}-server.pem")
    pem = serialization.Encoding.PEM
    made.bundle.write_bytes(_certificate(name, root_key, name, root_key).public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    made.server.write_bytes(private + _certificate("loopback", key, name, root_key).public_bytes(pem))
    return made


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that no machine trusts by itself."""
    return _authority(tmp_path_factory.mktemp("tls"), "authority")


@pytest.fixture(scope="session")
def other_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Another one, which signed none of the first one's certificates."""
    return _authority(tmp_path_factory.mktemp("tls"), "other")
