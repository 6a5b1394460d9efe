"""Takes values that must not print out of messages."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SHORT, _LONG = 4, 8
_NO_SECRET = re.compile(r"\s*(?:\d{1,3}|true|false)\s*")
_WORD = re.compile(r"\w+")


class Scrubber:
    """Remembers secrets and what came from ``${…}``, and replaces them by where they came from.

    All but long values go only where they stand alone: taken out of the middle of words, they
    would make every message unreadable.
    """

    def __init__(self) -> None:
        self._labels: dict[str, str] = {}
        self._words: dict[str, str] = {}

    def add(self, value: str, label: str, *, is_secret: bool = False) -> None:
        """Keep a value out of all later messages; a short number only if it is said to be secret.

        Otherwise the 2 of ``${TIMEOUT}`` would be taken out of every address.
        """
        if not value.strip() or (_NO_SECRET.fullmatch(value) and not is_secret):
            return
        for form in (value, value.strip(), repr(value)[1:-1]):
            self._labels.setdefault(form.lower(), label)
        for word in _WORD.findall(value):
            if len(word) >= _SHORT:
                self._words.setdefault(word.lower(), label)

    def __call__(self, message: str) -> str:
        """Return the message without any of the values."""
        return _replaced(message, self._labels)

    def begin_table(self) -> None:
        """Forget the words of the table before: ``foreign`` is about the one that is read now."""
        self._words.clear()

    def foreign(self, message: str, public: Iterable[str]) -> str:
        """Return a message of a plugin's without the words of values either.

        It may quote a part of a value, such as the port of an address; words that the plugin's
        own texts have are no secret.
        """
        known = {word.lower() for text in public for word in _WORD.findall(text)}
        words = {word: label for word, label in self._words.items() if word not in known}
        return _replaced(message, {**words, **self._labels})


def _replaced(message: str, labels: dict[str, str]) -> str:
    lower = message.lower()
    found = sorted((form for form in labels if form in lower), key=len, reverse=True)
    if not found:
        return message
    pattern = re.compile("|".join(map(_pattern, found)), re.IGNORECASE)
    return pattern.sub(lambda match: labels.get(match[0].lower(), "***"), message)


def _pattern(form: str) -> str:
    escaped = re.escape(form)
    return escaped if len(form) >= _LONG else rf"(?<!\w){escaped}(?!\w)"
