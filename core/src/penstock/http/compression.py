"""Compressed bodies."""

from __future__ import annotations

import asyncio
import sys
import zlib
from typing import Literal

Compression = Literal["none", "gzip", "zstd"]
"""The ways that a body can be compressed."""

IN_A_THREAD_BYTES = 65_536
"""Larger bodies are compressed in a thread: the event loop would stand still meanwhile."""

_LEVEL = 1
_GZIP = 31  # zlib's word for the gzip format with the widest window


async def compressed(body: bytes, way: Compression) -> bytes:
    """Return the body compressed; ``none`` returns it as it is."""
    if way == "none":
        return body
    compress = _gzip if way == "gzip" else _zstd
    if len(body) < IN_A_THREAD_BYTES:
        return compress(body)
    return await asyncio.to_thread(compress, body)


def load(way: Compression) -> None:
    """Import what it needs, so that a missing package is known at the start."""
    if way == "zstd":
        _zstd(b"")


def _gzip(body: bytes) -> bytes:
    # Level 1: further levels cost three times as much for a fifth less on logs.
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return compressor.compress(body) + compressor.flush()


def _zstd(body: bytes) -> bytes:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.compress(body, _LEVEL)
