"""Real journals: files that systemd-journal-remote writes, and what serves them over HTTP."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

from tests.system.parts.message import free_port
from tests.system.parts.processes import Process
from tests.system.parts.waiting import eventually

REMOTE = "/lib/systemd/systemd-journal-remote"
GATEWAYD = "/lib/systemd/systemd-journal-gatewayd"


class JournalFolder:
    """A folder of journal files, one for each writer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, data: bytes, name: str = "remote-web-1") -> None:
        """Append entries in the export format to one file."""
        done = subprocess.run(
            [REMOTE, f"--output={self.folder / name}.journal", "-"],
            input=data,
            capture_output=True,
            timeout=60,
            check=False,
        )
        said = done.stderr.decode(errors="replace")
        count = data.count(b"__REALTIME_TIMESTAMP=")
        assert f"after writing {count} entries" in said, said

    def vacuum(self, name: str = "remote-web-1") -> None:
        """Delete a file, as a vacuum deletes the oldest."""
        (self.folder / f"{name}.journal").unlink()

    def rotate(self, name: str = "remote-web-1") -> Path:
        """Rename a file as its writer does when it begins the next one; return the new path."""
        path = self.folder / f"{name}.journal"
        sequence = path.read_bytes()[72:88].hex()
        archived = self.folder / f"{name}@{sequence}-{path.stat().st_ino:016x}-{0:016x}.journal"
        return path.rename(archived)


class Gateway:
    """systemd-journal-gatewayd before a folder, on loopback.

    It listens on a fixed port unless it is handed a socket, which ``systemd-socket-activate`` does.
    """

    def __init__(self, folder: Path, logs: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        listen = ["systemd-socket-activate", f"--listen=127.0.0.1:{port}"]
        self.process = Process(
            f"gatewayd-{port}", [*listen, GATEWAYD, f"--directory={folder}"], logs
        )

    def start(self) -> None:
        """Start it and wait until it listens."""
        self.process.start()
        eventually(self._listens, f"{self.url} is listened on")

    def stop(self) -> None:
        """End it, connections included."""
        self.process.end()

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self._port)) == 0
