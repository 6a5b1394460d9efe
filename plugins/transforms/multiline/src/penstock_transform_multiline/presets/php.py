"""PHP: uncaught exceptions as the interpreter prints them, and as Monolog does."""

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

_TRACE = Rule(seen(r"^(?:PHP )?\s*Stack trace:$|^\[stacktrace\]$"), "trace")
_NEXT = Rule(seen(r"^Next [A-Za-z_\\]\S*|^\[previous exception\] "), "head")

PHP = Machine(
    name="php",
    literals=("Uncaught ", ".php:", ".php on line ", "(code: ", "Exception: ", "Error: "),
    starts=(
        Rule(
            seen(r"\bUncaught \S| in \S.*:\d+\)?$|\[object\] \(|^(?:PHP )?Fatal error: "),
            "head",
        ),
        Rule(seen(r"^(?:\w+\\)*\w*(?:Exception|Error): "), "head"),
    ),
    states={
        "head": State(
            (
                _TRACE,
                _NEXT,
                Rule(blank, "head", sure=False),
                Rule(is_plain, "head", sure=False),
            )
        ),
        "trace": State(
            (
                Rule(seen(r"^#\d+ |^PHP +\d+\. "), "trace"),
                Rule(begins("  thrown in "), "end"),
                _NEXT,
                Rule(seen(r'^"\} *$'), "end"),
                Rule(blank, "gap", sure=False),
                Rule(is_plain, "trace", sure=False),
            ),
            stay=("#",),
        ),
        "gap": State((_NEXT, Rule(begins("  thrown in "), "end"))),
        "end": State(),
    },
)
