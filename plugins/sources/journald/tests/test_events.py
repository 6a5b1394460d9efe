from __future__ import annotations

from collections.abc import Callable
from typing import Any

from penstock.api import Log, Patterns
from penstock_source_journald.export import Export
from penstock_source_journald.intake import Group, Intake
from penstock_source_journald.mapping import Shapes
from penstock_source_journald.own import Own
from penstock_source_journald.resources import Resources

Exported = Callable[..., bytes]
CONTAINER = "c0" * 32
PROCESS = (
    ("_HOSTNAME", "web-1"),
    ("_MACHINE_ID", "a1" * 16),
    ("_SYSTEMD_UNIT", "app@7.service"),
    ("_PID", "42"),
    ("_UID", "33"),
    ("_COMM", "app"),
    ("_EXE", "/usr/bin/app"),
    ("_TRANSPORT", "syslog"),
    ("SYSLOG_IDENTIFIER", "app"),
    ("SYSLOG_FACILITY", "3"),
    ("PRIORITY", "4"),
)
DOCKER = (
    ("_HOSTNAME", "web-1"),
    ("_UID", "0"),
    ("_COMM", "dockerd"),
    ("_SYSTEMD_UNIT", "docker.service"),
    ("CONTAINER_ID", CONTAINER[:12]),
    ("CONTAINER_ID_FULL", CONTAINER),
    ("CONTAINER_NAME", "shop"),
    ("IMAGE_NAME", "registry:5000/shop/web:1.2"),
    ("PRIORITY", "6"),
)


def make_intake(fields: str = "[!_]*", limit: int = 1000, own: Own | None = None) -> Intake:
    shapes = Shapes(Patterns(fields), Resources(frozenset({b"0"})), own or Own())
    return Intake(shapes, limit)


def groups_of(data: bytes, **settings: Any) -> list[Group]:
    return make_intake(**settings).take(Export(100_000).feed(data))


def logs_of(data: bytes, **settings: Any) -> list[Log]:
    return [event for group in groups_of(data, **settings) for event in group.events]


def test_fields_have_opentelemetrys_names(export_entry: Exported) -> None:
    data = export_entry(
        9,
        *PROCESS,
        ("MESSAGE", "hello"),
        ("_SOURCE_REALTIME_TIMESTAMP", "1600000000000001"),
        ("CODE_FILE", "a.c"),
        ("REQUEST", "7"),
    )
    (group,) = groups_of(data)
    assert group.resource.origin == f"journald:{'a1' * 16}:app@.service"
    assert dict(group.resource.attributes) == {
        "host.name": "web-1",
        "host.id": "a1" * 16,
        "systemd.unit": "app@7.service",
        "process.pid": 42,
        "process.user.id": 33,
        "process.executable.name": "app",
        "process.executable.path": "/usr/bin/app",
        "syslog.identifier": "app",
        "syslog.facility": "daemon",
    }
    (log,) = group.events
    assert (log.time_unix_nano, log.body) == (1_600_000_000_000_001_000, "hello")
    assert (log.stream, log.severity_number, log.ordinal) == ("syslog", 13, 9)
    assert log.attributes == {"code.file.path": "a.c", "REQUEST": "7"}


def test_fields_of_the_journal_become_attributes_where_they_are_asked_for(
    export_entry: Exported,
) -> None:
    data = export_entry(1, *PROCESS, ("MESSAGE", "m"), ("_CMDLINE", "app -v"), ("MINE", "1"))
    (log,) = logs_of(data, fields="_CMDLINE")
    assert log.attributes == {"_CMDLINE": "app -v"}


def test_entries_are_grouped_by_who_wrote_them_and_keep_their_order(export_entry: Exported) -> None:
    data = b"".join(export_entry(i, ("_PID", str(i % 2)), ("MESSAGE", f"{i}")) for i in range(6))
    assert [[log.body for log in group.events] for group in groups_of(data)] == [
        ["0", "2", "4"],
        ["1", "3", "5"],
    ]


def test_bytes_that_are_no_text_are_replaced(export_entry: Exported) -> None:
    (log,) = logs_of(export_entry(1, *PROCESS, ("MESSAGE", b"a\xff\nb"), ("X", b"\xfe")))
    assert log.body == "a\ufffd\nb"
    assert log.attributes == {"X": "\ufffd"}


def test_a_long_message_is_cut_between_characters_and_says_so(export_entry: Exported) -> None:
    (log,) = logs_of(export_entry(1, *PROCESS, ("MESSAGE", "é" * 1000)), limit=141)
    assert log.body == "é" * 50 + "… [1900 bytes cut]"
    assert log.attributes["penstock.cut_bytes"] == 1900


def test_an_entry_without_a_message_is_an_event_all_the_same(export_entry: Exported) -> None:
    (log,) = logs_of(export_entry(1, *PROCESS, ("OTHER", "1")))
    assert (log.body, log.attributes) == ("", {"OTHER": "1"})


def test_a_container_is_the_one_that_the_docker_source_makes(export_entry: Exported) -> None:
    data = export_entry(
        1, *DOCKER, ("MESSAGE", "hi"), ("SYSLOG_TIMESTAMP", "2026-01-02T03:04:05.123456789Z")
    )
    (group,) = groups_of(data)
    assert group.resource.origin == f"docker:{CONTAINER}"
    assert dict(group.resource.attributes) == {
        "container.id": CONTAINER,
        "container.runtime": "docker",
        "container.name": "shop",
        "container.image.name": "registry:5000/shop/web",
        "container.image.tag": "1.2",
        "host.name": "web-1",
    }
    (log,) = group.events
    assert (log.stream, log.severity_number) == ("stdout", 9)
    assert log.time_unix_nano % 1_000_000_000 == 123_456_789


def test_another_user_cannot_pass_for_a_container(export_entry: Exported) -> None:
    forged = [pair for pair in DOCKER if pair[0] != "_UID"]
    (group,) = groups_of(export_entry(1, *forged, ("_UID", "1000"), ("MESSAGE", "forged")))
    assert group.resource.origin == "journald:docker.service"
    assert "container.id" not in group.resource.attributes


def part(number: int, text: str, *more: tuple[str, str], last: bool = False) -> Any:
    partial = () if last else (("CONTAINER_PARTIAL_MESSAGE", "true"),)
    return (number, *DOCKER, ("MESSAGE", text), *partial, *more)


def test_parts_are_joined_in_both_generations_of_fields(export_entry: Exported) -> None:
    ident = ("CONTAINER_PARTIAL_ID", "11")
    data = b"".join(
        export_entry(*one)
        for one in (
            part(1, "old "),
            part(2, "line", last=True),
            part(3, "new ", ident, ("CONTAINER_PARTIAL_LAST", "false")),
            part(4, "line", ident, ("CONTAINER_PARTIAL_LAST", "true"), last=True),
            part(5, "whole", last=True),
        )
    )
    logs = logs_of(data)
    assert [log.body for log in logs] == ["old line", "new line", "whole"]
    assert [log.ordinal for log in logs] == [1, 3, 5]


def test_the_streams_of_a_container_are_joined_apart(export_entry: Exported) -> None:
    data = (
        export_entry(*part(1, "out "))
        + export_entry(2, *DOCKER[:-1], ("PRIORITY", "3"), ("MESSAGE", "error"))
        + export_entry(*part(3, "put", last=True))
    )
    assert sorted(log.body for log in logs_of(data)) == ["error", "out put"]


def test_a_line_whose_end_was_dropped_does_not_swallow_the_next(export_entry: Exported) -> None:
    one, two = ("CONTAINER_PARTIAL_ID", "1"), ("CONTAINER_PARTIAL_ID", "2")
    data = (
        export_entry(*part(1, "lost end", one))
        + export_entry(*part(2, "next ", two))
        + export_entry(*part(3, "line", two, last=True))
        + export_entry(*part(4, "old, lost end"))
        + export_entry(*part(5, "much later", last=True), time_us=1_700_000_009_000_000)
    )
    assert [log.body for log in logs_of(data)] == [
        "lost end",
        "next line",
        "old, lost end",
        "much later",
    ]


def test_joined_lines_are_bounded(export_entry: Exported) -> None:
    data = b"".join(export_entry(*part(i, "x" * 100)) for i in range(1, 20))
    data += export_entry(*part(20, "end", last=True))
    (log,) = logs_of(data, limit=500)
    assert len(log.body.encode()) <= 500
    assert log.body.endswith("[1443 bytes cut]")


def test_penstocks_own_entries_are_left_out(export_entry: Exported) -> None:
    own = Own(
        pid=b"42",
        boot=b"b0" * 16,
        began=1_700_000_000_000_002,
        invocation=b"12",
        machine=b"a1" * 16,
        unit=b"penstock.service",
    )
    machine = ("_MACHINE_ID", "a1" * 16)
    unit = ("_SYSTEMD_UNIT", "penstock.service")
    data = (
        export_entry(1, ("_PID", "42"), ("MESSAGE", "another, before this process"))
        + export_entry(2, ("_PID", "42"), ("MESSAGE", "own process"))
        + export_entry(3, ("_SYSTEMD_INVOCATION_ID", "12"), ("MESSAGE", "own invocation"))
        + export_entry(4, unit, machine, ("MESSAGE", "own unit"))
        + export_entry(5, unit, ("_MACHINE_ID", "c1" * 16), ("MESSAGE", "another machine's"))
    )
    assert [log.body for log in logs_of(data, own=own)] == [
        "another, before this process",
        "another machine's",
    ]
