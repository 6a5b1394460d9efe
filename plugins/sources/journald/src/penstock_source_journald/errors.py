"""What can go wrong between the source and the journal."""

from __future__ import annotations

from penstock.api import RetryableError


class AwayError(RetryableError):
    """The journal cannot be read, or what reads it went away in the middle."""


class GarbageError(RetryableError):
    """What came is no journal export: a proxy's page, a broken gateway."""
