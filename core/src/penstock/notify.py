"""Telling systemd how it goes: the notification protocol of sd_notify(3)."""

from __future__ import annotations

import asyncio
import os
import socket


def notify(state: str) -> None:
    """Send a state such as ``READY=1`` to $NOTIFY_SOCKET; do nothing where there is none."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.setblocking(False)
        try:
            channel.sendto(state.encode(), address)
        except OSError:
            return  # Nobody listens: the service manager's loss, never the router's.


async def keep_watchdog_quiet() -> None:
    """Send WATCHDOG=1 twice in each $WATCHDOG_USEC; return at once where none is meant for us."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return
    text = os.environ.get("WATCHDOG_USEC", "")
    interval_s = int(text) / 2_000_000 if text.isascii() and text.isdecimal() else 0
    while interval_s:
        notify("WATCHDOG=1")
        await asyncio.sleep(interval_s)
