"""Standard output, written by a thread: a reader who stops reading holds up nobody else."""

from __future__ import annotations

import asyncio
import errno
import os
import select
import stat
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread

STEP = select.PIPE_BUF
"""So much can be written without waiting where ``poll`` says that something can."""

FILE_STEP = 1_048_576

_Job = tuple[bytes, "asyncio.Future[None]"]


class Output:
    """Writes to a descriptor, in order, each time to the end or until ``close``.

    Neither asyncio's pipes nor its executor will do: the former change the descriptor for all
    programs that share it and take no files, the latter has the process wait for a reader at exit.
    """

    def __init__(self, descriptor: int) -> None:
        self._file = os.dup(descriptor)
        is_file = stat.S_ISREG(os.fstat(self._file).st_mode)
        self._step = FILE_STEP if is_file else STEP
        self._alarm, self._bell = os.pipe()
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLOUT)
        self._poll.register(self._alarm, select.POLLIN)
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._is_torn = False
        self._is_closed = False
        self._thread = Thread(target=self._run, name="penstock-console", daemon=True)
        self._thread.start()

    async def write(self, data: bytes) -> None:
        """Return when all of it is written; an ``OSError`` says why that is impossible.

        What a cancelled call has begun to write is written to its end all the same, so that no
        half of a line stays behind.
        """
        done = asyncio.get_running_loop().create_future()
        self._jobs.put((data, done))
        await done

    def close(self) -> None:
        """Stop writing. Safe to call twice."""
        if not self._is_closed:
            self._is_closed = True
            # In this order: the thread closes the bell after it has seen the end of the jobs.
            os.write(self._bell, b"!")
            self._jobs.put(None)
            self._thread.join(0.2)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            data, done = job
            if done.cancelled():
                continue
            error = self._write(data)
            # The loop may be closed by now; then nobody waits for the answer.
            with suppress(RuntimeError):
                done.get_loop().call_soon_threadsafe(_answer, done, error)
        for descriptor in (self._file, self._alarm, self._bell):
            os.close(descriptor)

    def _write(self, data: bytes) -> OSError | None:
        if self._is_torn:
            data, self._is_torn = b"\n" + data, False
        at = 0
        while at < len(data):
            self._poll.poll()
            if self._is_closed:
                return OSError(errno.ECANCELED, "closed")
            try:
                at += os.write(self._file, data[at : self._end(data, at)])
            except BlockingIOError:
                continue
            except OSError as error:
                self._is_torn = at > 0 and data[at - 1 : at] != b"\n"
                return error
        return None

    def _end(self, data: bytes, start: int) -> int:
        """Return where one write ends: after a line, as others write to the same terminal."""
        return data.rfind(b"\n", start, start + self._step) + 1 or start + self._step


def _answer(done: asyncio.Future[None], error: OSError | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
