"""The event of Lambda's Kafka poller is read in both shapes, and answered in Lambda's form."""

import json
from pathlib import Path

import pytest

from functions.kafka_batch import REPLAY_TO, KafkaRecord, batch_item_failures, records

EVENTS = Path(__file__).parents[1] / "events"


@pytest.mark.parametrize("name", ["msk.json", "self_managed.json"])
def test_both_shapes_give_the_same_records(name: str) -> None:
    first, second, third = records(json.loads((EVENTS / name).read_text(encoding="utf-8")))

    assert (first.topic, first.partition, first.offset) == ("reservation-events", 0, 15)
    assert first.key == b"demo:auth0|5f01"
    assert first.value is not None
    assert json.loads(first.value)["seatIds"] == ["A-1"]
    assert first.headers == (("sale", b"demo"), ("epoch", b"1763600000"), ("version", b"17"))
    assert (second.key, second.value) == (None, b"\xff")
    assert second.headers == (("sig", bytes([230, 151, 165, 127, 128])),)
    assert (third.value, third.headers, third.source) == (None, (), "reservation-events-1-3")


def test_an_event_without_records_is_an_empty_batch() -> None:
    assert records({"eventSource": "aws:kafka", "records": {}}) == []


def _record(partition: int, offset: int, topic: str = "a-b-1") -> KafkaRecord:
    return KafkaRecord(topic, partition, offset, None, {})


def test_the_answer_names_the_first_failed_offset_of_each_partition() -> None:
    answer = batch_item_failures([_record(1, 9), _record(0, 5), _record(1, 8), _record(0, 6)])

    assert answer == {
        "batchItemFailures": [
            {"itemIdentifier": {"partition": "a-b-1-0", "offset": 5}},
            {"itemIdentifier": {"partition": "a-b-1-1", "offset": 8}},
        ]
    }


def test_nothing_failed_is_an_empty_list() -> None:
    assert batch_item_failures([]) == {"batchItemFailures": []}


def test_what_is_put_back_for_notify_is_left_alone_by_others() -> None:
    raw = {"topic": "t", "partition": 0, "offset": 1, "value": "", "headers": [{REPLAY_TO: list(b"notify")}]}
    event = {"records": {"t-0": [raw, {**raw, "offset": 2, "headers": []}]}}
    assert [record.offset for record in records(event, "persist")] == [2]
    assert [record.offset for record in records(event, "notify")] == [1, 2]
