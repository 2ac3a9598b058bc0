"""The Kafka event of Lambda and the answer to it. Knows both shapes (MSK and self-managed), nothing of sales.

Source: AWS Lambda Developer Guide, "Using Lambda with Amazon MSK" and "with self-managed Apache Kafka".
"""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Headers = tuple[tuple[str, bytes | None], ...]
REPLAY_TO = "replay-to"  # header of a record that was put back for the one function that it names


class BadEvent(ValueError):
    """An event that no poller of Lambda sends; nothing of it was looked at."""


class KafkaRecord(NamedTuple):
    """One record as Lambda delivers it. `key` and `headers` are decoded when asked for: seldom."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    raw: Mapping[str, Any]

    @property
    def key(self) -> bytes | None:
        """The record's key."""
        text = self.raw.get("key")
        return None if text is None else b64decode(text)

    @property
    def headers(self) -> Headers:
        """The record's headers in order; a name may come twice."""
        pairs = ((name, value) for each in self.raw.get("headers") or () for name, value in each.items())
        return tuple((name, _unsigned(value)) for name, value in pairs)

    @property
    def source(self) -> str:
        """Where the record came from: topic-partition-offset."""
        return f"{self.topic}-{self.partition}-{self.offset}"


def records(event: Mapping[str, Any], function: str = "") -> list[KafkaRecord]:
    """Return the records of an event, partition by partition, in the order of their offsets.

    With `function`, what was put back for another function is left out. Raises BadEvent.
    """
    try:
        raws = (raw for group in event.get("records", {}).values() for raw in group)
        return [_record(raw) for raw in raws if not function or _is_for(function, raw)]
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise BadEvent(f"not an event of Lambda's Kafka poller: {error!r}") from error


def _is_for(function: str, raw: Mapping[str, Any]) -> bool:
    named = [each[REPLAY_TO] for each in raw.get("headers") or () if REPLAY_TO in each]
    return not named or _unsigned(named[0]) == function.encode()


def batch_item_failures(failed: Iterable[KafkaRecord]) -> dict[str, Any]:
    """Return the answer that has each partition delivered again from its first failed offset."""
    first: dict[tuple[str, int], int] = {}
    for record in failed:
        place = (record.topic, record.partition)
        first[place] = min(record.offset, first.get(place, record.offset))
    return {
        "batchItemFailures": [
            {"itemIdentifier": {"partition": f"{topic}-{partition}", "offset": offset}}
            for (topic, partition), offset in sorted(first.items())
        ]
    }


def _record(raw: Mapping[str, Any]) -> KafkaRecord:
    value = raw.get("value")
    # Some copies of the documentation show the partition as text.
    return KafkaRecord(
        raw["topic"],
        int(raw["partition"]),
        int(raw["offset"]),
        None if value is None else b64decode(value),
        raw,
    )


def _unsigned(value: Iterable[int] | None) -> bytes | None:
    """Turn Lambda's signed bytes (-128 to 127) into bytes."""
    return None if value is None else bytes([byte & 0xFF for byte in value])
