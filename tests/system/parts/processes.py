"""Processes that the tests start, each ended by its own id, and the search for leaks."""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

TOKEN_NAME = "PENSTOCK_TEST_SESSION"
TOKEN = uuid.uuid4().hex[:12]
"""In the environment of all that this session starts, and of their children."""

STARTED: list[Process] = []
"""All processes of this session in the order of their first start."""


class Process:
    """One process in a process group of its own, its output in files under ``folder``.

    It can be started again after it ended; output is appended.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        folder: Path,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.argv = [str(part) for part in argv]
        self.stdout = folder / f"{name}.stdout"
        self.stderr = folder / f"{name}.stderr"
        self._env = {**(os.environ if env is None else env), TOKEN_NAME: TOKEN}
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None
        self.stdout.touch()
        self.stderr.touch()

    @property
    def pid(self) -> int:
        """Process id, also that of its group."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start it, or start it again."""
        assert not self.running, f"{self.name} runs already"
        if self._process is None:
            STARTED.append(self)
        with self.stdout.open("ab") as out, self.stderr.open("ab") as err:
            self._process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,
            )

    def send_signal(self, number: int) -> None:
        """Send a signal to the process alone."""
        assert self._process is not None, f"{self.name} was not started"
        self._process.send_signal(number)

    def wait(self, timeout: float = 45.0) -> int:
        """Wait for its end and return the exit status."""
        assert self._process is not None, f"{self.name} was not started"
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{self.name} still runs after {timeout:g} s\n{self.tail()}"
            ) from None

    def stop(self, number: int = signal.SIGTERM, timeout: float = 45.0) -> int:
        """Send a signal and wait for the end; return the exit status."""
        self.send_signal(number)
        return self.wait(timeout)

    def kill(self) -> int:
        """End it at once, as a crash would."""
        return self.stop(signal.SIGKILL)

    def pause(self) -> None:
        """Hang it: sockets stay open, nobody reads."""
        self.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after ``pause``."""
        self.send_signal(signal.SIGCONT)

    def end(self, timeout: float = 45.0) -> None:
        """Stop it however that may be; safe without ``start`` and twice."""
        if self._process is None:
            return
        if self.running:
            self.resume()
            try:
                self.stop(timeout=timeout)
            except AssertionError:
                self.kill()
        # The id of a group whose leader is gone may be somebody else's by now: only ours are ended.
        for pid in leaks():
            with suppress(ProcessLookupError):
                if os.getpgid(pid) == self.pid:
                    os.kill(pid, signal.SIGKILL)

    def tail(self, lines: int = 12) -> str:
        """End of its output, for a failure's report."""
        parts = [f"--- {self.name}: exit {self.returncode}, {' '.join(self.argv)}"]
        for path in (self.stdout, self.stderr):
            text = path.read_text(errors="replace").splitlines()[-lines:]
            parts += [f"--- {path}", *(line[:240] for line in text)]
        return "\n".join(parts)


def leaks(cgroups: Sequence[str] = ()) -> dict[int, str]:
    """Processes of this session that still run: id -> command line.

    Found by the token in their environment, or by one of the cgroup names in their path.
    """
    return dict(_leaks(f"{TOKEN_NAME}={TOKEN}".encode(), [name.encode() for name in cgroups]))


def _leaks(token: bytes, cgroups: Sequence[bytes]) -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            ours = token in (folder / "environ").read_bytes().split(b"\0")
            group = (folder / "cgroup").read_bytes()
            command = (
                (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            )
        except OSError:
            continue
        if command and (ours or any(name in group for name in cgroups)):
            yield int(folder.name), command[:200]
