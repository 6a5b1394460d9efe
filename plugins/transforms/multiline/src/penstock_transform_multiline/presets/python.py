"""Python: what the interpreter, ``traceback``, ``logging`` and asyncio print."""

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

_TRACEBACK = Rule(seen(r"Traceback \(most recent call last\):$", "Traceback (m"), "frames")
_GROUP = Rule(
    seen(r"\+ Exception Group Traceback \(most recent call last\):$", "+ Exception Group"), "group"
)
_FILE = Rule(seen(r'^ *File ".*", line \d+', 'File "'), "frames")
_REMOTE = Rule(seen(r'Traceback: *$|^"""$'), "preface", sure=False)
_BOX = Rule(seen(r"^ *\| \S*ExceptionGroup: ", "| "), "group", sure=False)
_PREFACE = Rule(
    seen(
        r"(?:Task|Future) exception was never retrieved$"
        r"|Exception in (?:thread|callback|default exception handler)\b"
        r"|(?:Unhandled exception in|unhandled exception during) \S"
        r"|Exception ignored (?:in|while|on)\b.*|^Process \S+:$"
        r"|^Error in (?:sys\.|atexit)|^Original exception was:$|^--- Logging error ---$"
    ),
    "preface",
    sure=False,
)
_FATAL = Rule(seen(r"^Fatal Python error: "), "fatal")
_ERROR = Rule(seen(r"^[^\s\"'(){}\[\]:,=]+(?::\s|:?$)"), "done")

PYTHON = Machine(
    name="python",
    literals=(
        "Traceback (most recent call last)",
        'File "',
        "was never retrieved",
        "Exception in ",
        "Exception ignored ",
        "nhandled exception ",
        "Process-",
        "Error in ",
        "--- Logging error ---",
        "RemoteTraceback: ",
        "ExceptionGroup: ",
        "Fatal Python error: ",
    ),
    starts=(_GROUP, _TRACEBACK, _BOX, _FILE, _PREFACE, _REMOTE, _FATAL),
    states={
        # Lines before the traceback itself; asyncio writes `future: …`, `handle: …` and the like.
        "preface": State(
            (
                _GROUP,
                _TRACEBACK,
                _REMOTE,
                Rule(seen(r"^ *[a-z_]+: |^Object created at "), "preface", sure=False),
                Rule(begins("  "), "preface", sure=False),
            )
        ),
        "frames": State((_ERROR, _FILE), stay=("  ",)),
        "done": State(
            (
                Rule(blank, "gap", sure=False),
                Rule(begins(" ", "\t"), "done"),
                Rule(seen(r'^"""$|^Call stack:$|^(?:Message|Arguments): '), "done"),
                Rule(is_plain, "done", sure=False, note=True),
            )
        ),
        "group": State((Rule(seen(r"^ *[|+]"), "group"), Rule(blank, "gap", sure=False))),
        "gap": State(
            (
                Rule(
                    seen(
                        r"^During handling of the above exception, another exception occurred:$"
                        r"|^The above exception was the direct cause of the following exception:$"
                    ),
                    "chain",
                ),
                Rule(blank, "gap", sure=False),
            )
        ),
        "chain": State((_GROUP, _TRACEBACK, _FILE, Rule(blank, "chain", sure=False))),
        "fatal": State(
            (
                Rule(blank, "fatal", sure=False),
                Rule(
                    seen(
                        r"most recent call first\):$|^Python runtime state: |^Extension modules: "
                    ),
                    "fatal",
                ),
                Rule(begins("  "), "fatal"),
            )
        ),
    },
)
