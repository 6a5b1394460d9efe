"""Which name a host gets."""

from __future__ import annotations

import gc
import socket
import weakref
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.api import ConfigError, Resource
from penstock.testing import batch, resource
from penstock_transform_hostname.hostname import Hostname
from penstock_transform_hostname.names import name_in

NOWHERE = resource("journald:1", {"service.name": "ssh"})
ELSEWHERE = resource("journald:2", {"host.name": "node-2"})
DOCKER = resource("docker:3", {"host.name": "daemon", "container.runtime": "docker"})
HIDDEN = resource("docker:4", {"container.runtime": "docker", "container.name": "web"})


class Plain(Hostname):
    """On a machine where nothing is mounted."""

    mounted = ""
    own = "me"


class Mounted(Hostname):
    """In a container with the host's name mounted."""

    mounted = "node-7"
    own = "3f2a"


def _make(kind: type[Hostname], **settings: Any) -> Hostname:
    hook = lambda kind, value: kind.from_setting(value)  # noqa: E731
    return kind(msgspec.convert(settings, Hostname.Config, dec_hook=hook))


def _named(kind: type[Hostname], of: Resource, **settings: Any) -> object:
    return _make(kind, **settings).apply(batch(["a"], of)).resource.attributes.get("host.name")


@pytest.mark.parametrize(
    ("kind", "of", "name"),
    [
        (Plain, NOWHERE, "me"),
        (Plain, ELSEWHERE, "node-2"),
        (Plain, DOCKER, "daemon"),
        (Plain, HIDDEN, "me"),
        (Mounted, NOWHERE, "node-7"),
        (Mounted, ELSEWHERE, "node-2"),
        (Mounted, DOCKER, "node-7"),
        (Mounted, HIDDEN, "node-7"),
    ],
)
def test_a_missing_name_is_filled(kind: type[Hostname], of: Resource, name: str) -> None:
    assert _named(kind, of) == name


@pytest.mark.parametrize(
    ("value", "of", "name"),
    [
        ("rack-1", ELSEWHERE, "rack-1"),
        ("dc1-{host.name}", ELSEWHERE, "dc1-node-2"),
        ("{host.name}", ELSEWHERE, "node-2"),
        ("{host.name}", NOWHERE, "me"),
        ("{container.name}", HIDDEN, "web"),
        ("{container.name}", ELSEWHERE, "node-2"),
    ],
)
def test_a_value_replaces_it_where_it_has_a_text(value: str, of: Resource, name: str) -> None:
    assert _named(Plain, of, value=value) == name


def test_other_attributes_stay() -> None:
    changed = _make(Plain).apply(batch(["a"], NOWHERE)).resource
    assert changed.attributes == {"service.name": "ssh", "host.name": "me"}
    assert "host.name" not in NOWHERE.attributes
    assert changed.origin == NOWHERE.origin


def test_a_name_that_is_right_is_left_alone() -> None:
    untouched = batch(["a"], ELSEWHERE)
    assert _make(Plain).apply(untouched) is untouched
    assert _make(Plain, value="node-2").apply(untouched) is untouched


def test_a_resource_is_changed_once() -> None:
    hostname = _make(Plain)
    first, second = (hostname.apply(batch([text], NOWHERE)) for text in ("one", "two"))
    assert first.resource is second.resource


@pytest.mark.parametrize("name", ["", "node-1"])
def test_a_resource_that_is_gone_is_forgotten(name: str) -> None:
    hostname = _make(Plain)
    gone = weakref.ref(_used(hostname, name))
    gc.collect()
    assert gone() is None


def _used(hostname: Hostname, name: str) -> Resource:
    one = resource("docker:5", {"host.name": name})
    hostname.apply(batch(["a"], one))
    return one


def test_the_last_resort_is_this_machine() -> None:
    assert Hostname.own == socket.gethostname()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"node-7\n", "node-7"),
        (b"  node-7 \r\nmore\n", "node-7"),
        (b"", ""),
        (b" \n", ""),
        (b"node\0", "node"),
        (b"\xff", "\ufffd"),
        (b"n" * 5000, "n" * 1024),
    ],
)
def test_a_file_gives_its_first_word(content: bytes, name: str, tmp_path: Path) -> None:
    path = tmp_path / "host_hostname"
    path.write_bytes(content)
    assert name_in(path) == name


def test_no_file_and_a_directory_give_none(tmp_path: Path) -> None:
    assert name_in(tmp_path) == name_in(tmp_path / "absent") == ""


def test_a_value_of_events_is_refused_with_the_reason() -> None:
    with pytest.raises(ConfigError, match="differs from event to event"):
        _make(Plain, value="{message}")


@pytest.mark.parametrize("settings", [{"value": "{"}, {"value": 5}, {"vlaue": "a"}])
def test_bad_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        _make(Plain, **settings)
