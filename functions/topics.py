"""The topics that onsale needs, made on purpose: one made by accident has the wrong partitions and retention."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.cimpl import NewTopic

from chalicelib.config import Settings, settings
from functions.kafka_client import client_config
from functions.topic_settings import DEAD_LETTER_MAX_BYTES, RETENTION_MS, Difference, Topic, differences, wanted_topics

_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """What there is to do: the topics that are missing, and what those that are there lack."""

    missing: list[Topic]
    differing: list[Difference]


def create_topics(
    partitions: int | None = None, replication: int | None = None, chosen: Settings | None = None
) -> list[str]:
    """Create the topics that are missing and return their names; those that exist are left as they are.

    Partitions and replication are by the number of brokers unless given. Returns when every topic can be written to.
    Raises KafkaException when the cluster refuses or is away.
    """
    of = chosen or settings()
    admin = AdminClient(client_config(of))
    brokers = admin.list_topics(timeout=_TIMEOUT_S).brokers
    wanted = wanted_topics(of, len(brokers), partitions, replication)
    return _create(admin, wanted, [each.name for each in wanted])


def bring_topics(partitions: int | None, replication: int | None, *, dry_run: bool) -> TopicPlan:
    """Create what is missing, and return it with what is there and not as it must be: nobody changes that unasked.

    Raises KafkaException when the cluster refuses or is away.
    """
    of = settings()
    admin = AdminClient(client_config(of))
    seen = admin.list_topics(timeout=_TIMEOUT_S)
    wanted = wanted_topics(of, len(seen.brokers), partitions, replication)
    found = _found(admin, seen.topics, [each.name for each in wanted])
    plan = TopicPlan(
        missing=[each for each in wanted if each.name not in found],
        differing=[one for each in wanted if each.name in found for one in differences(each, found[each.name])],
    )
    if plan.missing and not dry_run:
        _create(admin, plan.missing, [each.name for each in wanted])
    return plan


def _found(admin: AdminClient, topics: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Topic]:
    there = [name for name in names if name in topics and topics[name].error is None]
    if not there:
        return {}
    asked = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in there]
    answers = admin.describe_configs(asked, request_timeout=_TIMEOUT_S)
    configs = {each.name: future.result(_TIMEOUT_S) for each, future in answers.items()}
    return {name: _topic(name, topics[name], configs[name]) for name in there}


def _topic(name: str, metadata: object, config: Mapping[str, object]) -> Topic:
    partitions = metadata.partitions.values()  # type: ignore[attr-defined]
    values = {each: str(entry.value) for each, entry in config.items()}  # type: ignore[attr-defined]
    return Topic(name, len(partitions), min((len(each.replicas) for each in partitions), default=0), values)


def _create(admin: AdminClient, topics: Sequence[Topic], all_names: list[str]) -> list[str]:
    wanted = [NewTopic(each.name, each.partitions, each.replication, config=dict(each.config)) for each in topics]
    created = []
    for name, future in admin.create_topics(wanted, operation_timeout=_TIMEOUT_S).items():
        try:
            future.result(_TIMEOUT_S)
            created.append(name)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    _wait_until_led(admin, all_names)
    return created


def _wait_until_led(admin: AdminClient, names: list[str]) -> None:
    """Wait until each partition has a leader: a producer that comes earlier is told there is no such topic."""
    deadline_s = time.monotonic() + _TIMEOUT_S
    while True:
        topics = admin.list_topics(timeout=_TIMEOUT_S).topics
        known = [topics[name] for name in names if name in topics and topics[name].error is None]
        if len(known) == len(names) and all(p.leader >= 0 for t in known for p in t.partitions.values()):
            return
        if time.monotonic() > deadline_s:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"no leader for {', '.join(names)}"))
        time.sleep(0.05)


__all__ = ["DEAD_LETTER_MAX_BYTES", "RETENTION_MS", "TopicPlan", "bring_topics", "create_topics"]
