"""How a request proves who sends it."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated

from msgspec import Meta, Struct

from penstock.api import Secret
from penstock.http.header import check_name, check_value


class Basic(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user and a password."""

    user: Annotated[str, Meta(description="The user's name; it has no colon.")]
    password: Annotated[Secret, Meta(description="The user's password.")] = Secret("")

    def __post_init__(self) -> None:
        if ":" in self.user:
            raise ValueError("user: a name with a colon cannot be told from the password")


class HeaderAuth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A header of the destination's own, such as ``X-Api-Key``."""

    name: Annotated[str, Meta(description="The header's name.")]
    value: Annotated[Secret, Meta(description="Its value.")]

    def __post_init__(self) -> None:
        check_name(self.name)
        _check(self.value, f"the value of {self.name}")


class Auth(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of ``bearer``, ``basic`` and ``header``; or none."""

    bearer: Annotated[
        Secret | None, Meta(description="A token, sent as Authorization: Bearer.")
    ] = None
    basic: Annotated[Basic | None, Meta(description="A user and a password.")] = None
    header: Annotated[HeaderAuth | None, Meta(description="A header of any name.")] = None

    def __post_init__(self) -> None:
        ways = [way for way in (self.bearer, self.basic, self.header) if way is not None]
        if len(ways) > 1:
            raise ValueError("give one of bearer, basic and header")
        if self.bearer is not None:
            _check(self.bearer, "bearer")

    def headers(self, scheme: str = "Bearer") -> dict[str, str]:
        """Return the header that it makes; ``scheme`` is the word before a token."""
        if self.bearer is not None:
            return {"Authorization": f"{scheme} {self.bearer.reveal()}"}
        if self.basic is not None:
            pair = f"{self.basic.user}:{self.basic.password.reveal()}"
            return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        if self.header is not None:
            return {self.header.name: self.header.value.reveal()}
        return {}

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never print, in every form that it is sent in."""
        sent = [value.rpartition(" ")[2] for value in self.headers().values()]
        return tuple([*sent, self.basic.password.reveal()] if self.basic else sent)


def _check(secret: Secret, name: str) -> None:
    if not secret:
        raise ValueError(f"{name} is empty")
    try:
        check_value(secret.reveal())
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
