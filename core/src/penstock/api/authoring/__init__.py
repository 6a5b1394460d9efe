"""Helpers for authors: a transform as a function, a source as a generator, a blocking client.

What they make are ordinary components: the engine knows nothing of this package.
"""

from __future__ import annotations

from penstock.api.authoring.generators import source
from penstock.api.authoring.positioned import Positioned
from penstock.api.authoring.threaded_sink import ThreadedSink
from penstock.api.authoring.transforms import transform

__all__ = ["Positioned", "ThreadedSink", "source", "transform"]
