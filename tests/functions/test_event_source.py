"""The local event source against a real Kafka, with toy functions that fail in every way: what is delivered when."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from functions.producer import OutgoingRecord, ReliableProducer
from ops.local.event_source.filters import compile_filter
from tests.conftest import LATE_S, Eventually
from tests.functions.event_sources import Batch, Source, Toy, failing, flat, raising


def test_a_record_arrives_as_lambda_would_deliver_it(
    source: Source, producer: ReliableProducer, eventually: Eventually
) -> None:
    topic = source.settings.kafka_topic
    headers = (("sale", b"demo"), ("sig", bytes([0, 127, 128, 255])))
    producer.send([OutgoingRecord(topic, b"k", b'{"a":1}', headers), OutgoingRecord(topic, None, None)])
    toy = Toy()

    source.start(toy)
    eventually(lambda: sum(toy.seen.values()) == 2)

    event = toy.events[0]
    assert json.loads(json.dumps(event)) == event
    records = [record for each in toy.events for record in each["records"][f"{topic}-0"]]
    assert isinstance(records[0].pop("timestamp"), int)
    del records[1]["timestamp"]
    assert event.keys() == {"eventSource", "eventSourceArn", "bootstrapServers", "records"}
    assert event["eventSource"] == "aws:kafka"
    assert event["bootstrapServers"] == source.settings.kafka_bootstrap_servers
    assert records == [
        {
            "topic": topic,
            "partition": 0,
            "offset": 0,
            "timestampType": "CREATE_TIME",
            "key": "aw==",
            "value": "eyJhIjoxfQ==",
            "headers": [{"sale": [100, 101, 109, 111]}, {"sig": [0, 127, -128, -1]}],
        },
        {"topic": topic, "partition": 0, "offset": 1, "timestampType": "CREATE_TIME", "headers": []},
    ]


def test_batches_are_no_larger_than_asked_for_and_in_order(source: Source, eventually: Eventually) -> None:
    source.produce(*[b"x"] * 25)
    toy = Toy()

    source.start(toy, batch_size=10)
    eventually(lambda: len(toy.seen) == 25)

    assert max(map(len, toy.batches)) <= 10
    assert [offset for batch in toy.batches for _, offset in batch] == list(range(25))
    eventually(lambda: source.committed() == {0: 25})


def test_a_window_collects_what_comes_meanwhile(source: Source, eventually: Eventually) -> None:
    toy = Toy()
    source.start(toy, window_s=LATE_S, batch_size=3)

    for value in (b"1", b"2", b"3"):
        source.produce(value)
    eventually(lambda: len(toy.seen) == 3)

    assert toy.batches == [[(0, 0), (0, 1), (0, 2)]]


def test_what_is_reported_failed_is_delivered_again_from_the_lowest_offset_on(
    source: Source, eventually: Eventually
) -> None:
    source.produce(*[b"x"] * 6)
    toy = Toy()
    answers = iter([failing(source, (0, 4), (0, 2)), failing(source, (0, 5))])
    toy.answer = lambda batch: next(answers, {})

    source.start(toy, window_s=LATE_S, batch_size=6)
    eventually(lambda: source.committed() == {0: 6})

    offsets = [[offset for _, offset in batch] for batch in toy.batches]
    assert offsets == [[0, 1, 2, 3, 4, 5], [2, 3, 4, 5], [5]]


def test_nothing_is_committed_from_the_first_failure_on(source: Source, eventually: Eventually) -> None:
    source.produce(*[b"x"] * 6)
    toy = Toy()
    toy.answer = lambda batch: failing(source, (0, 3)) if (0, 3) in batch else {}

    source.start(toy)
    eventually(lambda: toy.seen[0, 3] >= 4)
    source.stop()

    assert source.committed() == {0: 3}
    assert toy.seen[0, 2] == 1


def test_a_partition_that_fails_does_not_hold_up_another(wide_source: Source, eventually: Eventually) -> None:
    wide_source.produce(b"bad", partition_key=b"a")
    toy = Toy()
    wide_source.start(toy)
    eventually(lambda: len(toy.seen) == 1)
    ((stuck, _),) = toy.seen
    toy.answer = lambda batch: failing(wide_source, *[each for each in batch if each[0] == stuck][:1])

    wide_source.produce(b"bad too", partition_key=b"a")
    eventually(lambda: toy.seen[stuck, 1] >= 2)
    wide_source.produce(*[b"good"] * 5, partition_key=b"d")

    eventually(lambda: wide_source.committed().get(1 - stuck) == 5)
    assert wide_source.committed()[stuck] == 1


@pytest.mark.parametrize(
    "bad",
    [
        lambda batch: raising(ValueError("no")),
        lambda batch: {"batchItemFailures": [{"itemIdentifier": {"partition": "other-0", "offset": 0}}]},
        lambda batch: {"batchItemFailures": [{"itemIdentifier": ""}]},
        lambda batch: {"batchItemFailures": "all"},
    ],
    ids=["an exception", "a partition that was not in it", "no identifier", "no list"],
)
def test_a_batch_that_fails_as_a_whole_is_delivered_again_whole(
    source: Source, eventually: Eventually, bad: Callable[[Any], Any]
) -> None:
    source.produce(b"1", b"2", b"3")
    toy = Toy()
    toy.answer = lambda batch: bad(batch) if len(toy.batches) < 3 else {}

    source.start(toy, window_s=LATE_S, batch_size=3)
    eventually(lambda: source.committed() == {0: 3})

    assert toy.batches == [[(0, 0), (0, 1), (0, 2)]] * 3


def test_without_report_batch_item_failures_the_answer_means_nothing(source: Source, eventually: Eventually) -> None:
    source.produce(b"1")
    toy = Toy()
    toy.answer = lambda batch: failing(source, (0, 0))

    source.start(toy, reports_failures=False)

    eventually(lambda: source.committed() == {0: 1})
    assert toy.seen == {(0, 0): 1}


def test_latest_skips_what_was_there_before_and_nothing_after(source: Source, eventually: Eventually) -> None:
    source.produce(b"old")
    toy = Toy()
    source.start(toy, starting_position="LATEST")

    source.produce(b"new")
    eventually(lambda: source.committed() == {0: 2})

    assert toy.offsets == [[1]]


def test_latest_is_where_the_group_began_even_if_nothing_was_done_since(source: Source, eventually: Eventually) -> None:
    source.produce(b"old")
    idle, toy = Toy(), Toy()
    source.start(idle, starting_position="LATEST")
    source.stop()

    source.produce(b"while nobody was there")
    source.start(toy)
    eventually(lambda: source.committed() == {0: 2})

    assert (idle.offsets, toy.offsets) == ([], [[1]])


@pytest.mark.parametrize(("starts_at_ms", "offsets"), [(2_000, [1, 2, 3]), (2_500, [2, 3]), (9_000, [3])])
def test_at_timestamp_starts_with_the_first_record_that_is_not_older(
    source: Source, eventually: Eventually, starts_at_ms: int, offsets: list[int]
) -> None:
    for timestamp_ms in (1_000, 2_000, 3_000):
        source.produce_at(timestamp_ms, b"x")
    toy = Toy()

    source.start(toy, starting_position="AT_TIMESTAMP", starts_at_ms=starts_at_ms)
    source.produce_at(4_000, b"behind all that was there")
    eventually(lambda: source.committed() == {0: 4})

    assert flat(toy.offsets) == offsets


def test_a_poller_that_starts_again_goes_on_where_the_last_one_ended(source: Source, eventually: Eventually) -> None:
    source.produce(*[b"x"] * 10)
    first, second = Toy(), Toy()
    source.start(first, batch_size=5)
    eventually(lambda: len(first.seen) == 10)
    source.stop()

    source.produce(*[b"x"] * 10)
    source.start(second)
    eventually(lambda: len(first.seen + second.seen) == 20)

    assert set((first.seen + second.seen).values()) == {1}


def test_a_partition_changes_hands_without_a_loss_or_a_repeat(wide_source: Source, eventually: Eventually) -> None:
    toys = [Toy(), Toy()]

    def total() -> Counter[tuple[int, int]]:
        return toys[0].seen + toys[1].seen

    wide_source.start(toys[0], batch_size=7)
    for number in range(20):
        wide_source.produce(b"x", partition_key=b"a")
        wide_source.produce(b"x", partition_key=b"d")
        if number == 5:
            wide_source.start(toys[1])
    eventually(lambda: len(total()) == 40)
    wide_source.produce(b"x", partition_key=b"a")
    wide_source.produce(b"x", partition_key=b"d")
    eventually(lambda: len(total()) == 42)

    assert set(total().values()) == {1}
    assert toys[1].seen, "the second poller never got a partition"


def test_a_failing_batch_is_left_to_the_poller_that_takes_its_partition_over(
    wide_source: Source, eventually: Eventually
) -> None:
    sick, well = Toy(), Toy()
    sick.answer = lambda batch: raising(ValueError("no"))
    wide_source.produce(b"x", partition_key=b"a")
    wide_source.produce(b"x", partition_key=b"d")
    poller = wide_source.start(sick)
    eventually(lambda: len(sick.seen) == 2)

    wide_source.start(well)
    eventually(lambda: len(well.seen) >= 1)
    poller.stop()
    eventually(lambda: len(well.seen) == 2)

    eventually(lambda: wide_source.committed() == {0: 1, 1: 1})


def test_a_partition_does_not_change_hands_under_a_batch(wide_source: Source, eventually: Eventually) -> None:
    busy, other, go = Toy(), Toy(), threading.Event()

    def wait(batch: Batch) -> None:
        assert go.wait(30)

    busy.answer = wait
    wide_source.start(busy)
    for key in (b"a", b"d"):
        wide_source.produce(b"x", partition_key=key)
    eventually(lambda: busy.batches)

    wide_source.start(other)
    begun = busy.seen
    assert other.seen == Counter()
    go.set()
    eventually(lambda: wide_source.committed() == {0: 1, 1: 1})

    assert set((busy.seen + other.seen).values()) == {1}
    assert begun <= busy.seen
    for key in (b"a", b"d"):
        wide_source.produce(b"y", partition_key=key)
    eventually(lambda: wide_source.committed() == {0: 2, 1: 2})
    assert set((busy.seen + other.seen).values()) == {1}


def test_what_a_filter_does_not_let_through_is_skipped_and_committed(source: Source, eventually: Eventually) -> None:
    values = [b'{"type":"%s"}' % name for name in (b"A", b"B", b"A", b"B", b"B")]
    source.produce(*values)
    toy = Toy()

    source.start(toy, batch_size=2, window_s=LATE_S, filters=(compile_filter('{"value": {"type": ["A"]}}'),))
    eventually(lambda: source.committed() == {0: 5})

    assert toy.offsets == [[0, 2]]


def test_a_filter_that_lets_nothing_through_commits_without_an_invocation(
    source: Source, eventually: Eventually
) -> None:
    source.produce(*[b'{"type":"B"}'] * 3, None)
    toy = Toy()

    source.start(toy, filters=(compile_filter('{"value": {"type": ["A"]}}'),))
    eventually(lambda: source.committed() == {0: 4})

    assert toy.offsets == []


def test_what_was_filtered_out_behind_a_failure_is_not_committed_before_it(
    source: Source, eventually: Eventually
) -> None:
    source.produce(b'{"type":"A"}', *[b'{"type":"B"}'] * 3)
    toy = Toy()
    toy.answer = lambda batch: raising(ValueError("no"))

    source.start(toy, filters=(compile_filter('{"value": {"type": ["A"]}}'),))
    eventually(lambda: len(toy.batches) >= 3)
    assert source.committed() == {}
    toy.answer = lambda batch: None
    eventually(lambda: source.committed() == {0: 4})
