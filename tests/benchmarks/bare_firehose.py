"""The floor of B9: receives with aiohttp, decodes with protobuf's own library, does no more.

Decoded is what the protocol declares, as any reader would: texts as ``str``, tags as a dictionary,
every field that the envelope's type has. No event is made of it and nothing is kept. The library
decodes a field no sooner than it is read, so that ``--unread`` shows what parsing alone costs.
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
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from penstock_source_firehose import dropsonde_pb2
from tests.loggregator.dropsonde import ENUMS

_BODIES = {number: f"{name[0].lower()}{name[1:]}" for number, name in ENUMS["EventType"].items()}
_FIELD = descriptor_pb2.FieldDescriptorProto
_PAYLOAD = ("LogMessage", "message")


def plain() -> Any:
    """Return the class of envelopes whose texts are texts and whose tags are a map.

    The source's own schema has them as bytes: that is already some of its way to be fast.
    """
    file = descriptor_pb2.FileDescriptorProto()
    dropsonde_pb2.DESCRIPTOR.CopyToProto(file)
    messages = {message.name: message for message in file.message_type}
    for name, message in messages.items():
        for field in message.field:
            if field.type == _FIELD.TYPE_BYTES and (name, field.name) != _PAYLOAD:
                field.type = _FIELD.TYPE_STRING
    entry = messages["Envelope"].nested_type.add(name="TagsEntry", field=messages["Tag"].field)
    entry.options.map_entry = True
    (tags,) = (field for field in messages["Envelope"].field if field.name == "tags")
    tags.type, tags.type_name = _FIELD.TYPE_MESSAGE, f".{file.package}.Envelope.TagsEntry"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindMessageTypeByName(f"{file.package}.Envelope")
    return message_factory.GetMessageClass(found)


def reader() -> Callable[[bytes], Any]:
    """Return what decodes an envelope and reads all fields of its type."""
    envelopes = plain()
    fields = envelopes.DESCRIPTOR.fields_by_name
    head = [name for name in fields if name != "tags" and name not in _BODIES.values()]
    getters = {
        number: attrgetter(*head, *_paths(body, fields[body].message_type))
        for number, body in _BODIES.items()
    }

    def read(data: bytes) -> tuple[Any, dict[str, str]]:
        envelope = envelopes.FromString(data)
        return getters[envelope.eventType](envelope), dict(envelope.tags)

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
    parser.add_argument("--unread", action="store_true", help="parse, and read no field")
    options = parser.parse_args()
    decode = plain().FromString if options.unread else reader()
    asyncio.run(receive(options.port, options.count, decode))


if __name__ == "__main__":
    main()
