"""Dead letters as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import click
import msgspec

from penstock.api.event import Batch
from penstock.api.fields import rfc3339
from penstock.api.record import encode_event
from penstock.cli.folder import harmless
from penstock.cli.table import print_table, shortened
from penstock.state.letters import Letter

SHOWN = 1000
"""Letters that are put into columns together."""


def print_columns(letters: Iterator[Letter]) -> bool:
    """Print letters as they come; say whether there were any."""
    heads = ("ID", "SINK", "REASON", "ATTEMPTS", "LAST ATTEMPT", "ORIGIN", "RESPONSE")
    any_came = False
    while some := list(islice(letters, SHOWN)):
        any_came = True
        rows = [
            (
                one.id,
                one.sink,
                one.reason,
                one.attempts,
                rfc3339(one.last_unix_nano, 0),
                shortened(one.origin, 28),
                shortened(one.response, 60),
            )
            for one in some
        ]
        print_table(heads, rows)
    return any_came


def print_json(letters: Iterator[Letter]) -> None:
    """Print an array, a letter at a time: there may be many."""
    before = "["
    for letter in letters:
        click.echo(before, nl=False)
        click.echo("\n  " + harmless(msgspec.json.encode(_record(letter)).decode()), nl=False)
        before = ","
    click.echo("\n]" if before == "," else "[]")


def print_letter(letter: Letter, batch: Batch) -> None:
    """Print a letter with its event."""
    event = msgspec.Raw(encode_event(batch.resource, batch.events[0]))
    encoded = msgspec.json.encode({**_record(letter), "event": event})
    click.echo(harmless(msgspec.json.format(encoded, indent=2).decode()))


def _record(letter: Letter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "sink": letter.sink,
        "origin": letter.origin,
        "reason": letter.reason,
        "response": letter.response,
        "attempts": letter.attempts,
        "first_attempt": rfc3339(letter.first_unix_nano),
        "last_attempt": rfc3339(letter.last_unix_nano),
        "configuration": letter.configuration,
        "size_bytes": letter.size,
    }
