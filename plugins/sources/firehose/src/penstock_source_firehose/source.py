"""Cloud Foundry's Firehose, or the stream of one application."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from msgspec import structs

from penstock.api import (
    BufferSettings,
    ConfigError,
    Outlet,
    Resource,
    RetryableError,
    Source,
    TlsSettings,
)
from penstock_source_firehose.errors import AwayError
from penstock_source_firehose.settings import Settings, check, kinds

if TYPE_CHECKING:
    from penstock_source_firehose.client import Client
    from penstock_source_firehose.connection import Access
    from penstock_source_firehose.feed import Feed
    from penstock_source_firehose.origins import Origin
    from penstock_source_firehose.sending import Sending


class Firehose(Source):
    """Reads Cloud Foundry's Firehose, or one application's stream: logs and metrics."""

    name = "firehose"
    requires_api = "1.0"
    stability = "experimental"
    uses_tls = True
    replayable = False
    default_buffer: ClassVar[BufferSettings] = BufferSettings(
        type="disk", when_full="drop_oldest", max_disk_bytes=1_073_741_824
    )

    class Config(Settings, frozen=True, kw_only=True):
        """Where the firehose is, who reads it, and what of it."""

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        check(config)
        self.kinds = kinds(config)
        self._client: Client | None = None
        self._access: Access | None = None
        self._out: Outlet | None = None
        self._sending: Sending | None = None

    async def open(self) -> None:
        """Make ready; whoever is away now may come yet, so nothing is connected to."""
        await self._begin(self.config)

    async def check(self) -> None:
        """Connect once, as a reader of its own: it would take events from those of its id."""
        config: Settings = self.config
        if config.subscription_id:
            name = f"{config.subscription_id}-check-{secrets.token_hex(4)}"
            config = structs.replace(config, subscription_id=name)
        access = await self._begin(config)
        await (await access.connect()).close()

    async def _begin(self, config: Settings) -> Access:
        await self.close()
        addresses = (config.url, config.api, config.uaa.url if config.uaa else "")
        is_plain = not any(one.startswith(("wss:", "https:")) for one in addresses)
        if is_plain and self.context.tls != TlsSettings():
            raise ConfigError("tls is set, but no address begins with wss:// or https://")
        # Only where it is used: the client and protobuf take 30 MB.
        from penstock_source_firehose.client import Client
        from penstock_source_firehose.connection import Access
        from penstock_source_firehose.credentials import credentials

        self._client = Client(self.context.tls)
        feed = self._feed(config)
        self._access = Access(config, self._client, credentials(config), feed)
        return self._access

    async def run(self, out: Outlet) -> None:
        """Read until cancelled, or until no stream can be opened."""
        from penstock_source_firehose.connection import Streams
        from penstock_source_firehose.losses import DEFECT

        if self._access is None:
            raise AwayError("not open")
        sending = self._sending_to(out)
        streams = Streams(self._access, sending, self.context.log)
        final = True
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(sending.run())
                for _ in range(self.config.connections):
                    tasks.create_task(streams.keep(tasks))
        except* (RetryableError, ConfigError) as group:
            final = False
            raise _first(group) from None
        except* Exception:
            final = False
            sending.cut(DEFECT)
            raise
        finally:
            await streams.close()
            left = await sending.finish(final=final)
            if left:
                self.context.log.error(
                    "read, but not taken in before the end", extra={"events": left}
                )

    async def close(self) -> None:
        """Hang up."""
        client, self._client, self._access = self._client, None, None
        if client:
            await client.close()

    def _feed(self, config: Settings) -> Feed:
        """Return what opens streams of the protocol that is asked for."""
        from penstock_source_firehose.origins import Origins

        origins = Origins(self._forgotten)
        if config.protocol == "v1":
            from penstock_source_firehose.dropsonde import Dropsonde
            from penstock_source_firehose.traffic_controller import TrafficController

            return TrafficController(config, Dropsonde(origins, self.kinds, config.max_line_bytes))
        from penstock_source_firehose.envelopes import Envelopes
        from penstock_source_firehose.gateway import Gateway

        return Gateway(config, Envelopes(origins, config.max_line_bytes))

    def _sending_to(self, out: Outlet) -> Sending:
        """Return where events go: the same as before if it is the same way out.

        A start says what may have come since the last event that was read before it.
        """
        from penstock_source_firehose.losses import AWAY
        from penstock_source_firehose.sending import LANE, Sending

        if self._sending is None or self._out is not out:
            last = out.position(LANE)
            last = last if isinstance(last, int) else 0
            self._sending = Sending(out, self._resource(), self.kinds, last)
            self._out = out
            if last:
                self._sending.losses.cut(AWAY, last)
        return self._sending

    def _resource(self) -> Resource:
        """Return the stream itself, for what is said of none of its origins."""
        config = self.config
        name = config.app or config.subscription_id
        host = urlsplit(config.url or config.api).netloc
        return Resource(f"firehose:{name}", {"service.name": "firehose", "server.address": host})

    def _forgotten(self, origin: Origin) -> None:
        if self._sending:
            self._sending.retire(origin)


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, Exception) else RetryableError(str(error))
