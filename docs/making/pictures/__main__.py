"""``python -m docs.making.pictures``: draws docs/pictures anew."""

from __future__ import annotations

from docs.making.pictures import FOLDER, pictures

FOLDER.mkdir(exist_ok=True)
for name, svg in pictures().items():
    (FOLDER / name).write_text(svg)
