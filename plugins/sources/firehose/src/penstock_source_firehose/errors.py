"""What can go wrong between the source and Cloud Foundry."""

from __future__ import annotations

from penstock.api import ConfigError, RetryableError


class AwayError(RetryableError):
    """Something cannot be reached, or does not answer as it should."""


class RefusedError(ConfigError):
    """It was reached and lets nobody in with these credentials."""


class UndecodableError(Exception):
    """What came is no envelope; the stream that it came by is as good as before."""
