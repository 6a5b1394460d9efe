"""Small blobs with a checksum in front: a flipped bit must not pass for a position or a count."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterable

_log = logging.getLogger("penstock.state")

CHECKSUM_BYTES = 4


def seal(data: bytes) -> bytes:
    """Return the bytes behind their CRC-32, big-endian."""
    return zlib.crc32(data).to_bytes(CHECKSUM_BYTES) + data


def unseal(blob: bytes) -> bytes:
    """Return the bytes that were sealed. ``ValueError``: they are not what was written."""
    data = blob[CHECKSUM_BYTES:]
    if not isinstance(blob, bytes) or seal(data) != blob:
        raise ValueError("its checksum is wrong")
    return data


def unsealed(rows: Iterable[tuple[str, str, bytes]], what: str) -> dict[tuple[str, str], bytes]:
    """Return the blobs of rows by their key; one that is damaged is said, and left out."""
    whole: dict[tuple[str, str], bytes] = {}
    for table, name, blob in rows:
        try:
            whole[table, name] = unseal(blob)
        except (ValueError, TypeError) as error:
            _log.error("%s is damaged: %s", what, error, extra={"row": f"{table} {name}".strip()})
    return whole
