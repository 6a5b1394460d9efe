"""Every exception of the contract, named by what to do about it."""

from __future__ import annotations


class PenstockError(Exception):
    """The root of all errors that Penstock raises on purpose."""


class RetryableError(PenstockError):
    """The outside world failed: the same call may work later.

    ``retry_after`` is the wait in seconds that the other side asked for, None if it did not.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RejectedError(PenstockError):
    """The destination will never take these events: core finds the bad one and dead-letters it."""


class ConfigError(PenstockError):
    """The operator has to change something: no waiting mends it, so the start stops (exit 78)."""


class PluginError(PenstockError):
    """A plugin broke its contract or cannot be loaded; it is named and isolated."""
