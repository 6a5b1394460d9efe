"""What a transform owes: what goes in comes out, or is accounted for."""

from __future__ import annotations

from typing import ClassVar

from penstock.testing.contracts.transform_account import TransformAccount
from penstock.testing.contracts.transform_input import TransformInput
from penstock.testing.contracts.transform_purity import TransformPurity


class TransformContract(TransformAccount, TransformPurity, TransformInput):
    """Subclass it, give it a transform and what it acts on, and it tests the transform.

    ``make_transform`` is needed; ``inputs`` should be given where the settings act on something
    that the samples do not have.

    Cannot check: that what comes out is what the settings ask for; input on which a regular
    expression of the settings takes for ever, unless ``inputs`` has it; how many events are held
    at most, where many come that belong together.
    """

    penstock_kind: ClassVar[str] = "transform"
