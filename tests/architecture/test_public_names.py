"""What others build on changes on purpose only: every public name, in one list."""

from __future__ import annotations

import re

from penstock.api import API_VERSION
from tests.architecture.public_names import public_names, written

MEANT = (
    "If that is meant: `python -m tests.architecture.public_names` writes the list anew; "
    "docs/compatibility.md says what such a change takes (API_VERSION, a changelog fragment)."
)


def test_public_names_and_signatures_are_those_that_were_written_down() -> None:
    now, before = public_names(), written()
    gone = [line for line in before if line not in set(now)]
    new = [line for line in now if line not in set(before)]
    assert (gone, new) == ([], []), MEANT


def test_no_name_is_listed_twice() -> None:
    lines = [line.removeprefix("async ") for line in written() if not line.startswith("hook ")]
    names = [re.split(r"[(:= ]", line)[0] for line in lines]
    assert len(names) == len(set(names))


def test_the_version_of_the_api_is_a_version() -> None:
    assert re.fullmatch(r"\d+\.\d+", API_VERSION)
