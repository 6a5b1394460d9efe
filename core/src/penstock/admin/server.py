"""The admin server: metrics and health over HTTP, to be read only."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from penstock.api.errors import ConfigError
from penstock.config.plan import AdminSettings
from penstock.runtime import Runtime

if TYPE_CHECKING:
    from aiohttp import web

LAST_ANSWERS_S = 0.5
"""How long requests that are under way may take when it stops."""

_log = logging.getLogger("penstock.admin")


class AdminServer:
    """Serves ``/metrics``, ``/livez`` and ``/readyz`` where ``[admin] listen`` says, if it does."""

    def __init__(self) -> None:
        self._settings = AdminSettings()
        self._runner: web.AppRunner | None = None

    @property
    def listening(self) -> str:
        """Where it listens, empty if nowhere."""
        addresses = self._runner.addresses if self._runner else []
        return ", ".join(_spelled(*address[:2]) for address in addresses)

    async def start(self, runtime: Runtime) -> None:
        """Listen. ``ConfigError``: that is not possible there."""
        self._runtime = runtime
        await self._listen(runtime.plan.admin)

    async def changed(self, runtime: Runtime) -> None:
        """Follow ``[admin]``; where the new address does not work, the old one stays."""
        before, now = self._settings, runtime.plan.admin
        if now.address == before.address:
            self._settings = now
            return
        await self.stop()  # Before: the two may overlap, as a host and 0.0.0.0 do.
        try:
            await self._listen(now)
        except ConfigError as error:
            _log.error("the old address stays: %s", error)
            await self._back_to(before)

    async def stop(self) -> None:
        """Stop listening. Safe without ``start``, and twice."""
        runner, self._runner = self._runner, None
        if runner:
            await runner.cleanup()

    async def _back_to(self, before: AdminSettings) -> None:
        try:
            await self._listen(before)
        except ConfigError as error:
            _log.error("no metrics and health over HTTP: %s", error)

    async def _listen(self, settings: AdminSettings) -> None:
        self._settings = settings
        if settings.address is None:
            return
        runner = await self._set_up()
        try:
            await _site(runner, *settings.address)
        except OSError as error:
            await runner.cleanup()
            reason = error.strerror or str(error)
            raise ConfigError(f"admin.listen: {settings.listen}: {reason}") from error
        self._runner = runner
        _log.info("metrics and health are served", extra={"listen": self.listening})

    async def _set_up(self) -> web.AppRunner:
        # aiohttp costs 25 MB: whoever has no server does without.
        try:
            from aiohttp import web

            from penstock.admin.pages import Pages
        except ImportError as error:
            raise ConfigError(
                'admin.listen: needs aiohttp: pip install "penstock[http]"'
            ) from error
        application = Pages(self._runtime, lambda: self._settings).application()
        # Anybody may send what is no HTTP: that is no error of ours, nor worth a traceback.
        silent = logging.getLogger("penstock.admin.requests")
        silent.setLevel(logging.CRITICAL)
        runner = web.AppRunner(
            application, access_log=None, logger=silent, shutdown_timeout=LAST_ANSWERS_S
        )
        await runner.setup()
        return runner


async def _site(runner: web.AppRunner, host: str, port: int) -> None:
    from aiohttp import web

    await web.TCPSite(runner, host, port).start()


def _spelled(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
