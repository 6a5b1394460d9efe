"""Which names in a request's Host header are ours: a guard against DNS rebinding."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address


def is_ours(host: str, listen: str, names: Collection[str]) -> bool:
    """Say whether a Host header may name a server that listens on this address.

    A page from elsewhere can make its own name lead to us, but neither an address nor a name
    without a dot. On loopback only what means loopback counts. ``names`` always do.
    """
    name = _name(host)
    known = {one.lower().rstrip(".") for one in (*names, listen)}
    if not name or name in known or name == "localhost":
        return bool(name)
    address = _address(name)
    if _is_loopback(listen):
        return address is not None and ip_address(address).is_loopback
    return address is not None or "." not in name


def _name(host: str) -> str:
    """Return a Host header's name without its port, in lower case."""
    if host.startswith("["):
        name, bracket, port = host[1:].partition("]")
        port = port.removeprefix(":")
        return name.lower() if bracket and (not port or port.isdecimal()) else ""
    name, _, port = host.partition(":")
    return name.lower().rstrip(".") if not port or port.isdecimal() else ""


def _address(name: str) -> str | None:
    try:
        ip_address(name)
    except ValueError:
        return None
    return name


def _is_loopback(listen: str) -> bool:
    address = _address(listen)
    return listen == "localhost" or (address is not None and ip_address(address).is_loopback)
