"""A private systemd-journald: never the machine's own."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from tests.system.parts.processes import TOKEN, TOKEN_NAME, Process
from tests.system.parts.waiting import eventually

_SCRIPT = """
for folder in /run/systemd /run/log /var/log/journal; do
  mkdir -p $folder; mount -t tmpfs tmpfs $folder
done
mkdir -p /run/systemd/journal /run/systemd/journald.conf.d /run/log/journal
mount --bind "$1" /run/log/journal
printf '[Journal]\\nStorage=volatile\\nRateLimitIntervalSec=0\\nReadKMsg=no\\n' \
  > /run/systemd/journald.conf.d/penstock.conf
exec /lib/systemd/systemd-journald
"""


class JournalDaemon:
    """systemd-journald in a mount namespace of its own; its files are in ``folder`` as well."""

    def __init__(self, folder: Path, logs: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        argv = ["unshare", "--mount", "sh", "-ec", _SCRIPT, "sh", str(folder)]
        self.process = Process("journald", argv, logs)

    def start(self) -> None:
        """Start it and wait until it takes entries."""
        self.process.start()
        eventually(lambda: self.run("test", "-S", "/run/systemd/journal/socket"), "a socket")
        eventually(lambda: self.run("systemd-cat", "--identifier=test", "true"), "it listens")

    def enter(self, *argv: str) -> list[str]:
        """Return a command that runs in the namespace, where this is the local journal."""
        return ["nsenter", "--mount", f"--target={self.process.pid}", "--", *argv]

    def run(self, *argv: str, stdin: str = "") -> bool:
        """Run a command in the namespace; say whether it succeeded."""
        done = subprocess.run(
            self.enter(*argv),
            input=stdin,
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
            env={**os.environ, TOKEN_NAME: TOKEN},
        )
        return done.returncode == 0

    def write(self, *lines: str, identifier: str = "test", priority: str = "info") -> None:
        """Have a program print lines into the journal."""
        options = (f"--identifier={identifier}", f"--priority={priority}")
        assert self.run(
            "systemd-cat", *options, "cat", stdin="".join(f"{line}\n" for line in lines)
        )

    def rotate(self) -> None:
        """Begin new files."""
        before = self._files()
        self.process.send_signal(signal.SIGUSR2)
        eventually(lambda: self._files() > before, "the journal is rotated")

    def vacuum(self) -> None:
        """Delete all files but those that are written to."""
        eventually(self._vacuumed, "archived files are deleted")

    def _vacuumed(self) -> bool:
        done = self.run("journalctl", "--vacuum-files=1")
        return done and not list(self.folder.glob("*/*@*.journal"))

    def stop(self) -> None:
        """End it."""
        self.process.end()

    def _files(self) -> int:
        return len(list(self.folder.glob("*/*.journal")))
