"""Which containers are read, and why others are not."""

from __future__ import annotations

import pytest

from penstock.api import Patterns
from penstock_source_docker.answers import ContainerConfig, Details
from penstock_source_docker.selection import LabelPatterns, Matches, Selection

ID = "3f2a" + "0" * 60


def container(
    name: str = "web-1",
    image: str = "ghcr.io/x/nginx:1.25",
    labels: dict[str, str] | None = None,
    env: list[str] | None = None,
) -> Details:
    """Return an inspected container."""
    config = ContainerConfig(image=image, labels=labels, env=env)
    return Details(id=ID, name=f"/{name}", config=config)


def refusal(
    one: Details, include: Matches | None = None, exclude: Matches | None = None, own: str = ""
) -> str:
    """Return why a container is not read."""
    return Selection(include or Matches(), exclude or Matches(), own or None).refusal(one)


def test_without_settings_every_container_is_read() -> None:
    assert refusal(container()) == ""


def test_every_key_of_include_has_to_match_with_any_of_its_values() -> None:
    include = Matches(names=Patterns("db-*", "web-*"), labels=LabelPatterns("team", "tier=front*"))
    assert refusal(container(labels={"tier": "frontend"}), include) == ""
    assert (
        refusal(container(labels={"tier": "backend"}), include) == "include.labels does not match"
    )
    assert refusal(container("api-1", labels={"team": "x"}), include).startswith("include.names")


def test_any_value_of_any_key_excludes() -> None:
    exclude = Matches(names=Patterns("noise"), labels=LabelPatterns("logs=off"))
    assert refusal(container(labels={"logs": "on"}), exclude=exclude) == ""
    assert refusal(container(labels={"logs": "off"}), exclude=exclude) == "exclude.labels matches"
    assert refusal(container("noise"), exclude=exclude) == "exclude.names matches"


@pytest.mark.parametrize(
    ("pattern", "read"),
    [("ghcr.io/x/nginx", True), ("*nginx:1.25", True), ("*nginx:1.24", False), ("nginx", False)],
)
def test_an_image_without_a_tag_matches_any_tag(pattern: str, read: bool) -> None:
    found = refusal(container(), Matches(images=Patterns(pattern)))
    assert (found == "") is read


def test_ids_match_short_and_long() -> None:
    assert refusal(container(), Matches(ids=Patterns("3f2a*"))) == ""
    assert refusal(container(), Matches(ids=Patterns(ID[:12]))) == ""
    assert refusal(container(), Matches(ids=Patterns("4*"))) == "include.ids does not match"


@pytest.mark.parametrize(
    "one",
    [
        container(env=["LOGSPOUT=Ignore"]),
        container(labels={"penstock.enable": "false"}),
    ],
)
def test_a_container_may_opt_out_even_where_it_is_included(one: Details) -> None:
    assert refusal(one, Matches(names=Patterns("*"))) != ""


def test_penstocks_own_container_is_never_read() -> None:
    assert refusal(container(), own=ID) == "it is Penstock's own"


def test_a_label_pattern_without_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="key"):
        LabelPatterns("=x")
