"""A stand-in for a Docker engine: one container whose log comes as fast as it is read.

It has no daemon's noise, so that a developer can see what Penstock itself costs. Only what a
source asks for is answered, and as a real engine (20.10) does: over HTTP/1.0 a log is not chunked.
"""

from __future__ import annotations

import argparse
import json
import socketserver
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime

from tests.benchmarks.lines import line

ID = "5ca1ab1e" * 8
STARTED = "2026-01-02T03:04:05.000000000Z"
EPOCH_S = int(datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC).timestamp())
CONTAINER = {
    "Id": ID,
    "Name": "/c01",
    "Created": STARTED,
    "RestartCount": 0,
    "State": {"Status": "running", "Running": True, "StartedAt": STARTED, "FinishedAt": STARTED},
    "Image": "sha256:" + "0" * 64,
    "Config": {"Tty": False, "Env": [], "Labels": {}, "Image": "busybox:latest", "Hostname": "c01"},
    "HostConfig": {"LogConfig": {"Type": "json-file", "Config": {}}},
}
LISTED = {
    "Id": ID,
    "Names": ["/c01"],
    "Image": "busybox:latest",
    "ImageID": CONTAINER["Image"],
    "Labels": {},
    "State": "running",
    "Status": "Up 1 second",
    "Created": EPOCH_S,
}


def recorded(count: int) -> bytes:
    """The frames of so many lines, one a microsecond."""
    frames = []
    for number in range(count):
        second, micro = divmod(number, 1_000_000)
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(EPOCH_S + second))
        text = f"{moment}.{micro:06}000Z ".encode() + line("c01", number)
        frames.append(b"\1\0\0\0" + len(text).to_bytes(4, "big") + text)
    return b"".join(frames)


class Server(socketserver.ThreadingUnixStreamServer):
    """One thread a connection; ``piece`` is how many bytes go in one write."""

    daemon_threads = True

    def __init__(self, path: str, log: bytes, piece: int) -> None:
        super().__init__(path, Handler)
        self.log = log
        self.piece = piece
        self.served = threading.Lock()


class Handler(socketserver.StreamRequestHandler):
    """Answers one GET after another."""

    server: Server

    def handle(self) -> None:
        with suppress(ConnectionError):
            while request := self.rfile.readline().split():
                while self.rfile.readline() not in (b"\r\n", b""):
                    pass
                self._answer(request[1].decode())

    def _answer(self, target: str) -> None:
        path, _, query = target.partition("?")
        if path.endswith("/logs"):
            self._follow(query)
        elif path.endswith("/events"):
            self._head(b"Content-Type: application/json\r\n")
            threading.Event().wait()
        elif path.endswith("/containers/json"):
            self._json([LISTED])
        elif path.endswith(f"/containers/{ID}/json"):
            self._json(CONTAINER)
        elif path.endswith("/_ping"):
            self._body(b"OK", b"Api-Version: 1.41\r\nOstype: linux\r\n")
        elif path.endswith("/version"):
            self._json({"ApiVersion": "1.41", "MinAPIVersion": "1.12", "Version": "20.10.24"})
        else:
            self._json({"Name": "bench", "LoggingDriver": "json-file"})

    def _follow(self, query: str) -> None:
        self._head(b"")
        # What is read a second time (a probe, a resume) would count twice: the log comes once.
        if "since=" not in query and self.server.served.acquire(blocking=False):
            view = memoryview(self.server.log)
            for start in range(0, len(view), self.server.piece):
                self.wfile.write(view[start : start + self.server.piece])
        threading.Event().wait()

    def _json(self, value: object) -> None:
        self._body(json.dumps(value).encode(), b"Content-Type: application/json\r\n")

    def _body(self, body: bytes, headers: bytes) -> None:
        length = b"Content-Length: %d\r\n\r\n" % len(body)
        self.wfile.write(b"HTTP/1.1 200 OK\r\n" + headers + length + body)

    def _head(self, headers: bytes) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + headers + b"\r\n")


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", required=True)
    parser.add_argument("--lines", required=True, type=int)
    parser.add_argument("--piece", type=int, default=20_000, help="bytes a write")
    options = parser.parse_args()
    server = Server(options.socket, recorded(options.lines), options.piece)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
