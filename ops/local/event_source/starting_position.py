"""Where a group begins to read that has not committed anything yet.

What StartingPosition means is fixed by committing it at once, so that a poller that dies before its first commit, or a
partition that changes hands before one, starts where the group began and not at a later "latest".
"""

import logging
import time
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaException, TopicPartition

from ops.local.event_source.mapping import AT_TIMESTAMP, LATEST, EventSourceMapping

_TIMEOUT_S = 5.0
_PAUSE_S = 0.2
_log = logging.getLogger(__name__)


def assign(
    consumer: Consumer, mapping: EventSourceMapping, partitions: list[TopicPartition], given_up: Callable[[], bool]
) -> bool:
    """Take partitions over at the group's offsets, else at the mapping's position. Tries until done: else false."""
    if mapping.starting_position not in (LATEST, AT_TIMESTAMP):
        return True  # the consumer's own way: the group's offset, else the earliest
    while not given_up():
        try:
            consumer.incremental_assign(_starts(consumer, mapping, partitions))
            return True
        except KafkaException as error:
            _log.warning("looking for where to start in %s: %s", mapping.topic, error)
            time.sleep(_PAUSE_S)
    return False


def _starts(consumer: Consumer, mapping: EventSourceMapping, partitions: list[TopicPartition]) -> list[TopicPartition]:
    known = consumer.committed(partitions, timeout=_TIMEOUT_S)
    for each in known:
        if each.error is not None:
            raise KafkaException(each.error)
    fresh = [_position(consumer, mapping, each) for each in known if each.offset < 0]
    if fresh:
        consumer.commit(offsets=fresh, asynchronous=False)
    return [each for each in known if each.offset >= 0] + fresh


def _position(consumer: Consumer, mapping: EventSourceMapping, place: TopicPartition) -> TopicPartition:
    if mapping.starting_position == AT_TIMESTAMP:
        asked = TopicPartition(place.topic, place.partition, mapping.starts_at_ms)
        (found,) = consumer.offsets_for_times([asked], timeout=_TIMEOUT_S)
        if found.error is not None:
            raise KafkaException(found.error)
        if found.offset >= 0:
            return TopicPartition(place.topic, place.partition, found.offset)
    _, end = consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S, cached=False)
    return TopicPartition(place.topic, place.partition, end)
