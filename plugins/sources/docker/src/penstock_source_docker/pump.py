"""Moves one container's log from Docker to the pipelines, stream after stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from msgspec.structs import replace

from penstock.api import EVENT_OVERHEAD_BYTES, Log, heap_size
from penstock_source_docker.beginning import ALL
from penstock_source_docker.errors import AwayError, BrokenStreamError
from penstock_source_docker.opening import Opening, Reading
from penstock_source_docker.position import Position
from penstock_source_docker.risk import Risk
from penstock_source_docker.sending import Sending
from penstock_source_docker.skips import Skips

PAUSE_S = 1.0
"""After a longer wait for the pipelines a log may have rotated twice: Docker skips, silently."""

LOOK_EVERY_S = 30.0
"""While only what was there at the opening is read: Docker holds those files open."""

ABRUPT_S = 0.05
"""A stream that ends sooner after its last line was not waited on."""

LULL_S = 0.25
"""An engine that has more to send does not wait so long."""

QUIET_S = 1.0
MIXED_NS = 10_000_000
"""How far the two streams may be out of order in Docker's log (measured: 8 ms)."""

ROTATED = "Docker no longer has what came after the last line: its log was rotated or truncated"
SKIPPED = "Docker may have skipped lines: its log rotates faster than it can be read"


class Pump:
    """Reads and sends until a stream ends, and finds the place again for the next one."""

    def __init__(
        self,
        opening: Opening,
        sending: Sending,
        skips: Skips,
        risk: Risk,
        *,
        tail: str,
        patience_s: float,
    ) -> None:
        self._opening = opening
        self._sending = sending
        self._skips = skips
        self._risk = risk
        self._tail = tail
        self._patience_s = patience_s
        self._follow = False
        self._looked = 0.0
        self._restarting = False
        self._unproven = False
        self._ended_abruptly = False
        self._left: Reading | None = None
        self.reading: Reading | None = None
        self.entered = False
        """Whether a stream was opened where it has to be; set back by whoever asks."""
        self.has_read = False
        """Whether one was ever read to its end, and not to the engine's complaint."""

    async def run(self, *, follow: bool) -> None:
        """Read from the last line that was sent to the end of the stream.

        What is open at the end stays open if it was followed: whether the container ended or only
        the connection did, the caller finds out. ``finish`` or the next ``run`` settles it.
        """
        self._restarting = False
        self._follow = follow
        self._forget_left()
        self.reading = reading = await self._enter(follow=follow)
        self._risk.read(
            reading.events, reading.lines.size - EVENT_OVERHEAD_BYTES * len(reading.events)
        )
        self.entered = True
        try:
            reading = await self._pump(reading, follow=follow)
            self._left, self.reading, self.has_read = reading, None, True
        except (AwayError, OSError):
            if not self._restarting:
                raise
        finally:
            if self.reading:
                self.reading.close()
                self.reading = None
        if not follow:
            self._ended_abruptly = False
            await self.finish()

    async def finish(self) -> None:
        """Send what the last stream left open: nothing more will come."""
        left, self._left = self._left, None
        if left:
            events = left.lines.finish()
            if events:
                await self._sending.send(events, left.lines.size, left.lines.position)
            left.close()

    def close(self) -> None:
        """Let go of everything."""
        self._forget_left()
        self._opening.recent.clear()

    def restart(self) -> None:
        """Have the stream opened anew, behind the last line that was sent."""
        if self.reading:
            self._restarting = True
            self.reading.stream.close()

    async def probe(self, idle_s: float) -> None:
        """Restart a stream that stays silent although there is something new (moby #45728)."""
        reading = self.reading
        if reading is None or not reading.stream.waiting:
            return
        last_read = reading.stream.last_read
        if time.monotonic() - last_read < idle_s:
            return
        self._opening.recent.clear()
        known = max(reading.lines.newest, self._sending.position.last_time)
        if await self._opening.newest(known + 1) <= known:
            return
        await asyncio.sleep(QUIET_S)
        if self.reading is reading and reading.stream.last_read == last_read:
            self.restart()

    def seconds_to_loss(self, now: int) -> float | None:
        """Estimate how soon lines that were not read will be gone; None if none is in danger.

        What the engine has sent is safe: a socket that it could fill further has all there is.
        """
        reading = self.reading
        if not self._follow:
            return None
        if reading is None:
            return self._risk.seconds(now, 0)
        stream = reading.stream
        is_quiet = stream.waiting and time.monotonic() - stream.last_read > LULL_S
        if is_quiet or (not stream.waiting and stream.has_all):
            self._risk.caught_up(now)
            return None
        return self._risk.seconds(now, reading.opened)

    def ended_early(self, end: int) -> bool:
        """Say whether the last stream of a container that is gone lacks what came before its end.

        Docker 20.10 does that where much is unread when a container is removed (measured). A
        stream that was waited on had all; so had one that was read again behind the end.
        """
        return self._ended_abruptly and self._risk.ended_early(end)

    async def _enter(self, *, follow: bool) -> Reading:
        position = self._sending.position
        if position.mark is None:
            # The last lines that are wanted are older than the time at which it begins.
            if self._tail != ALL:
                position = replace(position, since=0)
            reading = await self._opening.begin(position, self._tail, follow=follow)
            self._tail = ALL
            return reading
        found = await self._opening.resume(position, follow=follow)
        return found or await self._rest(position, follow=follow)

    async def _rest(self, position: Position, *, follow: bool) -> Reading:
        """Go on with all that Docker still has; what came before it may be lost."""
        reading, since = await self._opening.open_rest(position, follow=follow)
        self._sending.position = Position(epoch=position.epoch, since=since, name=position.name)
        if self._opening.oldest:
            self._unproven = True
        else:
            self._sending.lose(ROTATED)
            await self._sending.say_gap()
        return reading

    async def _pump(self, reading: Reading, *, follow: bool) -> Reading:
        """Read and send until the end; return the reading that came to it."""
        while True:
            pause = await self._send(reading)
            lines = reading.lines
            paused = pause > PAUSE_S and follow and self._may_have_skipped(reading)
            if paused or lines.history.doubt:
                self.reading = reading = await self._look_again(reading)
                continue
            if lines.broken:
                raise BrokenStreamError(lines.broken)
            last_read = reading.stream.last_read
            data = await self._next(reading)
            if not data:
                self._ended_abruptly = reading.stream.last_read - last_read < ABRUPT_S
                return reading
            reading.events = lines.feed(data)
            self._risk.read(reading.events, len(data))
            if follow and self._skips.suspects(reading.events, len(data), reading.opened):
                self.reading = reading = await self._look_again(reading)
            elif lines.waiting:
                reading.events += lines.stale(self._patience_s)

    async def _send(self, reading: Reading) -> float:
        """Send the events of a reading; return for how many seconds that was not possible."""
        lines, events = reading.lines, reading.events
        if lines.history.duplicates:
            self._sending.recognised(lines.history.duplicates)
            lines.history.duplicates = 0
            self._unproven = False  # What comes again was sent: the rest joins on to it.
        if not events:
            return 0.0
        if self._unproven:
            self._unproven = False
            if not self._skips.too_short(self._sending.last_time, events[0].time_unix_nano):
                self._sending.lose(ROTATED)
        pause = await self._sending.send(events, lines.size, lines.position)
        reading.events = []
        # What is read together with the place where a stream was entered is in Docker's order.
        lines.history.wary = True
        return pause

    async def _next(self, reading: Reading) -> bytes:
        """Return what comes next; lines that have begun are ended after some silence."""
        while reading.lines.waiting:
            try:
                async with asyncio.timeout(self._patience_s):
                    return await reading.stream.read()
            except TimeoutError:
                reading.events = reading.lines.stale(self._patience_s)
                await self._send(reading)
        return await reading.stream.read()

    def _may_have_skipped(self, reading: Reading) -> bool:
        """Say whether to look after a pause: not often while only what was there is read."""
        now = time.monotonic()
        is_older = self._sending.position.last_time < reading.opened
        if is_older and now - self._looked < LOOK_EVERY_S:
            return False
        self._looked = now
        return True

    async def _look_again(self, reading: Reading) -> Reading:
        """Make sure that nothing was skipped; return the stream to go on with.

        It begins behind the last line that was sent: events that the old one made since are made
        again. The old one stays open until then, as it alone may have what Docker has deleted.
        """
        unsent, reading.events = reading.events, []
        read = self._opening.recent.forget_last() if unsent else b""
        doubt = reading.lines.history.doubt
        fresh = await self._opening.resume(self._sending.position, follow=True, in_doubt=doubt)
        if fresh is None:
            if read:
                self._opening.recent.keep(read)
            position = await self._drain(reading, unsent)
            fresh = await self._rest(position, follow=True)
        reading.close()
        return fresh

    async def _drain(self, reading: Reading, unsent: Sequence[Log]) -> Position:
        """Send what only the old stream has: what is older than all that Docker still has.

        Nothing is committed for it, as the place behind it is not where the rest begins. Return
        what to recognise of the rest.
        """
        until = self._opening.oldest + MIXED_NS
        position, events = self._sending.position, unsent
        while True:
            kept = [event for event in events if event.time_unix_nano < until]
            await self._send_unverified(kept)
            if len(kept) < len(events):
                return position.behind(kept)
            position = reading.lines.position
            try:
                async with asyncio.timeout(QUIET_S):
                    data = await reading.stream.read()
            except TimeoutError:
                return position
            if not data or reading.lines.stopped:
                return position
            events = reading.lines.feed(data)
            self._skips.suspects(events, len(data), reading.opened)

    async def _send_unverified(self, events: Sequence[Log]) -> None:
        """Send events of which Docker has nothing any more: what is suspected cannot be refuted."""
        for number, part in enumerate(self._skips.split(events)):
            if part:
                if number:
                    self._sending.lose(SKIPPED)
                await self._sending.send(part, heap_size(part), None)
        self._skips.found(missing=True)

    def _forget_left(self) -> None:
        left, self._left = self._left, None
        if left:
            left.close()
