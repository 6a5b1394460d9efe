"""What a filter lets through, and how it accounts for the rest."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from penstock.api import Batch, Gap, Log, Resource
from penstock.testing import batch, lines, log, resource
from penstock_transform_filter.filter import Filter

DB = resource("docker:db", {"container.name": "shop_db"})
ALL = ["GET /healthz", "GET /ping", "GET /", "boom"]
WEB = resource("docker:web", {"container.name": "web"})


def _filter(**settings: Any) -> Filter:
    hook = lambda kind, value: kind.from_setting(value)  # noqa: E731
    return Filter(msgspec.convert(settings, Filter.Config, dec_hook=hook))


def _some(of: Resource = WEB) -> Batch:
    return batch(
        [
            log("GET /healthz"),
            log("GET /ping", severity=17),
            log("GET /"),
            log("boom", "stderr", severity=17),
        ],
        of,
    )


@pytest.mark.parametrize(
    ("settings", "of", "left"),
    [
        ({"keep": {"stream": "stderr"}}, WEB, ["boom"]),
        (
            {"keep": {"container.name": ["*_db"]}},
            DB,
            ["GET /healthz", "GET /ping", "GET /", "boom"],
        ),
        ({"keep": {"container.name": ["*_db"]}}, WEB, []),
        (
            {"keep": [{"container.name": ["*_db"], "stream": "stderr"}, {"severity": ["error"]}]},
            DB,
            ["GET /ping", "boom"],
        ),
        ({"drop": {"message": ["*healthz*", "re:^GET /ping"]}}, WEB, ["GET /", "boom"]),
        ({"drop": [{"message": "*ping*"}, {"message": "*healthz*"}]}, WEB, ["GET /", "boom"]),
        ({"drop": {"container": {"name": "web"}}}, WEB, []),
        ({"keep": {"severity": "error"}, "drop": {"message": "*ping*"}}, WEB, ["boom"]),
        ({"keep": {"severity": "error"}, "drop": {"severity": "error"}}, WEB, []),
        ({"keep": {"message": "!GET*"}}, WEB, ["boom"]),
        ({"keep": {"stream": "std*"}, "drop": {"tags.x": "!y"}}, WEB, ALL),
    ],
)
def test_rules_decide(settings: dict[str, Any], of: Resource, left: list[str]) -> None:
    assert lines([_filter(**settings).apply(_some(of))]) == left


@pytest.mark.parametrize(
    ("settings", "account"),
    [
        ({"keep": {"stream": "stderr"}}, {"keep": 3}),
        ({"drop": {"message": "GET*"}}, {"drop[0]": 3}),
        (
            {"keep": {"stream": "stderr"}, "drop": {"message": "*healthz*"}},
            {"drop[0]": 1, "keep": 2},
        ),
        (
            {
                "keep": {"severity": "error"},
                "drop": [{"message": "*x*"}, {"message": "*ping*"}, {"message": "*p*"}],
            },
            {"drop[1]": 1, "keep": 2},
        ),
        (
            {"drop": [{"message": "*ping*"}, {"container.name": "web"}]},
            {"drop[0]": 1, "drop[1]": 3},
        ),
    ],
)
def test_what_is_left_out_is_counted_by_rule(
    settings: dict[str, Any], account: dict[str, int]
) -> None:
    one = _filter(**settings)
    out = one.apply(_some())
    assert one.tally.filtered == {("docker:web", rule): n for rule, n in account.items()}
    assert len(out.events) == 4 - sum(account.values())
    assert out.size < _some().size


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"keep": [], "drop": []},
        {"keep": {"container.name": "web"}},
        {"keep": {"message": "*"}},
        {"drop": {"message": "absent"}},
        {"drop": [{"container.name": "db", "message": "*"}]},
    ],
)
def test_an_untouched_batch_is_the_same_batch(settings: dict[str, Any]) -> None:
    one, untouched = _filter(**settings), _some()
    assert one.apply(untouched) is untouched
    assert one.tally.is_clean


def test_kinds_can_be_selected() -> None:
    gap = Gap(1, "rotated")
    both = batch([log("a"), gap], WEB)
    assert list(_filter(keep={"kind": "gap"}).apply(both).events) == [gap]
    assert lines([_filter(drop={"kind": "gap"}).apply(both)]) == ["a"]


def test_events_are_passed_on_as_they_are() -> None:
    some = _some()
    left = _filter(drop={"message": "*ping*"}).apply(some)
    assert [id(event) for event in left.events] == [
        id(event) for event in some.events if isinstance(event, Log) and "ping" not in event.body
    ]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"keep": {"sevrity": "error"}}, "did you mean severity"),
        ({"drop": {"message": "re:("}}, "bad regular expression"),
        ({"drop": {"message": "["}}, "bad glob"),
        ({"drop": {}}, "at least one field"),
        ({"kep": {"stream": "stderr"}}, "kep"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=complaint):
        _filter(**settings)
