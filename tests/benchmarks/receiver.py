"""A TCP receiver of syslog: counts while lines come, checks every one of them afterwards.

Told what to expect, it prints JSON lines: its port, when the first bytes came, when the last
expected line came and, once its standard input ends, what a look at every message found.
Before that, containers may say hello: once all of them were heard, the sender is attached.
"""

from __future__ import annotations

import argparse
import json
import re
import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

LINE = re.compile(rb"(c\d\d) SEQ=(\d{9}) ")
HELLO = re.compile(rb"(c\d\d) hello")
READ_BYTES = 4 << 20
PAUSE_S = 0.001
"""A rest between reads, so that a sender of small writes does not wake the receiver for each."""


def say(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


class Connection:
    """One sender: all of its bytes, and how many lines have begun in them."""

    def __init__(self, stream: socket.socket, mark: bytes) -> None:
        self.stream = stream
        self.received = bytearray()
        self._mark = mark
        self._counted = 0

    def read(self, buffer: bytearray) -> int | None:
        """Take what is there; return how many lines it brought, None at the end."""
        size = 0
        with suppress(ConnectionError):
            size = self.stream.recv_into(buffer)
        if not size:
            return None
        self.received += memoryview(buffer)[:size]
        lines = self.received.count(self._mark, self._counted)
        self._counted = max(self._counted, len(self.received) - len(self._mark) + 1)
        return lines

    def messages(self) -> Iterator[bytes]:
        """Split by octet counting; what does not fit the grammar is yielded as it is, and ends."""
        data, at = bytes(self.received), 0
        while at < len(data):
            space = data.find(b" ", at, at + 8)
            if space < 0 or not data[at:space].isdigit():
                yield data[at:]
                return
            end = space + 1 + int(data[at:space])
            yield data[space + 1 : end]
            at = end


class Receiver:
    """Reads from everyone until standard input ends."""

    def __init__(self, lines: int, containers: int, mark: bytes) -> None:
        self.connections: list[Connection] = []
        self._lines, self._containers, self._mark = lines, containers, mark
        self._buffer = bytearray(READ_BYTES)
        self._greeted: set[bytes] = set()
        self._count = 0
        self._selector = selectors.DefaultSelector()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._selector.register(self._server, selectors.EVENT_READ, self._accept)
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        say(port=self._server.getsockname()[1])

    def run(self) -> None:
        """Read until the input has ended and nothing more comes."""
        ending = False
        while True:
            ready = self._selector.select(0.2 if ending else None)
            if ending and not ready:
                return
            for key, _ in ready:
                if key.fileobj is sys.stdin:
                    ending = True
                    self._selector.unregister(sys.stdin)
                else:
                    key.data()
            time.sleep(PAUSE_S)

    def _accept(self) -> None:
        connection = Connection(self._server.accept()[0], self._mark)
        self.connections.append(connection)
        self._selector.register(
            connection.stream, selectors.EVENT_READ, lambda: self._read(connection)
        )

    def _read(self, connection: Connection) -> None:
        lines = connection.read(self._buffer)
        if lines is None:
            self._selector.unregister(connection.stream)
            connection.stream.close()
            return
        before, self._count = self._count, self._count + lines
        if not before and lines:
            say(first=time.monotonic())
        elif not self._count:
            self._greet(connection)
        if before < self._lines <= self._count:
            say(last=time.monotonic())

    def _greet(self, connection: Connection) -> None:
        before = len(self._greeted)
        self._greeted.update(HELLO.findall(connection.received))
        if before < self._containers <= len(self._greeted):
            say(attached=time.monotonic())


def check(connections: list[Connection]) -> dict[str, int]:
    """Compare every message with the sequence that its container wrote."""
    following: Counter[bytes] = Counter()
    seen: set[bytes] = set()
    lines = stray = reordered = 0
    for connection in connections:
        for message in connection.messages():
            found = LINE.search(message)
            if not found:
                stray += 1
                continue
            lines += 1
            name, number = found.groups()
            seen.add(found.group())
            reordered += int(number) != following[name]
            following[name] = int(number) + 1
    return {
        "lines": lines,
        "distinct": len(seen),
        "duplicates": lines - len(seen),
        "out_of_sequence": reordered,
        "stray_messages": stray,
        "containers": len(following),
        "bytes": sum(len(connection.received) for connection in connections),
        "connections": len(connections),
    }


def main() -> None:
    """Receive, report and check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", required=True, type=int, help="to expect, of all containers")
    parser.add_argument("--containers", type=int, default=1)
    parser.add_argument("--mark", default=" SEQ=", help="what every line has once")
    options = parser.parse_args()
    receiver = Receiver(options.lines, options.containers, options.mark.encode())
    receiver.run()
    say(**check(receiver.connections))


if __name__ == "__main__":
    main()
