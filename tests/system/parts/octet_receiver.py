"""A receiver of octet-counted messages, as a process that can be paused, killed and started again.

It keeps what it has read, and nothing that it has not: what is in its kernel's buffer when it dies
is gone, as with any syslog server.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.system.parts.message import free_port
from tests.system.parts.processes import Process
from tests.system.parts.waiting import eventually

# What was read is written before it is taken off the socket: killed in between, the receiver has
# it and the sender learns of the end, so that a line is repeated and never lost.
_PROGRAM = """
import os, pathlib, socket, struct, sys, threading, time
folder = pathlib.Path(sys.argv[1])
port, resets, reset_after, pause, buffer = map(float, sys.argv[2:])
number = len(list(folder.iterdir()))

def serve(connection, number):
    kept = os.open(folder / f"{number:03}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    total = 0
    while data := connection.recv(1 << 20, socket.MSG_PEEK):
        os.write(kept, data)
        connection.recv(len(data))
        total += len(data)
        if number < resets and total > reset_after:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            break
        time.sleep(pause)
    connection.close()

with socket.create_server(("127.0.0.1", int(port)), reuse_port=True) as server:
    if buffer:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, int(buffer))
    print("listening", flush=True)
    while True:
        connection, _ = server.accept()
        threading.Thread(target=serve, args=(connection, number), daemon=True).start()
        number += 1
"""


class OctetReceiver:
    """Keeps one file a connection.

    The first ``resets`` connections are reset after ``reset_after`` bytes; it pauses after each
    read; ``buffer`` fixes what its kernel takes in.
    """

    def __init__(
        self,
        folder: Path,
        *,
        resets: int = 0,
        reset_after: int = 0,
        pause: float = 0.0,
        buffer: int = 0,
    ) -> None:
        self.kept = folder / "kept"
        self.kept.mkdir()
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        options = [str(value) for value in (self.port, resets, reset_after, pause, buffer)]
        argv: list[str | Path] = [sys.executable, "-c", _PROGRAM, self.kept, *options]
        self.process = Process("receiver", argv, folder)
        self.starts = 0

    def start(self) -> None:
        """Start it, or start it again, and wait until it listens."""
        self.process.start()
        self.starts += 1
        heard = self.process.stdout
        eventually(lambda: heard.read_text().count("listening") >= self.starts, "it listens")

    @property
    def connections(self) -> int:
        """How many were accepted."""
        return len(list(self.kept.iterdir()))

    def size(self) -> int:
        """Return how many bytes it has read."""
        return sum(path.stat().st_size for path in self.kept.iterdir())

    def messages(self) -> list[str]:
        """All whole messages, connection by connection."""
        return [text for path in sorted(self.kept.iterdir()) for text in _octets(path.read_bytes())]


def _octets(data: bytes) -> Iterator[str]:
    at = 0
    while (space := data.find(b" ", at)) > 0:
        end = space + 1 + int(data[at:space])
        if end > len(data):
            return
        yield data[space + 1 : end].decode()
        at = end
