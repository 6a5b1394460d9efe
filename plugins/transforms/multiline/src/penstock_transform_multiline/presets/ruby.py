"""Ruby: uncaught exceptions, threads, error_highlight, and as Logger prints exceptions."""

from __future__ import annotations

from penstock_transform_multiline.machine import (
    Machine,
    Rule,
    State,
    begins,
    blank,
    is_plain,
    seen,
)

_RAISED = Rule(seen(r"^\S.*:\d+:in [`'].*': ", ":in "), "head")
_FROM = Rule(seen(r"^\s*\S.*:\d+:in [`'].*'$", ":in "), "frames")

RUBY = Machine(
    name="ruby",
    literals=(":in `", ":in '", ".rb:", "Error)", "Exception)", "terminated with exception"),
    starts=(
        _RAISED,
        Rule(
            seen(
                r"terminated with exception \(report_on_exception is true\):$"
                r"|^\S+\.rb:\d+: .*(?:rror|unexpected)|\([A-Z][\w:]*(?:Error|Exception)\)$"
            ),
            "head",
        ),
    ),
    states={
        "head": State(
            (
                _RAISED,
                _FROM,
                Rule(seen(r"^\s+from \S.*:\d+:in "), "frames"),
                Rule(seen(r"^Did you mean\?|^\s*\^+~*\s*$|^\S+\.rb:\d+: "), "head"),
                Rule(blank, "head", sure=False),
                Rule(is_plain, "head", sure=False),
            )
        ),
        "frames": State(
            (_RAISED, _FROM, Rule(begins("\t ... "), "frames")), stay=("\tfrom ", "\t")
        ),
    },
)
