"""A process whose output is read as it comes, and that never outlives its reader."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress

from penstock_source_journald.errors import AwayError
from penstock_source_journald.pipe import Pipe

COMPLAINT_BYTES = 2_048
REAP_S = 0.005
KILLED_S = 1.0


class ProcessStream:
    """The output of one process; ``complain`` gets each line of its standard error.

    One that follows has no end of its own: any is an ``AwayError``. Not asyncio's processes: they
    leave coroutines behind where they are cancelled, and take a thread each.
    """

    def __init__(
        self, argv: Sequence[str], complain: Callable[[str], None], *, follows: bool
    ) -> None:
        self._complain = complain
        self._follows = follows
        self._complaint = ""
        self._unfinished = b""
        self._silent = asyncio.Event()
        self._output, self._errors = Pipe(), Pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - a list, and no shell
                argv,
                stdin=subprocess.DEVNULL,
                stdout=self._output.writer,
                stderr=self._errors.writer,
                env=_environment(),
                # The terminal's Ctrl+C is for Penstock: it drains, and ends this one itself.
                start_new_session=True,
            )
        except OSError as error:
            self._errors.close()
            self._output.close()
            raise AwayError(f"{argv[0]} cannot be started: {error}") from error
        self._output.close_writer()
        self._errors.close_writer()
        self._errors.listen(self._hear)

    async def read(self) -> bytes:
        """Return what comes next, nothing at the end; ``AwayError`` where it failed."""
        if data := await self._output.read():
            return data
        code = await self.ended()
        # Some versions end with 1 where there are no entries, and say nothing.
        if self._follows or code not in (0, 1) or (code and self._complaint):
            said = f": {self._complaint}" if self._complaint else ""
            raise AwayError(f"journalctl ended with status {code}{said}")
        return b""

    async def ended(self) -> int:
        """Wait for its end; return its status, negative for a signal."""
        await self._silent.wait()
        while (code := self._process.poll()) is None:  # noqa: ASYNC110 - nobody announces it
            await asyncio.sleep(REAP_S)
        return code

    async def close(self) -> None:
        """End the process. Safe twice."""
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            # Killed, it is gone at once, unless a disk holds it.
            self._process.wait(KILLED_S)
        self._output.close()
        self._errors.close()

    def _hear(self, data: bytes) -> None:
        """Take what is on standard error, nothing at its end."""
        *lines, rest = (self._unfinished + data).split(b"\n")
        self._unfinished = rest[:COMPLAINT_BYTES]
        if not data:
            lines.append(rest)
            self._silent.set()
        for line in lines:
            self._say(line)

    def _say(self, line: bytes) -> None:
        if text := line[:COMPLAINT_BYTES].decode("utf-8", "replace").strip():
            self._complaint = text
            self._complain(text)


def _environment() -> dict[str, str]:
    """Return an environment in which systemd's programs speak plainly and in English."""
    return {**os.environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0", "SYSTEMD_LOG_LEVEL": "notice"}
