"""Whether a plugin fits this core: the version of the API, and the range in its metadata."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, version
from typing import Any

from penstock.api import API_VERSION
from penstock.plugins.entries import GROUP, metadata

_API = re.compile(r"(\d{1,6})\.(\d{1,6})")
_REQUIREMENT = re.compile(r"penstock\s*(?:\[[^\]]*\])?\s*\(?\s*([^;()@]*?)\s*\)?\s*(;.*)?", re.I)
_PLAIN = re.compile(r"[\w.-]+(?=[^;]*$)")
_CLAUSE = re.compile(r"\s*(~=|==|!=|<=|>=|<|>)\s*v?(\d+(?:\.\d+)*)(\.\*)?\s*")


def core_version() -> str:
    """Return the version of the installed core."""
    try:
        return version(GROUP)
    except PackageNotFoundError:  # It runs from where it was not installed.
        return "unknown"


def here() -> str:
    """Say what a plugin finds here."""
    return f"penstock {core_version()} here has API {API_VERSION}"


def is_version(stated: Any) -> bool:
    """Say whether this may stand as ``requires_api``; empty is not stated."""
    return isinstance(stated, str) and (stated == "" or _API.fullmatch(stated) is not None)


def fits(stated: str) -> bool:
    """Say whether what was written against this API works with ours."""
    if not stated:
        return True
    (major, minor), (our_major, our_minor) = (map(int, v.split(".")) for v in (stated, API_VERSION))
    return major == our_major and minor <= our_minor


def api_range(stated: str) -> str:
    """Return the versions of the API that a plugin works with, empty if it states none."""
    return f">={stated},<{int(stated.partition('.')[0]) + 1}" if stated else ""


def asked_range(owner: Distribution) -> str:
    """Return the range of core's versions that a distribution asks for, empty if it says none."""
    for text in _requires(owner):
        match = _REQUIREMENT.fullmatch(text.strip())
        # A marker may hold or not; only what holds everywhere is compared.
        if match and match[1] and not match[2]:
            return re.sub(r"\s", "", match[1])
    return ""


def absent(owner: Distribution) -> list[str]:
    """Name what a distribution asks for on every system and is not installed."""
    names = [match[0] for text in _requires(owner) if (match := _PLAIN.match(text.strip()))]
    return [name for name in names if not _is_installed(name)]


def range_problem(owner: Distribution) -> str:
    """Say that the installed core is none of those that a distribution asks for, if so."""
    asked, installed = asked_range(owner), core_version()
    if not asked or is_within(installed, asked) is not False:
        return ""
    return f"its metadata asks for penstock {asked}, and {installed} is here"


def is_within(installed: str, asked: str) -> bool | None:
    """Say whether a version is in a range; None where one of them is no plain release.

    Core's releases are plain numbers. What else there is (pre-releases, local versions) is
    pip's to judge: a wrong complaint would be worse than none.
    """
    if not re.fullmatch(r"\d+(\.\d+)*", installed):
        return None
    verdicts = [_holds(_numbers(installed), clause) for clause in asked.split(",") if clause]
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _holds(installed: tuple[int, ...], clause: str) -> bool | None:
    match = _CLAUSE.fullmatch(clause)
    if match is None or (match[3] and match[1] not in ("==", "!=")):
        return None
    operator, wanted = match[1], _numbers(match[2])
    if operator == "~=":
        prefix = wanted[:-1]
        return bool(prefix) and _compare(installed, wanted) >= 0 and _starts(installed, prefix)
    if match[3]:
        return _starts(installed, wanted) == (operator == "==")
    order = _compare(installed, wanted)
    return {
        "==": order == 0,
        "!=": order != 0,
        "<=": order <= 0,
        ">=": order >= 0,
        "<": order < 0,
        ">": order > 0,
    }[operator]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def _compare(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """Compare releases; what is left out is zero."""
    width = max(len(one), len(other))
    left, right = (number + (0,) * (width - len(number)) for number in (one, other))
    return (left > right) - (left < right)


def _starts(version_: tuple[int, ...], prefix: tuple[int, ...]) -> bool:
    padded = version_ + (0,) * (len(prefix) - len(version_))
    return padded[: len(prefix)] == prefix


def _is_installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def _requires(owner: Distribution) -> list[str]:
    try:
        return list(owner.requires or ())
    except Exception:
        return [one] if (one := metadata(owner, "Requires-Dist")) else []
