"""JSON of what strangers wrote: half a surrogate pair becomes a question mark, not an error."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

MAX_WORD_CHARS = 64

_encode = msgspec.json.Encoder().encode


def encoded(value: Any) -> bytes:
    """Return JSON; a mapping may be of any kind."""
    try:
        return _encode(value)
    except (TypeError, UnicodeEncodeError):
        return _encode(_plain(value))


def encoded_word(text: str) -> bytes:
    """Return the JSON of a text that comes again and again, such as a stream's name."""
    return _remembered(text) if len(text) <= MAX_WORD_CHARS else encoded(text)


@lru_cache(1024)
def _remembered(text: str) -> bytes:
    return encoded(text)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {_plain(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
