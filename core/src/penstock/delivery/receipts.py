"""Receipts: who still holds a batch, and what its lane may commit once nobody does."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from penstock.api.delivery import Receipt
from penstock.delivery.positions import Positions
from penstock.state.unit import LaneKey

MAX_WITHHELD = 256
"""After so many positions that were not committed because an event goes on, one is after all."""


class BatchReceipt:
    """Counts the holders of one batch; settled when the last one lets go.

    Holders are the sinks' buffers, the batches derived from it and the transforms that hold some
    of its events. A superset of holders only delays, a subset loses.
    """

    __slots__ = ("_holders", "_owner", "_waiter", "abandoned", "lane", "position")

    def __init__(self, owner: Lane, position: object) -> None:
        self._owner = owner
        self._holders = 1
        self._waiter: asyncio.Future[None] | None = None
        self.lane = owner.key
        self.position = position
        self.abandoned = False

    @property
    def is_settled(self) -> bool:
        return self._holders == 0

    def retain(self) -> None:
        self._holders += 1

    def release(self) -> None:
        self._holders -= 1
        if self._holders:
            return
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)
        self._owner.advance()

    def abandon(self) -> None:
        self.abandoned = True

    def bind(self, later: Receipt) -> None:
        """Commit no position from here on before that of ``later``: one event is of both batches.

        Whoever began to read between them would get only the end of that event.
        """
        self._owner.bind(self, later)

    async def settled(self) -> None:
        if self._holders:
            if self._waiter is None:
                self._waiter = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._waiter)


class Lane:
    """One lane's open receipts, in order: commits contiguously, whatever order they settle in.

    A batch that was abandoned at the deadline stops its lane's commits, so that a source that
    can be read again brings it back.
    """

    __slots__ = ("_on_retired", "_open", "_positions", "_withheld", "key", "origin", "sent")

    def __init__(self, key: LaneKey, positions: Positions) -> None:
        self.key = key
        self._positions = positions
        self._open: deque[BatchReceipt] = deque()
        self._withheld = 0
        self._on_retired: Callable[[], None] | None = None
        self.sent: object = None
        """The last position opened: where a source that starts again in this process goes on."""
        self.origin = ""
        """The origin that last came through it."""

    @property
    def is_retired(self) -> bool:
        """Whether it will be forgotten once all of it is settled."""
        return self._on_retired is not None

    def open(self, position: object) -> BatchReceipt:
        """Return the receipt of the lane's next batch; its maker is its first holder.

        A lane that was retired but is not settled yet lives on.
        """
        self._on_retired = None
        receipt = BatchReceipt(self, position)
        self._open.append(receipt)
        if position is not None:
            self.sent = position
        return receipt

    def advance(self) -> None:
        """Commit the newest position that has nothing unsettled before it."""
        position = None
        while self._open and self._open[0].is_settled and not self._open[0].abandoned:
            receipt = self._open.popleft()
            if receipt.position is not None:
                position = receipt.position
        if self._on_retired and not self._open:
            self._positions.forget(self.key)
            self._on_retired()
        elif position is not None:
            self._withheld = 0
            self._positions.commit(self.key, position)

    def bind(self, first: Receipt, last: Receipt) -> None:
        """Have the batches from ``first`` on, up to but without ``last``, commit nothing."""
        is_between = False
        for receipt in reversed(self._open):
            if is_between and receipt.position is not None and self._withheld < MAX_WITHHELD:
                receipt.position = None
                self._withheld += 1
            if receipt is first:
                return
            is_between = is_between or receipt is last

    def retire(self, on_retired: Callable[[], None]) -> None:
        """Forget the position once all is settled, then call ``on_retired``."""
        self._on_retired = on_retired
        self.advance()
