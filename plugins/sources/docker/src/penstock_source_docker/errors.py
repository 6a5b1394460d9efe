"""What can go wrong between the source and the engine."""

from __future__ import annotations

from penstock.api import PenstockError, RetryableError


class AwayError(RetryableError):
    """The engine cannot be reached, or went away in the middle."""


class AnswerError(PenstockError):
    """The engine, or a proxy before it, answered with an error."""

    def __init__(self, path: str, status: int, message: str) -> None:
        super().__init__(f"GET {path} was answered with {status}: {message}")
        self.status = status
        self.message = message


class BrokenStreamError(PenstockError):
    """A log stream has what Docker never sends, or the engine's own complaint."""
