"""Events kept and dropped by rule."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from penstock.api import Batch, Event, Rules, Transform
from penstock_transform_filter.kinds import drops_all, may_match, misspelt


class Filter(Transform):
    """Lets events through, or leaves them out, by rule.

    Some ``keep`` rule has to match, and no ``drop`` rule. What is left out is counted as ``keep``,
    or as ``drop[0]`` and so on: the first rule that matched.
    """

    name = "filter"
    requires_api = "1.0"
    stability = "beta"

    class Config(Transform.Config, frozen=True, kw_only=True):
        """The rules."""

        keep: Annotated[
            Rules,
            Meta(description="Rules of what goes through; without any, everything does."),
        ] = Rules()
        drop: Annotated[
            Rules, Meta(description="Rules of what is left out, even where `keep` matches.")
        ] = Rules()

        def __post_init__(self) -> None:
            rules = {"keep": self.keep, "drop": self.drop}
            wrong = [f"{key}: {one}" for key in rules for one in misspelt(rules[key].tables)]
            if wrong:
                raise ValueError("; ".join(wrong))

    config: Config

    def passes(self, kinds: frozenset[type[Event]]) -> frozenset[type[Event]]:
        """Leave out the kinds that no ``keep`` rule can match, and those that one drops whole."""
        keep, drop = self.config.keep, self.config.drop
        return frozenset(
            kind
            for kind in kinds
            if (not keep or any(may_match(rule, kind) for rule in keep.tables))
            and not any(drops_all(rule, kind) for rule in drop.tables)
        )

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
