"""What Kafka says of the consumer groups: how many records each has not committed. Joins no group, reads no record.

Asked by consumers that never subscribe, one for each group. The admin client could ask for all groups at once, but
librdkafka aborts the process where the reply of a group's coordinator meets the time-out (its issue 4605).
"""

import logging
from collections.abc import Iterable

from confluent_kafka import Consumer, TopicPartition
from prometheus_client.core import Metric

from chalicelib.config import Settings
from functions.kafka_client import client_config, group_of
from ops.metrics.catalogue import Figures

_WITHIN_S = 1.0
_silent = logging.getLogger("onsale.metrics.kafka")  # it would say of each try that nobody is there
_silent.addHandler(logging.NullHandler())
_silent.propagate = False
Offsets = dict[int, tuple[int, int]]  # by partition: the first there is, and the end


class KafkaFigures:
    """Asks the brokers, over connections that it keeps. Raises KafkaException where they are away."""

    def __init__(self, settings: Settings) -> None:
        """Connect when first asked."""
        events, letters, unsent = settings.kafka_topic, settings.kafka_dlq_topic, settings.kafka_notify_dlq_topic
        self._settings = settings
        self._members: dict[str, Consumer] = {}
        self._topic_of = {
            **{group_of(settings, function): events for function in ("persist", "notify", "statistics")},
            group_of(settings, "dead-letters"): letters,
            group_of(settings, "notify-dead-letters"): unsent,
        }

    def __call__(self) -> Iterable[Metric]:
        """Return the lag of each group."""
        ends: dict[str, Offsets] = {}
        figures = Figures()
        for group, topic in self._topic_of.items():
            member = self._member(group)
            if topic not in ends:
                ends[topic] = _offsets(member, topic)
            if ends[topic]:
                lag = _lag(member, topic, ends[topic])
                figures.add("onsale_kafka_lag_records", lag, group, topic)
        return figures.families()

    def _member(self, group: str) -> Consumer:
        if group not in self._members:
            config = {**client_config(self._settings), "group.id": group, "enable.auto.commit": False, "log_level": 0}
            self._members[group] = Consumer(config, logger=_silent)
        return self._members[group]


def _offsets(member: Consumer, topic: str) -> Offsets:
    """Return the ends of each partition of a topic; of one that is not there, none."""
    found = member.list_topics(topic, timeout=_WITHIN_S).topics.get(topic)
    if found is None or found.error:
        return {}
    return {
        number: member.get_watermark_offsets(TopicPartition(topic, number), timeout=_WITHIN_S)
        for number in found.partitions
    }


def _lag(member: Consumer, topic: str, ends: Offsets) -> int:
    """Return the records after what the member's group has committed; a group without a commit begins at the first."""
    asked = [TopicPartition(topic, number) for number in ends]
    committed = {each.partition: each.offset for each in member.committed(asked, _WITHIN_S)}
    return sum(max(0, end - max(first, committed[number])) for number, (first, end) in ends.items())
