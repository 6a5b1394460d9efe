"""Finds the engine: the setting, DOCKER_HOST, the current Docker context, the usual socket."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from penstock.api import ConfigError, TlsSettings, tls_context

DEFAULT_HOST = "unix:///var/run/docker.sock"
MAX_SOCKET_PATH = 107
NO_TLS = TlsSettings()
TLS_PORT = 2376
"""By convention an engine speaks TLS here."""


class Address(Struct, frozen=True):
    """An engine's address as it is written, taken apart."""

    text: str
    socket: str = ""
    netloc: str = ""
    secure: bool = False
    """Whether it asks for TLS by itself."""


class Endpoint(Struct, frozen=True):
    """Where the engine is: a unix socket, or a URL with what TLS needs."""

    host: str
    """As the operator would write it, for messages."""
    url: str
    socket: str = ""
    tls: ssl.SSLContext | None = None
    server_name: str = ""


def parse_address(host: str, key: str = "host") -> Address:
    """Take an address apart; a ``ConfigError`` says what is wrong with it."""
    scheme, separator, rest = host.partition("://")
    if scheme == "unix" and separator:
        return Address(host, socket=_socket_path(host, rest, key))
    if scheme in ("tcp", "http", "https"):
        return _network_address(host, scheme, key)
    if scheme == "ssh":
        raise ConfigError(
            f"{key}: ssh:// is not supported; forward the socket with "
            "`ssh -L /run/docker-remote.sock:/var/run/docker.sock HOST` and use unix://"
        )
    raise ConfigError(
        f"{key}: {host!r} is no engine's address; use unix:///path or tcp://name:port"
    )


def resolve(host: str, tls: TlsSettings, env: Mapping[str, str] = os.environ) -> Endpoint:
    """Return the endpoint that the settings and the environment lead to."""
    if host:
        return _endpoint(parse_address(host), tls, "host")
    if named := env.get("DOCKER_HOST"):
        return _from_environment(named, tls, env)
    context = env.get("DOCKER_CONTEXT") or _current_context(env)
    if context and context != "default":
        return _from_context(context, tls)
    return _endpoint(parse_address(DEFAULT_HOST), tls, "host")


def _socket_path(host: str, path: str, key: str) -> str:
    if not path.startswith("/"):
        raise ConfigError(f"{key}: {host} has no absolute path, such as {DEFAULT_HOST}")
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise ConfigError(f"{key}: a unix socket's path has at most {MAX_SOCKET_PATH} bytes")
    return path


def _network_address(host: str, scheme: str, key: str) -> Address:
    parts = urlsplit(host)
    try:
        name, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{key}: {host}: {error}") from None
    if not name or not port:
        raise ConfigError(f"{key}: {host} needs a name and a port, such as tcp://docker:2375")
    secure = scheme == "https" or (scheme == "tcp" and port == TLS_PORT)
    return Address(host, netloc=parts.netloc, secure=secure)


def _endpoint(address: Address, tls: TlsSettings, key: str) -> Endpoint:
    if address.socket:
        return Endpoint(address.text, "http://docker", socket=address.socket)
    if not address.secure and tls == NO_TLS:
        return Endpoint(address.text, f"http://{address.netloc}")
    context = _context(tls, key)
    return Endpoint(
        address.text, f"https://{address.netloc}", tls=context, server_name=tls.server_name
    )


def _context(tls: TlsSettings, key: str) -> ssl.SSLContext:
    try:
        return tls_context(tls)
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from error


def _from_environment(named: str, tls: TlsSettings, env: Mapping[str, str]) -> Endpoint:
    key = "DOCKER_HOST"
    if named.startswith("unix://"):
        return _endpoint(parse_address(named, key), tls, key)
    import docker.errors
    import docker.utils

    try:
        found = docker.utils.kwargs_from_env(environment=dict(env))
    except (docker.errors.DockerException, OSError) as error:
        raise ConfigError(f"{key}={named}: {error}") from None
    return _endpoint(parse_address(named, key), _tls_settings(found.get("tls")) or tls, key)


def _current_context(env: Mapping[str, str]) -> str:
    """Return the name of the current context, without importing what reads contexts."""
    folder = env.get("DOCKER_CONFIG")
    try:
        path = (Path(folder) if folder else Path("~/.docker").expanduser()) / "config.json"
        config: Any = msgspec.json.decode(path.read_bytes())
    except (OSError, RuntimeError, msgspec.DecodeError):
        return ""
    return str(config.get("currentContext", "")) if isinstance(config, dict) else ""


def _from_context(name: str, tls: TlsSettings) -> Endpoint:
    from docker.context import ContextAPI

    key = f"Docker context {name}"
    try:
        context = ContextAPI.get_context(name)
    except Exception as error:  # The package raises bare ones for a damaged context.
        raise ConfigError(f"{key}: {error}") from None
    if context is None or not context.Host:
        raise ConfigError(f"{key}: there is no such context, or it names no engine")
    address = parse_address(context.Host, key)
    return _endpoint(address, _tls_settings(context.TLSConfig) or tls, key)


def _tls_settings(config: Any) -> TlsSettings | None:
    """Return what the docker package found, as our own settings; None if it found nothing."""
    if not config:
        return None
    cert, key = config.cert or ("", "")
    return TlsSettings(
        ca_file=config.ca_cert or "", cert_file=cert, key_file=key, verify=bool(config.verify)
    )
