"""What a template says of a function and of the Kafka topic that feeds it, with Lambda's defaults and limits.

Source: AWS Lambda API Reference, CreateEventSourceMapping; AWS SAM, event types MSK and SelfManagedKafka; AWS Lambda
Developer Guide, "error handling controls for Kafka event sources", "Kafka topic as an on-failure destination".
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.local.event_source.filters import Filter, compile_filter
from ops.local.event_source.patterns import BadPattern
from ops.local.event_source.properties import notices
from ops.local.event_source.section import Section
from ops.local.event_source.template import Unresolved

MSK, SELF_MANAGED = "aws:kafka", "SelfManagedKafka"
TRIM_HORIZON, LATEST, AT_TIMESTAMP = "TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"
RETRIES_WITH_DESTINATION = 10  # that many, where a destination is given and the retries are not limited
_LOCAL_ARN = "arn:aws:kafka:local:000000000000:cluster/local/0"
_TOPIC = re.compile(r"[^.][a-zA-Z0-9\-_.]{0,248}")
_DEFAULT_WINDOW_S = 0.5  # Lambda's own; a template can only ask for whole seconds
_MOST_FILTERS = 10  # five, unless AWS has raised the quota
_WINDOW, _AGE = "MaximumBatchingWindowInSeconds", "MaximumRecordAgeInSeconds"


@dataclass(frozen=True, slots=True)
class EventSourceMapping:
    """How a topic is polled for a function. None: no limit."""

    name: str
    kind: str  # MSK or SELF_MANAGED: the `eventSource` of its events
    arn: str
    bootstrap_servers: str
    topic: str
    group_id: str
    starting_position: str
    batch_size: int
    window_s: float
    reports_failures: bool
    starts_at_ms: int = 0  # for AT_TIMESTAMP
    enabled: bool = True
    filters: tuple[Filter, ...] = ()
    max_retries: int | None = None
    max_age_s: float | None = None
    bisects: bool = False
    failure_topic: str = ""
    min_pollers: int = 1
    max_pollers: int | None = None
    notices: tuple[str, ...] = ()


def mapping_of(where: str, logical_id: str, name: str, kind: str, values: Mapping[str, Any]) -> EventSourceMapping:
    """Return a mapping from its resolved properties. Raises BadTemplate."""
    section = Section(where, values)
    said = tuple(notices(section))
    topic = _topic(section)
    failure_topic = _failure_topic(section, topic)
    limit = section.whole("MaximumRetryAttempts", -1, -1, 10_000)
    max_age_s = section.whole(_AGE, -1, -1, 604_800)
    if -1 < max_age_s < 60:
        raise section.wrong(_AGE, f"must be -1 or from 60 to 604800, is {max_age_s}")
    position, starts_at_ms = _start(section)
    least, most = _pollers(section)
    window = section.get(_WINDOW)
    arn = values.get("Stream") or values.get("EventSourceArn")
    return EventSourceMapping(
        name=f"{logical_id}-{name}",
        kind=kind,
        arn=arn if isinstance(arn, str) else _LOCAL_ARN,
        bootstrap_servers=_servers(section),
        topic=topic,
        group_id=_group_id(section, f"{logical_id}-{name}"),
        starting_position=position,
        batch_size=section.whole("BatchSize", 100, 1, 10_000),
        window_s=_DEFAULT_WINDOW_S if window is None else section.whole(_WINDOW, 0, 0, 300),
        reports_failures=_reports_failures(section),
        starts_at_ms=starts_at_ms,
        enabled=section.flag("Enabled", True),
        filters=_filters(section),
        max_retries=limit if limit >= 0 else RETRIES_WITH_DESTINATION if failure_topic else None,
        max_age_s=max_age_s if max_age_s > 0 else None,
        bisects=section.flag("BisectBatchOnFunctionError", False),
        failure_topic=failure_topic,
        min_pollers=least,
        max_pollers=most,
        notices=said,
    )


def _topic(section: Section) -> str:
    topics = section.items("Topics")
    if len(topics) != 1 or isinstance(topics[0], Unresolved) or not _TOPIC.fullmatch(str(topics[0])):
        raise section.wrong("Topics", f"must be one known topic, is {[str(each) for each in topics]}")
    return str(topics[0])


def _group_id(section: Section, default: str) -> str:
    for name in ("SelfManagedKafkaEventSourceConfig", "AmazonManagedKafkaEventSourceConfig"):
        default = section.section(name).text("ConsumerGroupId", default)
    return section.text("ConsumerGroupId", default)


def _start(section: Section) -> tuple[str, int]:
    position = section.text("StartingPosition", TRIM_HORIZON)
    if position not in (TRIM_HORIZON, LATEST, AT_TIMESTAMP):
        raise section.wrong("StartingPosition", f"must be TRIM_HORIZON, LATEST or AT_TIMESTAMP, is {position}")
    value = section.get("StartingPositionTimestamp")
    if position != AT_TIMESTAMP:
        if value is not None:
            raise section.wrong("StartingPositionTimestamp", "goes with StartingPosition AT_TIMESTAMP only")
        return position, 0
    try:
        at_s = float(value)
    except (TypeError, ValueError):
        at_s = -1.0
    if not 0 <= at_s <= time.time():
        raise section.wrong("StartingPositionTimestamp", f"must be Unix seconds, not in the future, is {value!r}")
    return position, int(at_s * 1000)


def _reports_failures(section: Section) -> bool:
    kinds = section.items("FunctionResponseTypes")
    if any(each != "ReportBatchItemFailures" for each in kinds):
        raise section.wrong("FunctionResponseTypes", f"can only have ReportBatchItemFailures, is {kinds}")
    return bool(kinds)


def _failure_topic(section: Section, source_topic: str) -> str:
    config = section.section("DestinationConfig")
    if "OnSuccess" in config.values:
        raise config.wrong("OnSuccess", "does not exist for event sources")
    on_failure = config.section("OnFailure")
    destination = on_failure.text("Destination")
    if not destination:
        return ""
    scheme, _, topic = destination.partition("kafka://")
    if scheme or not _TOPIC.fullmatch(topic):
        raise on_failure.wrong("Destination", f"must be kafka://TOPIC here, is {destination}")
    if topic == source_topic:
        raise on_failure.wrong("Destination", f"must not be the topic that is read, {topic}")
    if not section.section("ProvisionedPollerConfig").values:
        raise on_failure.wrong("Destination", "as a Kafka topic needs ProvisionedPollerConfig")
    return topic


def _pollers(section: Section) -> tuple[int, int | None]:
    config = section.section("ProvisionedPollerConfig")
    least = config.whole("MinimumPollers", 1, 1, 200)
    most = config.whole("MaximumPollers", 200, 1, 2_000)
    if most < least:
        raise config.wrong("MaximumPollers", f"must be at least MinimumPollers, {least}, is {most}")
    return least, most if config.values else None


def _servers(section: Section) -> str:
    """Return the brokers of a self-managed cluster; SAM and CloudFormation each have a place for them."""
    endpoints = section.section("SelfManagedEventSource").section("Endpoints")
    servers = section.values.get("KafkaBootstrapServers") or endpoints.values.get("KafkaBootstrapServers")
    return (
        ",".join(str(each) for each in servers if not isinstance(each, Unresolved)) if isinstance(servers, list) else ""
    )


def _filters(section: Section) -> tuple[Filter, ...]:
    criteria = section.section("FilterCriteria")
    found = criteria.items("Filters")
    if len(found) > _MOST_FILTERS:
        raise criteria.wrong("Filters", f"can have {_MOST_FILTERS} filters at most, has {len(found)}")
    filters = []
    for number, each in enumerate(found):
        text = each.get("Pattern") if isinstance(each, Mapping) else None
        try:
            filters.append(compile_filter(text))
        except BadPattern as error:
            raise criteria.wrong(f"Filters[{number}].Pattern", str(error)) from error
    return tuple(filters)
