"""What the topics must be like, and how one that exists differs from it. Values only: it speaks to no broker."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from chalicelib.config import Settings

RETENTION_MS = 14 * 24 * 3600 * 1000  # at least 14 days: a consumer may be away that long and lose nothing
# A dead letter is the whole record, which may be as large as its own topic takes, and headers besides.
DEAD_LETTER_MAX_BYTES = 4 * 1024 * 1024
_DEAD_LETTER_PARTITIONS = 1  # few records, no order to keep
_UNCLEAN, _MIN_INSYNC = "unclean.leader.election.enable", "min.insync.replicas"
_FOR_EVER = -1


class Difference(NamedTuple):
    """A setting of a topic that is there, which is not what it must be."""

    topic: str
    setting: str
    value: str
    wanted: str


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it must be, or as it is."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]


def wanted_topics(of: Settings, brokers: int, partitions: int | None, replication: int | None) -> list[Topic]:
    """Return the topics of the settings, on a cluster of so many brokers unless told otherwise.

    Two brokers that answer may be three of which one is away: what is made then must not be weaker for ever.
    """
    spread = 1 if brokers == 1 else 3
    copies = replication or spread
    shared = {"retention.ms": str(RETENTION_MS), "cleanup.policy": "delete", _UNCLEAN: "false"}
    if copies > 1:
        shared[_MIN_INSYNC] = "2" if copies >= 3 else "1"  # of two copies both would have to be there, always
    larger = {**shared, "max.message.bytes": str(DEAD_LETTER_MAX_BYTES)}
    return [
        Topic(of.kafka_topic, partitions or (6 if spread == 1 else 24), copies, shared),
        Topic(of.kafka_dlq_topic, _DEAD_LETTER_PARTITIONS, copies, larger),
        Topic(of.kafka_notify_dlq_topic, _DEAD_LETTER_PARTITIONS, copies, larger),
    ]


def differences(wanted: Topic, found: Topic) -> Iterator[Difference]:
    """Yield what is worse than it must be; more of what is only asked for at least is no difference."""
    if found.partitions < wanted.partitions:
        yield Difference(wanted.name, "partitions", str(found.partitions), str(wanted.partitions))
    if found.replication < wanted.replication:
        yield Difference(wanted.name, "replication", str(found.replication), str(wanted.replication))
    for name, value in wanted.config.items():
        has = found.config.get(name, "")
        if has != value and not _is_more(name, has, value):
            yield Difference(wanted.name, name, has, value)


def _is_more(name: str, has: str, wanted: str) -> bool:
    if name not in ("retention.ms", "max.message.bytes"):
        return False
    return has.lstrip("-").isdecimal() and (
        int(has) >= int(wanted) or (name == "retention.ms" and int(has) == _FOR_EVER)
    )
