"""A transform at work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from penstock.api import Batch, Log
from penstock.testing import configured, lines
from penstock_transform_multiline.multiline import Multiline


class Desk:
    """A transform, and what came out of it."""

    def __init__(self, **settings: Any) -> None:
        self.transform = configured(Multiline, settings)
        self.out: list[Batch] = []

    def send(self, *some: Batch) -> list[str]:
        """Pass batches through; return the lines that come out."""
        return lines(made for one in some for made in self._made(self.transform.apply(one)))

    def flush(self, now: float = 0.0, *, final: bool = False) -> list[str]:
        return lines(self._made(self.transform.flush(now, final)))

    def events(self) -> list[Log]:
        return [event for one in self.out for event in one.events if type(event) is Log]

    def _made(self, result: Batch | Iterable[Batch]) -> list[Batch]:
        made = [result] if isinstance(result, Batch) else list(result)
        self.out += made
        return made


@pytest.fixture
def new_desk() -> type[Desk]:
    """Return what makes a desk of settings."""
    return Desk
