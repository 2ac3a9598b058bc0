"""What a function's answer means: which records of its batch it did not do."""

from collections.abc import Mapping, Sequence
from typing import Any

from ops.local.event_source.lambda_event import Message, Place


class BadAnswer(ValueError):
    """The answer names no record of the batch, or not in Lambda's form: the whole batch counts as failed."""


def failed_offsets(answer: Any, messages: Sequence[Message]) -> Mapping[Place, int]:
    """Return the lowest failed offset per partition that an answer with batchItemFailures names. Raises BadAnswer.

    Nothing, null, what is empty, and an answer without batchItemFailures mean that all is done. Source: AWS Lambda
    Developer Guide, "error handling controls for Kafka event sources", partial batch response.
    """
    if answer is None or answer in ({}, []):
        return {}
    if not isinstance(answer, dict):
        raise BadAnswer(f"{_short(answer)} is no answer with batchItemFailures")
    failures = answer.get("batchItemFailures")
    if failures is not None and not isinstance(failures, list):
        raise BadAnswer(f"batchItemFailures is not a list: {_short(failures)}")
    lowest: dict[Place, int] = {}
    names = {f"{message.topic}-{message.partition}": message.place for message in messages}
    offsets = {(message.place, message.offset) for message in messages} if failures else set()
    for failure in failures or []:
        identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        if not isinstance(identifier, dict):
            raise BadAnswer(f"no itemIdentifier in {_short(failure)}")
        place, offset = names.get(str(identifier.get("partition"))), identifier.get("offset")
        if place is None or type(offset) is not int or (place, offset) not in offsets:
            raise BadAnswer(f"{_short(identifier)} is not a record of this batch")
        lowest[place] = min(offset, lowest.get(place, offset))
    return lowest


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"
