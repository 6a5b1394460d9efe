"""One destination: who we are to it, how it is reached, and what its answers mean."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urljoin

from msgspec import Struct

from penstock.api import (
    ConfigError,
    Context,
    RejectedError,
    RetryableError,
    TlsSettings,
    tls_context,
)
from penstock.http.answer import Answer, Statuses
from penstock.http.compression import Compression, compressed, load
from penstock.http.proxy import Proxy, ProxySetting
from penstock.http.redact import Redactor
from penstock.http.url import Url

if TYPE_CHECKING:
    from penstock.http.session import Session

_MOVED = frozenset({301, 308})
_TLS_PHRASES = (
    "SSL certificate",
    "plain HTTP request was sent to HTTPS port",
    "speaking plain HTTP to an SSL-enabled server port",
)
_WITH_BODY_AGAIN = frozenset({307, 308})


class Destination(Struct, frozen=True, kw_only=True):
    """What a client needs to know: all of it comes from settings."""

    url: Url
    """The address that requests go to, or any other on the same server."""
    headers: Mapping[str, str]
    """Sent with every request, the credentials among them."""
    secrets: tuple[str, ...] = ()
    compression: Compression = "none"
    timeout_s: float = 30.0
    proxy: ProxySetting = ProxySetting("")
    statuses: Statuses = Statuses()


class Client:
    """Makes requests to one destination; nothing that it raises or returns holds a secret."""

    def __init__(self, destination: Destination) -> None:
        self.destination = destination
        self.redact = Redactor((*destination.secrets, *destination.url.secrets))
        self._session: Session | None = None
        self._proxies: dict[str, Proxy | None] = {}

    def open(self, context: Context) -> None:
        """Make ready; no request is made."""
        # aiohttp costs 25 MB and 0.15 s: `check` and `plugins` can do without it.
        from penstock.http.session import Session

        url, tls = self.destination.url, context.tls
        if not url.is_tls and tls != TlsSettings():
            raise ConfigError("tls is set, but the address begins with http://")
        try:
            load(self.destination.compression)
        except ImportError as error:
            raise ConfigError(f'compression = "zstd" needs {error.name}: install it') from error
        proxy = self._proxy(url)
        secrets = proxy.secrets if proxy else ()
        self.redact = Redactor((*self.destination.secrets, *url.secrets, *secrets))
        self._session = Session(
            tls=tls_context(tls) if url.is_tls else None,
            server_name=tls.server_name,
            timeout_s=self.destination.timeout_s,
            redact=self.redact,
        )

    async def close(self) -> None:
        """Hang up. Safe without ``open``, and twice."""
        session, self._session = self._session, None
        if session:
            await session.close()

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], method: str = "POST"
    ) -> Answer:
        """Send a body, compressed as the settings say."""
        way = self.destination.compression
        sent = {**self.destination.headers, **headers}
        if way != "none":
            sent["Content-Encoding"] = way
            body = await compressed(body, way)
        return await self.request(method, url, sent, body)

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """Make a request; a redirect is followed once, within the same server."""
        if self._session is None:
            raise RetryableError("not open")
        address = Url(url)
        try:
            answer = await self._session.request(
                method, address, headers, body, self._proxy(address)
            )
            if answer.status in _WITH_BODY_AGAIN and answer.location:
                other = _on_same_server(address, answer.location)
                if other:
                    answer = await self._session.request(
                        method, other, headers, body, self._proxy(other)
                    )
        except RetryableError as error:
            raise RetryableError(f"{address}: {error}") from error.__cause__
        return answer

    def fail(self, answer: Answer) -> NoReturn:
        """Raise what an answer other than a success means."""
        statuses = self.destination.statuses
        said = self.said(answer)
        if answer.status in statuses.denied or _is_about_tls(answer):
            raise ConfigError(f"{said}{_advice(answer.status)}")
        if answer.status in statuses.refused or answer.status in statuses.too_large:
            raise RejectedError(said)
        if 300 <= answer.status < 400:
            _fail_redirect(answer)
        raise RetryableError(said, retry_after=answer.retry_after)

    def look(self, answer: Answer) -> None:
        """Raise what a request that wrote nothing shows to be wrong.

        A server may well have no answer but 404, 405 or 400 to it.
        """
        is_wrong = answer.status in self.destination.statuses.denied or answer.status in _MOVED
        if is_wrong or answer.status >= 500 or _is_about_tls(answer):
            self.fail(answer)

    def said(self, answer: Answer) -> str:
        """Say what a server answered, without secrets."""
        text = self.redact(answer.text)
        return f"{answer.origin} answered {answer.status}" + (f": {text}" if text else "")

    def _proxy(self, url: Url) -> Proxy | None:
        if url.origin not in self._proxies:
            self._proxies[url.origin] = self.destination.proxy.proxy_for(url, os.environ)
        return self._proxies[url.origin]


def _on_same_server(url: Url, location: str) -> Url | None:
    try:
        other = Url(urljoin(url.reveal(), location))
    except ValueError:
        return None
    return other if other.origin == url.origin else None


def _fail_redirect(answer: Answer) -> NoReturn:
    try:
        where = f" to {Url(urljoin(answer.origin, answer.location)).origin}"
    except ValueError:
        where = ""
    said = f"{answer.origin} redirects{where} ({answer.status})"
    if answer.status in _MOVED:
        raise ConfigError(f"{said}: nothing is sent there; set url to it if it is right")
    raise RetryableError(f"{said}, which is not followed")


def _is_about_tls(answer: Answer) -> bool:
    """Say whether a 400 is about the connection, as nginx and Apache answer: no event is bad."""
    return answer.status == 400 and any(phrase in answer.text for phrase in _TLS_PHRASES)


def _advice(status: int) -> str:
    if status == 407:
        return '; the proxy asks for a user and a password: proxy = "http://user:password@host"'
    if status == 400:
        return "; see tls.cert_file, and whether the address begins with https://"
    if status == 415:
        return "; it does not take this format or compression"
    return "; the credentials are wrong or may not do this"
