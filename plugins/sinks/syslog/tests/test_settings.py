"""What is refused at ``check``, and what the operator is told."""

from __future__ import annotations

import msgspec
import pytest

from penstock.api import Counter, Gap, Gauge, Log, Timer, TitledEvent
from penstock.testing import configured
from penstock_sink_syslog.sink import SyslogSink


def made(**settings: object) -> SyslogSink:
    return configured(SyslogSink, {"address": "tcp://127.0.0.1:514", **settings})


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("udp://logs.example.com:514", ("udp", "logs.example.com", 514, "")),
        ("tcp://[::1]:1514", ("tcp", "::1", 1514, "")),
        ("tls://logs.example.com:6514/", ("tls", "logs.example.com", 6514, "")),
        ("unix:///dev/log", ("unix", "", 0, "/dev/log")),
    ],
)
def test_addresses(address: str, parts: tuple[str, str, int, str]) -> None:
    got = made(address=address).config.address
    assert (got.scheme, got.host, got.port, got.path) == parts


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("logs.example.com:514", "expected udp://"),
        ("http://logs.example.com:514", "expected udp://"),
        ("tcp://logs.example.com", "no port; usual is tcp://logs.example.com:514"),
        ("tls://logs.example.com", "logs.example.com:6514"),
        ("tcp://logs.example.com:0", "1 to 65535"),
        ("tcp://logs.example.com:99999", "1 to 65535"),
        ("tcp://logs.example.com:x", "1 to 65535"),
        ("tcp://:514", "host:port"),
        ("tcp://user:pw@host:514", "host:port"),
        ("tcp://host:514/path", "host:port"),
        ("tcp://host:514?framing=newline", "settings of their own"),
        ("unix://dev/log", "absolute path"),
        ("unix://", "absolute path"),
        ("unix:///" + "x" * 200, "107 bytes"),
        (514, "expected udp://"),
    ],
)
def test_addresses_that_are_refused(address: object, says: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=says.replace("?", r"\?")):
        made(address=address)


@pytest.mark.parametrize(
    "data",
    [
        {"no-number": {"k": "v"}},
        {"sp ace@1": {"k": "v"}},
        {"@1": {"k": "v"}},
        {"a@x": {"k": "v"}},
        {"a" * 32 + "@1": {"k": "v"}},
        {"a@1": {"sp ace": "v"}},
        {"a@1": {'q"': "v"}},
        {"a@1": {"k" * 33: "v"}},
        {"a@1": {"k]": "v"}},
        {"a@1": {"k": "{nonsense}"}},
        {"a@1": "v"},
        ["a"],
    ],
)
def test_structured_data_that_is_refused(data: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        made(structured_data=data)


@pytest.mark.parametrize("name", ["a@1", "a.b-c@32473.1", "origin", "x" * 30 + "@1"])
def test_structured_data_that_is_taken(name: str) -> None:
    assert made(structured_data={name: {"k": "v"}}).config.structured_data


@pytest.mark.parametrize(
    "settings",
    [
        {"structured_data": {"a@1": {"k": "v"}}},
        {"event_id": True},
        {"metrics": "structured_data"},
    ],
)
def test_what_rfc3164_has_no_place_for(settings: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError, match="rfc3164 has no place for it"):
        made(format="rfc3164", **settings)
    with pytest.raises(msgspec.ValidationError, match="rfc3164 has no place for it"):
        made(address="unix:///dev/log", **settings)
    made(address="unix:///dev/log", format="rfc5424", **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"facility": "nobody"},
        {"framing": "octet"},
        {"max_message_bytes": 511},
        {"resend_bytes": -1},
        {"resend_bytes": "all"},
        {"app_name": "{oops"},
    ],
)
def test_values_that_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        made(**settings)


@pytest.mark.parametrize("resend", ["auto", 0, 1_000_000])
def test_resend_bytes(resend: object) -> None:
    assert made(resend_bytes=resend).config.resend_bytes == resend


def test_metrics_are_accepted_when_asked_for() -> None:
    assert made().accepts == {Log, Gap}
    everything = {Log, Gap, Counter, Gauge, Timer, TitledEvent}
    assert made(metrics="structured_data").accepts == everything


@pytest.mark.parametrize(
    ("address", "many"), [("tcp://h:1", True), ("tls://h:1", True), ("udp://h:1", False)]
)
def test_how_core_calls_it(address: str, many: bool) -> None:
    sink = made(address=address)
    assert sink.order == "stream"
    assert (sink.in_flight > 1) is many
    assert sink.write_timeout_s is None
