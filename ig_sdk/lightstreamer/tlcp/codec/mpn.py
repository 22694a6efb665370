"""Notifications of mobile push: known, so that they parse, and ignored (TLCP.md section 8.7, C-055)."""

from __future__ import annotations

from dataclasses import dataclass

from ig_sdk.lightstreamer.tlcp.codec.notification import Notification


@dataclass(frozen=True, slots=True)
class MpnReg(Notification):
    """Mobile push; never ours."""

    TAG = "MPNREG"
    KINDS = "ss"
    device: str
    adapter: str


@dataclass(frozen=True, slots=True)
class MpnZero(Notification):
    """Mobile push; never ours."""

    TAG = "MPNZERO"
    KINDS = "s"
    device: str


@dataclass(frozen=True, slots=True)
class MpnOk(Notification):
    """Mobile push; never ours."""

    TAG = "MPNOK"
    KINDS = "ns"
    subscription: int
    mpn_subscription: str


@dataclass(frozen=True, slots=True)
class MpnConf(Notification):
    """Mobile push; never ours."""

    TAG = "MPNCONF"
    KINDS = "s"
    mpn_subscription: str


@dataclass(frozen=True, slots=True)
class MpnDel(Notification):
    """Mobile push; never ours."""

    TAG = "MPNDEL"
    KINDS = "s"
    mpn_subscription: str
