"""How far a journal was sent: what it takes to go on exactly behind it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from penstock.api import EMPTY


class Position(Struct, frozen=True, omit_defaults=True):
    """All that was sent of one journal.

    Everything up to ``cursor`` was, but for lines of containers that had begun and not ended:
    ``open`` has the cursor of their first part, by stream. Behind it, up to ``until``, the entries
    of the resources in ``ahead`` were sent as well. Without a cursor nothing was.
    """

    cursor: str = ""
    open: Mapping[str, str] = EMPTY
    until: str = ""
    ahead: tuple[str, ...] = ()
