"""One destination's governor: the backoff that all writes to it share, and how they fare."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from penstock.api.errors import RetryableError
from penstock.api.settings import RetrySettings
from penstock.delivery.evidence import Record

MAX_RETRY_AFTER_S = 3600.0
"""The longest time that a destination can ask us to stay away."""

HOLD_S = 600.0
"""How long a destination that an operator has to see to is left alone."""


class Governor:
    """Exponential backoff with full jitter; ``retry_after`` of the destination is a lower bound.

    ``circuit`` is ``closed`` while writes go through, ``open`` while none may start, ``half-open``
    when the next ones are a trial, and ``held`` while an operator has to see to it.
    """

    def __init__(
        self,
        settings: RetrySettings,
        *,
        clock: Callable[[], float] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._jitter = jitter
        self._until = 0.0
        self._outages = 0
        self.held = ""
        """Why an operator has to see to it, if one has."""
        self.trouble = ""
        """What failed last, until something succeeds."""
        self.record = Record()

    @property
    def circuit(self) -> str:
        if self.held:
            return "held"
        if not self._outages:
            return "closed"
        return "open" if self.wait else "half-open"

    @property
    def wait(self) -> float:
        """The seconds until a write may start."""
        return max(0.0, self._until - self._now())

    def succeeded(self) -> None:
        """A write came through: the next failure starts from the first backoff."""
        self._outages = 0
        self.held = ""
        self.trouble = ""
        self.record = Record(self.record.successes + 1, self.record.failures)

    def failed(self, retry_after: float | None = None, why: str = "") -> float:
        """Note a failure and return the seconds until the next attempt.

        Failures of writes that were open together lengthen the backoff once: they tell of the
        same outage.
        """
        self.record = Record(self.record.successes, self.record.failures + 1)
        self.trouble = why
        now = self._now()
        if self._until <= now:
            self._outages += 1
            self._until = now + self._backoff()
        if isinstance(retry_after, int | float):  # Plugins say it: it may be anything.
            self._until = max(self._until, now + min(retry_after, MAX_RETRY_AFTER_S))
        return self._until - now

    def raised(self, error: Exception) -> float:
        """Note the error of a call that is no write; return the seconds until the next attempt."""
        retry_after = error.retry_after if isinstance(error, RetryableError) else None
        return self.failed(retry_after, str(error) or type(error).__name__)

    def hold(self, why: str) -> None:
        """Leave the destination alone until ``release``, or for long."""
        self.held = why
        self._until = self._now() + HOLD_S

    def release(self) -> None:
        """Try again at once, if it is held: the operator may have seen to it."""
        if self.held:
            self._until = self._now()

    async def ready(self) -> None:
        """Wait until a write may start."""
        while wait := self.wait:  # noqa: ASYNC110 - it may have grown
            await asyncio.sleep(wait)

    def _backoff(self) -> float:
        exponent = min(self._outages - 1, 32)
        ceiling = min(
            self._settings.initial_backoff_ms * 2**exponent, self._settings.max_backoff_ms
        )
        return float(ceiling / 1000 * self._jitter())

    def _now(self) -> float:
        return self._clock() if self._clock else asyncio.get_running_loop().time()
