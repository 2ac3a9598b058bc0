"""What a template says of a function and of the Kafka topic that feeds it, with Lambda's defaults and limits.

Source: AWS Lambda API Reference, CreateEventSourceMapping; AWS SAM, event types MSK and SelfManagedKafka.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.local.event_source.template import BadTemplate, Template, Unresolved

MSK, SELF_MANAGED = "aws:kafka", "SelfManagedKafka"
_SAM_KINDS = {"MSK": MSK, "SelfManagedKafka": SELF_MANAGED}
_POSITIONS = ("TRIM_HORIZON", "LATEST")
_MAX_BATCH_SIZE = 10_000
_WINDOW = "MaximumBatchingWindowInSeconds"
_MAX_WINDOW_S = 300
_DEFAULT_WINDOW_S = 0.5  # Lambda's own; a template can only ask for whole seconds


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """A function of the template: the folder its code is in, and `module.path.function` there."""

    logical_id: str
    handler: str
    code_folder: Path
    timeout_s: float
    memory_mb: int


@dataclass(frozen=True, slots=True)
class EventSourceMapping:
    """How a topic is polled for a function."""

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


def read_mapping(template: Template, logical_id: str, event: str = "") -> tuple[FunctionSpec, EventSourceMapping]:
    """Return a function and its Kafka mapping; `event` names one of several. Raises BadTemplate."""
    function = _function(template, logical_id)
    found = {name: (kind, values) for name, kind, values in _kafka_events(template, logical_id)}
    if event:
        found = {name: each for name, each in found.items() if name == event}
    if len(found) != 1:
        names = ", ".join(found) or "none"
        raise BadTemplate(f"{template.path}: {logical_id} must have one Kafka event source here, has {names}")
    ((name, (kind, values)),) = found.items()
    return function, _mapping(template, logical_id, name, kind, values)


def _function(template: Template, logical_id: str) -> FunctionSpec:
    resource = template.resources.get(logical_id) or {}
    if resource.get("Type") not in ("AWS::Serverless::Function", "AWS::Lambda::Function"):
        raise BadTemplate(f"{template.path}: there is no function {logical_id}")
    values = template.resolved({**template.globals, **resource.get("Properties", {})})
    folder = values.get("CodeUri", ".")
    if "Handler" not in values:
        raise BadTemplate(f"{template.path}: {logical_id} has no Handler")
    return FunctionSpec(
        logical_id=logical_id,
        handler=values["Handler"],
        code_folder=(template.path.parent / (folder if isinstance(folder, str) else ".")).resolve(),
        timeout_s=float(values.get("Timeout", 3)),
        memory_mb=int(values.get("MemorySize", 128)),
    )


def _kafka_events(template: Template, logical_id: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield (name, kind, properties) of a function's SAM events and of the mappings declared by themselves."""
    events = template.resources[logical_id].get("Properties", {}).get("Events") or {}
    for name, event in events.items():
        if event.get("Type") in _SAM_KINDS:
            yield name, _SAM_KINDS[event["Type"]], template.resolved(event.get("Properties", {}))
    for name, resource in template.resources.items():
        if resource.get("Type") != "AWS::Lambda::EventSourceMapping":
            continue
        names_it = _names(resource["Properties"].get("FunctionName"), logical_id)
        if names_it and "Topics" in resource["Properties"]:
            values = template.resolved(resource["Properties"])
            yield name, SELF_MANAGED if "SelfManagedEventSource" in values else MSK, values


def _names(reference: Any, logical_id: str) -> bool:
    """Tell whether FunctionName is this function: !Ref Id, !GetAtt Id.Arn (text or list) or !Ref Id.Alias."""
    if isinstance(reference, dict):
        reference = next(iter(reference.values()))
    if isinstance(reference, list):
        reference = ".".join(map(str, reference))
    return isinstance(reference, str) and reference.split(".")[0] == logical_id


def _mapping(
    template: Template, logical_id: str, name: str, kind: str, values: Mapping[str, Any]
) -> EventSourceMapping:
    where = f"{template.path}: {logical_id}.{name}"
    topics = values.get("Topics") or []
    if len(topics) != 1 or isinstance(topics[0], Unresolved):
        raise BadTemplate(f"{where}: Topics must be one known topic, is {topics}")
    position = values.get("StartingPosition", "TRIM_HORIZON")
    if position not in _POSITIONS:
        raise BadTemplate(f"{where}: StartingPosition {position} is not supported here")
    arn = values.get("Stream") or values.get("EventSourceArn") or ""
    config = values.get("SelfManagedKafkaEventSourceConfig") or values.get("AmazonManagedKafkaEventSourceConfig") or {}
    window = values.get(_WINDOW)
    return EventSourceMapping(
        name=f"{logical_id}-{name}",
        kind=kind,
        arn=str(arn) if isinstance(arn, str) and arn else "arn:aws:kafka:local:000000000000:cluster/local/0",
        bootstrap_servers=_servers(values),
        topic=str(topics[0]),
        group_id=str(values.get("ConsumerGroupId") or config.get("ConsumerGroupId") or f"{logical_id}-{name}"),
        starting_position=position,
        batch_size=_within(where, "BatchSize", values.get("BatchSize", 100), 1, _MAX_BATCH_SIZE),
        window_s=_DEFAULT_WINDOW_S if window is None else _within(where, _WINDOW, window, 0, _MAX_WINDOW_S),
        reports_failures="ReportBatchItemFailures" in (values.get("FunctionResponseTypes") or []),
    )


def _servers(values: Mapping[str, Any]) -> str:
    """Return the brokers of a self-managed cluster; SAM and CloudFormation each have a place for them."""
    endpoints = (values.get("SelfManagedEventSource") or {}).get("Endpoints") or {}
    servers = values.get("KafkaBootstrapServers") or endpoints.get("KafkaBootstrapServers")
    return ",".join(str(each) for each in servers or [] if not isinstance(each, Unresolved))


def _within(where: str, name: str, value: Any, least: int, most: int) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = least - 1
    if not least <= number <= most:
        raise BadTemplate(f"{where}: {name} must be a whole number from {least} to {most}, is {value}")
    return number
