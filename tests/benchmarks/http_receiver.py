"""A web server that counts events while bodies come, and checks every one of them afterwards.

Like ``receiver.py``, and it says the same: port, first, last, and in the end what it found.
``--mode slow`` takes half a second for each answer, ``throttle`` takes one body a second and
answers 429 to all others.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
import zlib
from collections import Counter
from typing import Any

from tests.benchmarks.receiver import LINE, say

READ_BYTES = 1 << 20
SLOW_S = 0.5
TAKEN = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
BUSY = b"HTTP/1.1 429 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"


class Server:
    """Takes bodies; a line of a body is an event."""

    def __init__(self, lines: int, mode: str) -> None:
        self.bodies: list[bytes] = []
        self.count = 0
        self._lines = lines
        self._mode = mode
        self._next = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after the other."""
        try:
            while True:
                writer.write(await self._answer(*await _request(reader)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, head: bytes, body: bytes) -> bytes:
        if self._mode == "throttle":
            if time.monotonic() < self._next:
                return BUSY
            self._next = time.monotonic() + 1
        elif self._mode == "slow":
            await asyncio.sleep(SLOW_S)
        if not self.count:
            say(first=time.monotonic())
        if b"content-encoding: gzip" in head.lower():
            body = zlib.decompress(body, 31)
        self.bodies.append(body)
        before, self.count = self.count, self.count + body.count(b"\n")
        if before < self._lines <= self.count:
            say(last=time.monotonic())
        return TAKEN


async def _request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]
    return head, await reader.readexactly(int(length))


def check(bodies: list[bytes]) -> dict[str, int]:
    """Compare the numbered lines with the sequence that each container wrote."""
    following: Counter[bytes] = Counter()
    seen: set[bytes] = set()
    lines = numbered = reordered = 0
    for body in bodies:
        lines += body.count(b"\n")
        for found in LINE.finditer(body):
            numbered += 1
            name, number = found.groups()
            seen.add(found.group())
            reordered += int(number) != following[name]
            following[name] = int(number) + 1
    return {
        "lines": lines,
        "distinct": len(seen),
        "duplicates": numbered - len(seen),
        "out_of_sequence": reordered,
        "requests": len(bodies),
    }


async def main() -> None:
    """Serve until standard input ends, then report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", required=True, type=int, help="to expect")
    parser.add_argument("--mode", default="good", choices=["good", "slow", "throttle"])
    options = parser.parse_args()
    server = Server(options.lines, options.mode)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, limit=READ_BYTES)
    say(port=listener.sockets[0].getsockname()[1])
    ended: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_reader(sys.stdin, ended.set_result, None)
    await ended
    asyncio.get_running_loop().remove_reader(sys.stdin)
    listener.close()
    say(**check(server.bodies))


if __name__ == "__main__":
    asyncio.run(main())
