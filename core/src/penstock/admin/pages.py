"""What the admin server answers; the one module here that loads aiohttp."""

from __future__ import annotations

import logging
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from penstock.admin import collect
from penstock.admin.exposition import CONTENT_TYPE, exposition
from penstock.admin.host import is_ours
from penstock.admin.metrics import samples
from penstock.config.plan import AdminSettings
from penstock.runtime import Runtime

_log = logging.getLogger("penstock.admin")


class Pages:
    """Three pages to be read; nothing of an event is on them."""

    def __init__(self, runtime: Runtime, settings: Callable[[], AdminSettings]) -> None:
        self._runtime = runtime
        self._settings = settings

    def application(self) -> web.Application:
        """Return what serves them."""
        application = web.Application(middlewares=[self._guard()])
        router = application.router
        router.add_get("/metrics", self._metrics, allow_head=False)
        router.add_get("/livez", self._livez, allow_head=False)
        router.add_get("/readyz", self._readyz, allow_head=False)
        return application

    def _guard(self) -> Middleware:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not self._is_ours(request):
                return _text("unknown Host: [admin] hosts names further ones", status=403)
            try:
                return await handler(request)
            except web.HTTPException:
                raise
            except Exception as error:
                _log.error("%s cannot be answered", request.path, exc_info=error)
                return _text("a defect: see the log", status=500)

        return guard

    def _is_ours(self, request: web.Request) -> bool:
        hosts = request.headers.getall("Host", [])
        # Without one it is no browser, which is who has to be kept from coming by another name.
        if not hosts and request.version < (1, 1):
            return True
        settings = self._settings()
        listen, _ = settings.address or ("", 0)
        return len(hosts) == 1 and is_ours(hosts[0], listen, settings.hosts)

    async def _metrics(self, request: web.Request) -> web.Response:
        histograms = self._runtime.services.telemetry.histograms()
        text = exposition(samples(self._runtime), histograms)
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})

    async def _livez(self, request: web.Request) -> web.Response:
        return _text("ok")

    async def _readyz(self, request: web.Request) -> web.Response:
        """Name what is wrong, but not why: a destination's words are for the log and the socket."""
        health = collect.health(self._runtime)
        if health.ready:
            return _text("ready")
        named = [f"{one.table}: {one.what}" if one.table else one.what for one in health.problems]
        return _text("\n".join(dict.fromkeys(named)), status=503)


def _text(text: str, status: int = 200) -> web.Response:
    return web.Response(text=f"{text}\n", status=status, headers={"Cache-Control": "no-store"})
