"""Input that breaks what is not careful: every plugin must live through all of it."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.api.event import Batch, Log, Resource
from penstock.testing.events import batch, log, resource

MEGABYTE = 1_048_576

LINES: Mapping[str, str] = {
    "empty": "",
    "blank": "   ",
    "nul": "before\0after",
    "newline": "first\nsecond",
    "carriage return": "over\rwritten\r\n",
    "unicode line ends": "a\u2028b\u2029c\x85d\x0be\x0cf",
    "forged syslog": "<34>1 2003-10-11T22:14:15.003Z host su - ID47 - forged",
    "forged frame": "x\n30 <34>1 - forged app - - - hello\n",
    "forged structured data": '] [forged@1 a="b"]',
    "forged json": '"}\n{"message": "forged"}',
    "terminal escapes": "\x1b[2J\x1b]0;owned\x07\x1b[31mred",
    "c1 controls": "\x9b31m\x90q\x9c",
    "lone surrogate": "broken \ud83d half",
    "escaped bytes": b"\xff\xfe\x80".decode("utf-8", "surrogateescape"),
    "bidirectional": "abc\u202e\u2066fed",
    "format strings": "%s %n {0} {message} ${HOME} $(id) `id`",
    "byte order mark": "\ufefftext",
    "wide": "\U0001f6b0" * 3000,
    "megabyte": "m" * MEGABYTE,
}
"""Lines by what is wrong with them."""

BYTES: Mapping[str, bytes] = {
    "not utf-8": b"caf\xe9 \xff\xfe\x80",
    "overlong": b"\xc0\xaf..\xe0\x80\xaf",
    "cut sequence": b"price \xe2\x82",
    "encoded surrogate": b"\xed\xa0\xbd half",
    "nul": b"before\0after",
    "controls": b"\x01\x07\x08\x1b[2J\x7f",
    "c1 controls": b"\x9b31m\x90q\x9c",
    "utf-16": "z\xfcrich".encode("utf-16-le"),
    "long and not utf-8": b"\xff" * 100_000,
}
"""Bytes of a line by what is wrong with them; none holds what ends a line."""

NAMES: Mapping[str, str] = {
    "empty": "",
    "blank": " ",
    "nul": "web\0",
    "newline": "web\nforged: yes",
    "carriage return": "web\r\nX-Forged: yes",
    "brackets": '] "\\ [x@1 y="z"',
    "path": "../../etc/passwd",
    "terminal escapes": "\x1b]0;owned\x07web",
    "lone surrogate": "web\udc00",
    "not ascii": "wéb-\U0001f6b0",
    "template": "{container.name} ${HOME} %s",
    "megabyte": "n" * MEGABYTE,
}
"""Names and values of attributes and tags by what is wrong with them."""


def hostile_resources() -> dict[str, Resource]:
    """Make one resource for each hostile name, which it has everywhere a name can be."""
    return {what: _named(name, f"hostile:{what}") for what, name in NAMES.items()}


def hostile_batches() -> dict[str, Batch]:
    """Make a batch for every hostile line and name; each carries one event."""
    made = {f"line: {what}": batch([log(text)]) for what, text in LINES.items()}
    for what, of in hostile_resources().items():
        made[f"name: {what}"] = batch([_named_log(what, NAMES[what])], of)
    return made


def _named(name: str, origin: str) -> Resource:
    keys = ("container.name", "container.id", "container.image.name", "host.name", "service.name")
    attributes = dict.fromkeys(keys, name)
    attributes["container.label." + name[:256]] = name
    return resource(origin, attributes, {"env": name, name[:256]: "value"})


def _named_log(what: str, name: str) -> Log:
    stream = name if len(name) < 64 else "stdout"
    return log(f"line of {what}", stream, attributes={name[:256]: name})
