"""RFC 6455 from the server's side, just so much and no leniency."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import struct
from collections.abc import Mapping

from msgspec import Struct

_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
NORMAL, POLICY, PROTOCOL = 1000, 1008, 1002


class ProtocolError(Exception):
    """The client broke a rule."""


class Frame(Struct, frozen=True):
    """What a client sent, unmasked."""

    opcode: int
    payload: bytes


class Close(Struct, frozen=True):
    """A close frame's code and reason; 1005 where it had none."""

    code: int
    reason: str = ""

    @classmethod
    def of(cls, payload: bytes) -> Close:
        if not payload:
            return cls(1005)
        return cls(struct.unpack(">H", payload[:2])[0], payload[2:].decode())


def frame(opcode: int, payload: bytes = b"") -> bytes:
    """Return a whole message in one frame, unmasked, as a server sends it."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 65536:
        return struct.pack(">BBH", 0x80 | opcode, 126, size) + payload
    return struct.pack(">BBQ", 0x80 | opcode, 127, size) + payload


def closing(code: int, reason: str = "") -> bytes:
    """Return a close frame."""
    return frame(CLOSE, struct.pack(">H", code) + reason.encode())


def accept_key(headers: Mapping[str, str]) -> str | None:
    """Return the answer to a client's key; None where this is no WebSocket handshake."""
    tokens = {token.strip().lower() for token in headers.get("connection", "").split(",")}
    asked = headers.get("upgrade", "").lower() == "websocket" and "upgrade" in tokens
    key = headers.get("sec-websocket-key", "")
    if not asked or headers.get("sec-websocket-version") != "13" or not _is_key(key):
        return None
    return base64.b64encode(hashlib.sha1(key.encode() + _ACCEPT).digest()).decode()


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        return False


async def read(reader: asyncio.StreamReader) -> Frame:
    """Read one frame of a client's; ``ProtocolError`` for what no client may send."""
    first, second = await reader.readexactly(2)
    opcode, size = first & 0x0F, second & 0x7F
    _check(first, second)
    if size == 126:
        (size,) = struct.unpack(">H", await reader.readexactly(2))
    elif size == 127:
        (size,) = struct.unpack(">Q", await reader.readexactly(8))
    mask = await reader.readexactly(4)
    data = await reader.readexactly(size)
    return Frame(opcode, bytes(byte ^ mask[at % 4] for at, byte in enumerate(data)))


def _check(first: int, second: int) -> None:
    opcode = first & 0x0F
    if first & 0x70:
        raise ProtocolError("reserved bits are set and no extension was agreed on")
    if not second & 0x80:
        raise ProtocolError("a client's frame is not masked")
    if opcode not in (0, TEXT, BINARY, CLOSE, PING, PONG):
        raise ProtocolError(f"no such opcode: {opcode}")
    if opcode >= CLOSE and (not first & 0x80 or second & 0x7F > 125):
        raise ProtocolError("a control frame is fragmented or too long")
