"""The sink: logs to one intake, metrics to another."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from itertools import repeat

from penstock.api import (
    Batch,
    ConfigError,
    Counter,
    Event,
    Gap,
    Gauge,
    Log,
    Resource,
    Timer,
    TitledEvent,
)
from penstock.http import (
    Answer,
    Client,
    Destination,
    Encoded,
    Envelope,
    Limits,
    Owner,
    Parcel,
    PostingSink,
    Section,
    Target,
    Url,
    Verdict,
    check_value,
    events_of,
)
from penstock_sink_datadog.limits import LOGS, METRICS
from penstock_sink_datadog.log import Logs
from penstock_sink_datadog.metric import Metrics
from penstock_sink_datadog.origin import Origin, Origins
from penstock_sink_datadog.settings import DatadogSettings

LOGS_PATH = "/api/v2/logs"
SERIES_PATH = "/api/v2/series"
DISTRIBUTIONS_PATH = "/api/v1/distribution_points"
VALIDATE_PATH = "/api/v1/validate"

METRICS_KINDS: frozenset[type[Event]] = frozenset({Counter, Gauge, Timer})

_LIST = Envelope(head=b"[", tail=b"]", between=b",")
_SERIES = Envelope(head=b'{"series":[', tail=b"]}", between=b",")


class DatadogSink(PostingSink):
    """Datadog's logs intake and its metrics intake; both take the same key."""

    name = "datadog"
    requires_api = "1.0"
    stability = "beta"
    accepts = METRICS_KINDS | {Log, TitledEvent, Gap}

    class Config(DatadogSettings, frozen=True, kw_only=True):
        """See ``settings.py``."""

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        _check_key(config)
        self._origins = Origins(config)
        self._logs = Logs(self.notices)
        self._metrics = Metrics(config)
        logs = config.logs_url or Url(f"https://http-intake.logs.{config.site}")
        metrics = config.metrics_url or Url(f"https://api.{config.site}")
        self._intake = _target(logs.with_path(LOGS_PATH), _LIST, LOGS)
        self._series = _target(metrics.with_path(SERIES_PATH), _SERIES, METRICS)
        self._distributions = _target(_distributions(metrics), _SERIES, METRICS)

    def destination(self) -> Destination:
        key = self.config.api_key.reveal()
        return Destination(
            url=Url(self._intake.url),
            headers={"DD-API-KEY": key, "DD-EVP-ORIGIN": "penstock"},
            secrets=(key,),
            compression=self.config.compression,
            timeout_s=self.config.timeout_s,
            proxy=self.config.proxy,
        )

    def encode(self, batches: Sequence[Batch]) -> Encoded:
        now = time.time_ns()
        logs: list[Section] = []
        metrics: list[tuple[Resource, Origin, Event]] = []
        for batch in batches:
            resource = batch.resource
            section = Section([], [])
            for origin, event in self._with_origins(batch):
                if type(event) in METRICS_KINDS:
                    metrics.append((resource, origin, event))
                else:
                    section.owners.append(event)
                    section.pieces.append(self._logs.encode(resource, origin, event, now))
            if section.owners:
                logs.append(section)
        # Logs go first: metrics that cannot be sent must not hold them up.
        parcels = [Parcel(self._intake, logs)]
        if not metrics:
            return Encoded(parcels)
        made = self._metrics.encode(metrics, now)
        parcels.append(Parcel(self._series, [made.series]))
        parcels.append(Parcel(self._distributions, [made.distributions]))
        return Encoded(parcels, made.refused)

    def _with_origins(self, batch: Batch) -> Iterable[tuple[Origin, Event]]:
        of, resource = self._origins.of, batch.resource
        if self._origins.per_resource:
            return zip(repeat(of(resource, None)), batch.events, strict=False)
        return [(of(resource, event), event) for event in batch.events]

    def judge(self, answer: Answer, owners: Sequence[Owner]) -> Verdict | None:
        said = answer.json() if answer.ok else None
        errors = said.get("errors") if isinstance(said, dict) else None
        if not errors:
            return None
        # Points may be sent twice: the last of a second counts. So all of them are kept.
        why = f"Datadog answered {answer.status} with errors: {errors}"
        return Verdict(dict.fromkeys(events_of(owners), why))

    async def probe(self, client: Client) -> None:
        """Ask whether the key is right; of an intake of one's own, whether it is there."""
        if self.config.logs_url or self.config.metrics_url:
            await super().probe(client)
            return
        url = Url(self._series.url).at(VALIDATE_PATH)
        answer = await client.request("GET", url.reveal(), client.destination.headers)
        if not answer.ok:
            client.fail(answer)


def _check_key(config: DatadogSettings) -> None:
    if not config.api_key:
        raise ConfigError("api_key: it is empty: give the account's API key")
    try:
        check_value(config.api_key.reveal())
    except ValueError as error:
        raise ConfigError(f"api_key: {error}") from None


def _distributions(metrics: Url) -> Url:
    """Return the intake of distributions beside that of series."""
    base = metrics.path.removesuffix("/").removesuffix(SERIES_PATH)
    return metrics.at(base + DISTRIBUTIONS_PATH)


def _target(url: Url, envelope: Envelope, limits: Limits) -> Target:
    return Target(
        url=url.reveal(), content_type="application/json", envelope=envelope, limits=limits
    )
