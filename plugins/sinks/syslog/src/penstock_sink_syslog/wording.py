"""What a gap says."""

from __future__ import annotations

from penstock.api import Gap, rfc3339


def gap_text(gap: Gap) -> str:
    """Say in one line what is missing."""
    count = "lines" if gap.count is None else f"{gap.count} line{'s' if gap.count != 1 else ''}"
    where = f" of {gap.stream}" if gap.stream else ""
    return f"penstock: {count}{where} lost{_when(gap)}: {gap.reason}"


def _when(gap: Gap) -> str:
    since = f" after {rfc3339(gap.from_unix_nano)}" if gap.from_unix_nano else ""
    until = f" before {rfc3339(gap.to_unix_nano)}" if gap.to_unix_nano else ""
    return " and".join(part for part in (since, until) if part)
