"""The HTTP client for everything: streams, tokens, and the questions to the Cloud Controller."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import ClientTimeout

from penstock.api import TlsSettings, tls_context
from penstock_source_firehose.errors import AwayError, RefusedError

CONNECT_S = 10.0
ANSWER_S = 30.0
MAX_ANSWER_BYTES = 1_048_576
READ_BYTES = 262_144


class Answer:
    """What was answered to a short request."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.body = body

    @property
    def said(self) -> str:
        """The beginning of the answer, for a message."""
        return " ".join(self.body[:300].decode("utf-8", "replace").split())


class WebSocket(aiohttp.ClientWebSocketResponse):
    """A WebSocket that lets go of its connection also when the other side did so first."""

    def hang_up(self) -> None:
        """Close the connection under it, without a word. Safe twice."""
        self._response.close()


class Client:
    """One session; each connection looks up its address anew and serves one request."""

    def __init__(self, tls: TlsSettings) -> None:
        self.server_name = tls.server_name or None
        connector = aiohttp.TCPConnector(
            ssl=tls_context(tls), use_dns_cache=False, force_close=True, limit=0
        )
        self.session = aiohttp.ClientSession(
            connector=connector,
            timeout=ClientTimeout(total=None, sock_connect=CONNECT_S),
            read_bufsize=READ_BYTES,
            cookie_jar=aiohttp.DummyCookieJar(),
            ws_response_class=WebSocket,
        )

    async def close(self) -> None:
        """Hang up. Safe twice."""
        await self.session.close()

    async def ask(self, method: str, url: str, **options: Any) -> Answer:
        """Make a short request and return its answer, whatever its status."""
        timeout = ClientTimeout(total=ANSWER_S, sock_connect=CONNECT_S)
        with trouble(url):
            async with self.session.request(
                method, url, timeout=timeout, allow_redirects=False, **options
            ) as response:
                return Answer(response.status, await beginning(response, MAX_ANSWER_BYTES))


async def beginning(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return as much of an answer as there is and may be."""
    data = b""
    while len(data) < limit and (part := await response.content.read(limit - len(data))):
        data += part
    return data


def place(url: str) -> str:
    """Return an address for a message: where it is, without its path and question."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@contextmanager
def trouble(url: str) -> Iterator[None]:
    """Turn the client's errors into ours, which say where it was."""
    try:
        yield
    except aiohttp.ClientConnectorCertificateError as error:
        why = getattr(error.certificate_error, "verify_message", "") or error.certificate_error
        raise RefusedError(
            f"{place(url)}: its certificate is not accepted ({why}): set tls.ca_file to the "
            "authority that signed it, or tls.server_name to the name that it proves"
        ) from None
    except (aiohttp.ClientError, OSError, ssl.SSLError) as error:
        text = "no answer in time" if isinstance(error, TimeoutError) else str(error)
        raise AwayError(f"{place(url)}: {text or type(error).__name__}") from error
