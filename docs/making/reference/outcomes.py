"""The page on what can become of an event, and why."""

from __future__ import annotations

from docs.making.reference.markdown import code, heading, table

from penstock.api import Outcome
from penstock.telemetry import RETRIES

OUTCOMES: dict[Outcome, str] = {
    Outcome.DELIVERED: "The destination has it, as far as its protocol can tell.",
    Outcome.SPOOLED: "It is durably in the sink's buffer on disk: settled for its source. In the "
    "ledger it is in flight until another outcome follows.",
    Outcome.FILTERED: "A rule of yours left it out, or the sink cannot carry its kind.",
    Outcome.MERGED: "It went into another event, such as a line into a stack trace.",
    Outcome.DEAD_LETTERED: "It is kept with the reason, for `penstock dlq`; with `dead_letter."
    "enabled = false` it is only counted.",
    Outcome.DROPPED: "It is gone, by a policy that you chose or because the disk damaged it.",
    Outcome.ABANDONED: "The deadline of a stop passed and there was no disk to put it on: it is "
    "read again at the next start where its source can be.",
}
"""What each outcome means; every one has to be here."""

REASONS: dict[Outcome, dict[str, str]] = {
    Outcome.FILTERED: {
        "the rule's name": "such as `keep` or `drop[0]`, of a transform",
        "kind: …": "the sink does not carry events of this kind, such as `kind: gauge`",
    },
    Outcome.DEAD_LETTERED: {
        "rejected": "the destination refused this event",
        "poison": "it failed again and again while others succeeded, also alone",
        "max_attempts": "`retry.max_attempts` was reached",
        "plugin_error": "a plugin raised what it must not, or is broken",
        "unreadable": "what the source got is no event that it knows: it is kept as it came",
        "orphaned": 'its sink is gone from the file, with `orphans = "dead_letter"`',
    },
    Outcome.DROPPED: {
        "drop_newest": "the buffer was full, and `when_full` says so",
        "drop_oldest": "the same",
        "damaged_page": "a page on disk could not be read again",
    },
    Outcome.ABANDONED: {"drain_timeout": "`drain_timeout_s` passed"},
}
"""The reasons that core gives, by outcome."""

RETRY_REASONS = {
    "retryable": "the destination failed, or was not reached",
    "timeout": "the write took too long",
    "os_error": "the operating system says why in the log",
    "plugin_error": "the plugin raised what it must not",
    "partial": "the destination took some of it",
    "held": "credentials or settings have to be mended first",
}
"""Why a write comes again."""

_LEDGER = """
## The ledger adds up

For each sink and each origin (a container, a unit), over restarts:

```text
read + created + carried in + replayed = delivered + filtered + merged + dead_lettered + dropped
                                         + abandoned + in flight (memory and spool)
```

`penstock status` shows both sides and the **residue**, which is 0, or `penstock status` exits 1 and
`penstock health` says so. See [The ledger](../concepts/ledger.md).
"""


def page() -> str:
    """Make the page."""
    rows = ((code(one), OUTCOMES[one]) for one in Outcome)
    reasons = [
        (code(outcome), code(name) if " " not in name or ":" in name else name, what)
        for outcome, known in REASONS.items()
        for name, what in known.items()
    ]
    return "\n".join(
        (
            heading("Outcomes"),
            "What can become of an event is a closed set. Each is counted for the sink and the "
            "origin, with its reason; nothing else exists, so nothing is lost in silence.\n",
            table(("outcome", "means"), rows),
            "## Reasons\n",
            table(("outcome", "reason", "when"), reasons),
            f"## Retries\n\nNot an outcome: the event is still in flight. `{RETRIES.name}` counts "
            "them by reason.\n",
            table(("reason", "when"), ((code(k), v) for k, v in RETRY_REASONS.items())),
            _LEDGER,
        )
    )
