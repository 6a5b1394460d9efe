"""What a plugin gives: enough of it is looked at for the books to hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import force_setattr

from penstock.api.delivery import Report
from penstock.api.errors import PluginError
from penstock.api.event import KINDS, Batch, Event, Resource


def listed(made: Batch | Iterable[Batch]) -> Sequence[Batch]:
    """Return the batches that a transform made, without those that are empty."""
    if isinstance(made, Batch):
        return (checked(made),) if len(made.events) else ()
    if not isinstance(made, Iterable):
        raise PluginError(f"it returned {type(made).__name__}, not a Batch or several")
    return [batch for batch in map(checked, made) if len(batch.events)]


def checked(batch: Batch, lane: str = "") -> Batch:
    """Return a plugin's batch if it has what the books are kept by; of its events, the last.

    Whoever gets it afterwards shares its events with others, so that they become a tuple.
    """
    if not isinstance(batch, Batch):
        raise PluginError(f"it gave {type(batch).__name__}, not a Batch")
    if not (isinstance(batch.size, int) and batch.size >= 0):
        raise PluginError(f"a batch of it has the size {batch.size!r:.40}: heap bytes are expected")
    if not isinstance(batch.resource, Resource):
        raise PluginError(f"a batch of it has {batch.resource!r:.40} as its resource")
    for name in (batch.resource.origin, lane):  # Both are keys in the state file.
        if not isinstance(name, str):
            raise PluginError(f"it names an origin or a lane {name!r:.40}: a text is expected")
    if len(batch.events):
        _check_event(batch.events[-1])
    if type(batch.events) is list:
        force_setattr(batch, "events", tuple(batch.events))
    return batch


def _check_event(event: Event) -> None:
    if type(event) not in KINDS:
        raise PluginError(f"a batch of it holds {kind_of(event)}")
    if not isinstance(event.time_unix_nano, int | float):
        raise PluginError(f"an event of it has the time {event.time_unix_nano!r:.40}")


def checked_report(report: Report, batches: Sequence[Batch]) -> Report | PluginError:
    """Return what is wrong with a report, if something is: believing it would lose events."""
    if not isinstance(report.rejected, Mapping) or not isinstance(report.retry, Sequence):
        return PluginError("its Report has no mapping as rejected, or no sequence as retry")
    if not (report.rejected or report.retry):
        return report
    known = {id(event) for batch in batches for event in batch.events}
    named = {id(event) for event in (*report.rejected, *report.retry)}
    if strange := len(named - known):
        return PluginError(f"its Report names {strange} events that it was not given")
    return report


def kind_of(event: Event) -> str:
    """Return what kind an event is; what a plugin may have put among them is none."""
    return KINDS.get(type(event)) or f"{type(event).__name__}, which is no event"
