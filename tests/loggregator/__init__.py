"""Strict doubles of what Cloud Foundry's logs come from, on loopback.

``TrafficController`` (WebSocket, v1), ``RlpGateway`` (server-sent events, v2), ``Uaa`` (tokens) and
``CloudController`` (discovery) keep the real ones' rules and timing, and misbehave on demand. Each
is an async context manager; ``Servers`` runs them beside a test that is not async. What they do
was observed on real components (v107.0.12), as were the captured streams in ``data/``.
"""

from __future__ import annotations

from tests.loggregator.cloud_controller import CloudController
from tests.loggregator.rlp_gateway import RlpGateway
from tests.loggregator.servers import Servers
from tests.loggregator.traffic_controller import TrafficController
from tests.loggregator.uaa import Uaa

__all__ = ["CloudController", "RlpGateway", "Servers", "TrafficController", "Uaa"]
