"""How messages become bytes: counted, one a line, or one a datagram; none longer than allowed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from penstock.api import Batch
from penstock_sink_syslog.header import one_line, without_nul
from penstock_sink_syslog.layout import Clean, Layout

MIN_MESSAGE_BYTES = 512
"""Room for the longest header and for ``MARK``."""
MARK = "...[cut]"
"""The end of a message that was too long."""

Framing = Literal["octet_counting", "newline"]


class Framer:
    """Turns batches into bytes; ``on_cut`` is told how many messages were too long.

    A batch is looked at as a whole: only where something in it has to be escaped is each of its
    texts escaped on its own.
    """

    def __init__(
        self, layout: Layout, max_message_bytes: int, on_cut: Callable[[int], None]
    ) -> None:
        self._layout = layout
        self._limit = max_message_bytes
        self._on_cut = on_cut
        self._cut = 0

    def octets(self, batches: Sequence[Batch]) -> bytes:
        """Return messages of RFC 6587's octet counting: ``LENGTH SP MESSAGE``."""
        self._cut = 0
        texts: list[str] = []
        try:
            for batch in batches:
                texts += self._counted(batch)
            framed = "".join(texts).encode()
        except UnicodeEncodeError:  # A lone surrogate somewhere.
            framed = b"\0"
        if b"\0" in framed:
            framed = "".join(_counted(self._texts(batches, without_nul))).encode()
        self._tell()
        return framed

    def _counted(self, batch: Batch) -> list[str]:
        """Return a batch's messages, each made in one go if that is possible."""
        counted = self._layout.counted(batch, self._limit)
        return _counted(self._add_texts((batch,))) if counted is None else counted

    def lines(self, batches: Sequence[Batch]) -> bytes:
        """Return one message a line; what would end a line is escaped."""
        try:
            texts = self._texts(batches)
            framed = "\n".join([*texts, ""]).encode()
        except UnicodeEncodeError:
            framed = b"\0"
        if b"\0" in framed or framed.count(b"\n") != len(texts):
            framed = "\n".join([*self._texts(batches, one_line), ""]).encode()
        self._tell()
        return framed

    def datagrams(self, batches: Sequence[Batch]) -> list[bytes]:
        """Return each message on its own; what could end it early is escaped."""
        try:
            made = [text.encode() for text in self._texts(batches)]
        except UnicodeEncodeError:
            made = [b"\0"]
        if any(b"\n" in one or b"\0" in one for one in made):
            made = [text.encode() for text in self._texts(batches, one_line)]
        self._tell()
        return made

    def shortened(self, message: bytes, limit: int) -> bytes:
        """Return a message cut to so many bytes, and tell of it."""
        self._on_cut(1)
        return cut(message.decode(), limit).encode()

    def _texts(self, batches: Sequence[Batch], clean: Clean | None = None) -> list[str]:
        self._cut = 0
        return self._add_texts(batches, clean)

    def _add_texts(self, batches: Sequence[Batch], clean: Clean | None = None) -> list[str]:
        """Return the messages of batches; those that are cut are counted with the others."""
        layout = self._layout
        texts = [text for batch in batches for text in layout.texts(batch, clean)]
        if texts and max(map(len, texts)) * 4 > self._limit:
            texts = [self._bounded(text) for text in texts]
        return texts

    def _bounded(self, text: str) -> str:
        if len(text) <= self._limit and (text.isascii() or len(text.encode()) <= self._limit):
            return text
        self._cut += 1
        return cut(text, self._limit)

    def _tell(self) -> None:
        if self._cut:
            self._on_cut(self._cut)


def _counted(texts: list[str]) -> list[str]:
    # isascii() knows the answer without looking: it is a flag of the string.
    return [f"{len(text) if text.isascii() else len(text.encode())} {text}" for text in texts]


def cut(text: str, limit: int) -> str:
    """Return as much of a text as fits into ``limit`` bytes with the mark, no character in half."""
    kept = text[:limit].encode()[: limit - len(MARK)]
    return kept.decode(errors="ignore") + MARK
