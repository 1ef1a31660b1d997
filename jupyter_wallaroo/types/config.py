"""What a client may know of a server: before it logs in, and how the server is."""

from __future__ import annotations

from msgspec import Struct


class Nothing(Struct, frozen=True):
    """An empty object: the vendor's client cannot read ``null`` (contract/rest.md)."""


class ServerConfig(Struct, frozen=True, kw_only=True):
    """``GET config``: the one answer nobody has to log in for. ``default_arch`` is x86, arm or power10."""

    default_arch: str
    version: str


class Health(Struct, frozen=True, kw_only=True):
    """``GET health``: counted from the processes. ``status`` is ok, starting or degraded."""

    status: str
    version: str
    deployments: int
    replicas_running: int
    replicas_wanted: int
    launcher: str = ""
    """Where replicas run, and why not when they cannot."""
