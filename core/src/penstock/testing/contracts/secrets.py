"""A component's secrets reach its destination and nothing else."""

from __future__ import annotations

import base64
import contextlib
import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Self
from urllib.parse import quote

import msgspec
import pytest

from penstock.api.component import Component
from penstock.api.setting import Secret
from penstock.testing.contracts.base import ContractBase, Test
from penstock.testing.contracts.settings import secret_settings
from penstock.testing.obligation import require

LEAST_LENGTH = 6
"""Characters that a secret needs so that it is not found by chance."""


class SecretsContract(ContractBase):
    """Secrets are masked wherever somebody may read.

    Cannot check: secrets that ``make_…`` does not set, or that are shorter than six characters;
    forms of them other than plain, quoted for a URL, and Base64.
    """

    def test_secrets_do_not_print(self) -> None:
        """No secret is in the ``repr`` of the component, of its settings, or in its attributes."""
        component = self.make_component()
        secrets = self._secrets()
        shown = [str(component), repr(component), str(component.config), repr(component.config)]
        shown += [f"{name} = {value!r}" for name, value in vars(component).items()]
        found = [text for text in shown if secrets.are_in(text)]
        require(
            not found,
            self.test_secrets_do_not_print,
            seen=secrets.masked(found[0]) if found else "",
            do="keep the `Secret` and call `reveal` where it is sent; give what is made of it, "
            "such as a header, no `repr` that shows it",
        )

    def _secrets(self) -> Secrets:
        """Return the secrets that the component's settings hold, or skip if none is set."""
        component = self.make_component()
        secrets = Secrets(component)
        if not secrets.values and (names := secret_settings(type(component).Config)):
            pytest.skip(
                f"no secret is set: give the component a value of {LEAST_LENGTH} characters or "
                f"more for {', '.join(names)}"
            )
        return secrets

    @staticmethod
    def _require_silence(secrets: Secrets, said: Sequence[str], test: Test) -> None:
        found = [text for text in said if secrets.are_in(text)]
        require(
            not found,
            test,
            seen=secrets.masked(found[0]) if found else "",
            do="name the address or the setting in messages, never the value; look also at "
            "what libraries put into their errors",
        )


class Secrets:
    """The secrets of one component, in every form in which they are looked for."""

    def __init__(self, component: Component) -> None:
        self.values = [s for s in _secrets_in(component.config) if len(s) >= LEAST_LENGTH]
        self._forms = {form for value in self.values for form in _forms(value)}

    def are_in(self, text: str) -> bool:
        """Say whether one of them can be read in a text."""
        return any(form in text for form in self._forms)

    def masked(self, text: str) -> str:
        """Return a part of the text around a secret, with the secret masked."""
        for form in sorted(self._forms, key=len, reverse=True):
            text = text.replace(form, "<the secret>")
        at = text.find("<the secret>")
        return text[max(0, at - 60) : at + 80]


class Eavesdropper(logging.Handler):
    """Hears all that is logged, at every level, and printed, for the length of a block."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.said: list[str] = []
        self._formatter = logging.Formatter("%(message)s")
        self._printed = io.StringIO()

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(f"{self._formatter.format(record)} {vars(record)!r}")

    def hear(self, error: BaseException | None) -> None:
        """Take in an error with all that it came from."""
        while error is not None:
            self.said.append(f"{error} {error!r} {vars(error)!r}")
            error = error.__cause__ or error.__context__

    def __enter__(self) -> Self:
        self._loggers = [logging.getLogger(name) for name in (None, "penstock")]
        self._levels = [logger.level for logger in self._loggers]
        self._loggers[0].addHandler(self)
        for logger in self._loggers:
            logger.setLevel(logging.DEBUG)
        self._redirected = contextlib.ExitStack()
        self._redirected.enter_context(contextlib.redirect_stdout(self._printed))
        self._redirected.enter_context(contextlib.redirect_stderr(self._printed))
        return self

    def __exit__(self, *_: object) -> None:
        self._redirected.close()
        self._loggers[0].removeHandler(self)
        for logger, level in zip(self._loggers, self._levels, strict=True):
            logger.setLevel(level)
        self.said.append(self._printed.getvalue())


def _secrets_in(value: object) -> Iterator[str]:
    if isinstance(value, Secret):
        yield value.reveal()
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _secrets_in(getattr(value, name))
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _secrets_in(one)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from _secrets_in(one)


def _forms(value: str) -> set[str]:
    data = value.encode("utf-8", "surrogateescape")
    return {value, repr(value)[1:-1], quote(value, safe=""), base64.b64encode(data).decode()}
