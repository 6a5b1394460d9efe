"""Rust: panics with or without a backtrace, and errors of ``main`` as anyhow prints them."""

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

_TRACE = Rule(seen(r"^\s*(?:stack backtrace|Stack backtrace|Location):$", ":"), "trace")
_NOTE = Rule(begins("note: "), "trace")
_ABORT = Rule(
    seen(r"^thread (?:panicked while|caused non-unwinding panic)|^fatal runtime error: "), "trace"
)

RUST = Machine(
    name="rust",
    literals=("panicked at ", "Error: "),
    starts=(
        Rule(seen(r"^thread '.*' (?:\(\d+\) )?panicked at .*:\d+:\d+:$"), "panic"),
        Rule(seen(r"^thread '.*' (?:\(\d+\) )?panicked at "), "message"),
        Rule(begins("Error: "), "error"),
    ),
    states={
        # The line behind the header is the message, whatever it looks like.
        "panic": State((_TRACE, _NOTE, Rule(lambda line: True, "message"))),
        "message": State(
            (
                _TRACE,
                _NOTE,
                _ABORT,
                Rule(blank, "message", sure=False),
                Rule(is_plain, "message", sure=False, note=True),
            )
        ),
        "trace": State((_NOTE, _ABORT), stay=("  ",)),
        "error": State(
            (
                _TRACE,
                Rule(begins("Caused by:"), "causes"),
                Rule(blank, "error", sure=False),
                Rule(is_plain, "error", sure=False),
            )
        ),
        "causes": State((_TRACE, Rule(blank, "causes", sure=False)), stay=("  ",)),
    },
)
