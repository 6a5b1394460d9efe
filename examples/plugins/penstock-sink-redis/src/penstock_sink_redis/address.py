"""Where the server is, as a setting."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from penstock.api import Setting

PORT = 6379
_SCHEMES = ("redis", "rediss", "unix")


class Address(Setting):
    """``redis://host:port/db``, ``rediss://…`` with TLS, or ``unix:///path``."""

    __slots__ = ("database", "host", "is_tls", "path", "port", "text")

    def __init__(self, text: str) -> None:
        parts = urlsplit(text)
        if parts.username or parts.password:
            # The text is printed in messages and by `penstock status`, and so would they be.
            raise ValueError("the user and the password go into `username` and `password`")
        if parts.query or parts.fragment:
            raise ValueError(f"{text!r}: nothing may come behind the database's number")
        self.text = text
        self.is_tls = parts.scheme == "rediss"
        self.host, self.port = parts.hostname or "", parts.port or PORT
        self.path = parts.path if parts.scheme == "unix" else ""
        if parts.scheme not in _SCHEMES or bool(self.host) is bool(self.path):
            raise ValueError(f"{text!r}: expected redis://host, rediss://host or unix:///path")
        self.database = 0 if self.path else _database(text, parts.path)

    @classmethod
    def from_setting(cls, value: object) -> Self:
        if not isinstance(value, str):
            raise ValueError(f"expected redis://host, got {type(value).__name__}")
        return cls(value)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Address({self.text!r})"


def _database(text: str, path: str) -> int:
    number = path.removeprefix("/") or "0"
    if not (number.isascii() and number.isdigit()):
        raise ValueError(f"{text!r}: the database is a number, as in redis://host/0")
    return int(number)
