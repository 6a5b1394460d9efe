"""A container's log, which can tell what it has not read yet."""

from __future__ import annotations

import fcntl
import struct
import termios

from penstock_source_docker.stream import Stream

FULL_BYTES = 8192
"""A socket that the engine cannot write to any more holds more: about 280 of its writes."""


class LogStream(Stream):
    """A stream of lines."""

    @property
    def has_all(self) -> bool:
        """Whether all that there is of the log is here already, read or in the socket."""
        held = self._transport.get_extra_info("socket") if self._transport else None
        if held is None:
            return False
        try:
            answer = fcntl.ioctl(held.fileno(), termios.FIONREAD, bytes(4))
        except (OSError, ValueError):
            return False  # It was closed meanwhile.
        return bool(struct.unpack("i", answer)[0] < FULL_BYTES)
