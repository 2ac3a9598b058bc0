"""What is left of a batch, what may be committed, what an answer means: worked out on values."""

from typing import Any

import pytest

from ops.local.event_source.delivery import Delivery
from ops.local.event_source.function import BadAnswer, failed_offsets
from ops.local.event_source.lambda_event import Message

A, B = ("t-x", 0), ("t-x", 1)


def _delivery(*offsets: tuple[tuple[str, int], int], attempts: int = 0) -> Delivery:
    messages = (Message(*place, offset, 1, "CREATE_TIME", None, None, ()) for place, offset in offsets)
    return Delivery(tuple(messages), attempts)


BOTH = _delivery((A, 3), (B, 8), (A, 5), (B, 9))


def test_a_batch_without_failures_is_done_to_its_ends() -> None:
    assert BOTH.done_offsets({}) == {A: 6, B: 10}
    assert BOTH.retry({}, 0) is None


def test_a_partition_is_done_below_its_first_failure() -> None:
    assert BOTH.done_offsets({A: 5}) == {A: 5, B: 10}
    retry = BOTH.retry({A: 5}, 0)

    assert retry is not None
    assert [(message.place, message.offset) for message in retry.messages] == [(A, 5)]


def test_a_partition_of_which_nothing_is_done_is_not_committed() -> None:
    assert BOTH.done_offsets(BOTH.all_failed()) == {}
    assert BOTH.all_failed() == {A: 3, B: 8}


def test_pauses_grow_while_nothing_succeeds_and_are_short_again_after_progress() -> None:
    pauses = []
    delivery: Delivery | None = BOTH
    for _ in range(10):
        assert delivery is not None
        delivery = delivery.retry(delivery.all_failed(), 100.0)
        assert delivery is not None
        pauses.append(delivery.due_at_s - 100.0)

    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(2.0)
    assert delivery is not None
    progress = delivery.retry({A: 5}, 100.0)
    assert progress is not None
    assert progress.due_at_s - 100.0 == pytest.approx(pauses[0])


def test_what_belongs_to_another_poller_is_dropped() -> None:
    left = BOTH.without([A])

    assert left is not None
    assert left.places == {B}
    assert BOTH.without([A, B]) is None


def _item(partition: object, offset: object) -> dict[str, Any]:
    return {"itemIdentifier": {"partition": partition, "offset": offset}}


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_an_answer_without_failures_means_that_all_is_done(answer: object) -> None:
    assert failed_offsets(answer, BOTH.messages) == {}


def test_the_lowest_failure_of_a_partition_counts() -> None:
    answer = {"batchItemFailures": [_item("t-x-1", 9), _item("t-x-1", 8), _item("t-x-0", 5)]}

    assert failed_offsets(answer, BOTH.messages) == {A: 5, B: 8}


@pytest.mark.parametrize(
    "answer",
    [
        {"batchItemFailures": [_item("t-x-2", 3)]},
        {"batchItemFailures": [_item("t-x-0", 4)]},
        {"batchItemFailures": [_item("t-x-0", "3")]},
        {"batchItemFailures": [_item(None, 3)]},
        {"batchItemFailures": [{}]},
        {"batchItemFailures": ["t-x-0"]},
        {"batchItemFailures": {}},
        "failed",
    ],
)
def test_an_answer_that_names_no_record_of_the_batch_fails_it_whole(answer: object) -> None:
    with pytest.raises(BadAnswer):
        failed_offsets(answer, BOTH.messages)
