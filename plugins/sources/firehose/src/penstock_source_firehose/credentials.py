"""How the source proves that it may read: nothing, a token, or a client of the UAA."""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta, Struct

from penstock_source_firehose.client import Client, place
from penstock_source_firehose.errors import AwayError, RefusedError
from penstock_source_firehose.settings import Settings, Uaa, bare_token

EARLY_S = 60.0
"""A token is renewed so long before its end, or at half of its life if that is later."""

LIFE_S = 600.0
"""How long a token lives of which that is not said."""


class Credentials(Protocol):
    """Gives what goes into the header ``Authorization``."""

    async def header(self, client: Client, uaa: str) -> str:
        """Return the header's value, empty if there is none; ``uaa`` is the UAA that was found."""

    def renew(self) -> bool:
        """Forget a token that was refused; say whether another one can be had."""

    @property
    def remedy(self) -> str:
        """What to do when these are refused."""


class Given:
    """A token from the settings, or none."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def header(self, client: Client, uaa: str) -> str:
        """Return the token. Loggregator knows the word before it in lower case only."""
        return f"bearer {self._token}" if self._token else ""

    def renew(self) -> bool:
        """Another one comes with other settings only."""
        return False

    @property
    def remedy(self) -> str:
        if not self._token:
            return "no token was sent: set token or uaa"
        return (
            "it has expired, was revoked, or lacks the scope: put a new one where token is read "
            "from; a file of it is looked at again by itself"
        )


class Tokens:
    """Tokens that the UAA gives to a client, renewed before they end."""

    def __init__(self, uaa: Uaa) -> None:
        self._uaa = uaa
        self._token = ""
        self._scope = ""
        self._renew_at = 0.0
        self._getting = asyncio.Lock()

    async def header(self, client: Client, uaa: str) -> str:
        """Return a token that lives on for a while."""
        async with self._getting:
            if not self._token or time.monotonic() >= self._renew_at:
                await self._get(client, (self._uaa.url or uaa).rstrip("/"))
        return f"bearer {self._token}"

    def renew(self) -> bool:
        """Have another one got the next time."""
        self._token = ""
        return True

    @property
    def remedy(self) -> str:
        scopes = self._scope or "none"
        return (
            f"the client {self._uaa.client_id!r} has the scopes: {scopes}. "
            "Give it the authority doppler.firehose (or, for v2, logs.admin)"
        )

    async def _get(self, client: Client, uaa: str) -> None:
        pair = f"{self._uaa.client_id}:{self._uaa.client_secret.reveal()}"
        basic = b64encode(pair.encode()).decode("ascii")
        answer = await client.ask(
            "POST",
            f"{uaa}/oauth/token",
            data={"grant_type": "client_credentials"},
            headers={"Accept": "application/json", "Authorization": f"Basic {basic}"},
        )
        if answer.status in (400, 401, 403):
            raise RefusedError(
                f"{place(uaa)}: the UAA refuses the client {self._uaa.client_id!r} "
                f"({answer.status} {_description(answer.body)}): check uaa.client_id and "
                "uaa.client_secret"
            )
        if answer.status == 404:
            raise RefusedError(f"{place(uaa)}: no UAA is there (404): check uaa.url")
        if answer.status != 200:
            raise AwayError(f"{place(uaa)}: the UAA answered {answer.status}")
        try:
            got = msgspec.json.decode(answer.body, type=_Grant, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise AwayError(f"{place(uaa)}: what it answered is no token: is it the UAA?") from None
        self._token = got.access_token
        self._scope = got.scope
        life = got.expires_in if got.expires_in is not None else LIFE_S
        self._renew_at = time.monotonic() + max(life - EARLY_S, life / 2)


class _Grant(Struct):
    access_token: Annotated[str, Meta(pattern=r"^[\x21-\x7e]+\Z")]
    expires_in: float | None = None
    scope: str = ""


class _Refusal(Struct):
    error: str = ""
    error_description: str = ""


def _description(body: bytes) -> str:
    """Return what the UAA says of a refusal; nothing else of the answer is repeated."""
    try:
        said = msgspec.json.decode(body, type=_Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "without a word"
    return (said.error_description or said.error)[:200]


def credentials(settings: Settings) -> Credentials:
    """Return what the settings give."""
    if settings.uaa:
        return Tokens(settings.uaa)
    return Given(bare_token(settings.token) if settings.token else "")
