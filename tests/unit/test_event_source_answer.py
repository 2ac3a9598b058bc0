"""What a function's answer means."""

from typing import Any

import pytest

from ops.local.event_source.answer import BadAnswer, failed_offsets
from ops.local.event_source.lambda_event import Message

A, B = ("t-x", 0), ("t-x", 1)
MESSAGES = [
    Message(*place, offset, 1, "CREATE_TIME", None, None, ()) for place, offset in ((A, 3), (B, 8), (A, 5), (B, 9))
]


def _item(partition: object, offset: object) -> dict[str, Any]:
    return {"itemIdentifier": {"partition": partition, "offset": offset}}


@pytest.mark.parametrize(
    "answer", [None, {}, [], {"batchItemFailures": []}, {"batchItemFailures": None}, {"statusCode": 200}]
)
def test_an_answer_without_failures_means_that_all_is_done(answer: object) -> None:
    assert failed_offsets(answer, MESSAGES) == {}


def test_the_lowest_failure_of_a_partition_counts() -> None:
    answer = {"batchItemFailures": [_item("t-x-1", 9), _item("t-x-1", 8), _item("t-x-0", 5)]}

    assert failed_offsets(answer, MESSAGES) == {A: 5, B: 8}


@pytest.mark.parametrize(
    "answer",
    [
        {"batchItemFailures": [_item("t-x-2", 3)]},
        {"batchItemFailures": [_item("t-x-0", 4)]},
        {"batchItemFailures": [_item("t-x-0", "3")]},
        {"batchItemFailures": [_item("t-x-0", 3.0)]},
        {"batchItemFailures": [_item("t-x-0", True)]},
        {"batchItemFailures": [_item("t-x-0", None)]},
        {"batchItemFailures": [_item(None, 3)]},
        {"batchItemFailures": [_item("t-x-0", 3), {}]},
        {"batchItemFailures": ["t-x-0"]},
        {"batchItemFailures": {}},
        {"batchItemFailures": "all"},
        [_item("t-x-0", 3)],
        "failed",
        "",
        False,
        0,
    ],
)
def test_an_answer_that_names_no_record_of_the_batch_fails_it_whole(answer: object) -> None:
    with pytest.raises(BadAnswer):
        failed_offsets(answer, MESSAGES)
