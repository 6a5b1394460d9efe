"""Encoding a batch gives what encoding its events one by one gives, for any events."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.api import Event, Log, encode_event, encode_events
from penstock.http import encoded
from penstock.testing import one_of_each, resource

texts = st.text(st.characters(), max_size=8) | st.sampled_from(["\ud83d", "\0", '"', "é\u2028"])
logs = st.builds(
    Log,
    time_unix_nano=st.integers(-(10**12), 10**12) | st.integers(1_700_000_000 * 10**9, 2**63 - 1),
    body=texts,
    stream=texts,
    severity_number=st.integers(0, 24),
    ordinal=st.integers(0, 3),
    merged=st.sampled_from([0, 0, 2]),
    attributes=st.sampled_from([{}, {}, {"k": 1}]),
)


@settings(deadline=None, max_examples=100)
@given(st.lists(logs | st.sampled_from(one_of_each()), max_size=8), texts, texts)
def test_a_batch_is_encoded_as_its_events_are(events: list[Event], name: str, tag: str) -> None:
    of = resource(f"docker:{name}", {"container.name": name}, {"t": tag})
    made = encode_events(of, events)
    assert made == [encode_event(of, event) for event in events]
    for one in made:
        msgspec.json.decode(one)


@settings(deadline=None, max_examples=100)
@given(
    st.recursive(texts | st.integers(0, 9), lambda of: st.lists(of) | st.dictionaries(texts, of))
)
def test_what_strangers_wrote_is_always_json(value: object) -> None:
    msgspec.json.decode(encoded(value))
