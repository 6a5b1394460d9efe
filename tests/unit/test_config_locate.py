"""The line of every key, against what the standard parser makes of the same text."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from penstock.config.locate import key_lines

DOCUMENT = '''\
# a comment [not.a.table]
title = "a # b \\"[c]"
"quoted key" = 1
dotted . 'key'."x.y" = '# no comment'

[a.b."c.d"]                     # = [
list = [
  1, # one
  [2, "]", \'\'\'a
] # text \'\'\'],
  { q = 5, r.s = """
  x = 1 \\\\"""},

]
date = 1979-05-27 07:32:00
after = """
[nothing]
a = "b"
x"""""
last = { }
[[items]]
n = 1
[items.sub]
m = 2
[[items]]
[[items.deep]]
k = {a = [{b = 1}, {b = 2}]}
[empty]
\tindented=true
'''


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of everything in a parsed document."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in pairs:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from paths(item, (*path, key))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_everything_in_a_document_has_a_line_and_nothing_else_has(newline: str) -> None:
    text = DOCUMENT.replace("\n", newline)
    assert set(key_lines(text)) == set(paths(tomllib.loads(text)))


@pytest.mark.parametrize(
    ("path", "start"),
    [
        (("title",), "title"),
        (("quoted key",), '"quoted key"'),
        (("dotted", "key", "x.y"), "dotted"),
        (("a", "b", "c.d"), "[a.b"),
        (("a", "b", "c.d", "list"), "list"),
        (("a", "b", "c.d", "list", 0), "  1,"),
        (("a", "b", "c.d", "list", 1, 1), "  [2"),
        (("a", "b", "c.d", "list", 2, "r", "s"), "  { q"),
        (("a", "b", "c.d", "date"), "date"),
        (("a", "b", "c.d", "after"), "after"),
        (("a", "b", "c.d", "last"), "last"),
        (("items", 0, "sub", "m"), "m = 2"),
        (("items", 1, "deep", 0, "k", "a", 1, "b"), "k ="),
        (("empty", "indented"), "\tindented"),
    ],
)
def test_a_key_has_the_line_on_which_it_begins(path: tuple[str | int, ...], start: str) -> None:
    line = key_lines(DOCUMENT)[path]
    assert DOCUMENT.split("\n")[line - 1].startswith(start)
    assert line == 1 + DOCUMENT[: DOCUMENT.index("\n" + start) + 1].count("\n")


def test_a_later_table_of_a_list_has_its_own_line() -> None:
    assert key_lines(DOCUMENT)["items", 1] == key_lines(DOCUMENT)["items", 0] + 4


@pytest.mark.parametrize("text", ["a = [", 'a = "', "[", "a", "=", "a = {b", "\x00", "[[a"])
def test_what_is_not_toml_is_no_error(text: str) -> None:
    key_lines(text)
