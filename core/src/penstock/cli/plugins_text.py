"""Settings as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from penstock.config.settings import SettingInfo, toml_text

WIDEST = 36
"""How wide a column gets before it pushes the next one aside."""


def setting_lines(settings: Sequence[SettingInfo]) -> Iterator[str]:
    """Yield a table of settings; nothing where there are none."""
    rows = [("setting", "type", "default", "description")] if settings else []
    for one in settings:
        default = "required" if one.required else toml_text(one.default)
        type_ = one.type.removeprefix("a ").removeprefix("an ")
        rows.append((one.name, type_, default, one.description))
    widths = [min(max((len(row[i]) for row in rows), default=0), WIDEST) for i in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield f"    {'  '.join([*cells, row[3]]).rstrip()}"
