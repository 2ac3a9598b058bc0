"""What becomes of records that fail: attempts, splitting, giving up, the on-failure topic, in exact order."""

import base64
import json
import re
import time
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from functions.kafka_client import client_config
from functions.producer import OutgoingRecord, ReliableProducer
from tests.conftest import LATE_S, Eventually
from tests.functions.batches import ReadTopic
from tests.functions.event_sources import Batch, Source, Toy, failing, raising

WHOLE = {"window_s": LATE_S, "reports_failures": False}  # a batch of all that was produced before


def _poison(*offsets: int) -> Any:
    """Fail every batch that has one of these."""
    return lambda batch: raising(ValueError("no")) if any(offset in offsets for _, offset in batch) else None


def _records(read_topic: ReadTopic, topic: str) -> list[dict[str, Any]]:
    return [json.loads(message.value() or b"") for message in read_topic(topic)]


def _offsets(documents: list[dict[str, Any]]) -> list[int]:
    return [int(each["KafkaBatchInfo"]["recordInfo"]["offset"]) for each in documents]


def test_a_failing_batch_is_delivered_as_often_as_its_retries_allow_and_then_skipped(
    source: Source, eventually: Eventually
) -> None:
    source.produce(*[b"x"] * 3)
    toy = Toy()
    toy.answer = _poison(1)

    source.start(toy, batch_size=3, max_retries=2, **WHOLE)
    eventually(lambda: source.committed() == {0: 3})
    source.produce(*[b"next"] * 3)
    eventually(lambda: source.committed() == {0: 6})

    assert toy.offsets == [[0, 1, 2]] * 3 + [[3, 4, 5]]


def test_without_retries_a_batch_is_delivered_once(source: Source, eventually: Eventually) -> None:
    source.produce(b"x")
    toy = Toy()
    toy.answer = _poison(0)

    source.start(toy, batch_size=1, max_retries=0, **WHOLE)
    eventually(lambda: source.committed() == {0: 1})

    assert toy.offsets == [[0]]


def test_a_failing_batch_is_halved_until_the_bad_record_is_alone(source: Source, eventually: Eventually) -> None:
    source.produce(*[b"x"] * 8)
    toy = Toy()
    toy.answer = _poison(5)

    source.start(toy, batch_size=8, max_retries=1, bisects=True, **WHOLE)
    eventually(lambda: source.committed() == {0: 8})

    # Halving uses up no attempt: alone, the record is delivered once and once again.
    assert toy.offsets == [
        [0, 1, 2, 3, 4, 5, 6, 7],
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [4, 5],
        [4],
        [5],
        [5],
        [6, 7],
    ]


def test_halves_keep_their_order_where_several_records_are_bad(source: Source, eventually: Eventually) -> None:
    source.produce(*[b"x"] * 5)
    toy = Toy()
    toy.answer = _poison(0, 3)

    source.start(toy, batch_size=5, max_retries=0, bisects=True, **WHOLE)
    eventually(lambda: source.committed() == {0: 5})

    assert toy.offsets == [[0, 1, 2, 3, 4], [0, 1], [0], [1], [2, 3, 4], [2], [3, 4], [3], [4]]


def test_nothing_behind_a_bad_record_passes_it_while_its_retries_last(source: Source, eventually: Eventually) -> None:
    source.produce(*[b"x"] * 4)
    toy = Toy()
    toy.answer = _poison(1)

    source.start(toy, batch_size=4, bisects=True, **WHOLE)
    eventually(lambda: toy.offsets.count([1]) >= 4)
    assert source.committed() == {0: 1}
    toy.answer = lambda batch: None
    eventually(lambda: source.committed() == {0: 4})

    attempts = toy.offsets.count([1])
    assert toy.offsets == [[0, 1, 2, 3], [0, 1], [0], *[[1]] * attempts, [2, 3]]


def test_what_is_given_up_reaches_the_on_failure_topic_as_aws_documents_it(
    source: Source, producer: ReliableProducer, read_topic: ReadTopic, eventually: Eventually
) -> None:
    topic, dlq = source.settings.kafka_topic, source.settings.kafka_dlq_topic
    producer.send([OutgoingRecord(topic, b"k", b"bad", (("sig", b"\xff"),)), OutgoingRecord(topic, None, b"good")])
    toy = Toy()
    toy.answer = _poison(0)

    source.start(toy, batch_size=2, max_retries=2, bisects=True, failure_topic=dlq, **WHOLE)
    eventually(lambda: source.committed() == {0: 2})

    (message,) = read_topic(dlq)
    document = json.loads(message.value() or b"")
    moment = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ")
    assert message.key() == b"k"
    assert moment.fullmatch(document.pop("timestamp"))
    assert moment.fullmatch(document["KafkaBatchInfo"]["recordInfo"].pop("timestamp"))
    (record,) = document["payload"]["records"].pop(f"{topic}-0")
    about = {"eventSourceArn": source.mapping.arn, "bootstrapServers": source.settings.kafka_bootstrap_servers}
    assert base64.b64decode(record["value"]) == b"bad"
    assert (record["offset"], record["key"], record["headers"]) == (0, "aw==", [{"sig": [-1]}])
    size = document["KafkaBatchInfo"].pop("payloadSize")
    assert len(json.dumps(toy.events[1], separators=(",", ":"))) == size  # the event that had it alone
    assert document == {
        "requestContext": {
            "requestId": "toy",
            "functionArn": "arn:aws:lambda:local:000000000000:function:Toy:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 4,  # once in the whole batch, three times alone
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "KafkaBatchInfo": {"batchSize": 1, **about, "recordInfo": {"offset": "0"}},
        "payload": {"eventSource": "aws:kafka", **about, "records": {}},
    }


def test_a_partial_answer_gives_up_the_first_record_it_names_and_delivers_those_behind_it_again(
    source: Source, read_topic: ReadTopic, eventually: Eventually
) -> None:
    source.produce(*[b"x"] * 5)
    toy = Toy()
    toy.answer = lambda batch: failing(source, *[each for each in batch if each[1] in (1, 3)])

    source.start(toy, batch_size=5, window_s=LATE_S, max_retries=1, failure_topic=source.settings.kafka_dlq_topic)
    eventually(lambda: source.committed() == {0: 5})

    assert toy.offsets == [[0, 1, 2, 3, 4], [1, 2, 3, 4], [2, 3, 4], [3, 4], [4]]
    assert _offsets(_records(read_topic, source.settings.kafka_dlq_topic)) == [1, 3]


def test_partitions_fail_and_are_given_up_each_by_itself(
    wide_source: Source, read_topic: ReadTopic, eventually: Eventually
) -> None:
    for _ in range(3):
        wide_source.produce(b"x", partition_key=b"a")
        wide_source.produce(b"x", partition_key=b"d")
    toy = Toy()

    def answer(batch: Batch) -> Any:  # 0 fails for good at offset 1, 1 only in the first delivery at offset 2
        bad = [(0, 1)] if len(toy.batches) > 1 else [(0, 1), (1, 2)]
        return failing(wide_source, *[each for each in batch if each in bad])

    toy.answer = answer
    dlq = wide_source.settings.kafka_dlq_topic
    wide_source.start(toy, batch_size=6, window_s=LATE_S, max_retries=2, failure_topic=dlq)
    eventually(lambda: wide_source.committed() == {0: 3, 1: 3})

    deliveries = [{place: [o for p, o in batch if p == place] for place in (0, 1)} for batch in toy.batches]
    assert deliveries == [
        {0: [0, 1, 2], 1: [0, 1, 2]},
        {0: [1, 2], 1: [2]},
        {0: [1, 2], 1: []},
        {0: [2], 1: []},
    ]
    (document,) = _records(read_topic, dlq)
    assert document["requestContext"]["approximateInvokeCount"] == 3
    assert "functionError" not in document["responseContext"]


def test_a_record_that_is_too_old_is_not_delivered(
    source: Source, read_topic: ReadTopic, eventually: Eventually
) -> None:
    now_ms = int(time.time() * 1000)
    for age_ms in (100_000, 0, 90_000, 0):
        source.produce_at(now_ms - age_ms, b"x")
    toy = Toy()

    source.start(toy, batch_size=4, max_age_s=60, failure_topic=source.settings.kafka_dlq_topic, **WHOLE)
    eventually(lambda: source.committed() == {0: 4})

    assert toy.offsets == [[1, 3]]
    documents = _records(read_topic, source.settings.kafka_dlq_topic)
    assert _offsets(documents) == [0, 2]
    assert {each["requestContext"]["condition"] for each in documents} == {"EventAgeExceeded"}
    assert [each["responseContext"] for each in documents] == [None, None]


def test_a_record_that_grows_too_old_while_it_fails_is_given_up(source: Source, eventually: Eventually) -> None:
    toy = Toy()
    toy.answer = _poison(0)

    source.start(toy, max_age_s=3, reports_failures=False)
    source.produce(b"x")
    eventually(lambda: source.committed() == {0: 1})

    assert toy.offsets.count([0]) == len(toy.offsets) >= 2


def test_while_the_on_failure_topic_is_away_nothing_is_skipped(
    source: Source, producer: ReliableProducer, read_topic: ReadTopic, eventually: Eventually
) -> None:
    missing = f"{source.settings.kafka_topic}-later"
    source.produce(b"bad", b"good")
    toy = Toy()
    toy.answer = _poison(0)

    source.start(toy, batch_size=1, max_retries=0, failure_topic=missing, **WHOLE)
    eventually(lambda: toy.offsets == [[0]])
    assert source.committed() == {}
    admin = AdminClient(client_config(source.settings))
    for made in admin.create_topics([NewTopic(missing, 1, 1)]).values():
        made.result(30)
    eventually(lambda: source.committed() == {0: 2})

    assert toy.offsets == [[0], [1]]  # given up once, however often it took to write that
    assert set(_offsets(_records(read_topic, missing))) == {0}


@pytest.fixture
def large_source(source: Source) -> Source:
    """A topic that takes records of 8 MB, and so does its on-failure topic."""
    names = (f"{source.settings.kafka_topic}-large", f"{source.settings.kafka_topic}-large-dlq")
    admin = AdminClient(client_config(source.settings))
    config = {"max.message.bytes": "20000000"}
    for made in admin.create_topics([NewTopic(name, 1, 1, config=config) for name in names]).values():
        made.result(30)
    return source.on(names[0])


def test_a_batch_is_cut_before_its_event_exceeds_six_megabytes(large_source: Source, eventually: Eventually) -> None:
    for _ in range(5):
        large_source.produce(b"x" * 2_000_000)  # 2.67 MB in the event
    toy = Toy()

    large_source.start(toy, batch_size=5, **WHOLE)
    eventually(lambda: large_source.committed() == {0: 5})

    assert [offset for batch in toy.offsets for offset in batch] == [0, 1, 2, 3, 4]
    assert max(map(len, toy.batches)) == 2
    assert all(len(json.dumps(event, separators=(",", ":"))) <= 6_291_556 for event in toy.events)


def test_a_record_that_no_event_can_take_is_given_up_without_an_invocation(
    large_source: Source, read_topic: ReadTopic, eventually: Eventually
) -> None:
    large_source.produce(b"small", b"x" * 5_000_000, b"small")
    toy = Toy()

    dlq = f"{large_source.settings.kafka_topic}-dlq"
    large_source.start(toy, batch_size=3, failure_topic=dlq, **WHOLE)
    eventually(lambda: large_source.committed() == {0: 3})

    assert toy.offsets == [[0], [2]]
    (document,) = _records(read_topic, dlq)
    assert document["requestContext"]["condition"] == "MaximumPayloadSizeExceeded"
    assert document["requestContext"]["approximateInvokeCount"] == 0
    assert document["responseContext"] is None
    assert len(document["payload"]["records"][f"{large_source.settings.kafka_topic}-0"]) == 1
