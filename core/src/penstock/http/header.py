"""Names and values of headers: nothing that an event holds makes a header of its own."""

from __future__ import annotations

import re
from urllib.parse import quote

from penstock.api import Template

MAX_VALUE_BYTES = 1024
"""What is sent of a value that comes from an event."""

RESERVED = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that belong to the connection, in lower case."""

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?")
_SENSITIVE = re.compile(r"auth|key|token|secret|password|cookie|credential", re.IGNORECASE)


def check_name(name: str) -> None:
    """Raise ``ValueError`` for what is no header's name, or one that is not for settings."""
    if not _NAME.fullmatch(name):
        raise ValueError("not a header's name: it has letters, digits and - only")
    if name.lower() in RESERVED:
        raise ValueError(f"{name} belongs to the connection and cannot be set")


def check_value(value: str) -> None:
    """Raise ``ValueError``, which does not quote it, for what no header can carry."""
    if not _VALUE.fullmatch(value):
        raise ValueError("expected printable ASCII in one line, without spaces at its ends")


def is_sensitive(name: str) -> bool:
    """Say whether a header of this name rather carries a secret."""
    return _SENSITIVE.search(name) is not None


def safe_value(value: str) -> str:
    """Return a value fit for a header: what is not printable ASCII becomes ``%XX``."""
    if len(value) <= MAX_VALUE_BYTES and _VALUE.fullmatch(value):
        return value
    encoded = quote(value.encode(errors="replace"), safe=_SAFE)
    return encoded[:MAX_VALUE_BYTES].strip()


_SAFE = "".join(map(chr, range(0x20, 0x7F)))


class HeaderTemplate(Template):
    """A header's value as a template; it may hold a token, and so does not print."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "HeaderTemplate(***)"
