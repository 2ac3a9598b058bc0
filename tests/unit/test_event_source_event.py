"""The JSON of an event, put together from records, is the event; captured ones are what it looks like."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.local.event_source.lambda_event import Message, lambda_event, payload, record_bytes, record_of
from ops.local.event_source.mapping import MSK, SELF_MANAGED, EventSourceMapping

EVENTS = Path(__file__).parents[1] / "events"
MAPPING = EventSourceMapping("m", MSK, "arn:x", "", "t", "g", "TRIM_HORIZON", 100, 0, True)
MESSAGES = st.builds(
    Message,
    st.sampled_from(["t", "a.b-c"]),
    st.integers(0, 12),
    st.integers(0, 2**62),
    st.integers(-1, 2**52),
    st.sampled_from(["CREATE_TIME", "LOG_APPEND_TIME"]),
    st.none() | st.binary(max_size=20),
    st.none() | st.binary(max_size=60),
    st.lists(st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=9)), max_size=3).map(tuple),
)


@given(st.lists(MESSAGES, max_size=6), st.sampled_from([MSK, SELF_MANAGED]))
def test_a_payload_is_its_event_and_no_larger_than_was_reckoned(messages: list[Message], kind: str) -> None:
    mapping = replace(MAPPING, kind=kind)
    body = payload(mapping, "h:1", messages)

    assert json.loads(body) == lambda_event(mapping, "h:1", messages)
    assert len(body) <= len(payload(mapping, "h:1", ())) + sum(map(record_bytes, messages))


@pytest.mark.parametrize(("kind", "file"), [(MSK, "msk.json"), (SELF_MANAGED, "self_managed.json")])
def test_an_event_has_the_fields_of_a_captured_one(kind: str, file: str) -> None:
    captured = json.loads((EVENTS / file).read_text())
    message = Message("t", 0, 1, 2, "CREATE_TIME", b"k", b"v", (("sig", b"\xff"),))
    event = lambda_event(replace(MAPPING, kind=kind), "h:1", [message])

    assert event.keys() == captured.keys()
    assert record_of(message).keys() == captured["records"]["reservation-events-0"][0].keys()
    assert event["records"]["t-0"][0]["headers"] == [{"sig": [-1]}]
