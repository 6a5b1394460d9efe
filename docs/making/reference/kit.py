"""The page on what the conformance kit asks of each kind of plugin."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

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
    rows = [(code(f"{name}()"), _sentence(value.__doc__)) for name, value in found.items()]
    yield "A subclass gives these, or inherits a default:\n"
    yield table(("method", "what it does"), rows)


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
