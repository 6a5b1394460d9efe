"""A syslog receiver that checks order and repetition by event ids: ``python -m … PORT LINES``.

It listens only once it is started: until then the port refuses. Prints one JSON line when all
lines have come, or none came for ten seconds.
"""

from __future__ import annotations

import json
import re
import socket
import sys
import time
from contextlib import suppress

ID = re.compile(rb'(\d+) <\d+>1 .{0,400}?event_id="([^"]+):([^":]*):(\d+):(\d+)"')
QUIET_S = 10.0


class Count:
    """What came so far: ids of one stream have to grow."""

    def __init__(self) -> None:
        self.lines = 0
        self.wrong = 0
        self._last: dict[tuple[bytes, bytes], tuple[int, int]] = {}

    def feed(self, data: bytes) -> bytes:
        """Look at whole messages; return the rest."""
        at = 0
        while found := ID.match(data, at):
            end = found.start(1) + len(found[1]) + 1 + int(found[1])
            if end > len(data):
                break
            key, place = (found[2], found[3]), (int(found[4]), int(found[5]))
            self.lines += 1
            self.wrong += place <= self._last.get(key, (-1, -1))
            self._last[key] = place
            at = end
        return data[at:]


def main() -> None:
    """Receive until all is there."""
    port, lines = int(sys.argv[1]), int(sys.argv[2])
    count = Count()
    last = time.monotonic()
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(1.0)
        while count.lines < lines and time.monotonic() - last < QUIET_S:
            with suppress(TimeoutError, ConnectionError):
                stream, _ = server.accept()
                stream.settimeout(1.0)
                rest = b""
                while count.lines < lines and time.monotonic() - last < QUIET_S:
                    with suppress(TimeoutError):
                        data = stream.recv(1 << 20)
                        if not data:
                            break
                        rest = count.feed(rest + data)
                        last = time.monotonic()
    print(json.dumps({"lines": count.lines, "wrong": count.wrong, "at": time.monotonic()}))


if __name__ == "__main__":
    main()
