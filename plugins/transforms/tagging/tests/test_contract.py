"""The conformance kit's contract, once for each way of tagging."""

from __future__ import annotations

from penstock.testing import TransformContract, configured
from penstock_transform_tagging.tagging import Tagging


class TestTagging(TransformContract):
    def make_transform(self) -> Tagging:
        settings = {
            "add": {"env": "prod", "app": "{service.name|container.name}"},
            "from_labels": ["com.example.*"],
            "remove": ["env"],
            "remove_attributes": ["container.label.*", "host.name"],
        }
        return configured(Tagging, settings)


class TestTaggingWithoutSettings(TransformContract):
    def make_transform(self) -> Tagging:
        return configured(Tagging)
