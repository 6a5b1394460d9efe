"""Finds plugins by their entry points, loads them by name, and isolates those that are broken.

Only what is asked for by name is imported and registered with pluggy: its own bulk loading would
let one broken plugin stop the program, and of two with one name it would skip the second silently.
"""

from __future__ import annotations

from penstock.plugins.broken import BrokenError, explain, failure
from penstock.plugins.classes import COMMON_KEYS, KINDS, check_instance
from penstock.plugins.entries import Entry, brought_by, entry_points
from penstock.plugins.loading import (
    FIRST_PARTY,
    RESERVED,
    Installed,
    Plugins,
    UnknownTypeError,
    install_line,
    listed,
)
from penstock.plugins.versions import core_version

__all__ = [
    "COMMON_KEYS",
    "FIRST_PARTY",
    "KINDS",
    "RESERVED",
    "BrokenError",
    "Entry",
    "Installed",
    "Plugins",
    "UnknownTypeError",
    "brought_by",
    "check_instance",
    "core_version",
    "entry_points",
    "explain",
    "failure",
    "install_line",
    "listed",
]
