"""All containers of an engine, as far as they are known."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from penstock_source_docker.answers import Listed
from penstock_source_docker.attributes import origin
from penstock_source_docker.backoff import Backoff
from penstock_source_docker.departed import say_departed
from penstock_source_docker.errors import AnswerError, AwayError
from penstock_source_docker.follower import End, Follower
from penstock_source_docker.shared import ENGINE_LANE, Shared


class Entry:
    """A container: its follower while there is one, and in the end why there is none."""

    __slots__ = ("container", "end", "follower", "name", "started", "task")

    def __init__(self, container: str, name: str, *, started: bool) -> None:
        self.container = container
        self.name = name
        self.started = started
        self.follower: Follower | None = None
        self.end: End | None = None
        self.task: asyncio.Task[None] | None = None

    def wake(self, *, started: bool = False) -> None:
        """Say that it was started, or removed."""
        self.started |= started
        if self.follower:
            self.follower.wake(started=started)


class Roster:
    """Keeps an entry for each container, so that none is read twice and none is forgotten.

    What is left out or has ended stays on it until a list comes without it: a list that was under
    way meanwhile would bring it back.
    """

    def __init__(self, shared: Shared, tasks: asyncio.TaskGroup) -> None:
        self._shared = shared
        self._tasks = tasks
        self._entries: dict[str, Entry] = {}

    @property
    def containers(self) -> set[str]:
        """The ids of all that are on it."""
        return set(self._entries)

    @property
    def followers(self) -> list[Follower]:
        """Those that are read."""
        return [entry.follower for entry in self._entries.values() if entry.follower]

    def created(self, container: str, name: str) -> None:
        """Prepare for a container: once it starts, there may be only milliseconds."""
        if container not in self._entries:
            self._add(container, name, started=False)

    def started(self, container: str, name: str) -> None:
        """Read a container that was started, or has ended already."""
        if entry := self._entries.get(container):
            entry.wake(started=True)
        else:
            self._add(container, name, started=True)

    def ended(self, container: str, name: str, time: int) -> None:
        """Note when a container ended; it may be the first that is heard of it."""
        self.started(container, name)
        entry = self._entries[container]
        if entry.follower:
            entry.follower.ended(time)

    def removed(self, container: str) -> None:
        """Read what is left of a container, and forget it."""
        if entry := self._entries.get(container):
            entry.wake()

    def renamed(self, container: str) -> None:
        """Take over a container's new name, which may mean that it is read now, or no longer."""
        if entry := self._entries.get(container):
            self._tasks.create_task(self._rename(entry))

    def reconcile(self, listed: Iterable[Listed], before: set[str]) -> None:
        """Repair what events have missed; ``before`` was on the roster when the list was asked."""
        here = {one.id: one for one in listed}
        for container, one in here.items():
            entry = self._entries.get(container)
            if entry is None:
                if self._is_wanted(one):
                    self._add(container, one.name, started=True)
                continue
            if one.runs and entry.follower and entry.follower.dormant:
                entry.wake(started=True)
            if one.name and entry.name and one.name != entry.name and entry.end is not End.GONE:
                self._tasks.create_task(self._rename(entry))
        for container in before - here.keys():
            entry = self._entries[container]
            if entry.end:
                self._strike(entry)
            else:
                entry.wake()

    def bury(self, listed: Iterable[Listed]) -> None:
        """Say what is lost of containers that were read once, and were removed meanwhile."""
        here = {one.id for one in listed}
        lanes = [lane for lane in self._shared.out.lanes() if lane != ENGINE_LANE]
        gone = [lane for lane in lanes if lane not in here and lane not in self._entries]
        entries = [Entry(lane, "", started=False) for lane in gone]
        self._entries.update(zip(gone, entries, strict=True))
        self._tasks.create_task(self._bury(entries))

    async def probe(self) -> None:
        """Look after silent streams, one after the other."""
        for follower in self.followers:
            try:
                await follower.probe(self._shared.pace.idle_s)
            except (AnswerError, AwayError):
                continue

    def assess(self) -> None:
        """Have every container say whether lines of it are about to be lost."""
        now = self._shared.engine.clock.now()
        for follower in self.followers:
            follower.assess(now)

    def restart(self) -> None:
        """Have every stream opened anew."""
        for follower in self.followers:
            follower.restart()

    def _is_wanted(self, one: Listed) -> bool:
        """Say whether a container on a list may have something to read."""
        if one.runs:
            return True
        if one.state == "created":
            return False
        if self._shared.start_at == "beginning":
            return True
        is_new = (one.created + 1) * 1_000_000_000 > self._shared.began
        return is_new or self._shared.out.position(one.id) is not None

    def _add(self, container: str, name: str, *, started: bool) -> None:
        entry = self._entries[container] = Entry(container, name, started=started)
        entry.task = self._tasks.create_task(self._live(entry))

    async def _live(self, entry: Entry) -> None:
        """Follow a container to its end; an error of ours in one must not stop the others."""
        backoff = Backoff()
        while entry.end is None:
            try:
                entry.end = await self._follow(entry)
            except AwayError:
                await asyncio.sleep(backoff.next())
                await self._shared.up.wait()
            except AnswerError as error:
                self._shared.log.warning("container %s: %s; trying again", entry.name, error)
                await asyncio.sleep(backoff.next())
            except Exception:
                self._shared.log.exception("container %s: reading failed", entry.name)
                await asyncio.sleep(backoff.next())
            finally:
                entry.follower = None

    async def _follow(self, entry: Entry) -> End:
        shared = self._shared
        details = await shared.engine.details(entry.container)
        if details is None:
            await say_departed(shared, entry.container, entry.name, started=entry.started)
            return End.GONE
        entry.name = details.plain_name
        if reason := shared.selection.refusal(details):
            shared.log.debug("container %s is not read: %s", entry.name, reason)
            return End.LEFT_OUT
        entry.follower = Follower(shared, details)
        if entry.started:
            entry.follower.wake(started=True)
        return await entry.follower.run()

    async def _bury(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            await say_departed(self._shared, entry.container, entry.name, started=entry.started)
            entry.end = End.GONE

    def _strike(self, entry: Entry) -> None:
        """Take a container that is gone off the roster, and forget how far it was read."""
        del self._entries[entry.container]
        out = self._shared.out
        if entry.end is End.LEFT_OUT and out.position(entry.container) is not None:
            out.retire(entry.container, origin=origin(entry.container))

    async def _rename(self, entry: Entry) -> None:
        try:
            details = await self._shared.engine.details(entry.container)
        except (AnswerError, AwayError):
            return  # The next list has the new name as well.
        if details is None or entry.end is End.GONE:
            return
        entry.name = details.plain_name
        wanted = not self._shared.selection.refusal(details)
        if entry.follower and wanted:
            entry.follower.rename(details)
        elif entry.follower and entry.task:
            entry.task.cancel()
            entry.end = End.LEFT_OUT
        elif entry.end is End.LEFT_OUT and wanted:
            self._add(entry.container, entry.name, started=details.state.started > 0)
