"""A transform lives through whatever text and names of strangers hold."""

from __future__ import annotations

from penstock.api.event import Batch
from penstock.testing.contracts.secrets import Eavesdropper
from penstock.testing.contracts.transform_rig import TransformRig, ids, made_by, sample_batches
from penstock.testing.hostile import hostile_batches
from penstock.testing.obligation import require, short


class TransformInput(TransformRig):
    """What it makes of its input: order, hostile text, and nothing of its secrets."""

    def test_keeps_order(self) -> None:
        """Events of one stream of a resource come out in the order in which they went in.

        Streams may overtake each other: what waits for more of its own holds up no other.
        """
        inputs = self.inputs()
        order = {name: at for at, name in enumerate(n for batch in inputs for n in ids(batch))}
        seen: dict[tuple[str, str], list[int]] = {}
        for batch in self._outputs(inputs):
            for event, name in zip(batch.events, ids(batch), strict=True):
                places = seen.setdefault((batch.resource.origin, getattr(event, "stream", "")), [])
                places += [order[name]] if name in order else []
        require(
            all(places == sorted(places) for places in seen.values()),
            self.test_keeps_order,
            seen=f"places of the events in the input: {short(list(seen.values()))}",
            do="emit what was held before what came after it",
        )

    def test_hostile_input(self) -> None:
        """Text and names of strangers, every kind of event and the empty batch raise nothing."""
        for what, batch in {**hostile_batches(), **_samples_by_number()}.items():
            error = None
            try:
                made_by(self.make_transform().apply(batch))
            except Exception as raised:
                error = raised
            require(
                error is None,
                self.test_hostile_input,
                seen=f"{what}: {error!r}",
                do="take whatever text comes; return batches of other kinds untouched",
            )

    def test_no_secret_is_said(self) -> None:
        """No secret is in what is logged, raised or printed, whatever the input."""
        secrets = self._secrets()
        with Eavesdropper() as heard:
            transform = self.make_transform()
            for batch in self._all_inputs():
                try:
                    made_by(transform.apply(batch))
                except Exception as error:
                    heard.hear(error)
        self._require_silence(secrets, heard.said, self.test_no_secret_is_said)


def _samples_by_number() -> dict[str, Batch]:
    return {f"sample {number}": batch for number, batch in enumerate(sample_batches())}
