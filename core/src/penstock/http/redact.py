"""Keeps secrets out of every text that leaves a sink."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

MIN_SECRET = 4
"""Shorter ones are left: every text would be full of stars, and they keep no secret."""
MAX_TEXT = 300
"""Characters of an answer, or of an error, that are told."""


class Redactor:
    """Replaces the secrets it knows by ``***``, and makes a text fit for one line."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in (secret, quote(secret, safe=""))}
        long = (form for form in forms if len(form) >= MIN_SECRET)
        self._forms = sorted(long, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, "***")
        plain = "".join(char if char.isprintable() else " " for char in text)
        plain = " ".join(plain.split())
        return plain if len(plain) <= MAX_TEXT else plain[: MAX_TEXT - 1] + "…"
