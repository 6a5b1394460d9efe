"""What real components sent, kept in ``data/``."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


def frames() -> list[bytes]:
    """The payloads of the Traffic Controller's messages, one envelope each."""
    return list(_framed((DATA / "firehose-frames.bin").read_bytes()))


def _framed(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 4 + size]
        at += 4 + size


def decoded() -> list[dict[str, Any]]:
    """The same messages, decoded."""
    return [json.loads(line) for line in (DATA / "firehose-frames.jsonl").read_text().splitlines()]


def sse() -> bytes:
    """The body of an RLP gateway's answer."""
    return (DATA / "rlp-gateway.sse").read_bytes()


def batches() -> list[list[dict[str, Any]]]:
    """The envelopes of that body, batch by batch."""
    lines = sse().decode().splitlines()
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: {")]
    return [json.loads(one)["batch"] for one in data]
