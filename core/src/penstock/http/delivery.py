"""One write: its bodies sent one after the other, and the sum of what was answered."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from penstock.api import EMPTY, ConfigError, Event, PenstockError, Report, RetryableError
from penstock.http.answer import Answer
from penstock.http.body import (
    Body,
    Owner,
    Parcel,
    Section,
    Target,
    bodies,
    events_of,
    refuse_oversized,
)
from penstock.http.client import Client


class Verdict(Struct, frozen=True):
    """What a successful answer says of the events in the body; the rest was taken."""

    rejected: Mapping[Event, str] = EMPTY
    retry: Sequence[Event] = ()
    reason: str = ""


Judge = Callable[[Answer, Sequence[Owner]], Verdict | None]
"""Reads an answer whose status is a success, or that holds a word on each event; None: all taken.

Raise a ``RetryableError`` where nothing is known of any of them.
"""


class Learned:
    """What a destination's 413 told of its limit, which is lower than the documented one."""

    def __init__(self) -> None:
        self.max_body_bytes = 1 << 62

    def refused(self, size: int) -> None:
        self.max_body_bytes = max(1, min(self.max_body_bytes, size // 2))


class Delivery:
    """Sends parcels until one of their bodies fails.

    What was not sent by then comes again with what failed: to send on would only press on a
    destination that is in trouble, and change the order.
    """

    def __init__(
        self,
        client: Client,
        judge: Judge,
        learned: Learned,
        *,
        method: str = "POST",
        patience_s: float,
    ) -> None:
        self._client = client
        self._judge = judge
        self._learned = learned
        self._method = method
        self._patience_s = patience_s
        self._rejected: dict[Event, str] = {}
        self._retry: list[Event] = []
        self._taken = False
        self._wait: float | None = None

    async def send(
        self, parcels: Sequence[Parcel], refused: Mapping[Event, str] = EMPTY
    ) -> Report | None:
        """Return what became of the events; raise if nothing at all did."""
        self._rejected.update(refused)
        waiting = deque(self._fitting(parcels))
        clock = asyncio.get_running_loop().time
        until = clock() + self._patience_s
        error: PenstockError | None = None
        while waiting and not self._retry and clock() < until:
            body = waiting.popleft()
            if body.size > self._learned.max_body_bytes and len(body.owners) > 1:
                # It was cut before another one told of the limit.
                waiting.extendleft(reversed(self._cut(body.target, body.sections)))
                continue
            try:
                waiting.extendleft(reversed(await self._post(body)))
            except PenstockError as caught:
                error = caught
                waiting.appendleft(body)
                break
        self._retry += events_of([owner for body in waiting for owner in body.owners])
        return self._report(error)

    def _report(self, error: PenstockError | None) -> Report | None:
        if error and not (self._taken or self._rejected):
            raise error
        if not (self._rejected or self._retry):
            return None
        if isinstance(error, RetryableError):
            self._wait = error.retry_after
        return Report(self._rejected, self._retry, self._wait)

    def _fitting(self, parcels: Sequence[Parcel]) -> list[Body]:
        made: list[Body] = []
        for parcel in parcels:
            rest, refused = refuse_oversized(parcel)
            self._rejected.update(refused)
            made += self._cut(rest.target, rest.sections)
        return made

    def _cut(self, target: Target, sections: Sequence[Section]) -> list[Body]:
        return list(bodies(target, sections, self._learned.max_body_bytes))

    async def _post(self, body: Body) -> Sequence[Body]:
        """Send a body; return the smaller ones to send instead if it is too large."""
        target, statuses = body.target, self._client.destination.statuses
        headers = {"Content-Type": target.content_type, **target.headers}
        answer = await self._client.post(target.url, body.data(), headers, self._method)
        owners = body.owners
        if answer.status in statuses.too_large and len(owners) > 1:
            self._learned.refused(body.size)
            return self._cut(target, body.sections)
        if answer.status in statuses.fatal or (
            answer.status in statuses.too_large and len(owners) == 1
        ):
            self._rejected |= dict.fromkeys(events_of(owners), self._client.said(answer))
            return ()
        if not answer.ok and answer.status not in statuses.refused:
            self._client.fail(answer)
        verdict = self._judged(answer, owners)
        if verdict is not None:
            self._settle(verdict, owners, answer)
        elif not answer.ok:
            self._client.fail(answer)
        else:
            self._taken = True
        return ()

    def _judged(self, answer: Answer, owners: Sequence[Owner]) -> Verdict | None:
        try:
            return self._judge(answer, owners)
        except (RetryableError, ConfigError) as error:
            said = self._client.redact(str(error))
            raise type(error)(f"{answer.origin}: {said}") from error.__cause__

    def _settle(self, verdict: Verdict, owners: Sequence[Owner], answer: Answer) -> None:
        if verdict.retry and len(verdict.retry) == len(events_of(owners)):
            said = verdict.reason or self._client.said(answer)
            raise RetryableError(self._client.redact(said), retry_after=answer.retry_after)
        self._rejected |= {
            event: self._client.redact(why) for event, why in verdict.rejected.items()
        }
        self._retry += verdict.retry
        self._wait = answer.retry_after
        self._taken = True
