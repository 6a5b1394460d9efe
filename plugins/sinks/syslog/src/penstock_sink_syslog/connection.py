"""One TCP or TLS connection: gathers writes, sends them in order, and ends once for all of them."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast

from msgspec import Struct

from penstock.api import Batch, RetryableError
from penstock_sink_syslog import kernel
from penstock_sink_syslog.tls import TlsLayer
from penstock_sink_syslog.window import Rules, Sample, Window

GATHER_BYTES = 65_536
"""Writes that wait are sent together up to this size: more would leave the processor's cache."""
AHEAD_BYTES = 262_144
"""How much may wait for room in the send queue, and be sent without asking the kernel."""
ACCEPTANCE_S = 0.25
"""How long a TLS 1.3 receiver has, at least, to refuse what it was shown."""
TICK_S = 0.25
"""How often a connection with open writes looks at them again."""
FULL_TICK_S = 0.02
"""Likewise where core can start nothing before some of them return."""

Encode = Callable[[Sequence[Batch]], bytes]
OnEnd = Callable[["Connection", int], None]
"""Told of a connection's end, and of how many writes failed with it."""


class Waiting(Struct, frozen=True, gc=False):
    """A write that is not formatted yet, so that it costs nothing while it waits."""

    batches: Sequence[Batch]
    future: asyncio.Future[None]
    heap: int


class Connection(asyncio.Protocol):
    """Takes writes from the start, also before it is connected.

    When it ends, all writes that have not returned fail, and ``on_end`` is told.
    """

    def __init__(
        self,
        encode: Encode,
        rules: Rules,
        tls: TlsLayer | None,
        on_end: OnEnd,
        *,
        peer_reads: bool = False,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._encode = encode
        self._rules = rules
        self._tls = tls
        self._on_end = on_end
        self._transport: asyncio.Transport | None = None
        self._window = Window(rules, kernel.SEND_BUFFER_BYTES * 2, reads=peer_reads)
        self._waiting: deque[Waiting] = deque()
        self._handed = 0
        self._is_ready = False
        self._is_paused = False
        self._is_turning = False
        self._is_half_closed = False
        self._is_scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._acceptance: asyncio.TimerHandle | None = None
        self._made_at = 0.0
        self.is_finishing = False
        """Whether it ends once everything that waits is sent."""
        self.ready: asyncio.Future[None] = loop.create_future()
        """Done when writes can be sent."""
        self.ended: asyncio.Future[str] = loop.create_future()
        """Done at the end, with the reason; it is empty after ``finish`` and a clean end."""
        self.gone: asyncio.Future[None] = loop.create_future()
        """Done when the socket is closed too."""

    @property
    def peer_reads(self) -> bool:
        """Whether the peer's program is known to have read something."""
        return self._window.reads

    @property
    def has_waiting(self) -> bool:
        """Whether there are writes of which nothing was sent."""
        return bool(self._waiting)

    @property
    def cut_short(self) -> bool:
        """Whether the window was smaller than the peer asks for."""
        return self._window.cut_short

    def put(self, batches: Sequence[Batch]) -> asyncio.Future[None]:
        """Take a write; the future is done when its bytes cannot be in flight any more."""
        future = self._loop.create_future()
        heap = sum(batch.size for batch in batches)
        self._waiting.append(Waiting(batches, future, heap))
        if self._is_ready:
            # Not at once: writes that start together are sent together.
            self._schedule()
        return future

    def succeed(self, other: Connection) -> None:
        """Take over what another one has not sent."""
        self._waiting, other._waiting = other._waiting, deque()

    def finish(self) -> None:
        """End the sending side behind the last write, so that the peer can say that it read all."""
        self.is_finishing = True
        if self._is_ready:
            self._pump()

    def end(self, reason: str) -> None:
        """Give up: whatever has not returned fails."""
        if self.ended.done():
            return
        self.ended.set_result(reason)
        for timer in (self._timer, self._acceptance):
            if timer:
                timer.cancel()
        if self._transport:
            self._transport.abort()
        else:
            self.gone.set_result(None)
        failed = len(self._window)
        self._window.fail(reason)
        if reason:
            failed += len(self._waiting)
            while self._waiting:
                future = self._waiting.popleft().future
                if not future.done():
                    future.set_exception(RetryableError(reason))
        self._on_end(self, failed)

    def close(self) -> None:
        """Close with a farewell if nothing is under way, else just end."""
        transport = self._transport
        if transport and self._is_ready and not self.ended.done() and not self._is_half_closed:
            if not transport.get_write_buffer_size() and self._tls:
                transport.write(self._tls.finish())
            if not transport.get_write_buffer_size():
                transport.close()
        self.end("the sink was closed")

    # --- what asyncio calls ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._made_at = self._loop.time()
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=AHEAD_BYTES)
        if self.ended.done():
            self._transport.abort()
            return
        sock = transport.get_extra_info("socket")
        self._window = Window(self._rules, kernel.send_buffer(sock), reads=self.peer_reads)
        if self._tls:
            self._tls.start()
            self._send(self._tls.take())
        else:
            self._begin()

    def data_received(self, data: bytes) -> None:
        if self._tls is None or self.ended.done():
            return  # Syslog has no answers: what a peer says is read only to see it close.
        try:
            closed = self._tls.feed(data)
        except ssl.SSLError as error:
            self._send(self._tls.take())  # The alert that tells the peer why.
            self.end(f"TLS: {tls_reason(error)}")
            return
        self._send(self._tls.take())
        if self._tls.is_ready and not self._is_ready:
            self._await_acceptance(self._tls)
        if closed and not self._is_half_closed:
            self.end("the receiver closed the connection")

    def eof_received(self) -> bool:
        has_ended = self._is_turning or (self.is_finishing and not self._waiting)
        if has_ended and self._all_acknowledged():
            # With anything unread its kernel would have sent a reset.
            self._window.deliver()
            self.end("")
        self.end("the receiver closed the connection")
        return True

    def connection_lost(self, error: Exception | None) -> None:
        if not self.gone.done():
            self.gone.set_result(None)
        self.end(f"connection lost: {error}" if error else "connection closed")

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        # Not from here: asyncio is in the midst of its own buffer, and would end it twice.
        self._schedule()

    # --- sending ---------------------------------------------------------------------------

    def _await_acceptance(self, tls: TlsLayer) -> None:
        """Begin when the peer has said something, or long enough nothing, after the handshake.

        A receiver that refuses the client's certificate may read what follows and just close.
        """
        if tls.is_accepted:
            self._begin()
        elif self._acceptance is None:
            round_trip = self._loop.time() - self._made_at
            self._acceptance = self._loop.call_later(max(ACCEPTANCE_S, 2 * round_trip), self._begin)

    def _begin(self) -> None:
        if self._acceptance:
            self._acceptance.cancel()
        self._is_ready = True
        self.ready.set_result(None)
        self._pump()

    def _schedule(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Send what waits, as far as the transport takes it and the window holds it."""
        self._is_scheduled = False
        asked = self._handed - AHEAD_BYTES
        while self._may_send:
            if self._handed - asked >= AHEAD_BYTES:
                asked = self._handed
                self._settle()  # Also before: the peer's window is widest when little is sent.
            if self._window.is_tight or self._is_turning:
                break
            self._send_group(GATHER_BYTES)
        if not self._is_live:
            return  # What waits fails with the rest, as soon as asyncio tells of the end.
        if self.is_finishing and not self._waiting:
            self._half_close()
        self._settle()
        if self._may_send and not self._window.is_tight:
            self._schedule()

    def _send_group(self, limit: int) -> None:
        frames: list[bytes] = []
        writes: list[Waiting] = []
        size = 0
        while self._waiting and size < limit:
            write = self._waiting.popleft()
            if write.future.done():
                continue  # Cancelled before anything of it was sent.
            try:
                frames.append(self._encode(write.batches))
            except Exception as error:
                write.future.set_exception(error)
                continue
            writes.append(write)
            size += len(frames[-1])
        end = self._handed
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        self._send(self._tls.encrypt(data) if self._tls and data else data)
        now = self._loop.time()
        for write, frame in zip(writes, frames, strict=True):
            # Where in the encrypted bytes a write ends is not known: with the last of its group.
            end = self._handed if self._tls else end + len(frame)
            self._window.sent(write.future, end, write.heap, now)

    def _send(self, data: bytes) -> None:
        if data and self._transport:
            self._handed += len(data)
            self._transport.write(data)

    @property
    def _may_send(self) -> bool:
        is_held = self._is_paused or self._is_turning or not self._is_live
        return bool(self._waiting) and not is_held

    def _turn(self) -> None:
        """End the sending side, so that the peer proves that it read all; the next goes on."""
        self._is_turning = True
        self._half_close()

    def _half_close(self) -> None:
        transport = self._transport
        if transport and not transport.is_closing() and not self._is_half_closed:
            self._is_half_closed = True
            if self._tls:
                self._send(self._tls.finish())
            transport.write_eof()

    @property
    def _is_live(self) -> bool:
        return bool(self._transport and not self._transport.is_closing())

    # --- the window ------------------------------------------------------------------------

    def _settle(self) -> None:
        sample = self._sample()
        if sample and len(self._window):
            now = self._loop.time()
            self._window.settle(sample, now)
            can_send = self._waiting and not self._window.is_full  # Then the answer tells more.
            if not can_send and self._window.needs_proof(sample, now):
                self._turn()
        if (len(self._window) or self._waiting) and not self.ended.done():
            self._set_timer(FULL_TICK_S if self._window.is_tight else TICK_S)

    def _set_timer(self, seconds: float) -> None:
        """Look again after so long at most."""
        if self._timer:
            if self._timer.when() <= self._loop.time() + seconds:
                return
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._settle()
        if self._is_turning and not len(self._window):
            self.end("")  # It has read all, but does not close.
        elif self._may_send:
            if self._window.is_tight and not self._window.is_full:
                self._send_group(1)  # One write: the answer tells the peer's window anew.
            self._pump()

    def _sample(self) -> Sample | None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return None
        sock = transport.get_extra_info("socket")
        taken = self._handed - transport.get_write_buffer_size()
        return Sample(taken, kernel.unacknowledged(sock), kernel.peer_window(sock))

    def _all_acknowledged(self) -> bool:
        sample = self._sample()
        return bool(sample and sample.taken == self._handed and not sample.unacknowledged)


def tls_reason(error: ssl.SSLError) -> str:
    """Return why TLS failed, without OpenSSL's file and line."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the receiver's certificate: {error.verify_message}"
    return (error.reason or str(error)).lower().replace("_", " ")
