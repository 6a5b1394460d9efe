"""The kit finds what is wrong with how a component is declared: methods, API, settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta, Struct
from tests.contract.sinks import SinkUnderTest, fails

from penstock.api import Batch, Log, Report, Secret
from penstock.testing import MemorySink


def described(text: str) -> Meta:
    return Meta(description=text)


class Lax(Struct):
    """A table that takes any key, and says nothing."""

    user: str = ""


class Nested(MemorySink):
    class Config(MemorySink.Config, frozen=True, kw_only=True):
        auth: Annotated[Lax | None, described("Who asks.")] = None
        others: Annotated[tuple[Lax, ...], described("More of them.")] = ()


@pytest.mark.parametrize(
    ("test", "seen"),
    [
        ("test_unknown_settings_are_refused", "auth takes any key"),
        ("test_settings_are_frozen", "auth is not frozen"),
        ("test_settings_are_described", "says nothing of: auth.user"),
    ],
)
async def test_tables_within_the_settings_are_looked_at(test: str, seen: str) -> None:
    assert seen in (await fails(SinkUnderTest(Nested), test)).seen


class Login(Struct, frozen=True, forbid_unknown_fields=True):
    user: Annotated[str, described("Name.")] = ""
    password: Annotated[str, described("In plain text.")] = ""


class Open(MemorySink):
    class Config(MemorySink.Config, frozen=True, kw_only=True):
        api_key: Annotated[str, described("In plain text.")] = ""
        tokens: Annotated[int, described("A number is no secret.")] = 0
        token: Annotated[Secret | None, described("As it should be.")] = None
        auth: Annotated[Login | None, described("Who asks.")] = None


async def test_secrets_in_plain_text() -> None:
    broken = await fails(SinkUnderTest(Open), "test_secrets_are_secret")
    assert broken.seen == "api_key, auth.password is plain text"


@pytest.mark.parametrize("stated", ["", "2.0", "1.99", "one", 1.0])
async def test_an_api_that_is_not_stated_or_not_here(stated: Any) -> None:
    class Stating(MemorySink):
        requires_api = stated

    broken = await fails(SinkUnderTest(Stating), "test_states_its_api")
    assert f"requires_api = {stated!r}; penstock" in broken.seen


@pytest.mark.parametrize(
    "settings", [{"in_flight": 0}, {"order": "any"}, {"write_timeout_s": 0}, {"accepts": {Log}}]
)
async def test_attributes_that_core_does_not_know(settings: dict[str, Any]) -> None:
    class Odd(MemorySink):
        def __init__(self, config: MemorySink.Config) -> None:
            super().__init__(config)
            vars(self).update(settings)

    test = "test_attributes_have_values_that_core_knows"
    (name,) = settings
    assert f"its {name} is" in (await fails(SinkUnderTest(Odd), test)).seen


async def test_methods_that_core_cannot_call() -> None:
    class Blocking(MemorySink):
        def write(self, batches: Sequence[Batch]) -> Report | None:  # type: ignore[override]
            return None

    class Demanding(MemorySink):
        async def close(self, reason: str) -> None:  # type: ignore[override]
            pass

    test = "test_has_the_methods_of_its_kind"
    assert "write is not `async def`" in (await fails(SinkUnderTest(Blocking), test)).seen
    broken = await fails(SinkUnderTest(Demanding), test)
    assert "close(self, reason: 'str')" in broken.seen
    assert "missing a required argument" in broken.seen


def test_a_sound_declaration_passes() -> None:
    contract = SinkUnderTest(MemorySink)
    for name in dir(contract):
        if name.startswith(("test_settings", "test_secrets", "test_states", "test_has_the")):
            getattr(contract, name)()
    assert issubclass(MemorySink.Config, msgspec.Struct)
