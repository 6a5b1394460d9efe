"""The languages whose stack traces are known."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from penstock_transform_multiline.machine import Machine
from penstock_transform_multiline.presets.dotnet import DOTNET
from penstock_transform_multiline.presets.go import GO
from penstock_transform_multiline.presets.java import JAVA
from penstock_transform_multiline.presets.node import NODE
from penstock_transform_multiline.presets.php import PHP
from penstock_transform_multiline.presets.python import PYTHON
from penstock_transform_multiline.presets.ruby import RUBY
from penstock_transform_multiline.presets.rust import RUST

MACHINES: Mapping[str, Machine] = MappingProxyType(
    {one.name: one for one in (JAVA, PYTHON, GO, NODE, RUBY, DOTNET, RUST, PHP)}
)
"""Every preset by its name. Of two that explain as many lines, the one before is taken."""
