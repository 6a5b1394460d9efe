"""Go: panics, fatal errors and dumps of goroutines."""

from __future__ import annotations

from penstock_transform_multiline.machine import (
    Machine,
    Rule,
    State,
    blank,
    is_plain,
    seen,
)

_GOROUTINE = Rule(seen(r"^goroutine \d+ .*\[.*\]:$|^runtime stack:$", "]:", "stack:"), "stack")
_END = Rule(seen(r"^exit status \d+$", "exit "), "end")

GO = Machine(
    name="go",
    literals=("panic", "fatal error: ", "goroutine ", "SIG", "unexpected fault"),
    starts=(
        _GOROUTINE,
        Rule(
            seen(
                r"(?:^|\s)panic: |\bpanic serving |^fatal error: |^unexpected fault address "
                r"|^SIG[A-Z]+: |^runtime: goroutine stack exceeds"
            ),
            "head",
        ),
    ),
    states={
        "head": State(
            (
                _GOROUTINE,
                Rule(
                    seen(r"^\[signal |^\s+panic: |^fatal error: |^PC=0x|^runtime: |^\[recovered"),
                    "head",
                ),
                Rule(blank, "head", sure=False),
                Rule(is_plain, "head", sure=False),
            )
        ),
        "stack": State(
            (
                Rule(
                    seen(
                        r"^(?:[\w.~%\-]+/)*[\w.~%\-]+\.[^\s].*\)$|^created by \S|^panic\(|^main\."
                        r"|^\.\.\.|^\[originating from |^goroutine running |^[a-z]\w+ +0x[0-9a-f]+$"
                    ),
                    "stack",
                ),
                Rule(blank, "between", sure=False),
                _GOROUTINE,
                _END,
            ),
            stay=("\t",),
        ),
        "between": State(
            (
                _GOROUTINE,
                Rule(seen(r"^[a-z]\w+ +0x[0-9a-f]+$"), "stack"),
                Rule(blank, "between", sure=False),
                _END,
            )
        ),
        "end": State(),
    },
)
