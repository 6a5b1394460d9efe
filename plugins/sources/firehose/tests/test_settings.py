"""What of the settings means something, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from penstock.api import ConfigError, Counter, Gauge, Log, Timer, TitledEvent
from penstock.testing import configured
from penstock_source_firehose.gateway import query
from penstock_source_firehose.source import Firehose
from penstock_source_firehose.traffic_controller import target

APP = "abcdef01-2222-3333-4444-555555555555"
V1 = {"url": "wss://doppler.example.com:443", "subscription_id": "team-a"}
V2 = {"url": "https://log-stream.example.com", "subscription_id": "team-a", "protocol": "v2"}
UAA = {"url": "https://uaa.example.com", "client_id": "me", "client_secret": "it"}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"subscription_id": "a"}, "url, api: set one"),
        ({**V1, "api": "https://api.example.com"}, "url, api: set one"),
        ({**V1, "url": "https://log-stream.example.com"}, 'is an address for protocol = "v2"'),
        ({**V2, "url": "wss://doppler.example.com"}, 'is an address for protocol = "v1"'),
        ({**V1, "url": "doppler.example.com"}, "use one like wss://doppler"),
        ({**V1, "url": "wss://user:pa55@doppler.example.com"}, "without user"),
        ({**V1, "url": "https://user:pa55@doppler.example.com"}, "is an address for"),
        ({"url": V1["url"]}, "subscription_id: name the reader"),
        ({**V1, "subscription_id": "team/a"}, "subscription_id: 'team/a' cannot be a part"),
        ({**V1, "subscription_id": ".."}, "subscription_id: '..' cannot be a part"),
        ({**V1, "app": "my-app"}, "app: 'my-app' is no guid"),
        ({**V1, "app": APP, "connections": 2}, "connections: each stream of an application"),
        ({**V2, "app": APP, "subscription_id": "", "connections": 2}, "connections: each"),
        ({**V1, "deterministic_name": "x"}, "deterministic_name: only the RLP gateway"),
        ({**V1, "token": "x", "uaa": UAA}, "token, uaa: set one"),
        ({**V1, "uaa": {**UAA, "url": ""}}, "uaa.url: name the UAA"),
        ({**V1, "uaa": {**UAA, "url": "uaa.example.com"}}, "uaa.url: "),
        ({**V1, "token": "bearer a b"}, "token: a token has no blanks"),
        ({**V1, "kinds": ["event"]}, "kinds: titled events come by"),
    ],
)
def test_what_means_nothing_is_said(table: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(Firehose, table)
    assert said in str(caught.value)
    assert "pa55" not in str(caught.value)


@pytest.mark.parametrize("table", [{**V1, "kinds": []}, {**V1, "connections": 0}])
def test_out_of_bounds(table: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        configured(Firehose, table)


def test_kinds_are_the_classes_that_may_come() -> None:
    assert configured(Firehose, V1).kinds == {Log, Counter, Gauge, Timer}
    assert configured(Firehose, V2).kinds == {Log, Counter, Gauge, Timer, TitledEvent}
    assert configured(Firehose, {**V1, "kinds": ["log"]}).kinds == {Log}


@pytest.mark.parametrize(
    ("table", "path"),
    [
        ({}, "/firehose/team-a"),
        ({"subscription_id": "a b?c#é"}, "/firehose/a%20b%3Fc%23%C3%A9"),
        ({"kinds": ["log", "event"]}, "/firehose/team-a?filter-type=logs"),
        ({"kinds": ["gauge", "timer"]}, "/firehose/team-a?filter-type=metrics"),
        ({"kinds": ["gauge", "log"]}, "/firehose/team-a"),
        ({"app": APP.upper()}, f"/apps/{APP}/stream"),
    ],
)
def test_the_path_of_the_traffic_controller(table: dict[str, Any], path: str) -> None:
    assert target(configured(Firehose, {**V1, **table}).config) == path


def test_the_question_to_the_gateway() -> None:
    more = {"app": APP.upper(), "deterministic_name": "d", "kinds": ["log", "counter"]}
    assert query(configured(Firehose, {**V2, **more}).config, "team-a") == [
        ("log", ""),
        ("counter", ""),
        ("source_id", APP),
        ("shard_id", "team-a"),
        ("deterministic_name", "d"),
    ]


def test_an_app_needs_no_reader_and_a_gateway_takes_any_name() -> None:
    configured(Firehose, {"url": V1["url"], "app": APP})
    configured(Firehose, {**V2, "subscription_id": "team/a"})


def test_an_empty_token_is_none() -> None:
    configured(Firehose, {**V1, "token": "", "uaa": UAA})
