"""Learns which containers there are: events are a hint, the list is the truth."""

from __future__ import annotations

import asyncio
import time

from penstock.api import ConfigError
from penstock_source_docker.answers import EngineEvent
from penstock_source_docker.backoff import Backoff
from penstock_source_docker.errors import AnswerError, AwayError
from penstock_source_docker.events import Events
from penstock_source_docker.roster import Roster
from penstock_source_docker.shared import ENGINE_LANE, Shared

MOST_WAIT_S = 2.0
"""An engine that is away is looked for again after so long; to ask in vain costs little."""


class Watcher:
    """Keeps the roster in step with the engine, and comes back to an engine that was away."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._backoff = Backoff(most=MOST_WAIT_S)
        self._last_event = shared.last_event
        self._heeded = shared.last_event
        """Of the subscription before this one."""
        self._falls = shared.engine.clock.falls
        self._complaint = ""
        self._has_listed = False
        self._patrol: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            roster = Roster(self._shared, tasks)
            tasks.create_task(self._assess(roster))
            while True:
                try:
                    await self._watch(roster, tasks)
                except (AwayError, AnswerError, ConfigError) as error:
                    self._shared.up.clear()
                    self._complain(str(error))
                await asyncio.sleep(self._backoff.next())

    async def _watch(self, roster: Roster, tasks: asyncio.TaskGroup) -> None:
        """Subscribe, then list, so that nothing is started in between; raise where that ends."""
        engine = self._shared.engine
        await engine.negotiate()
        self._heeded = self._last_event
        events = Events(await engine.events(self._last_event + 1))
        try:
            await self._list(roster)
            self._arrived()
            while True:
                await self._follow_events(events, roster)
                await self._list(roster)
                if self._patrol is None or self._patrol.done():
                    self._patrol = tasks.create_task(roster.probe())
        finally:
            events.close()

    async def _follow_events(self, events: Events, roster: Roster) -> None:
        due = time.monotonic() + self._shared.pace.list_every_s
        while event := await events.next(max(due - time.monotonic(), 0)):
            self._take(event, roster)

    async def _assess(self, roster: Roster) -> None:
        while True:
            await asyncio.sleep(self._shared.pace.assess_every_s)
            roster.assess()

    def _take(self, event: EngineEvent, roster: Roster) -> None:
        # A new subscription repeats what came at the same time as the last event of the old one.
        # Within one the times tell nothing: Docker sends what comes at once in any order.
        if event.time_nano and event.time_nano <= self._heeded:
            return
        self._last_event = max(self._last_event, event.time_nano)
        container = event.actor.id
        name = (event.actor.attributes or {}).get("name", "")
        match event.action:
            case "create":
                roster.created(container, name)
            case "start":
                roster.started(container, name)
            case "die" | "died":
                roster.ended(container, name, event.time_nano)
            case "destroy" | "remove":
                roster.removed(container)
            case "rename":
                roster.renamed(container)
        self._shared.out.reached(ENGINE_LANE, self._last_event)

    async def _list(self, roster: Roster) -> None:
        before = roster.containers
        listed = await self._shared.engine.containers()
        roster.reconcile(listed, before)
        if not self._has_listed:
            self._has_listed = True
            roster.bury(listed)
            self._shared.out.reached(ENGINE_LANE, self._last_event)
        clock = self._shared.engine.clock
        if clock.falls != self._falls:
            self._falls = clock.falls
            self._shared.log.warning("the engine's clock was set back: all logs are opened anew")
            roster.restart()

    def _arrived(self) -> None:
        self._backoff.reset()
        self._shared.up.set()
        self._shared.troubled("")
        if self._complaint:
            self._complaint = ""
            self._shared.log.info("the engine is back")

    def _complain(self, text: str) -> None:
        """Show a problem, and log it once, however often it comes."""
        self._shared.troubled(text)
        if text != self._complaint:
            self._complaint = text
            self._shared.log.warning("the engine is away (%s); trying again", text)
