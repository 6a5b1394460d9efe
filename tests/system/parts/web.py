"""A web server that keeps each request's lines before it answers."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.system.parts.message import MessageFile, free_port
from tests.system.parts.processes import Process
from tests.system.parts.syslog_server import connected
from tests.system.parts.waiting import eventually

_SERVER = """
import http.server, pathlib, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(sys.argv[1], "ab", buffering=0) as kept:
            kept.write(body)
        self.send_response(204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
"""


class Web:
    """Takes text, one line an event, at ``url``. It starts again on the same port."""

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}/"
        self.received = MessageFile(folder / "web.received")
        argv: list[str | Path] = [sys.executable, "-c", _SERVER]
        argv += [self.received.path, str(self._port)]
        self.process = Process("web", argv, folder)

    def start(self) -> None:
        """Start it and wait until it listens."""
        self.process.start()
        eventually(self._listens, f"{self.url} listens")

    def _listens(self) -> bool:
        assert self.process.running, f"it ended\n{self.process.tail()}"
        return connected(Path("/proc/net/tcp"), {self._port})

    def stop(self) -> None:
        """End it; safe twice."""
        self.process.end()

    def lines(self) -> list[str]:
        """What came so far, in order."""
        return self.received.path.read_text().splitlines()

    def wait_for_line(self, text: str, timeout: float = 45.0) -> None:
        """Wait until a line with this text was received."""
        eventually(lambda: text in self.lines(), f"the line {text!r}", timeout)
