"""The connections of one sink: aiohttp's client, and all that is particular to it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping

import aiohttp
from yarl import URL

from penstock.api import RetryableError
from penstock.http.answer import Answer, retry_after
from penstock.http.proxy import Proxy
from penstock.http.redact import Redactor
from penstock.http.url import Url

CONNECT_S = 10.0
KEEP_ALIVE_S = 4.0
"""How long an idle connection is kept: shorter than common servers do (Node: 5 s), so that a
request does not meet a connection that its server has just closed."""
MAX_ANSWER_BYTES = 1_048_576
"""What is read of an answer; the rest is not waited for."""

_ALWAYS = {"User-Agent": "Penstock", "Accept-Encoding": "identity"}

PIECE_BYTES = 131_072
"""Longer bodies are written piece by piece: the event loop goes on meanwhile."""


class Session:
    """Requests over connections that are kept."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None,
        server_name: str,
        timeout_s: float,
        redact: Redactor,
    ) -> None:
        self._server_name = server_name or None
        self._redact = redact
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=tls if tls is not None else True, limit=0, keepalive_timeout=KEEP_ALIVE_S
            ),
            timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(CONNECT_S, timeout_s)),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # An answer of a few bytes must not become gigabytes.
            trust_env=False,
        )

    async def request(
        self,
        method: str,
        url: Url,
        headers: Mapping[str, str],
        body: bytes | None,
        proxy: Proxy | None,
    ) -> Answer:
        """Make one request and follow no redirect; what fails is a ``RetryableError``."""
        try:
            async with self._session.request(
                method,
                URL(url.reveal(), encoded=True),
                data=_in_pieces(body) if body and len(body) > PIECE_BYTES else body,
                headers={**_ALWAYS, **_length(body), **headers},
                allow_redirects=False,
                server_hostname=self._server_name,
                proxy=proxy.url if proxy else None,
                proxy_headers=_proxy_headers(proxy),
            ) as response:
                return await _answer(url, response)
        except aiohttp.ClientHttpProxyError as error:
            # What a proxy says of a tunnel counts as the answer: 407 is the operator's.
            return Answer(origin="the proxy", status=error.status)
        except TimeoutError as error:
            raise RetryableError("no answer in time") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise RetryableError(self._redact(_words(error))) from None

    async def close(self) -> None:
        await self._session.close()


def _proxy_headers(proxy: Proxy | None) -> dict[str, str] | None:
    if proxy is None or not proxy.authorization:
        return None
    return {"Proxy-Authorization": proxy.authorization}


def _length(body: bytes | None) -> dict[str, str]:
    # Pieces without a length would be sent in chunks, which not every server takes.
    return {"Content-Length": str(len(body))} if body else {}


async def _in_pieces(body: bytes) -> AsyncIterator[memoryview]:
    # Not BytesIO, which aiohttp has copy itself to know its size.
    view = memoryview(body)
    for start in range(0, len(body), PIECE_BYTES):
        yield view[start : start + PIECE_BYTES]


async def _answer(url: Url, response: aiohttp.ClientResponse) -> Answer:
    data, complete = await _read(response)
    return Answer(
        origin=url.origin,
        status=response.status,
        body=data,
        complete=complete,
        retry_after=retry_after(response.headers.get("Retry-After")),
        location=response.headers.get("Location", ""),
    )


async def _read(response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    """Read an answer's body; say whether it came whole."""
    pieces: list[bytes] = []
    size = 0
    try:
        async for piece in response.content.iter_any():
            pieces.append(piece)
            size += len(piece)
            if size > MAX_ANSWER_BYTES:
                response.close()
                return b"".join(pieces)[:MAX_ANSWER_BYTES], False
    except (aiohttp.ClientError, OSError, TimeoutError):
        response.close()
        return b"".join(pieces), False
    return b"".join(pieces), True


def _words(error: Exception) -> str:
    """Say what failed; an address that aiohttp would name is left out."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the server's certificate is not trusted: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return f"no TLS connection: {error.os_error or error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {error.os_error.strerror or error.os_error}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection without an answer"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"no valid answer: {error.message}"
    return str(error) or type(error).__name__
