"""Text from strangers, brought to a bounded size, with a mark that says how much is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

MARK_BYTES = 40
"""Room for the mark behind what is left of a text."""

MAX_TAGS = 256
NAME_CHARS = 256
VALUE_CHARS = 8192


def bounded(text: str, limit: int = VALUE_CHARS) -> str:
    """Return the text, or as much of its beginning as fits into ``limit`` characters, marked."""
    if len(text) <= limit:
        return text
    kept = text[: max(limit - MARK_BYTES, 0)]
    missing = len(text[len(kept) :].encode("utf-8", "replace"))
    return f"{kept}… [{missing} bytes cut]"


def text_of(data: bytes, limit: int = VALUE_CHARS) -> str:
    """Return bytes as bounded text; what is no UTF-8 is replaced."""
    text = data.decode("utf-8", "replace")
    return text if len(data) <= limit else bounded(text, limit)


def bounded_tags(tags: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return tags of bounded number and size."""
    found: dict[str, str] = {}
    for name, value in tags:
        if len(found) >= MAX_TAGS and name not in found:
            continue
        found[name if len(name) <= NAME_CHARS else bounded(name, NAME_CHARS)] = bounded(value)
    return found


def line(payload: bytes, limit: int) -> tuple[str, int]:
    """Return a message's text without its line end, and how many bytes of it are missing."""
    if payload.endswith(b"\n"):
        payload = payload[:-2] if payload.endswith(b"\r\n") else payload[:-1]
    if len(payload) <= limit:
        return payload.decode("utf-8", "replace"), 0
    kept = payload[: max(limit - MARK_BYTES, 0)]
    kept = kept[: _last_boundary(kept)]
    missing = len(payload) - len(kept)
    return f"{kept.decode('utf-8', 'replace')}… [{missing} bytes cut]", missing


def _last_boundary(data: bytes) -> int:
    """Return where the last character that is whole ends, where it is UTF-8."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 != 0x80:
            length = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if length > back else len(data)
    return len(data)


def without(tags: Mapping[str, str], name: str) -> dict[str, str]:
    """Return tags without one of them."""
    return {key: value for key, value in tags.items() if key != name}
