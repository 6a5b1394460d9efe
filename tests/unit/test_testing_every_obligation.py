"""Every obligation of the kit can fail: for each, a test has a plugin that breaks it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from penstock.testing import SinkContract, SourceContract, TransformContract
from penstock.testing.contracts.component import ComponentContract

BREAKING = {
    ComponentContract: "test_testing_*.py",
    SourceContract: "test_testing_source*.py",
    TransformContract: "test_testing_transform*.py",
    SinkContract: "test_testing_sink*.py",
}
"""Where the plugins are that break what is asked of each kind."""


@pytest.mark.parametrize("contract", BREAKING)
def test_every_obligation_has_a_plugin_that_breaks_it(contract: type) -> None:
    common = set() if contract is ComponentContract else obligations(ComponentContract)
    missing = obligations(contract) - common - broken_in(BREAKING[contract])
    assert missing == set()


def obligations(contract: type) -> set[str]:
    return {name for name in dir(contract) if name.startswith("test_")}


def broken_in(pattern: str) -> set[str]:
    """The obligations that these files name: in a call of ``fails``, or in a list for one."""
    found: set[str] = set()
    for file in Path(__file__).parent.glob(pattern):
        constants = (
            n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Constant)
        )
        found.update(one.value for one in constants if isinstance(one.value, str))
    return found
