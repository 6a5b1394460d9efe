"""The floor of B9: receives with aiohttp, decodes with the source's own protobuf code.

The protobuf library decodes a message's fields no sooner than they are read. ``--read`` has the
loop read every one of them, and no more: no event is made, nothing is kept.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import aiohttp

from penstock_source_firehose import dropsonde_pb2
from tests.loggregator.dropsonde import ENUMS

Envelope = dropsonde_pb2.Envelope
_BODIES = {number: f"{name[0].lower()}{name[1:]}" for number, name in ENUMS["EventType"].items()}


def reader() -> Callable[[bytes], Any]:
    """Return what decodes an envelope and reads all fields of its type."""
    fields = Envelope.DESCRIPTOR.fields_by_name
    head = [name for name in fields if name not in _BODIES.values()]
    getters = {
        number: attrgetter(*head, *_paths(body, fields[body].message_type))
        for number, body in _BODIES.items()
    }

    def read(data: bytes) -> None:
        envelope = Envelope.FromString(data)
        getters[envelope.eventType](envelope)

    return read


def _paths(name: str, message: Any) -> list[str]:
    found = []
    for field in message.fields:
        path = f"{name}.{field.name}"
        inner = field.message_type
        found += _paths(path, inner) if inner else [path]
    return found


async def receive(port: int, count: int, decode: Callable[[bytes], Any]) -> None:
    """Receive and decode so many envelopes; say when the last one was."""
    url = f"http://127.0.0.1:{port}/firehose/bench"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as stream:
        for _ in range(count):
            decode((await stream.receive()).data)
        print(json.dumps({"last": time.monotonic()}), flush=True)


def main() -> None:
    """Run until all have come."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--count", required=True, type=int)
    parser.add_argument("--read", action="store_true", help="every field, as a consumer does")
    options = parser.parse_args()
    decode = reader() if options.read else Envelope.FromString
    asyncio.run(receive(options.port, options.count, decode))


if __name__ == "__main__":
    main()
