"""What is wrong with a plugin that does not load, in one line, and what mends it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from penstock.api.component import Component
from penstock.api.errors import PluginError
from penstock.plugins.entries import GROUP, Entry, brought_by, location
from penstock.plugins.versions import absent, fits, here, is_version, range_problem

_CONTRACT = r"penstock\.(?:api|http|testing)"
_NO_NAME = re.compile(rf"cannot import name '(\w+)' from '({_CONTRACT}[\w.]*)'")
_NO_ATTRIBUTE = re.compile(rf"module '({_CONTRACT}[\w.]*)' has no attribute '(\w+)'")
_STATED = re.compile(r"""^\s*requires_api\b[^=\n]*=\s*["']([^"'\n]{1,20})["']""", re.M)
_SOURCES = 200
"""How many files of a package are looked at for what they state."""


class BrokenError(PluginError):
    """A plugin does not load: ``reason`` says why, ``fix`` what mends it."""

    def __init__(self, reason: str, fix: str = "") -> None:
        super().__init__(f"{reason}: {fix}" if fix else reason)
        self.reason = reason
        self.fix = fix


class MismatchError(PluginError):
    """A plugin was written for another API: the one that it states."""


def broken(error: BaseException, entry: Entry) -> BrokenError:
    """Return what is wrong with a plugin whose loading raised."""
    if isinstance(error, BrokenError):
        return error
    if isinstance(error, MismatchError):
        return BrokenError(f"{_who(entry)} needs API {error}, and {here()}", upgrade(entry))
    if wanted := _wanted_of_contract(error):
        return BrokenError(_too_old(wanted, entry), upgrade(entry))
    if isinstance(error, PluginError):
        reason = " ".join(str(error).split())
    else:
        reason = explain(error, entry.package)
    if asked := range_problem(entry.owner):
        return BrokenError(f"{reason}; {asked}", upgrade(entry))
    return BrokenError(reason, _missing(error, entry) or defect(entry))


def ambiguous(name: str, entries: Iterable[Entry]) -> BrokenError:
    """Return what is wrong where several distributions bring a plugin of one name."""
    owners = sorted(entry.distribution for entry in entries)
    commands = " or ".join(f"pip uninstall {owner}" for owner in owners)
    return BrokenError(f"{' and '.join(owners)} both bring {name}", commands)


def upgrade(entry: Entry) -> str:
    """Return the command that brings a plugin and a core that fit each other."""
    return f"pip install --upgrade {GROUP} {entry.distribution_name}".strip()


def defect(entry: Entry) -> str:
    """Say what to do about a plugin that is wrong in itself."""
    name = entry.distribution_name
    if not name:
        return f"remove {entry.distribution}"
    if entry.editable:  # An index has nothing newer than a checkout: its author is reading this.
        return f"mend it in {entry.location or 'its checkout'}, or pip uninstall {name}"
    return f"pip install --upgrade {name}, or pip uninstall {name} and tell its authors"


def failure(component: type[Component], reason: str) -> str:
    """Say that a component's own code raised, and what to do about it."""
    entry = brought_by(component.__module__)
    return str(BrokenError(f"its plugin failed: {reason}", defect(entry) if entry else ""))


def explain(error: BaseException, package: str) -> str:
    """Say in one line what a plugin raised, and where: the last frame of its own code."""
    # The text of a SyntaxError has its place already, in short.
    said = str(error.msg or "") if isinstance(error, SyntaxError) else str(error)
    text = " ".join(said.split())[:300]
    message = f"{type(error).__name__}: {text}" if text else type(error).__name__
    place = _syntax_place(error) or _last_frame(error, package.partition(".")[0].partition(":")[0])
    return f"{message} ({place})" if place else message


def _who(entry: Entry) -> str:
    return f"{entry.distribution} {entry.version}".strip()


def _wanted_of_contract(error: BaseException) -> str:
    """Return what an error says that the contract lacks, empty if it is another error."""
    if isinstance(error, ModuleNotFoundError):
        name = error.name or ""
        return name if re.fullmatch(rf"{_CONTRACT}(\.\w+)*", name) else ""
    if isinstance(error, ImportError) and (match := _NO_NAME.search(str(error))):
        return f"{match[1]} of {match[2]}"
    if isinstance(error, AttributeError) and (match := _NO_ATTRIBUTE.search(str(error))):
        return f"{match[2]} of {match[1]}"
    return ""


def _too_old(wanted: str, entry: Entry) -> str:
    stated = next((one for one in _stated(entry) if is_version(one) and not fits(one)), "")
    needs = f"needs API {stated} (it wants {wanted})" if stated else f"wants {wanted}"
    asked = range_problem(entry.owner)
    reason = f"{_who(entry)} {needs}, and {here()}"
    return f"{reason}; {asked}" if asked else reason


def _stated(entry: Entry) -> list[str]:
    """Return the versions that its source states: it cannot be imported to be asked."""
    place = location(entry.package)
    if place is None:
        return []
    found: list[str] = []
    files = [place] if place.is_file() else sorted(place.rglob("*.py"))
    for path in files[:_SOURCES]:
        with suppress(OSError, UnicodeDecodeError):
            found += _STATED.findall(path.read_text(encoding="utf-8"))
    return found


def _missing(error: BaseException, entry: Entry) -> str:
    """Say how to get a module that is not there, empty if that is not what is wrong."""
    name = entry.distribution_name
    if not isinstance(error, ModuleNotFoundError) or not error.name or not name:
        return ""
    if error.name.partition(".")[0] == entry.package:
        return f"pip install --force-reinstall --no-deps {name}"
    lacking = absent(entry.owner)
    return f"pip install {name} (for {', '.join(lacking)})" if lacking else ""


def _syntax_place(error: BaseException) -> str:
    if not isinstance(error, SyntaxError) or not error.filename:
        return ""
    return f"{_short(error.filename)}, line {error.lineno}"


def _last_frame(error: BaseException, package: str) -> str:
    place = ""
    traceback = error.__traceback__
    while traceback is not None:
        module = str(traceback.tb_frame.f_globals.get("__name__", ""))
        if module == package or module.startswith(f"{package}."):
            place = f"{_short(traceback.tb_frame.f_code.co_filename)}, line {traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place


def _short(file: str) -> str:
    return "/".join(Path(file.replace("\\", "/")).parts[-2:])
