"""The names that this machine goes by, read once when the plugin is loaded.

Not later: a transform does no I/O, neither when it is made nor when it works.
"""

from __future__ import annotations

import socket
from pathlib import Path

MAX_BYTES = 1024


def name_in(path: Path) -> str:
    """Return the first word of a file, empty if there is no such file or nothing to read in it.

    Docker makes a directory of what it is told to mount and cannot find: that is no name either.
    """
    try:
        with path.open("rb") as file:
            words = file.read(MAX_BYTES).decode(errors="replace").replace("\0", " ").split()
    except OSError:
        return ""
    return words[0] if words else ""


MOUNTED = name_in(Path("/etc/host_hostname"))
"""The host's ``/etc/hostname``, mounted into Penstock's container under this name."""
OWN = socket.gethostname()
"""What this machine, or the container that Penstock runs in, calls itself."""
