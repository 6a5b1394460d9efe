"""Between core and a plugin: what it does and gives harms nobody else."""

from __future__ import annotations

from penstock.guard.calls import (
    LAST_WORDS_S,
    OPEN_TIMEOUT_S,
    blame,
    call,
    cancel,
    close,
    complain,
    contained,
    end,
    in_time,
    is_cancelled,
    is_told_to_end,
    own_error,
)
from penstock.guard.checks import checked, checked_report, kind_of, listed

__all__ = [
    "LAST_WORDS_S",
    "OPEN_TIMEOUT_S",
    "blame",
    "call",
    "cancel",
    "checked",
    "checked_report",
    "close",
    "complain",
    "contained",
    "end",
    "in_time",
    "is_cancelled",
    "is_told_to_end",
    "kind_of",
    "listed",
    "own_error",
]
