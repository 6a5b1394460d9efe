"""A Traffic Controller in a process of its own, which does nothing but write frames.

Told how many and how fast, it prints JSON lines: its port, when the first frame went out, when
the last one had, and how it ended if it cut the client off. It keeps the real one's rules: a ping
at once and 15 s after each pong, the end 30 s after a ping without one, the end for a client that
blocks a write for 5 s. It ends when its standard input does.
"""

from __future__ import annotations

import argparse
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

from tests.loggregator import captured, envelopes
from tests.loggregator import websocket as ws
from tests.loggregator.front import Reply

AT_ONCE = 1000
"""How many frames are one write at full speed; the last three digits of their numbers."""
TICK_S = 0.01
PING_S, PONG_S, SLOW_S = 15.0, 30.0, 5.0
PLACE = b"SEQ=%06d"
LINE = "c01 SEQ={:09} GET /api/v1/orders?expand=items HTTP/1.1 200 1532 request served in 12 ms"
APPS = {"logs": 10, "apps": 1000}
"""How many applications the lines are of, by kind: each is an origin."""


def say(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


def numbered(apps: int) -> list[bytes]:
    """A thousand lines of so many applications in turn, to be numbered on."""
    made = []
    for number in range(AT_ONCE):
        app = number % apps
        tags = {"app_name": f"app-{app}", "space_name": "prod", "organization_name": "shop"}
        guid = f"{app:08x}-0000-4000-8000-000000000000"
        made.append(envelopes.log(LINE.format(number), app=guid, tags=tags))
    return made


def frames(kind: str) -> list[bytes]:
    """The frames that are repeated: numbered logs, or the ``captured`` ones."""
    payloads = captured.frames() if kind == "captured" else numbered(APPS[kind])
    return [ws.frame(ws.BINARY, payload) for payload in payloads]


def chunks(repeated: list[bytes], count: int, at_once: int) -> Iterator[tuple[int, bytes]]:
    """So many frames in writes of some each; each round of repetition has a number of its own."""
    sent = 0
    while sent < count:
        round_, first = divmod(sent, len(repeated))
        some = repeated[first : first + min(at_once, count - sent)]
        yield len(some), b"".join(some).replace(PLACE % 0, PLACE % round_)
        sent += len(some)


class Connection:
    """One client: frames and pings are written by one thread, pongs are read by another."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        # Not settimeout(): while a thread changes it, another one's write fails at once.
        wait = struct.pack("ll", int(SLOW_S), 0)
        self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, wait)
        self._ping_at = 0.0
        self._pinged = 0.0
        self._shake()
        threading.Thread(target=self._listen, daemon=True).start()

    def _shake(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._stream.recv(4096)
        lines = (line.partition(": ") for line in head.decode().split("\r\n")[1:])
        key = ws.accept_key({name.lower(): value for name, _, value in lines})
        assert key, "no WebSocket handshake"
        said = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": key}
        self._stream.sendall(Reply(status=101, headers=said).head())

    def _listen(self) -> None:
        with suppress(OSError, struct.error, IndexError):
            while data := self._stream.recv(65536):
                if data[0] & 0x0F == ws.PONG:
                    self._pinged, self._ping_at = 0.0, time.monotonic() + PING_S

    def write(self, data: bytes) -> None:
        """Write; ``TimeoutError`` where the client is slow, or silent."""
        now = time.monotonic()
        if self._pinged and now - self._pinged > PONG_S:
            raise TimeoutError("silent")
        if not self._pinged and now >= self._ping_at:
            self._pinged = now
            data = ws.frame(ws.PING) + data
        view = memoryview(data)
        while view:
            view = view[self._send(view) :]

    def _send(self, view: memoryview) -> int:
        try:
            return self._stream.send(view)
        except BlockingIOError:
            raise TimeoutError("slow") from None


def serve(stream: socket.socket, kind: str, count: int, rate: int) -> None:
    """Write so many frames, at a rate a second or as fast as they are taken."""
    connection = Connection(stream)
    at_once = max(1, int(rate * TICK_S)) if rate else AT_ONCE
    began, sent = time.monotonic(), 0
    say(began=began)
    try:
        for some, data in chunks(frames(kind), count, at_once):
            if rate and (ahead := sent / rate - (time.monotonic() - began)) > 0:
                time.sleep(ahead)
            connection.write(data)
            sent += some
        say(ended=time.monotonic(), sent=sent)
        while True:
            time.sleep(1.0)
            connection.write(b"")
    except OSError as error:
        say(cut=str(error) or type(error).__name__, sent=sent)
        with suppress(OSError):
            stream.shutdown(socket.SHUT_RDWR)


def main() -> None:
    """Listen for one client after the other; only the first gets frames."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=(*APPS, "captured"), required=True)
    parser.add_argument("--count", required=True, type=int)
    parser.add_argument("--rate", default=0, type=int)
    options = parser.parse_args()
    server = socket.create_server(("127.0.0.1", 0))
    say(port=server.getsockname()[1])

    def accept() -> None:
        left = options.count
        while True:
            stream, _ = server.accept()
            argv = (stream, options.kind, left, options.rate)
            threading.Thread(target=serve, args=argv, daemon=True).start()
            left = 0

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
