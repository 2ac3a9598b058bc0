"""What topics must be like, and what counts as worse."""

from dataclasses import replace

import pytest

from chalicelib.config import Settings
from functions.topic_settings import Difference, Topic, differences, wanted_topics


@pytest.mark.parametrize(
    ("brokers", "replication", "shape"),
    [
        (1, None, (6, 1, None)),
        (2, None, (24, 3, "2")),  # a third one may be away at the moment
        (3, None, (24, 3, "2")),
        (6, None, (24, 3, "2")),
        (2, 2, (24, 2, "1")),
        (1, 1, (6, 1, None)),
    ],
)
def test_a_topic_is_spread_over_the_brokers_that_there_are(
    brokers: int, replication: int | None, shape: tuple[int, int, str | None]
) -> None:
    events, dead, notify_dead = wanted_topics(Settings(), brokers, None, replication)
    assert (events.partitions, events.replication, events.config.get("min.insync.replicas")) == shape
    assert {dead.replication, notify_dead.replication} == {events.replication}
    assert {each.config["unclean.leader.election.enable"] for each in (events, dead, notify_dead)} == {"false"}
    assert {each.config["cleanup.policy"] for each in (events, dead, notify_dead)} == {"delete"}


WANTED = wanted_topics(Settings(), 3, None, None)[1]


@pytest.mark.parametrize(
    "found",
    [
        WANTED,
        replace(WANTED, partitions=48, replication=5),
        replace(WANTED, config={**WANTED.config, "retention.ms": "-1", "max.message.bytes": "10000000"}),
        replace(WANTED, config={**WANTED.config, "retention.ms": str(10**12), "more": "x"}),
    ],
)
def test_more_than_is_asked_for_is_no_difference(found: Topic) -> None:
    assert list(differences(WANTED, found)) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("retention.ms", "604800000"),
        ("max.message.bytes", "1048588"),
        ("max.message.bytes", "-1"),
        ("min.insync.replicas", "1"),
        ("min.insync.replicas", "3"),
        ("unclean.leader.election.enable", "true"),
        ("cleanup.policy", "compact,delete"),
    ],
)
def test_a_worse_setting_is_named_with_what_it_must_be(setting: str, value: str) -> None:
    found = replace(WANTED, config={**WANTED.config, setting: value})
    assert list(differences(WANTED, found)) == [Difference(WANTED.name, setting, value, WANTED.config[setting])]


def test_too_few_partitions_and_copies_are_differences_and_so_is_a_setting_nobody_tells() -> None:
    found = Topic(WANTED.name, 0, 2, {})
    named = [each.setting for each in differences(WANTED, found)]
    assert named == ["partitions", "replication", *WANTED.config]
