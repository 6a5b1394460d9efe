"""The state folder: who may use it, and what is in it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from penstock.api.errors import ConfigError


class StateFolder:
    """A folder that one process at a time uses."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = path / "penstock.db"
        self.socket = path / "penstock.sock"
        self._lock = path / "lock"
        self._held: int | None = None

    def take(self) -> None:
        """Make the folder if need be and lock it for this process.

        ``ConfigError``: another process uses it, or this one may not write there.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            held = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(
                f"state_dir {self.path} cannot be used: {error.strerror or error}; name another "
                'in [penstock] state_dir or $PENSTOCK_STATE_DIR, or set state_dir = "" to keep '
                "nothing"
            ) from error
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(held, 32).decode(errors="replace").strip()
            os.close(held)
            raise ConfigError(
                f"state_dir {self.path} is in use by another Penstock (process {owner or '?'}); "
                "give each a state_dir of its own"
            ) from error
        self._held = held
        self._sign(held)

    def leave(self) -> None:
        """Let another process have it. Safe to call twice."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    @staticmethod
    def _sign(held: int) -> None:
        """Write who holds the lock; a full disk only spoils the message that others get."""
        try:
            os.ftruncate(held, 0)
            os.write(held, str(os.getpid()).encode())
        except OSError:
            pass
