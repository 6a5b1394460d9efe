"""The page on what the conformance kit asks of each kind of plugin."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from types import FunctionType

from docs.making.reference import source
from docs.making.reference.markdown import code, heading, prose, table

from penstock.testing import SinkContract, SourceContract, TransformContract
from penstock.testing.obligation import first_paragraph

_CONTRACTS = (SourceContract, TransformContract, SinkContract)


def page() -> str:
    """Make the page."""
    parts = [
        heading("Obligations"),
        "What each contract of [`penstock.testing`](testing.md) tests, by the names of the tests. "
        "[Testing a plugin](../guides/testing-a-plugin.md) tells how to use them.\n",
    ]
    for contract in _CONTRACTS:
        parts += [f"## {code(contract.__name__)}\n", f"{prose(contract.__doc__)}\n"]
        parts += _given(contract)
        parts += _asked(contract)
    return "\n".join(parts)


def _given(contract: type) -> Iterator[str]:
    """List what a subclass gives or may give."""
    found = {
        name: value
        for name, value in inspect.getmembers(contract)
        if inspect.isfunction(value) and not name.startswith(("_", "test_"))
        if value.__doc__
    }
    rows = [(_call(value), _sentence(value.__doc__)) for value in found.values()]
    yield "A subclass gives these, or inherits a default:\n"
    yield table(("method", "what it does"), rows)
    yield "These say what is normal for the component:\n"
    yield table(("attribute", "default", "what it is"), _values(contract))


def _call(method: FunctionType) -> str:
    parameters = ", ".join(str(one) for one in list(inspect.signature(method).parameters)[1:])
    awaited = "async " if inspect.iscoroutinefunction(method) else ""
    return code(f"{awaited}{method.__name__}({parameters})")


def _values(contract: type) -> list[tuple[str, str, str]]:
    """List the values that a subclass may set, with what their docstrings say."""
    rows = []
    for part in reversed(contract.__mro__[:-1]):
        node = source.find(part.__module__, part.__name__)[1][0]
        assert isinstance(node, ast.ClassDef)
        rows += [(code(n), code(v), _sentence(text)) for n, _, v, text in source.attributes(node)]
    return [row for row in rows if row[2]]


def _asked(contract: type) -> Iterator[str]:
    """List the tests, by the class that has them."""
    for part in reversed(contract.__mro__):
        tests = [(n, v) for n, v in vars(part).items() if n.startswith("test_")]
        if tests:
            rows = [(code(name), prose(first_paragraph(test))) for name, test in tests]
            yield f"### {_sentence(part.__doc__).rstrip('.')}\n"
            yield table(("test", "obligation"), rows)


def _sentence(docstring: str | None) -> str:
    return prose(" ".join(inspect.cleandoc(docstring or "").split("\n\n")[0].split()))
