"""Node: uncaught errors with their source line, and errors as console.error prints them."""

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

_FRAME = Rule(
    seen(
        r"^\s+at (?:async |new )?(?:.+ \(.*\)|\S+:\d+:\d+|<anonymous>|\S+ <anonymous>|"
        r"(?:native|node:|file:|/).*)(?: \{)?$",
        "at ",
    ),
    "frames",
)
_VERSION = Rule(begins("Node.js v"), "end")
_CARET = Rule(seen(r"^\s*[\^~]+\s*$", "^"), "caret")

NODE = Machine(
    name="node",
    literals=(
        "Error",
        "Exception",
        ".js:",
        ".mjs:",
        ".cjs:",
        ".ts:",
        "node:",
        "[eval]",
        "[stdin]",
        "<anonymous_script>",
    ),
    starts=(
        Rule(
            seen(r"^(?:file://|node:|/|[A-Za-z]:[\\/]|\[eval\]|\[stdin\]|<anonymous).*:\d+$"),
            "source",
        ),
        Rule(
            seen(r"(?:^|[^\w.$])[\w$]*(?:Error|Exception)(?: \[\w+\])?(?:[^\w.$]|$)"),
            "head",
        ),
    ),
    states={
        "source": State(
            (
                _CARET,
                Rule(seen(r"^(?:Uncaught )?[\w$.]*(?:Error|Exception)\b"), "head"),
                Rule(lambda line: True, "source", sure=False),
            )
        ),
        "caret": State(
            (
                Rule(blank, "caret", sure=False),
                Rule(seen(r"^(?:Uncaught )?[\w$.]*(?:Error|Exception)\b"), "head"),
                Rule(seen(r"^\[.*\{?$"), "frames", sure=False),
                Rule(lambda line: True, "head", sure=False),
            )
        ),
        "head": State(
            (
                _FRAME,
                _VERSION,
                Rule(begins("(Use `node --trace"), "head"),
                Rule(begins("Thrown at:"), "frames"),
                _CARET,
                Rule(blank, "head", sure=False),
                Rule(is_plain, "head", sure=False),
            )
        ),
        "frames": State(
            (
                Rule(seen(r"^[\]}][\]})\s,{]*$"), "frames"),
                Rule(blank, "tail", sure=False),
                _VERSION,
            ),
            stay=("  ",),
            first=" \tN]}",
        ),
        "tail": State(
            (_VERSION, Rule(begins("Thrown at:"), "frames"), Rule(blank, "tail", sure=False))
        ),
        "end": State(),
    },
)
