"""Reads what a module says of its names from its source: attributes' docstrings are only there."""

from __future__ import annotations

import ast
import importlib.util
import itertools
from collections.abc import Iterator
from functools import cache
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree(module: str) -> ast.Module:
    """Parse a module."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None, module
    return ast.parse(Path(spec.origin).read_text())


def public(module: str) -> list[str]:
    """List what ``__all__`` names."""
    for node in tree(module).body:
        if isinstance(node, ast.Assign) and _target(node) == "__all__":
            return [str(name) for name in ast.literal_eval(node.value)]
    raise AssertionError(f"{module} has no __all__")


def find(module: str, name: str) -> tuple[str, list[ast.stmt]]:
    """Return where a name is defined, and the definition with what follows it.

    Of a function with overloads it is the one behind them, which has the docstring.
    """
    body = tree(module).body
    if places := [number for number, node in enumerate(body) if _target(node) == name]:
        return module, body[places[-1] : places[-1] + 2]
    for imported in ast.walk(tree(module)):
        if isinstance(imported, ast.ImportFrom):
            for alias in imported.names:
                if name == (alias.asname or alias.name):
                    return find(imported.module or "", alias.name)
    raise AssertionError(f"{module} has no {name}")


def _target(node: ast.stmt) -> str:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return ""


def attributes(node: ast.ClassDef) -> Iterator[tuple[str, str, str, str]]:
    """Yield name, type, default and docstring of the public attributes of a class."""
    for statement, after in zip(node.body, [*node.body[1:], ast.Pass()], strict=True):
        name = _target(statement)
        if not name or name.startswith("_"):
            continue
        if isinstance(statement, ast.AnnAssign):
            value = ast.unparse(statement.value) if statement.value else ""
            yield name, ast.unparse(statement.annotation), value, said(after)
        elif isinstance(statement, ast.Assign):
            yield name, "", ast.unparse(statement.value), said(after)


def methods(node: ast.ClassDef) -> Iterator[Function]:
    """Yield the public methods of a class.

    Those without words are left out where they may be a base's.
    """
    is_derived = not {ast.unparse(base) for base in node.bases} <= {"Protocol", "Struct"}
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            has_words = ast.get_docstring(statement) or _decorated(statement, "property")
            if not statement.name.startswith("_") and (has_words or not is_derived):
                yield statement


def constructor(node: ast.ClassDef) -> str:
    """Write how one is made, empty where its attributes say it."""
    made = _init(node)
    return signature(made, node.name).removesuffix(" -> None") if made else ""


def has_keywords_only(node: ast.ClassDef) -> bool:
    """Say whether a struct is made with keywords only."""
    return any(one.arg == "kw_only" and ast.unparse(one.value) == "True" for one in node.keywords)


def instance_attributes(node: ast.ClassDef) -> Iterator[tuple[str, str, str, str]]:
    """Yield the public attributes that the constructor sets with a type or with words."""
    init = _init(node)
    for statement, after in itertools.pairwise([*(init.body if init else ()), ast.Pass()]):
        kind = ""
        if isinstance(statement, ast.AnnAssign):
            kind, target = ast.unparse(statement.annotation), statement.target
        elif isinstance(statement, ast.Assign):
            target = statement.targets[0]
            if isinstance(statement.value, ast.Constant):
                kind = type(statement.value.value).__name__
        else:
            continue
        of, _, name = ast.unparse(target).rpartition(".")
        if of == "self" and not name.startswith("_") and (kind or said(after)):
            yield name, kind, "", said(after)


def _init(node: ast.ClassDef) -> Function | None:
    found = (one for one in node.body if isinstance(one, ast.FunctionDef))
    return next((one for one in found if one.name == "__init__"), None)


def said(node: ast.stmt | None) -> str:
    """Return the text of a docstring that stands behind an attribute."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return str(node.value.value)
    return ""


def signature(node: Function, name: str = "") -> str:
    """Write a function's signature on one line, without ``self``."""
    arguments = node.args
    first = arguments.args[0].arg if arguments.args else ""
    shown = ast.unparse(arguments)
    if first in ("self", "cls"):
        shown = shown.removeprefix(first).lstrip(", ")
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    awaited = "await " if isinstance(node, ast.AsyncFunctionDef) else ""
    if _decorated(node, "property"):
        return f"{name or node.name}{returns.replace(' -> ', ': ')}"
    return f"{awaited}{name or node.name}({shown}){returns}"


def signatures(module: str, node: Function) -> list[str]:
    """Write the signatures of a function: those of its overloads, if it has any."""
    same = [one for one in tree(module).body if _target(one) == node.name]
    overloads = [one for one in same if isinstance(one, Function) and _decorated(one, "overload")]
    return [signature(one) for one in overloads or [node]]


def _decorated(node: Function, name: str) -> bool:
    return any(ast.unparse(one) == name for one in node.decorator_list)
