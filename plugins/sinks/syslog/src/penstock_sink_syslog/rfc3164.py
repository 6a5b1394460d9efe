"""RFC 3164: ``<14>Jan  2 03:04:05 host app[77]: message``; no host on a unix socket."""

from __future__ import annotations

from penstock.api import Batch, Gap, Log, Resource
from penstock_sink_syslog.header import host, pid, tag
from penstock_sink_syslog.layout import Clean, Layout, Tail, Templates, between, joined
from penstock_sink_syslog.severity import Facility
from penstock_sink_syslog.stamp import rfc3164_second


class Rfc3164(Layout):
    """Messages of RFC 3164, times in this machine's zone.

    What listens on a unix socket takes the first word after the time for the tag, and itself for
    the host: ``with_host`` is False there.
    """

    def __init__(self, templates: Templates, facility: Facility, *, with_host: bool) -> None:
        super().__init__(templates, facility, "<%d>")
        self._with_host = with_host

    def texts(self, batch: Batch, clean: Clean | None = None) -> list[str]:
        resource = batch.resource
        tail = self._tail(resource)
        heads, info, error = self._heads, self._info, self._error
        texts: list[str] = []
        stamp = ""
        known = -1
        for event in batch.events:
            second = event.time_unix_nano // 1_000_000_000
            if second != known:
                stamp, known = rfc3164_second(second), second
            if type(event) is Log:
                number = event.severity_number
                plain = error if event.stream == "stderr" else info
                head = heads.get(number, info) if number else plain
                body = self._body(resource, event)
            else:
                head = self._warning if isinstance(event, Gap) else info
                body = self._wording(event)
            middle = between(tail, resource, event)
            texts.append(f"{head}{stamp}{middle}{clean(body) if clean else body}")
        return texts

    def _make_tail(self, resource: Resource) -> Tail:
        return joined(
            [
                self._field("hostname", resource, host) if self._with_host else "",
                " ",
                self._field("app_name", resource, tag),
                self._field("proc_id", resource, pid),
                ": ",
            ]
        )
