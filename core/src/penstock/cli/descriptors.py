"""How many files and connections the process may have open at once."""

from __future__ import annotations

import contextlib
import resource


def allow_many() -> None:
    """Take as many as may be had: the usual 1,024 are fewer than a large host's containers."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # Then it stays as it is.
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
