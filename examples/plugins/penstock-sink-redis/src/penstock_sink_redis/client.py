"""The connection to the server."""

from __future__ import annotations

import socket
from typing import Any

from penstock.api import ConfigError, Secret, TlsSettings, tls_context
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from penstock_sink_redis.address import Address


def connect(
    address: Address,
    *,
    username: str,
    password: Secret | None,
    tls: TlsSettings,
    timeout_s: float,
) -> Redis:
    """Make a client; it connects with its first command."""
    where: dict[str, Any] = {"host": address.host, "port": address.port, "db": address.database}
    if address.path:
        where = {"unix_socket_path": address.path}
    if address.is_tls:
        where |= _tls(tls)
    return Redis(
        **where,
        username=username or None,
        password=password.reveal() if password else None,
        # Not the client's own timeout: on Python 3.11 it may swallow a cancellation.
        socket_timeout=None,
        socket_connect_timeout=timeout_s,
        socket_keepalive=True,
        socket_keepalive_options=_give_up(timeout_s),
        # The client's own retries would send a write twice behind Penstock's back.
        retry=Retry(NoBackoff(), 0),
        protocol=2,  # Servers before Redis 6 know no other.
    )


def _give_up(timeout_s: float) -> dict[int, int]:
    """Return the option by which the kernel lets go of what a hung server does not read.

    Else a connection that was closed would stay, with all that was to be sent, until it does.
    """
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    return {option: int(timeout_s * 1000)} if option else {}


def _tls(tls: TlsSettings) -> dict[str, Any]:
    """Return the client's words for the ``tls`` table."""
    if tls.server_name:
        raise ConfigError("tls.server_name: the Redis client knows the url's host only; remove it")
    tls_context(tls)  # Says what is wrong with the files, key by key.
    return {
        "ssl": True,
        "ssl_ca_certs": tls.ca_file or None,
        "ssl_certfile": tls.cert_file or None,
        "ssl_keyfile": tls.key_file or tls.cert_file or None,
        "ssl_cert_reqs": "required" if tls.verify else "none",
        "ssl_check_hostname": tls.verify,
    }
