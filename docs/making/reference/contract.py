"""The pages on what a plugin imports: every public name, its signature and its docstring."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from textwrap import indent

from docs.making.reference import source
from docs.making.reference.markdown import code, heading, prose, table

_TITLES = {
    "penstock.api": "The contract: `penstock.api`",
    "penstock.http": "For sinks that speak HTTP: `penstock.http`",
    "penstock.testing": "The conformance kit: `penstock.testing`",
}
_HOOKS = "penstock.api.hooks"


def page(module: str) -> str:
    """Make the page of a module: its docstring, the list of names, and each of them."""
    names = sorted(source.public(module), key=lambda name: (_rank(module, name), name.lower()))
    parts = [heading(_TITLES[module]), prose(ast.get_docstring(source.tree(module)))]
    if module == "penstock.api":
        parts += ["\n## Hooks\n", *_hooks()]
    for rank, title in enumerate(("Classes", "Errors", "Functions", "Constants")):
        found = [name for name in names if _rank(module, name) == rank]
        if found:
            parts.append(f"\n## {title}\n")
            parts += [_entry(module, name) for name in found]
    return "\n".join(parts)


def _rank(module: str, name: str) -> int:
    node = source.find(module, name)[1][0]
    if isinstance(node, ast.ClassDef):
        return 1 if name.endswith("Error") else 0
    return 2 if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else 3


def _hooks() -> Iterator[str]:
    yield (
        "The module that an entry point of the group `penstock` names implements one of them, "
        "marked with `@hookimpl`.\n"
    )
    for node in source.tree(_HOOKS).body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            text = " ".join(prose(ast.get_docstring(node)).split())
            yield f"* {code(source.signature(node))}: {text}"


def _entry(module: str, name: str) -> str:
    where, (node, *after) = source.find(module, name)
    if isinstance(node, ast.ClassDef):
        return _class(node, name)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        text = prose(ast.get_docstring(node))
        signatures = "\n\n".join(map(code, source.signatures(where, node)))
        return f"### {code(name)}\n\n{signatures}\n\n{text}\n"
    text = prose(source.said(after[0]) if after else "")
    return f"### {code(name)}\n\n{code(_shortened(ast.unparse(node)))}\n\n{text}\n"


def _class(node: ast.ClassDef, name: str) -> str:
    bases = ", ".join(code(ast.unparse(base)) for base in node.bases)
    parts = [f"### {code(name)}\n"]
    if bases:
        keywords = "; made with keywords only" if source.has_keywords_only(node) else ""
        parts.append(f"Of {bases}{keywords}.\n")
    if made := source.constructor(node):
        parts.append(f"{code(made)}\n")
    parts.append(f"{prose(ast.get_docstring(node))}\n")
    found = [*source.attributes(node), *source.instance_attributes(node)]
    if rows := [_attribute(*one) for one in found]:
        parts.append(table(("attribute", "type", "default", "what it is"), rows))
    parts += [_method(method) for method in source.methods(node)]
    return "\n".join(parts)


def _attribute(name: str, kind: str, value: str, text: str) -> tuple[str, str, str, str]:
    kind, about = _annotated(kind)
    said = " ".join(prose(text or about).split())
    return code(name), code(kind), code(_shortened(value)), said


def _annotated(kind: str) -> tuple[str, str]:
    """Take ``Annotated[int, Meta(description="…")]`` apart."""
    node = ast.parse(kind or "None", mode="eval").body
    if not (isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Annotated"):
        return kind, ""
    assert isinstance(node.slice, ast.Tuple)
    inner, *rest = node.slice.elts
    calls = [one for one in rest if isinstance(one, ast.Call)]
    words = [keyword for call in calls for keyword in call.keywords if keyword.arg == "description"]
    about = next((w.value.value for w in words if isinstance(w.value, ast.Constant)), "")
    return ast.unparse(inner), str(about)


def _method(node: source.Function) -> str:
    text = inspect.cleandoc(ast.get_docstring(node) or "").split("\n\n")
    paragraphs = "\n\n".join(indent(prose(one), "    ") for one in text if one)
    return "\n\n".join([f"* {code(source.signature(node))}", paragraphs]).rstrip() + "\n"


def _shortened(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= 60 else f"{one_line[:57]}…"
