"""Addresses of web servers: settings, and how they are named where anybody may read it."""

from __future__ import annotations

from typing import Self
from urllib.parse import SplitResult, urlsplit, urlunsplit

from penstock.api import Setting

_PORTS = {"http": 80, "https": 443}
_TOKEN_LENGTH = 16


class Url(Setting):
    """An ``http://`` or ``https://`` address.

    It may hold a token, in its path or its query: its text prints as its origin alone.
    """

    __slots__ = ("_parts", "origin")

    def __init__(self, text: str) -> None:
        parts = _checked(text)
        self._parts = parts
        self.origin = f"{parts.scheme}://{_host(parts)}"
        """Scheme, host and port, where it is not the usual one: what messages name."""

    @classmethod
    def from_setting(cls, value: object) -> Self:
        if not isinstance(value, str):
            raise ValueError(f"expected https://host or http://host, got {type(value).__name__}")
        return cls(value)

    @property
    def is_tls(self) -> bool:
        return self._parts.scheme == "https"

    @property
    def scheme(self) -> str:
        return self._parts.scheme

    @property
    def host(self) -> str:
        return self._parts.hostname or ""

    @property
    def netloc(self) -> str:
        """Host and port, as an environment's ``no_proxy`` names them."""
        return self._parts.netloc

    @property
    def path(self) -> str:
        return self._parts.path

    @property
    def secrets(self) -> tuple[str, ...]:
        """The parts of it that may be tokens."""
        query = self._parts.query
        values = [pair.partition("=")[2] for pair in query.split("&")]
        words = [word for word in self._parts.path.split("/") if len(word) >= _TOKEN_LENGTH]
        return (query, *(value for value in values if len(value) > 3), *words)

    def reveal(self, query: str = "") -> str:
        """Return the whole address, with a further query; for requests and nothing else."""
        both = "&".join(part for part in (self._parts.query, query) if part)
        return urlunsplit(self._parts._replace(query=both))

    def at(self, path: str) -> Url:
        """Return the address of another path on this server, without the query."""
        return Url(urlunsplit(self._parts._replace(path=path, query="")))

    def with_path(self, path: str) -> Url:
        """Return the address with a path, where it has none of its own."""
        return self.below(path) if self.path in ("", "/") else self

    def below(self, path: str) -> Url:
        """Return the address of a path under this one, unless this one ends with it already."""
        own = self._parts.path.rstrip("/")
        if own.endswith(path):
            return self
        return Url(urlunsplit(self._parts._replace(path=own + path)))

    def __repr__(self) -> str:
        return f"Url({self.origin}/…)"

    def __str__(self) -> str:
        return self.origin

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Url) and other._parts == self._parts

    def __hash__(self) -> int:
        return hash(self._parts)


def _checked(text: str) -> SplitResult:
    # No message quotes the text: it may hold a token.
    if any(ord(char) <= 32 or ord(char) == 127 for char in text):
        raise ValueError("an address has no spaces, line breaks or control characters")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("not an address: expected https://host or https://host:port") from None
    if parts.scheme not in _PORTS:
        raise ValueError("expected an address that begins with https:// or http://")
    if not parts.hostname:
        raise ValueError(f"the address has no host: expected {parts.scheme}://host")
    if "@" in parts.netloc:
        raise ValueError(
            "a user and a password do not go into the address: a sink that takes them "
            'has auth = { basic = { user = "…", password = "…" } }'
        )
    if port == 0:
        raise ValueError("a port is a number from 1 to 65535")
    if parts.fragment:
        raise ValueError("a part behind # is never sent: leave it out")
    return parts


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    return host if parts.port in (None, _PORTS[parts.scheme]) else f"{host}:{parts.port}"
