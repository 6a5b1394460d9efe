"""The navigation: ``folder/*`` stands for the pages of a folder that are not named elsewhere."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any


def expanded(nav: Any, pages: list[str]) -> Any:
    """Put pages in place of patterns, and leave out what does not exist."""
    named = set(_named(nav))
    return _items(nav, pages, named)


def _named(nav: Any) -> Iterator[str]:
    for item in nav:
        if isinstance(item, str):
            yield item
        else:
            for value in item.values():
                yield from [value] if isinstance(value, str) else _named(value)


def _items(nav: Any, pages: list[str], named: set[str]) -> list[Any]:
    made: list[Any] = []
    for item in nav:
        if isinstance(item, dict):
            made += [{t: _value(value, pages, named)} for t, value in item.items()]
        elif "*" in item:
            made += sorted(page for page in pages if _stands_for(item, page) and page not in named)
        else:
            made.append(item)
    return made


def _value(value: Any, pages: list[str], named: set[str]) -> Any:
    return value if isinstance(value, str) else _items(value, pages, named)


def _stands_for(pattern: str, page: str) -> bool:
    same = posixpath.dirname(pattern) == posixpath.dirname(page)
    return same and fnmatchcase(page, pattern)
