"""Events kept and dropped by rule."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from penstock.api import Batch, Rules, Transform


class Filter(Transform):
    """Lets events through, or leaves them out, by rule.

    Some ``keep`` rule has to match, and no ``drop`` rule. What is left out is counted as ``keep``,
    or as ``drop[0]`` and so on: the first rule that matched.
    """

    name = "filter"

    class Config(Transform.Config, frozen=True, kw_only=True):
        """The rules."""

        keep: Annotated[
            Rules,
            Meta(description="Rules of what goes through; without any, everything does."),
        ] = Rules()
        drop: Annotated[
            Rules, Meta(description="Rules of what is left out, even where `keep` matches.")
        ] = Rules()

    config: Config

    def apply(self, batch: Batch) -> Batch:
        """Return the batch without what the rules leave out."""
        return self._kept(self._without_dropped(batch))

    def _without_dropped(self, batch: Batch) -> Batch:
        resource = batch.resource
        for index, test in self.config.drop.candidates(resource):
            left = [] if test is None else [e for e in batch.events if not test(resource, e)]
            batch = self.keep(batch, left, f"drop[{index}]")
        return batch

    def _kept(self, batch: Batch) -> Batch:
        rules, resource = self.config.keep, batch.resource
        tests = [test for _, test in rules.candidates(resource)]
        if not rules or None in tests:
            return batch
        left = [e for e in batch.events if any(test(resource, e) for test in tests if test)]
        return self.keep(batch, left, "keep")
