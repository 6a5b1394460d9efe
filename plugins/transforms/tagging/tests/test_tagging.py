"""What tagging makes of resources."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import msgspec
import pytest

from penstock.api import ConfigError, Resource
from penstock.testing import batch, resource
from penstock_transform_tagging.tagging import Tagging

WEB = resource(
    "docker:1",
    {
        "container.name": "web-1",
        "container.label.com.example.team": "core",
        "container.label.com.example.tier": "front",
        "container.label.org.opencontainers.image.title": "Web",
    },
    {"debug": "1", "env": "dev"},
)


def _tagging(**settings: Any) -> Tagging:
    hook = lambda kind, value: kind.from_setting(value)  # noqa: E731
    return Tagging(msgspec.convert(settings, Tagging.Config, dec_hook=hook))


def _tagged(resource: Resource, **settings: Any) -> Resource:
    return _tagging(**settings).apply(batch(["a line"], resource)).resource


def test_added_tags_are_templates_of_the_resource() -> None:
    add = {"env": "prod", "app": "{service.name|container.name}", "both": "{tags.env}/{tags.debug}"}
    assert _tagged(WEB, add=add).tags == {
        "debug": "1",
        "env": "prod",
        "app": "web-1",
        "both": "dev/1",
    }


def test_without_a_value_the_tag_is_left_out() -> None:
    assert "version" not in _tagged(WEB, add={"version": "v{tags.version}"}).tags
    assert _tagged(WEB, add={"env": "{tags.absent}", "x": "y"}).tags["env"] == "dev"


def test_labels_become_tags_by_their_keys() -> None:
    tags = _tagged(WEB, from_labels=["com.example.*", "!*.tier"]).tags
    assert tags == {"debug": "1", "env": "dev", "com.example.team": "core"}
    assert _tagged(WEB, from_labels="com.example.tier").tags["com.example.tier"] == "front"


def test_tags_and_attributes_are_removed_by_pattern() -> None:
    changed = _tagged(
        WEB, remove=["de*"], remove_attributes=["container.label.org.opencontainers.*"]
    )
    assert changed.tags == {"env": "dev"}
    assert set(changed.attributes) == set(WEB.attributes) - {
        "container.label.org.opencontainers.image.title"
    }


def test_a_label_can_be_given_another_name() -> None:
    changed = _tagged(
        WEB,
        add={"team": "{container.label.com.example.team}", "stage": "{tags.env}"},
        from_labels="com.example.tier",
        remove=["com.example.*", "env", "debug"],
        remove_attributes="container.label.*",
    )
    assert changed.tags == {"team": "core", "stage": "dev"}
    assert changed.attributes == {"container.name": "web-1"}


def test_the_origin_outlives_tagging() -> None:
    assert _tagged(WEB, add={"a": "b"}).origin == WEB.origin


def test_a_resource_is_changed_once_and_never_itself() -> None:
    tagging = _tagging(add={"env": "prod"})
    before = dict(WEB.tags)
    first, second = (tagging.apply(batch([text], WEB)) for text in ("one", "two"))
    assert first.resource is second.resource
    assert WEB.tags == before
    assert [event.body for event in second.events] == ["two"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "settings", [{}, {"add": {"env": "dev"}}, {"remove": "absent"}, {"from_labels": "absent"}]
)
def test_what_need_not_change_is_the_same_batch(settings: dict[str, Any]) -> None:
    untouched = batch(["a line"], WEB)
    assert _tagging(**settings).apply(untouched) is untouched


@pytest.mark.parametrize("add", [{"env": "prod"}, {}])
def test_a_resource_that_is_gone_is_forgotten(add: dict[str, str]) -> None:
    tagging = _tagging(add=add)
    gone = weakref.ref(_used(tagging))
    gc.collect()
    assert gone() is None


def _used(tagging: Tagging) -> Resource:
    one = resource("docker:2")
    tagging.apply(batch(["a line"], one))
    return one


@pytest.mark.parametrize("text", ["{severity}", "{container.name}-{message}", "{attributes.x}"])
def test_a_tag_of_events_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(ConfigError, match=r"add\.level: .*differs from event to event"):
        _tagging(add={"level": text})


def test_a_tag_without_a_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs a name"):
        _tagging(add={"": "x"})


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"add": {"env": "{mesage}"}}, "did you mean message"),
        ({"add": {"env": 5}}, "expected a template"),
        ({"from_labels": "[a"}, "bad glob"),
        ({"remve": ["a"]}, "remve"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=complaint):
        _tagging(**settings)
