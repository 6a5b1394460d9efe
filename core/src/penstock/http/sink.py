"""The sink that posts: what every sink that speaks HTTP has in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from penstock.api import EMPTY, Batch, Event, Report, RetryableError, Sink
from penstock.http.answer import Answer
from penstock.http.body import Owner, Parcel
from penstock.http.client import Client, Destination
from penstock.http.delivery import Delivery, Learned, Verdict
from penstock.http.notices import Notices
from penstock.http.settings import HttpSettings

SPARE_S = 5.0
"""What a write may take beyond its last request's time: encoding, compressing."""


class Encoded(Struct, frozen=True):
    """What a write became: parcels to send, and the events that cannot be, with the reason."""

    parcels: Sequence[Parcel]
    refused: Mapping[Event, str] = EMPTY


class PostingSink(Sink):
    """Encodes batches into parcels, posts them, and tells what became of each event.

    Its ``Config`` derives from ``HttpSettings``. A subclass gives ``destination`` and ``encode``,
    and ``judge`` where a success has to be read; ``probe`` is its request for ``check``.
    """

    uses_tls = True

    config: HttpSettings
    method = "POST"

    def __init__(self, config: HttpSettings) -> None:
        super().__init__(config)
        self.order = config.order
        # What keeps everything in order and can fail halfway has one write open.
        self.in_flight = 1 if config.order == "stream" else config.concurrency
        self.write_timeout_s = 2 * config.timeout_s + SPARE_S
        self.notices = Notices()
        self._learned = Learned()
        self._client: Client | None = None

    def destination(self) -> Destination:
        """Return where requests go; called once for each ``open`` and ``check``."""
        raise TypeError(f"{type(self).__name__} has no destination()")

    def encode(self, batches: Sequence[Batch]) -> Encoded:
        """Encode every event once; pure, and without I/O."""
        raise TypeError(f"{type(self).__name__} has no encode()")

    def judge(self, answer: Answer, owners: Sequence[Owner]) -> Verdict | None:
        """Read a success, or a refusal that may name events; None: what its status says."""
        return None

    async def probe(self, client: Client) -> None:
        """Make a request that writes nothing and raise what is wrong."""
        url, headers = client.destination.url.reveal(), client.destination.headers
        answer = await client.request("HEAD", url, headers)
        if answer.status == 400:
            # Only an answer with a body tells whether it is about certificates.
            answer = await client.request("GET", url, headers)
        client.look(answer)

    async def open(self) -> None:
        self.notices.log = self.context.log
        self._learned = Learned()
        self._client = self._open_client()

    async def check(self) -> None:
        client = self._open_client()
        try:
            await self.probe(client)
        finally:
            await client.close()

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        if self._client is None:
            raise RetryableError("not open")
        encoded = self.encode(batches)
        delivery = Delivery(
            self._client,
            self.judge,
            self._learned,
            method=self.method,
            patience_s=self.config.timeout_s,
        )
        return await delivery.send(encoded.parcels, encoded.refused)

    async def close(self) -> None:
        client, self._client = self._client, None
        self.notices.flush()
        if client:
            await client.close()

    def _open_client(self) -> Client:
        client = Client(self.destination())
        client.open(self.context)
        return client
