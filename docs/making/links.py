"""Links between files of the repository become links between pages of the site."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from docs.making import collected

_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
_FENCED = re.compile(r"^ *(`{3,})[^\n]*\n.*?^ *\1$", re.MULTILINE | re.DOTALL)


def rewritten(markdown: str, uri: str, known: set[str], root: Path) -> str:
    """Rewrite the links of a page; ``known`` are the site's files."""
    sources = collected.sources(root)
    origin = next((name for name, made in sources.items() if made == uri), f"docs/{uri}")
    made, at = "", 0
    for block in _FENCED.finditer(markdown):
        made += _prose(markdown[at : block.start()], uri, origin, known, root) + block[0]
        at = block.end()
    return made + _prose(markdown[at:], uri, origin, known, root)


def _prose(text: str, uri: str, origin: str, known: set[str], root: Path) -> str:
    def replace(match: re.Match[str]) -> str:
        picture, text, target = match.groups()
        path, hash_, anchor = target.partition("#")
        if not path or "://" in path or path.startswith("mailto:"):
            return match[0]
        place = posixpath.normpath(posixpath.join(posixpath.dirname(origin), path))
        page = page_of(place, root)
        if page in known:
            relative = posixpath.relpath(page, posixpath.dirname(uri) or ".")
            return f"{picture}[{text}]({relative}{hash_}{anchor})"
        # A file of the repository that is no page; what does not exist fails the build.
        return text if (root / place).exists() else match[0]

    return _LINK.sub(replace, text)


def page_of(place: str, root: Path) -> str:
    """Return the page for a path of the repository, which may not be on the site."""
    sources = collected.sources(root)
    if place in collected.FOLDERS:
        return collected.FOLDERS[place]
    if place.startswith("examples/") and place.endswith(".toml"):
        return "examples.md"
    return sources.get(place) or sources.get(f"{place}/README.md") or place.removeprefix("docs/")
