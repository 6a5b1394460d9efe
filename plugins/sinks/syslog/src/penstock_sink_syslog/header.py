"""Header fields, bounded and escaped: what strangers name their containers forges nothing."""

from __future__ import annotations

import re

NIL = "-"
"""RFC 5424's value for what is not known."""

VALUE_MARK = "...[cut\\]"
"""The end of a PARAM-VALUE that was too long, escaped as it must be there."""

_NOT_PRINTABLE = re.compile(r"[^!-~]")
_NOT_IN_TAG = re.compile(r"[^A-Za-z0-9._-]")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]{2,45}")
_NOT_IN_PID = re.compile(r"[^A-Za-z0-9._:/-]")
_NOT_IN_NAME = re.compile(r"[^!#-<>-\\^-~]")
_REGISTERED = frozenset({"alarm", "meta", "origin", "snmp", "ssign", "ssign-cert", "timeQuality"})
_TO_ESCAPE = re.compile(r'["\\\]]')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def printable(text: str | None, limit: int) -> str:
    """Return a field of RFC 5424: printable ASCII without spaces, ``-`` if there is nothing."""
    return _NOT_PRINTABLE.sub("_", text[:limit]) if text else NIL


def hostname(text: str | None) -> str:
    """Return RFC 5424's HOSTNAME.

    The RFC has any printable ASCII; syslog-ng refuses a colon or a bracket, but in an IPv6 address.
    """
    if not text:
        return NIL
    return text if _IPV6.fullmatch(text) else _NOT_IN_TAG.sub("_", text[:255])


def tag(text: str | None) -> str:
    """Return RFC 3164's TAG: 32 characters that no receiver takes for the end of it.

    The RFC has alphanumerics only, but receivers read on to a colon, a bracket or a space, and
    without ``-``, ``_`` and ``.`` the names of containers would run together. rsyslog ends a
    program's name at a slash.
    """
    return _NOT_IN_TAG.sub("_", text[:32]) if text else NIL


def host(text: str | None) -> str:
    """Return RFC 3164's HOSTNAME and the space before it, empty if there is none.

    rsyslog takes ``-``, or a name with a colon in it, for the tag.
    """
    return f" {_NOT_IN_TAG.sub('_', text[:255])}" if text else ""


def pid(text: str | None) -> str:
    """Return what stands in brackets behind the TAG, empty if there is nothing."""
    return f"[{_NOT_IN_PID.sub('_', text[:128])}]" if text else ""


def param_name(text: str) -> str:
    """Return a PARAM-NAME made of any text, empty if nothing is left of it."""
    return _NOT_IN_NAME.sub("_", text[:32])


def param_value(text: str, limit: int | None = None) -> str:
    """Return a PARAM-VALUE of ``limit`` characters at most, with what it must not have escaped."""
    if limit is not None:
        text = text[:limit]
    if is_plain(text):
        return text
    return _TO_ESCAPE.sub(r"\\\g<0>", _CONTROL.sub(_numbered, repaired(text)))


def is_plain(text: str) -> bool:
    """Say whether there is nothing to escape in a PARAM-VALUE."""
    # isprintable() is False for all that is escaped as a number. Rejected: one expression for the
    # three characters, which takes twice as long.
    return (
        text.isascii() and text.isprintable() and not ('"' in text or "\\" in text or "]" in text)
    )


def fitted_value(text: str, room: int) -> tuple[str | None, bool]:
    """Return a PARAM-VALUE of at most so many bytes, and whether it has all of the text.

    None: there is no room even for the mark of what was cut.
    """
    kept = min(len(text), max(room, 0))
    mark = "" if kept == len(text) else VALUE_MARK
    while len((made := param_value(text, kept) + mark).encode()) > room:
        if not kept:
            return (None if text else ""), not text
        mark, kept = VALUE_MARK, kept * room // (len(made.encode()) + 1)
    return made, not mark


def is_param_name(text: str) -> bool:
    """Say whether a name fits PARAM-NAME as it is."""
    return 0 < len(text) <= 32 and not _NOT_IN_NAME.search(text)


def is_sd_id(text: str) -> bool:
    """Say whether a name fits SD-ID: ``name@enterprise number``, or one that IANA registered."""
    name, at, number = text.partition("@")
    if not at:
        return text in _REGISTERED
    return bool(name and re.fullmatch(r"[0-9]+(\.[0-9]+)*", number)) and is_param_name(text)


def repaired(text: str) -> str:
    """Return text that UTF-8 can carry: lone surrogates become U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def without_nul(text: str) -> str:
    """Escape what even a counted message must not have: receivers in C end there."""
    return repaired(text).replace("\0", "#000")


def one_line(text: str) -> str:
    """Escape what ends a message where a newline does."""
    return without_nul(text).replace("\n", "#012")


def _numbered(match: re.Match[str]) -> str:
    return f"#{ord(match[0]):03o}"
