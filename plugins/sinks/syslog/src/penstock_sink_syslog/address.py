"""Where messages go: ``udp://host:port``, ``tcp://``, ``tls://`` or ``unix:///path``."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from penstock.api import Setting

_USUAL_PORTS = {"udp": 514, "tcp": 514, "tls": 6514}
_FORMS = "udp://host:port, tcp://host:port, tls://host:port or unix:///path"


class Address(Setting):
    """A parsed address; ``host`` and ``port`` or ``path`` are set, as its scheme needs them."""

    __slots__ = ("host", "path", "port", "scheme", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        parts = urlsplit(text)
        self.scheme = parts.scheme
        self.host = ""
        self.port = 0
        self.path = ""
        if parts.scheme == "unix":
            self.path = _path(text, parts.netloc, parts.path)
        elif parts.scheme in _USUAL_PORTS:
            self.host = parts.hostname or ""
            self.port = _port(text, parts.scheme)
            if not self.host or "@" in parts.netloc or parts.path.strip("/"):
                raise ValueError(f"{text!r}: expected {parts.scheme}://host:port and no more")
        else:
            raise ValueError(f"{text!r}: expected {_FORMS}")
        if parts.query or parts.fragment:
            raise ValueError(
                f"{text!r}: options are settings of their own, not part of the address"
            )

    @classmethod
    def from_setting(cls, value: object) -> Self:
        if not isinstance(value, str):
            raise ValueError(f"expected {_FORMS}, got {type(value).__name__}")
        return cls(value)

    @property
    def is_connection(self) -> bool:
        """Whether messages travel in one stream of bytes."""
        return self.scheme in ("tcp", "tls")

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Address({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


def _path(text: str, netloc: str, path: str) -> str:
    if netloc or not path.startswith("/") or len(path) < 2:
        raise ValueError(f"{text!r}: expected an absolute path, as in unix:///dev/log")
    if len(path.encode()) > 107 or "\0" in path:
        raise ValueError(f"{text!r}: a socket's path has at most 107 bytes and no NUL")
    return path


def _port(text: str, scheme: str) -> int:
    try:
        port = urlsplit(text).port
    except ValueError:
        port = 0
    if port is None:
        raise ValueError(
            f"{text!r} has no port; usual is {text.rstrip('/')}:{_USUAL_PORTS[scheme]}"
        )
    if not port:
        raise ValueError(f"{text!r}: a port is a number from 1 to 65535")
    return port
