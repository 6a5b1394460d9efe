"""The conformance kit's contract."""

from __future__ import annotations

from penstock.testing import TransformContract, configured
from penstock_transform_hostname.hostname import Hostname


class TestHostname(TransformContract):
    def make_transform(self) -> Hostname:
        return configured(Hostname)


class TestHostnameFromTemplate(TransformContract):
    def make_transform(self) -> Hostname:
        return configured(Hostname, {"value": "{container.name}.{host.name|service.name}"})
