"""The Cloud Controller as far as a nozzle sees it: where everything else is."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

from tests.loggregator.front import Asked, Front, Wire, as_json


class CloudController(Front):
    """Names the addresses it was given; ``missing`` are keys that it leaves out.

    Its second API may be switched off, and ``/v2/info`` with it.
    """

    def __init__(
        self,
        *,
        logging: str = "",
        uaa: str = "",
        log_stream: str = "",
        missing: Iterable[str] = (),
        has_v2: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls=tls)
        self.logging, self.uaa, self.log_stream = logging, uaa, log_stream
        self.missing = frozenset(missing)
        self.has_v2 = has_v2

    async def answer(self, asked: Asked, wire: Wire) -> bool:
        documents = {"/": self._root} | ({"/v2/info": self._info} if self.has_v2 else {})
        make = documents.get(asked.path) if asked.method == "GET" else None
        reply = as_json(make()) if make else as_json({"code": 10000}, 404)
        return await self.reply(asked, wire, reply)

    def _info(self) -> dict[str, Any]:
        return self._without(
            {
                "name": "",
                "build": "",
                "support": "",
                "version": 0,
                "description": "",
                "authorization_endpoint": self.uaa,
                "token_endpoint": self.uaa,
                "min_cli_version": None,
                "api_version": "2.215.0",
                "doppler_logging_endpoint": self.logging,
            }
        )

    def _root(self) -> dict[str, Any]:
        links = {
            "self": self.url,
            "logging": self.logging,
            "log_stream": self.log_stream,
            "uaa": self.uaa,
        }
        return {"links": self._without({name: {"href": href} for name, href in links.items()})}

    def _without(self, document: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in document.items() if key not in self.missing}
