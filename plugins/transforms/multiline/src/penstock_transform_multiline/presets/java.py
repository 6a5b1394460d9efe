"""Java and its like: Throwable.printStackTrace, and as Logback and Log4j print it."""

from __future__ import annotations

from penstock_transform_multiline.machine import (
    Machine,
    Rule,
    State,
    blank,
    is_plain,
    seen,
)

_FRAME = Rule(
    seen(
        r"^\s+at [^\s(]+\((?:Native Method|Unknown Source(?::\d+)?|SourceFile(?::\d+)?"
        r"|<[^<>]*>|[^()\s]+\.[a-z]+(?::\d+)?)\)",
        "at ",
    ),
    "frames",
)
_MORE = Rule(
    seen(r"^\s+\.\.\. (?:\d+|\S+) (?:more|common frames omitted|filtered)", "... "), "frames"
)
_CAUSE = Rule(
    seen(
        r"^\s*(?:Caused by|Wrapped by|Suppressed): |^\s+\[CIRCULAR REFERENCE|^\s*Suppressed:",
        "Caused by: ",
        "Wrapped by: ",
        "Suppressed:",
        "[CIRCULAR",
    ),
    "header",
)
_BLANK = Rule(blank, "header", sure=False)
_TEXT = Rule(is_plain, "header", sure=False)

JAVA = Machine(
    name="java",
    literals=("Exception", "Error", "Throwable"),
    starts=(
        Rule(
            seen(
                r'^Exception in thread "'
                r"|(?:^|[^\w.$/])(?:[A-Za-z_$][\w$]*\.)*[\w$]*(?:Exception|Error|Throwable)"
                r"(?:[^\w.$]|$)"
            ),
            "header",
        ),
    ),
    states={
        "header": State((_FRAME, _CAUSE, _MORE, _BLANK, _TEXT)),
        "frames": State(
            (_FRAME, _MORE, _CAUSE),
            stay=("\tat ", "\t\tat ", "\t... ", "\t\t... ", "    at "),
            first=" \tCSW",
        ),
    },
)
