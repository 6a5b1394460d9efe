"""Events of every kind as one text."""

from __future__ import annotations

from penstock.api import Counter, Event, Gap, Gauge, Log, Template, Timer, TitledEvent, rfc3339


def describe(event: Event) -> str:
    """Return a log's message, and for other kinds a short text that says what they are."""
    match event:
        case Log(body=body):
            return body
        case Counter(name=name, delta=delta, total=total):
            return f"counter {name} +{delta}" + ("" if total is None else f" = {total}")
        case Gauge(values=values):
            shown = (f"{name}={one.value:.15g} {one.unit}".rstrip() for name, one in values.items())
            return f"gauge {', '.join(shown) or 'without values'}"
        case Timer(name=name, start=start, stop=stop):
            return f"timer {name} {(stop - start) / 1e6:.3f} ms"
        case TitledEvent(title=title, body=body):
            return f"event {title}: {body}"
        case Gap():
            return _gap(event)


def in_words(event: Event, template: Template) -> Event | None:
    """Return what a template is given of an event: one without a message has its description.

    None: it cannot stand for what it is, as the template names its kind too.
    """
    if type(event) is Log or "message" not in template.event_fields:
        return event
    if "kind" in template.event_fields:
        return None
    stream = getattr(event, "stream", "")
    time, ordinal = event.time_unix_nano, event.ordinal
    return Log(time, describe(event), stream, 0, ordinal, 0, event.attributes)


def _gap(gap: Gap) -> str:
    lost = "lines" if gap.count is None else "1 line" if gap.count == 1 else f"{gap.count} lines"
    of = f" of {gap.stream}" if gap.stream else ""
    after = f" after {rfc3339(gap.from_unix_nano)}" if gap.from_unix_nano else ""
    before = f" before {rfc3339(gap.to_unix_nano)}" if gap.to_unix_nano else ""
    return f"gap: {lost}{of} lost{after}{before}: {gap.reason}"
