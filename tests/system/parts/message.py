"""What a syslog server made of a message that it received."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message as the server parsed it: every field as text, ``raw`` as it came in.

    ``input`` is the server's input: udp, tcp, tls, unix, and for syslog-ng also newline.
    """

    input: str
    pri: str
    timestamp: str
    hostname: str
    app_name: str
    proc_id: str
    msg_id: str
    structured_data: str
    message: str
    raw: str

    @property
    def facility(self) -> int:
        """Facility number of the priority."""
        return int(self.pri) >> 3

    @property
    def severity(self) -> int:
        """Severity number of the priority: 0 emergency to 7 debug."""
        return int(self.pri) & 7


class MessageFile:
    """The file of JSON lines that a server writes what it received to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.touch()

    def messages(self) -> list[Message]:
        """All complete messages so far, in the order in which they were written."""
        complete = self.path.read_bytes().rpartition(b"\n")[0]
        # The servers pass through what is no UTF-8; json, unlike msgspec, takes surrogates.
        text = complete.decode("utf-8", "surrogateescape")
        return [msgspec.convert(json.loads(line), Message) for line in text.split("\n") if line]

    def count(self) -> int:
        """Number of complete messages so far."""
        return self.path.read_bytes().count(b"\n")


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port on loopback that nobody has bound just now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
