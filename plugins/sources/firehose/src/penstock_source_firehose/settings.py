"""The settings, and which of their combinations mean something."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from penstock.api import (
    ConfigError,
    Counter,
    Event,
    Gauge,
    Log,
    Secret,
    Source,
    Timer,
    TitledEvent,
)

Kind = Literal["log", "counter", "gauge", "timer", "event"]
KINDS: dict[str, type[Event]] = {
    "log": Log,
    "counter": Counter,
    "gauge": Gauge,
    "timer": Timer,
    "event": TitledEvent,
}

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)

_SCHEMES = {"v1": ("wss", "ws"), "v2": ("https", "http")}
_EXAMPLES = {"v1": "wss://doppler.example.com:443", "v2": "https://log-stream.example.com"}
_NOT_SENT = re.compile(r"[^\x21-\x7e]")


class Uaa(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client of the UAA that may read the firehose."""

    url: Annotated[
        str, Meta(description="The UAA: https://uaa.example.com. With api it is found out.")
    ] = ""
    client_id: Annotated[str, Meta(min_length=1, description="The client's name.")]
    client_secret: Annotated[Secret, Meta(description="Its secret.")]


class Settings(Source.Config, frozen=True, kw_only=True):
    """Where the firehose is, who reads it, and what of it."""

    url: Annotated[
        str,
        Meta(
            description="Traffic Controller (wss://doppler…) or, for v2, RLP gateway (https://…)."
        ),
    ] = ""
    api: Annotated[
        str, Meta(description="Cloud Controller, which names the url: https://api.example.com.")
    ] = ""
    protocol: Annotated[
        Literal["v1", "v2"],
        Meta(description="v1: WebSocket of the Traffic Controller; v2: events of the RLP gateway."),
    ] = "v1"
    subscription_id: Annotated[
        str,
        Meta(description="Who reads: readers of one id share its events. Needed but with app."),
    ] = ""
    token: Annotated[
        Secret | None, Meta(description="An OAuth token, with or without `bearer `.")
    ] = None
    uaa: Annotated[
        Uaa | None, Meta(description="Client credentials, which get tokens for themselves.")
    ] = None
    kinds: Annotated[
        tuple[Kind, ...], Meta(min_length=1, description="Only these kinds of event.")
    ] = ("log", "counter", "gauge", "timer", "event")
    connections: Annotated[
        int, Meta(ge=1, le=64, description="Streams of this id at a time, which share its events.")
    ] = 1
    app: Annotated[
        str, Meta(description="The guid of an application: only what belongs to it.")
    ] = ""
    deterministic_name: Annotated[
        str,
        Meta(description="v2: counters and gauges of one name go to one reader of those named so."),
    ] = ""
    max_line_bytes: Annotated[
        int, Meta(ge=64, description="Longer messages are cut, with a mark that says by how much.")
    ] = 1_048_576


def kinds(settings: Settings) -> frozenset[type[Event]]:
    """Return the classes of the kinds that are asked for, and may come."""
    never = {"event"} if settings.protocol == "v1" else set()
    return frozenset(KINDS[kind] for kind in settings.kinds if kind not in never)


def is_shared(settings: Settings) -> bool:
    """Say whether several connections share the events, rather than each getting all."""
    return bool(settings.subscription_id) and not (settings.app and settings.protocol == "v1")


def check(settings: Settings) -> None:
    """Raise a ``ConfigError`` for what means nothing together, or nothing at all."""
    if bool(settings.url) == bool(settings.api):
        raise ConfigError("url, api: set one of them: api looks up the url")
    _check_address(settings)
    _check_reader(settings)
    _check_proof(settings)
    if settings.deterministic_name and settings.protocol == "v1":
        raise ConfigError('deterministic_name: only the RLP gateway knows it: set protocol = "v2"')
    if settings.protocol == "v1" and settings.kinds == ("event",):
        raise ConfigError('kinds: titled events come by protocol = "v2" only')


def _check_reader(settings: Settings) -> None:
    if settings.app and not GUID.fullmatch(settings.app):
        raise ConfigError(
            f"app: {settings.app!r} is no guid: `cf app NAME --guid` says the application's"
        )
    if not (settings.subscription_id or settings.app):
        raise ConfigError(
            "subscription_id: name the reader: those of one name share the events, and another "
            "name gets all of them once more"
        )
    if settings.protocol == "v1" and not settings.app:
        _check_name(settings.subscription_id)
    if settings.connections > 1 and not is_shared(settings):
        raise ConfigError(
            "connections: each stream of an application brings all of its events: with more than "
            "one every event would come several times"
        )


def _check_name(name: str) -> None:
    if "/" in name or name in (".", ".."):
        raise ConfigError(
            f"subscription_id: {name!r} cannot be a part of the Traffic Controller's path: choose "
            "one without /"
        )


def _check_proof(settings: Settings) -> None:
    if settings.token and settings.uaa:
        raise ConfigError("token, uaa: set one of them")
    if settings.uaa and not (settings.uaa.url or settings.api):
        raise ConfigError("uaa.url: name the UAA, such as https://uaa.example.com, or set api")
    if settings.uaa and settings.uaa.url:
        _check_url("uaa.url", settings.uaa.url, ("https", "http"), "https://uaa.example.com")
    if settings.token and _NOT_SENT.search(bare_token(settings.token)):
        raise ConfigError("token: a token has no blanks, line ends or other such characters in it")


def bare_token(token: Secret) -> str:
    """Return a token without the word before it."""
    text = token.reveal().strip()
    return text[7:].strip() if text[:7].lower() == "bearer " else text


def _check_address(settings: Settings) -> None:
    if settings.api:
        _check_url("api", settings.api, ("https", "http"), "https://api.example.com")
        return
    protocol = settings.protocol
    scheme = urlsplit(settings.url).scheme
    other = "v2" if protocol == "v1" else "v1"
    if scheme in _SCHEMES[other]:
        raise ConfigError(
            f'url: {_shown(settings.url)} is an address for protocol = "{other}"; {protocol} is '
            f"read from one like {_EXAMPLES[protocol]}"
        )
    _check_url("url", settings.url, _SCHEMES[protocol], _EXAMPLES[protocol])


def _check_url(key: str, url: str, schemes: tuple[str, ...], example: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"{key}: {_shown(url)} is no such address; use one like {example}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(f"{key}: an address only, without user, ? or #; use one like {example}")


def _shown(url: str) -> str:
    """Return an address for a message, without what may be a password in it."""
    return repr(url.rpartition("@")[2])
