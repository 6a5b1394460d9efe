"""What a source and a sink owe alike when they are opened and closed."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import ClassVar

from penstock.api.component import Sink, Source
from penstock.testing.contracts.base import asynchronous, error_of
from penstock.testing.contracts.component import ComponentContract
from penstock.testing.obligation import require
from penstock.testing.stepping import Steps
from penstock.testing.watch import Watch


class Lifecycle(ComponentContract):
    """Opening and closing, the same for sources and sinks."""

    most_awaits: ClassVar[int]

    @abstractmethod
    def make_component(self) -> Source | Sink:
        """Make a new instance."""

    @asynchronous
    async def test_close_without_open(self) -> None:
        """``close`` is safe without ``open``, and twice."""
        never, opened = self.make_component(), self.make_component()
        async with asyncio.timeout(self.patience_s):
            await opened.open()
        closed = [never, never, opened, opened]
        errors = [await error_of(one.close(), self.patience_s) for one in closed]
        require(
            not any(errors),
            self.test_close_without_open,
            seen=f"close raised {[error for error in errors if error]!r}",
            do="give what `open` makes a None in the constructor, and let `close` look at it",
        )

    @asynchronous
    async def test_open_cancelled_anywhere(self) -> None:
        """``open`` may be cancelled at any await; ``close`` then leaves nothing behind."""
        undisturbed = Steps()
        await self._cancel_open(undisturbed)
        for at in undisturbed.spread(self.most_awaits):
            left = await (await self._cancel_open(Steps(at))).until_clean(self.patience_s)
            require(
                not left,
                self.test_open_cancelled_anywhere,
                seen=f"cancelled at await {at}, left over: {'; '.join(left)[:300]}",
                do="close what was opened when `open` does not come to its end",
            )

    async def _cancel_open(self, steps: Steps) -> Watch:
        """Cancel one ``open``, close, and return what watched both."""
        watch = Watch()
        component = self.make_component()
        await error_of(watch.run(component.open(), timeout=self.patience_s, steps=steps))
        await watch.run(component.close(), timeout=self.patience_s)
        return watch
