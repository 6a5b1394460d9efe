"""Every request that is ever made: nothing but these, and all of them are GET.

``deploy/docker-socket-proxy`` has the same list for a proxy before the engine's socket.
"""

from __future__ import annotations

PING = "/_ping"
VERSION = "/version"
INFO = "/info"
EVENTS = "/events"
CONTAINERS = "/containers/json"
CONTAINER = "/containers/{id}/json"
LOGS = "/containers/{id}/logs"

ALLOWED = (PING, VERSION, INFO, EVENTS, CONTAINERS, CONTAINER, LOGS)
"""Of these only ``INFO`` may be refused: it gives the host's name."""
