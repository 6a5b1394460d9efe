"""Reads journals of this machine through ``journalctl``, a process for each answer."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence

from penstock.api import ConfigError, RetryableError
from penstock_source_journald.journal import Query, Stream
from penstock_source_journald.process import ProcessStream

KNOWN_COMPLAINTS = 100
GROUPS = "systemd-journal (or adm)"

NO_ACCESS = ("insufficient permissions", "Permission denied")
PART_ACCESS = "not seeing messages from other users"
NOTHING = "No journal files were found"


class Journalctl:
    """The local journal, or the files of a folder or of a list.

    ``where`` are the options for the latter; ``--merge`` has those of other machines and boots
    read as well.
    """

    def __init__(self, where: Sequence[str], filters: Sequence[str], log: logging.Logger) -> None:
        self.is_split = bool(where)
        self._where = (*where, "--merge") if where else ()
        self._filters = tuple(filters)
        self._log = log
        self._complaints: set[str] = set()

    async def check(self) -> None:
        """Make sure that journalctl is there and may read."""
        said: list[str] = []
        arguments = (_program(), "--no-pager", "--lines=0", *self._where)
        stream = ProcessStream(arguments, said.append, follows=False)
        try:
            code = await stream.ended()
        finally:
            await stream.close()
        text = " ".join(said)[:500]
        if any(words in text for words in NO_ACCESS):
            raise ConfigError(
                f"this user may not read the journal: it has to be in the group {GROUPS}, or in "
                f"that of the files ({text})"
            )
        if PART_ACCESS in text:
            self._log.warning(
                "only this user's own journal can be read: for all of it the user has to be in "
                "the group %s",
                GROUPS,
            )
        if NOTHING in text:
            self._log.warning("no journal files were found: waiting for some")
        if code not in (0, 1) or "Failed" in text:
            raise RetryableError(f"journalctl: {text or f'ended with status {code}'}")

    async def read(self, query: Query) -> Stream:
        """Start a process that prints the entries."""
        options = ("--no-pager", "--quiet", "--output=export", *_options(query), *self._where)
        filters = self._filters if query.filtered else ()
        matches = (f"_MACHINE_ID={query.machine}",) if query.machine else ()
        return self._start((*options, *filters, *matches), follows=query.follow)

    async def machines(self) -> list[str]:
        """Return the ids of all machines that have entries."""
        return await self.values("_MACHINE_ID")

    async def values(self, field: str) -> list[str]:
        """Return all values that a field has in the journal."""
        arguments = ("--no-pager", "--quiet", f"--field={field}", *self._where)
        stream = self._start(arguments, follows=False)
        data = b""
        try:
            while part := await stream.read():
                data += part
        finally:
            await stream.close()
        return data.decode("utf-8", "replace").splitlines()

    async def close(self) -> None:
        """Do nothing: every process ends with its stream."""

    def _start(self, arguments: Sequence[str], *, follows: bool) -> ProcessStream:
        return ProcessStream((_program(), *arguments), self._complain, follows=follows)

    def _complain(self, text: str) -> None:
        """Log what journalctl says, once."""
        if text not in self._complaints and len(self._complaints) < KNOWN_COMPLAINTS:
            self._complaints.add(text)
            self._log.warning("journalctl: %s", text)


def _options(query: Query) -> Iterator[str]:
    if query.cursor:
        yield f"--cursor={query.cursor}"
    if query.last:
        yield f"--lines={query.last}"
    elif query.first and query.cursor:
        # Without a cursor these would be the last ones; then the reader stops by itself.
        yield f"--lines={query.first}"
    if query.follow:
        yield "--follow"
        yield "--no-tail"


def _program() -> str:
    program = shutil.which("journalctl")
    if program is None:
        raise ConfigError(
            "there is no journalctl on this machine: install systemd's package (no service of it "
            'has to run), or read a journal over HTTP with url = "http://host:19531"'
        )
    return program
