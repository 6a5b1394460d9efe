"""Numbered lines through core and the syslog sink, and the account of what became of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

import msgspec

from penstock.api import Batch, Context, Outcome, TlsSettings, event_id
from penstock.testing import batch, configured
from penstock.testing.events import log, resource
from penstock.testing.pipeline import SinkLine
from penstock.testing.watch import Watch
from penstock_sink_syslog.sink import SyslogSink
from tests.system.parts.waiting import eventually

WEB = resource("docker:web", {"service.name": "web", "host.name": "node-7"})
MAX_REPEATED_BYTES = 16_777_216
"""What one unclean end of a connection may have sent again."""
_MESSAGE = re.compile(r'\[penstock@32473 event_id="([^"]*)"\] (.*)', re.DOTALL)


class Numbered(msgspec.Struct, frozen=True):
    """Lines of 120 bytes with their numbers, in batches; ``ids`` are those of ``texts``."""

    batches: list[Batch]
    texts: list[str]
    ids: list[str]


def numbered(count: int, *, start: int = 0, events: int = 500) -> Numbered:
    """Make lines."""
    logs = [log(f"SEQ={number:07} ".ljust(119, "x")) for number in range(start, start + count)]
    return Numbered(
        [batch(logs[at : at + events], WEB) for at in range(0, count, events)],
        [one.body for one in logs],
        [event_id(WEB.origin, one) for one in logs],
    )


@asynccontextmanager
async def sending(
    address: str,
    lines: Numbered,
    *,
    tls: TlsSettings | None = None,
    gate: asyncio.Event | None = None,
    until_gate: int = 0,
    **settings: object,
) -> AsyncIterator[SinkLine]:
    """Send lines as fast as they are taken, through core's own buffer, retries and order.

    After ``until_gate`` batches it waits for the ``gate``, if there is one. At the end everything
    is delivered, and the ledger adds up to what was sent.
    """
    sink = configured(SyslogSink, {"address": address, "event_id": True, **settings})
    sink.context = Context(table="sinks.syslog", tls=tls or TlsSettings())
    async with SinkLine(sink, Watch(), events_per_write=1000) as line:

        async def send() -> None:
            await line.send(*lines.batches[:until_gate])
            if gate:
                await gate.wait()
            await line.send(*lines.batches[until_gate:])

        task = asyncio.create_task(send())
        try:
            yield line
            async with asyncio.timeout(45):
                await task
            assert await line.drain(45.0), "not everything was delivered"
        finally:
            task.cancel()
        assert not line.sink.undeclared
        outcomes = line.ledger.total("sinks.contract").outcomes
        assert {key[0]: events for key, events in outcomes.items()} == {
            Outcome.DELIVERED: len(lines.texts)
        }
        assert not line.ledger.residues()


async def until(condition: Callable[[], object], what: str, timeout: float = 30.0) -> None:
    """Wait without holding up the sender."""
    await asyncio.to_thread(eventually, condition, what, timeout)


def account(lines: Numbered, messages: Sequence[str], *, outages: int) -> int:
    """Check that every line arrived, in order, each under its one id, and how much came again.

    ``messages`` are whole, or from their structured data on. Return how many came again.
    """
    got = [_parsed(message) for message in messages]
    check_complete(lines.texts, [text for _, text in got])
    assert set(got) == set(zip(lines.ids, lines.texts, strict=True)), "an id is not the line's own"
    repeated = _repeated(messages, got)
    assert repeated <= outages * MAX_REPEATED_BYTES, f"{repeated} bytes were repeated"
    return len(messages) - len(lines.texts)


def check_complete(sent: list[str], received: Iterable[str]) -> None:
    """Check that every text arrived, in order once repeats are left out."""
    distinct = list(dict.fromkeys(received))
    missing = set(sent).difference(distinct)
    assert not missing, f"{len(missing)} of {len(sent)} lost, such as {min(missing)[:20]}"
    assert distinct == sent, "the order is another one"


def _parsed(message: str) -> tuple[str, str]:
    match = _MESSAGE.search(message)
    assert match, f"no event_id in {message[:200]!r}"
    return match[1], match[2]


def _repeated(messages: Sequence[str], got: Sequence[tuple[str, str]]) -> int:
    seen: set[str] = set()
    size = 0
    for message, (identity, _) in zip(messages, got, strict=True):
        if identity in seen:
            size += len(message) + len("166 ")
        seen.add(identity)
    return size
