"""How configuration messages spell keys, lists of words, and the nearest known word."""

from __future__ import annotations

import re
from collections.abc import Iterable

Path = tuple[str | int, ...]
"""Where something is in a configuration: keys, and indexes in lists."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def dotted(path: Path) -> str:
    """Write a path as TOML writes dotted keys, with list items as ``[0]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE.fullmatch(part) else quoted(part))
    return text


def quoted(word: str) -> str:
    """Put a word in double quotes, on one line and of a bounded length."""
    shown = word if len(word) <= 80 else word[:77] + "..."
    escaped = shown.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else repr(c)[1:-1] for c in escaped) + '"'


def listed(words: Iterable[str]) -> str:
    """List words in quotes, separated by commas."""
    return ", ".join(quoted(word) for word in words)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant, None if there is none."""
    import difflib

    by_fold = {name.casefold().replace("-", "_"): name for name in known}
    folded = word.casefold().replace("-", "_")
    found = difflib.get_close_matches(folded, by_fold, n=1, cutoff=0.6)
    return by_fold[found[0]] if found else None


def suggestion(word: str, known: Iterable[str], name: str = "known") -> str:
    """Return the nearest known word as a question, or else all that are known."""
    words = list(known)
    near = nearest(word, words)
    if near is not None:
        return f"did you mean {quoted(near)}?"
    return f"{name}: {listed(words)}" if words else f"{name}: none"


def counted(number: int, noun: str) -> str:
    """Write a number with its noun: ``1 error``, ``2 errors``."""
    return f"{number} {noun}" + ("" if number == 1 else "s")
