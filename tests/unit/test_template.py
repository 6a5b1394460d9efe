"""Templates: what they render, and what is wrong with a bad one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.api import Log, Resource, Template

RESOURCE = Resource("o", {"host.name": "h", "container.name": "web"}, {"env": "prod", "e": ""})
LINE = Log(0, "hello", stream="stdout")


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("{{literal}}", "{literal}"),
        ("{{{host.name}}}", "{h}"),
        ("{message}", "hello"),
        ("{service.name|container.name}", "web"),
        ("{ service.name | container.name }", "web"),
        ("{tags.e|container.name}", ""),
        ('{service.name|"a|b} c"}', "a|b} c"),
        ('{service.name|""}', ""),
        ("{host.name}/{container.name}: {message}", "h/web: hello"),
        ("env={tags.env}, team={tags.team}", "env=prod, team="),
        ("team={tags.team}", None),
        ("{tags.team}{severity}", None),
        ("{tags.team}", None),
    ],
)
def test_a_template_renders(template: str, text: str | None) -> None:
    assert Template(template).render(RESOURCE, LINE) == text


@pytest.mark.parametrize(
    ("template", "fields"),
    [
        ("{host.name}", ()),
        ("plain", ()),
        ("{tags.env|message}", ("message",)),
        ("{attributes.a.b}{stream}", ("attributes.a.b", "stream")),
    ],
)
def test_a_template_knows_which_fields_of_events_it_needs(
    template: str, fields: tuple[str, ...]
) -> None:
    one = Template(template)
    assert one.event_fields == fields
    assert one.per_resource is (not fields)


def test_a_template_of_the_resource_needs_no_event() -> None:
    assert Template("{host.name}-{tags.env}").render(RESOURCE, None) == "h-prod"


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("{mesage}", "did you mean message"),
        ("a {", "the { at character 3 has no partner.*write {{"),
        ("a } b", "the } at character 3 has no partner.*write }}"),
        ("{a.b", "has no partner"),
        ('{a.b|"c}', "has no partner"),
        ("{}", "empty field name"),
        ("{a.b|}", "empty field name"),
        ('{"a"b}', "quotes of its own"),
        ('{a.b"c"}', "quotes of its own"),
    ],
)
def test_a_bad_template_is_refused_with_what_is_wrong(template: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Template(template)


def test_a_setting_is_a_string() -> None:
    assert Template.from_setting("{host.name}") == Template("{host.name}")
    with pytest.raises(ValueError, match="expected a template"):
        Template.from_setting(5)


def test_templates_of_one_text_are_equal() -> None:
    assert len({Template("{message}"), Template("{message}"), Template("{stream}")}) == 2
    assert Template("a") != "a"
    assert repr(Template("{message}")) == "Template('{message}')"


@given(st.text())
def test_any_text_survives_when_its_braces_are_doubled(text: str) -> None:
    doubled = text.replace("{", "{{").replace("}", "}}")
    assert Template(doubled).render(RESOURCE, None) == text


@given(st.text(st.sampled_from('{}|" a.m')))
def test_a_template_compiles_or_says_why_not(text: str) -> None:
    complaint = ""
    try:
        Template(text).render(RESOURCE, LINE)
    except ValueError as error:
        complaint = str(error)
    assert re.search("partner|field name|unknown field|quotes|^$", complaint)
