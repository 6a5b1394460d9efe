"""What a format is: how events become pieces of a body, and how answers to it are read."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.api import Batch, Counter, Event, Gap, Gauge, Log, Timer, TitledEvent
from penstock.http import (
    Answer,
    Client,
    Envelope,
    Limits,
    Notices,
    Owner,
    Section,
    Statuses,
    Url,
    Verdict,
)
from penstock_sink_http.settings import HttpSinkSettings

EVERYTHING: frozenset[type[Event]] = frozenset({Log, Counter, Gauge, Timer, TitledEvent, Gap})
TEXTS: frozenset[type[Event]] = frozenset({Log, Gap})
NO_PRESET = 'use format = "ndjson" or "json" instead of the preset, which carries logs alone'


class Format:
    """One way of writing events; a subclass gives ``sections``, and what else differs."""

    accepts = EVERYTHING
    accepts_more = ""
    """What carries the other kinds, for the sink's attribute of that name."""
    content_type = "application/json"
    envelope = Envelope()
    limits = Limits()
    statuses = Statuses()
    scheme = "Bearer"
    """The word before a token."""

    def __init__(self, config: HttpSinkSettings, notices: Notices) -> None:
        self.config = config
        self.notices = notices

    def address(self, url: Url) -> str:
        """Return where the bodies go, for the address of the settings."""
        return url.reveal()

    def sections(self, batch: Batch) -> list[Section]:
        """Encode the events of a batch."""
        raise TypeError(f"{type(self).__name__} has no sections()")

    def judge(self, answer: Answer, owners: Sequence[Owner]) -> Verdict | None:
        """Read an answer that may tell of single events."""
        return None

    async def probe(self, client: Client) -> bool:
        """Try the destination without writing; False: the format has no way of its own."""
        return False


def one_section(batch: Batch, pieces: list[bytes]) -> list[Section]:
    """Return pieces that share nothing as a section."""
    return [Section(list(batch.events), pieces)]


async def probe_with(client: Client, url: str, body: bytes, content_type: str) -> None:
    """Post a body without events and raise what a real one would run into as well."""
    client.look(await client.post(url, body, {"Content-Type": content_type}))
