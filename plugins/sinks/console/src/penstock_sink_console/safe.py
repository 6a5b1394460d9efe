"""Text of strangers, made harmless for a terminal."""

from __future__ import annotations

import re

_UNSAFE = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f"  # control characters but the tab: they drive the terminal
    "\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"  # these reorder or break lines
    "\ud800-\udfff]"  # half a surrogate pair, which is no text at all
)
_COLOURS = re.compile("\x1b\\[[0-9;:]*m")
_SHORT = {"\n": "\\n", "\r": "\\r", "\0": "\\0"}


def safe(text: str) -> str:
    r"""Return text that stays where it is printed: what could move, ``\x1b``, is spelled out."""
    return text if text.isprintable() else _UNSAFE.sub(_spelled, text)


def safe_json(line: bytes) -> bytes:
    """Return the same JSON with what drives a terminal as escapes; JSON itself leaves some."""
    text = line.decode()
    return line if text.isprintable() else _UNSAFE.sub(_escaped, text).encode()


def without_colours(text: str) -> str:
    """Return text without the sequences that colour it; spelled out they would be noise."""
    return _COLOURS.sub("", text) if "\x1b" in text else text


def _spelled(match: re.Match[str]) -> str:
    char = match[0]
    code = ord(char)
    return _SHORT.get(char) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
