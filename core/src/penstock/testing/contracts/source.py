"""What a source owes: every line once, in order, no faster than it is taken."""

from __future__ import annotations

from typing import ClassVar

from penstock.testing.contracts.source_account import SourceAccount
from penstock.testing.contracts.source_lifecycle import SourceLifecycle
from penstock.testing.contracts.source_positions import SourcePositions
from penstock.testing.contracts.source_reading import SourceReading


class SourceContract(SourceReading, SourcePositions, SourceAccount, SourceLifecycle):
    """Subclass it, give it a source and its input, and it tests the source.

    ``make_source`` and ``produce`` are needed; ``generates = True`` stands for ``produce`` where a
    source makes its lines itself. With ``produce_bytes`` lines that are no text are tested too,
    with ``break_origin`` and ``mend_origin`` outages.

    Cannot check: loss that the origin itself causes, such as a log that is rotated away (test
    with the real one that a gap is said); strange names that the origin gives, of containers or
    hosts; memory of libraries that the source uses; files and processes that it leaves open.
    """

    penstock_kind: ClassVar[str] = "source"
