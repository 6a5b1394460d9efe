""".NET: Exception.ToString, unhandled exceptions, and the records of its console logger."""

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
    seen(r"^\s+at .+\(.*\)(?: \[0x[0-9a-f]+\])?(?: in .*:(?:line )?\d+ *)?(?:<---)?$", "at "),
    "frames",
)
_INNER = Rule(seen(r"^\s*---> ", "---> "), "head")
_END = Rule(seen(r"^\s*--- End of ", "--- End of "), "frames")

DOTNET = Machine(
    name="dotnet",
    literals=("Exception", "nhandled exception", "fail: ", "crit: "),
    starts=(
        Rule(
            seen(
                r"^Unhandled [eE]xception[.:]|^\s*(?:fail|crit): \S"
                r"|(?:^|[^\w.])(?:[A-Z]\w*\.)+[\w`]*Exception\b"
            ),
            "head",
        ),
    ),
    states={
        "head": State(
            (
                _FRAME,
                _INNER,
                _END,
                Rule(seen(r"^\s*(?:[A-Z]\w*\.)+\w*Exception: "), "head", sure=False),
                Rule(blank, "head", sure=False),
                Rule(is_plain, "head", sure=False),
            )
        ),
        "frames": State(
            (_FRAME, _INNER, _END, Rule(begins("<---"), "frames"), Rule(blank, "gap", sure=False)),
            stay=("   at ", "         at "),
        ),
        "gap": State((_INNER,)),
    },
)
