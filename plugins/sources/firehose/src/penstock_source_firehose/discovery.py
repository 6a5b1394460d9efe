"""Asks the Cloud Controller where the firehose and the UAA are."""

from __future__ import annotations

from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct, field

from penstock_source_firehose.client import Client, place
from penstock_source_firehose.errors import AwayError, RefusedError
from penstock_source_firehose.settings import Settings


class Found(Struct, frozen=True):
    """The address to read from, and the UAA's; empty where nobody asked."""

    url: str
    uaa: str = ""


class _Info(Struct):
    doppler_logging_endpoint: str = ""
    token_endpoint: str = ""
    authorization_endpoint: str = ""


class _Link(Struct):
    href: str | None = None


class _Root(Struct):
    links: dict[str, _Link | None] = field(default_factory=dict)


T = TypeVar("T")


async def find(client: Client, settings: Settings) -> Found:
    """Return the addresses: those of the settings, or what the Cloud Controller says."""
    if not settings.api:
        return Found(settings.url.rstrip("/"))
    api = settings.api.rstrip("/")
    if settings.protocol == "v1":
        return await _from_info(client, api)
    return await _from_root(client, api, needs_uaa=bool(settings.uaa and not settings.uaa.url))


async def _from_info(client: Client, api: str) -> Found:
    info = await _ask(client, f"{api}/v2/info", _Info, optional=True)
    url, uaa = info.doppler_logging_endpoint, info.token_endpoint or info.authorization_endpoint
    if not _is_stream(url):  # Where the second API is switched off, the root alone has it.
        links = await _links(client, api)
        url, uaa = links.get("logging", ""), uaa or links.get("uaa", "")
    if not _is_stream(url):
        raise RefusedError(
            f"{place(api)}: /v2/info has no doppler_logging_endpoint, and / no link to logging: "
            "set url to the Traffic Controller (wss://doppler…) in place of api"
        )
    return Found(url.rstrip("/"), uaa)


def _is_stream(url: str) -> bool:
    return urlsplit(url).scheme in ("ws", "wss")


async def _from_root(client: Client, api: str, *, needs_uaa: bool) -> Found:
    named = await _links(client, api, optional=True)
    url = named.get("log_stream", "")
    if urlsplit(url).scheme not in ("http", "https"):
        url = _beside(api)
    uaa = named.get("uaa", "")
    if needs_uaa and not uaa:
        info = await _ask(client, f"{api}/v2/info", _Info)
        uaa = info.token_endpoint or info.authorization_endpoint
    return Found(url.rstrip("/"), uaa)


async def _links(client: Client, api: str, *, optional: bool = False) -> dict[str, str]:
    links = (await _ask(client, f"{api}/", _Root, optional=optional)).links
    return {name: link.href for name, link in links.items() if link and link.href}


def _beside(api: str) -> str:
    """Return where the gateway is wherever nobody changed its name."""
    parts = urlsplit(api)
    if not parts.netloc.startswith("api."):
        raise RefusedError(
            f"{place(api)}: it names no log_stream: set url to the RLP gateway "
            "(https://log-stream…) in place of api"
        )
    return f"{parts.scheme}://log-stream.{parts.netloc.removeprefix('api.')}"


async def _ask(client: Client, url: str, kind: type[T], *, optional: bool = False) -> T:
    answer = await client.ask("GET", url, headers={"Accept": "application/json"})
    path = urlsplit(url).path
    if answer.status >= 500 or answer.status == 429:
        raise AwayError(f"{place(url)}: {path} was answered {answer.status}: {answer.said}")
    if answer.status == 404 and optional:
        return kind()
    if answer.status != 200:
        raise RefusedError(
            f"{place(url)}: {path} was answered {answer.status}: api has to be the Cloud Controller"
        )
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusedError(
            f"{place(url)}: {path} is not understood ({error}): api has to be the Cloud Controller"
        ) from None
