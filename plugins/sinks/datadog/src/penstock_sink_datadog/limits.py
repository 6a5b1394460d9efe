"""What Datadog's intakes take."""

from __future__ import annotations

from penstock.http import Limits

LOGS = Limits(max_body_bytes=5_000_000, max_events=1000, max_event_bytes=1_000_000)
"""A longer log would be cut by Datadog, and be called a success."""

METRICS = Limits(max_body_bytes=510_000, max_events=10_000, max_event_bytes=500_000)
"""The documented 512,000 bytes are counted compressed: kept to before compression, they hold for
bodies that do not compress too."""

MAX_LOG_AGE_S = 18 * 3600 - 600
"""Older logs are discarded unseen: those are sent with the time of their arrival."""
MAX_POINT_AGE_S = 3600 - 60
MAX_POINT_LEAD_S = 600 - 60
"""Points outside of this window are discarded unseen: those are refused here, by name."""

MAX_TAG_CHARS = 200
MAX_NAME_CHARS = 200
POINTS_A_PIECE = 500
"""Points of one series that are sent as one object."""
