"""What goes over the control socket: one line with a request, one line with the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from penstock.admin.status import Health, Status

MAX_REQUEST_BYTES = 262_144


class AskStatus(Struct, frozen=True, tag="status", tag_field="do"):
    """Ask for everything."""


class AskHealth(Struct, frozen=True, tag="health", tag_field="do"):
    """Ask whether it is ready."""


class Selection(Struct, frozen=True, kw_only=True):
    """Which dead letters are meant: those to which everything that is given applies."""

    ids: Sequence[int] = ()
    sink: str = ""
    reason: str = ""


class Replay(Struct, frozen=True, tag="replay", tag_field="do"):
    """Have dead letters delivered again."""

    letters: Selection


class Drop(Struct, frozen=True, tag="drop", tag_field="do"):
    """Have dead letters deleted."""

    letters: Selection


Request = AskStatus | AskHealth | Replay | Drop


class Changed(Struct, frozen=True, kw_only=True, tag="changed", tag_field="is"):
    """What became of dead letters; ``kept`` counts, by reason, those that are where they were.

    ``missing`` are ids that there are no letters of.
    """

    changed: int
    kept: Mapping[str, int] = {}
    missing: Sequence[int] = ()
    trouble: str = ""
    """Why it ended early, if it did."""


class Told(Struct, frozen=True, tag="status", tag_field="is"):
    """Everything."""

    status: Status


class Felt(Struct, frozen=True, tag="health", tag_field="is"):
    """Whether it is ready."""

    health: Health


class Refused(Struct, frozen=True, tag="refused", tag_field="is"):
    """The request cannot be met, and why."""

    error: str


Answer = Told | Felt | Changed | Refused

_encoder = msgspec.json.Encoder()
_requests = msgspec.json.Decoder(Request)
_answers = msgspec.json.Decoder(Answer)


def encode(message: Request | Answer) -> bytes:
    """Return a message as a line."""
    try:
        return _encoder.encode(message) + b"\n"
    except UnicodeEncodeError:  # Names come from strangers.
        return _encoder.encode(_scrubbed(msgspec.to_builtins(message))) + b"\n"


def decode_request(line: bytes) -> Request:
    """Return a request. ``ValueError``: it is none."""
    request: Request = _requests.decode(line)
    return request


def decode_answer(line: bytes) -> Answer:
    """Return an answer. ``ValueError``: it is none."""
    answer: Answer = _answers.decode(line)
    return answer


def _scrubbed(value: object) -> object:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_scrubbed(key): _scrubbed(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_scrubbed(one) for one in value]
    return value
