"""UAA as far as a nozzle sees it: tokens for client credentials, and what they are good for."""

from __future__ import annotations

import base64
import ssl
import time
from collections.abc import Iterable
from urllib.parse import parse_qs, unquote

from msgspec import Struct

from tests.loggregator.front import Asked, Front, Reply, Wire, as_json

FIREHOSE = "doppler.firehose"
LOGS_ADMIN = "logs.admin"
_FORM = "application/x-www-form-urlencoded"


class _Token(Struct):
    scopes: tuple[str, ...]
    ends: float


class Uaa(Front):
    """``issued`` are the tokens given to clients, in order; each is another one."""

    def __init__(
        self,
        *,
        client_id: str = "nozzle",
        client_secret: str = "s3cret-canary-uaa",
        scopes: Iterable[str] = (FIREHOSE,),
        lifetime_s: float = 600.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls=tls)
        self.client = (client_id, client_secret)
        self.scopes = tuple(scopes)
        self.lifetime_s = lifetime_s
        self.issued: list[str] = []
        self.down = False
        self._tokens: dict[str, _Token] = {}
        self._made = 0

    def grant(self, scopes: Iterable[str] | None = None, lifetime_s: float | None = None) -> str:
        """Make a token by hand."""
        self._made += 1
        token = f"t0ken-canary-{self._made:04}"
        lifetime = self.lifetime_s if lifetime_s is None else lifetime_s
        granted = self.scopes if scopes is None else tuple(scopes)
        self._tokens[token] = _Token(granted, time.monotonic() + lifetime)
        return token

    def revoke(self, token: str) -> None:
        """Have a token be good for nothing from now on."""
        self._tokens.pop(token, None)

    def expire_all(self) -> None:
        """End every token's life."""
        for token in self._tokens.values():
            token.ends = 0.0

    def scopes_of(self, token: str) -> tuple[str, ...] | None:
        """Return what a token is good for; None for one that is expired or unknown."""
        known = self._tokens.get(token)
        return known.scopes if known and known.ends > time.monotonic() else None

    async def answer(self, asked: Asked, wire: Wire) -> bool:
        return await self.reply(asked, wire, self._reply(asked))

    def _reply(self, asked: Asked) -> Reply:
        if self.down:
            return Reply(status=503)
        routes = {"/oauth/token": self._token, "/check_token": self._check}
        route = routes.get(asked.path)
        if route is None or asked.method != "POST":
            return as_json({"error": "not_found"}, 404)
        if asked.headers.get("content-type", "").partition(";")[0] != _FORM:
            return as_json({"error": "unsupported_media_type"}, 415)
        if _basic(asked) != self.client:
            said = {"error": "unauthorized", "error_description": "Bad credentials"}
            return as_json(said, 401)
        return route({key: one for key, (one, *_) in parse_qs(asked.body.decode()).items()})

    def _token(self, form: dict[str, str]) -> Reply:
        if form.get("grant_type") != "client_credentials":
            return as_json({"error": "unsupported_grant_type"}, 400)
        token = self.grant()
        self.issued.append(token)
        return as_json(
            {
                "access_token": token,
                "token_type": "bearer",
                "expires_in": int(self.lifetime_s),
                "scope": " ".join(self.scopes),
                "jti": token[-4:],
            }
        )

    def _check(self, form: dict[str, str]) -> Reply:
        scopes = self.scopes_of(form.get("token", ""))
        if scopes is None:
            said = {"error": "invalid_token", "error_description": "Token is invalid"}
            return as_json(said, 400)
        return as_json({"scope": list(scopes), "client_id": self.client[0]})


def _basic(asked: Asked) -> tuple[str, str] | None:
    kind, _, value = asked.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    name, _, secret = base64.b64decode(value).decode().partition(":")
    return unquote(name), unquote(secret)
