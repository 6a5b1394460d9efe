"""The obligations of each kind of plugin, as classes of tests to subclass.

Each test gets a new instance of the subclass: make what it needs in a fixture of the class.
"""

from __future__ import annotations

from penstock.testing.contracts.sink import SinkContract
from penstock.testing.contracts.source import SourceContract
from penstock.testing.contracts.transform import TransformContract

__all__ = ["SinkContract", "SourceContract", "TransformContract"]
