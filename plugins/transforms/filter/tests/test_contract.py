"""The conformance kit's contract: rules of the event, of the resource, and of both."""

from __future__ import annotations

from penstock.testing import TransformContract, configured
from penstock_transform_filter.filter import Filter


class TestFilterByEvent(TransformContract):
    def make_transform(self) -> Filter:
        settings = {
            "keep": [{"container.name": ["web-*", "db-*"]}, {"severity": "error"}],
            "drop": [{"message": ["*healthz*", "re:^GET /ping"]}, {"stream": "stderr"}],
        }
        return configured(Filter, settings)


class TestFilterByResource(TransformContract):
    def make_transform(self) -> Filter:
        return configured(Filter, {"drop": {"container.name": "db-*"}})


class TestFilterWithoutRules(TransformContract):
    def make_transform(self) -> Filter:
        return configured(Filter)
