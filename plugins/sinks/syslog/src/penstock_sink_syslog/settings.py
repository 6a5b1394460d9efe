"""The settings of the ``syslog`` table."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from penstock.api import Sink, Template
from penstock_sink_syslog.address import Address
from penstock_sink_syslog.framing import MIN_MESSAGE_BYTES, Framing
from penstock_sink_syslog.severity import Facility
from penstock_sink_syslog.structured import StructuredData

MIN_METRIC_BYTES = 2048
"""The shortest limit of messages that leaves a metric with its tags the room they need."""

_ONLY_5424 = 'rfc3164 has no place for it; set format = "rfc5424" or leave it out'


class SyslogSettings(Sink.Config, frozen=True, kw_only=True):
    """What an operator may set; combinations that mean nothing are refused here."""

    address: Annotated[
        Address,
        Meta(description="udp://host:port, tcp://host:port, tls://host:port or unix:///path."),
    ]
    format: Annotated[
        Literal["rfc5424", "rfc3164"] | None,
        Meta(description="Default: rfc5424, and rfc3164 where the address is unix://."),
    ] = None
    framing: Annotated[
        Framing, Meta(description="How a TCP or TLS connection tells messages apart.")
    ] = "octet_counting"
    facility: Annotated[Facility, Meta(description="Facility of every message.")] = "user"
    hostname: Annotated[Template, Meta(description="HOSTNAME.")] = Template("{host.name}")
    app_name: Annotated[Template, Meta(description="APP-NAME; the tag of rfc3164.")] = Template(
        "{service.name|container.name|systemd.unit}"
    )
    proc_id: Annotated[Template, Meta(description="PROCID; what rfc3164 has in brackets.")] = (
        Template("{process.pid}")
    )
    msg_id: Annotated[Template, Meta(description="MSGID; rfc5424 only.")] = Template("-")
    message: Annotated[Template, Meta(description="The text of a log line.")] = Template(
        "{message}"
    )
    structured_data: Annotated[
        StructuredData,
        Meta(description='Elements: { "id@number" = { name = "template" } }; rfc5424 only.'),
    ] = StructuredData({})
    event_id: Annotated[
        bool,
        Meta(
            description="Send the stable id of the event as the parameter event_id of the "
            "element penstock@32473; rfc5424 only."
        ),
    ] = False
    metrics: Annotated[
        Literal["skip", "structured_data"],
        Meta(
            description="What becomes of counters, gauges, timers and titled events; "
            "structured_data is Loggregator's form and rfc5424 only."
        ),
    ] = "skip"
    max_message_bytes: Annotated[
        int,
        Meta(
            ge=MIN_MESSAGE_BYTES,
            description="Longest message, header included; what is longer is cut and marked.",
        ),
    ] = 8192
    resend_bytes: Annotated[
        Literal["auto"] | Annotated[int, Meta(ge=0)],
        Meta(
            description="TCP and TLS: how much of what was sent is sent again after an "
            "unclean close; auto follows the receiver's window, 0 = nothing."
        ),
    ] = "auto"

    def __post_init__(self) -> None:
        if self.layout == "rfc5424":
            if self.metrics != "skip" and self.max_message_bytes < MIN_METRIC_BYTES:
                raise ValueError(
                    f'max_message_bytes: metrics = "structured_data" needs {MIN_METRIC_BYTES}'
                )
            return
        for name in ("structured_data", "event_id"):
            if getattr(self, name):
                raise ValueError(f"{name}: {_ONLY_5424}")
        if self.metrics != "skip":
            raise ValueError(f'metrics = "structured_data": {_ONLY_5424}')

    @property
    def layout(self) -> Literal["rfc5424", "rfc3164"]:
        """The format in force."""
        if self.format:
            return self.format
        return "rfc3164" if self.address.scheme == "unix" else "rfc5424"
