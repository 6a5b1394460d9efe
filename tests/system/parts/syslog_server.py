"""What rsyslog and syslog-ng have in common as receivers."""

from __future__ import annotations

from pathlib import Path

from tests.system.parts.message import Message, MessageFile
from tests.system.parts.processes import Process
from tests.system.parts.waiting import eventually


class SyslogServer:
    """A syslog server that writes each message it receives to a file, with every field.

    It starts again on the same ports and appends to the same file.
    """

    process: Process
    received: MessageFile

    def listening(self) -> bool:
        """Whether all of its inputs take messages."""
        raise TypeError(f"{type(self).__name__} has no listening()")

    def start(self, timeout: float = 45.0) -> None:
        """Start it, or start it again, and wait until it listens."""
        self.process.start()
        eventually(self._ready, f"{self.process.name} listens", timeout)

    def _ready(self) -> bool:
        assert self.process.running, f"{self.process.name} ended\n{self.process.tail()}"
        return self.listening()

    def stop(self) -> None:
        """Stop it as an operator would: what it has taken in is written first."""
        self.process.stop()

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()

    def pause(self) -> None:
        """Hang it: connections stay, the kernel takes in until its buffers are full."""
        self.process.pause()

    def resume(self) -> None:
        """Let it go on after ``pause``."""
        self.process.resume()

    def messages(self) -> list[Message]:
        """What was received so far, in order, with every field."""
        return self.received.messages()

    def lines(self) -> list[str]:
        """The texts of what was received so far, in order."""
        return [message.message for message in self.messages()]

    def wait_for(self, count: int, timeout: float = 45.0) -> list[Message]:
        """Wait until at least so many messages were received and return all of them."""
        eventually(
            lambda: self.received.count() >= count,
            f"{self.process.name} has {count} messages",
            timeout,
        )
        return self.messages()

    def wait_for_line(self, text: str, timeout: float = 45.0) -> list[Message]:
        """Wait until a message with this text was received and return all of them."""
        eventually(
            lambda: text in self.lines(), f"{self.process.name} has the message {text!r}", timeout
        )
        return self.messages()


def connected(path: Path, ports: set[int]) -> bool:
    """Whether all ports listen (TCP) or are bound (UDP) by a table such as /proc/net/tcp."""
    rows = (row.split() for row in path.read_text().splitlines()[1:])
    return ports <= {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] in ("0A", "07")}
