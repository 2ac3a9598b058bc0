"""Finds a function and its Kafka event sources in a template, wherever they are written there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.local.event_source.mapping import MSK, SELF_MANAGED, EventSourceMapping, mapping_of
from ops.local.event_source.section import Section
from ops.local.event_source.template import BadTemplate, Template, Unresolved

_SAM_KINDS = {"MSK": MSK, "SelfManagedKafka": SELF_MANAGED}
_LONGEST_TIMEOUT_S = 900
LONGEST_TIMEOUT_FOR_KAFKA_S = 840  # a function may run for longer, but not behind a Kafka event source


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """A function of the template: the folder its code is in, and `module.path.function` there."""

    logical_id: str
    handler: str
    code_folder: Path
    timeout_s: float
    memory_mb: int
    runtime: str = ""


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
    where = f"{template.path}: {logical_id}.{name}"
    return function, mapping_of(where, logical_id, name, kind, _properties(where, values))


def _properties(where: str, values: Any) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        raise BadTemplate(f"{where}: Properties must be properties, is {values!r}")
    return values


def _function(template: Template, logical_id: str) -> FunctionSpec:
    resource = template.resources.get(logical_id)
    kind = resource.get("Type") if isinstance(resource, Mapping) else None
    if not isinstance(resource, Mapping) or kind not in ("AWS::Serverless::Function", "AWS::Lambda::Function"):
        raise BadTemplate(f"{template.path}: there is no function {logical_id}")
    where = f"{template.path}: {logical_id}"
    own = _properties(where, resource.get("Properties", {}))
    section = Section(where, template.resolved({**template.globals, **own}))
    handler = section.text("Handler")
    if not handler and section.text("PackageType") != "Image":
        raise section.wrong("Handler", "is missing: the function has no Handler")
    folder = section.values.get("CodeUri", ".")
    return FunctionSpec(
        logical_id=logical_id,
        handler=handler,
        code_folder=(template.path.parent / (folder if isinstance(folder, str) else ".")).resolve(),
        timeout_s=float(section.whole("Timeout", 3, 1, _LONGEST_TIMEOUT_S)),
        memory_mb=section.whole("MemorySize", 128, 128, 10_240),
        runtime="" if isinstance(section.values.get("Runtime"), Unresolved) else section.text("Runtime"),
    )


def _kafka_events(template: Template, logical_id: str) -> Iterator[tuple[str, str, Any]]:
    """Yield (name, kind, properties) of a function's SAM events and of the mappings declared by themselves."""
    events = template.resources[logical_id].get("Properties", {}).get("Events") or {}
    if not isinstance(events, Mapping):
        raise BadTemplate(f"{template.path}: {logical_id}: Events must be properties, is {events!r}")
    for name, event in events.items():
        kind = _SAM_KINDS.get(str(event.get("Type"))) if isinstance(event, Mapping) else None
        if kind is not None:
            yield name, kind, template.resolved(event.get("Properties", {}))
    for name, resource in template.resources.items():
        if not isinstance(resource, Mapping) or resource.get("Type") != "AWS::Lambda::EventSourceMapping":
            continue
        values = _properties(f"{template.path}: {name}", resource.get("Properties", {}))
        if "Topics" in values and _names(values.get("FunctionName"), logical_id):
            known = template.resolved(values)
            yield name, SELF_MANAGED if "SelfManagedEventSource" in known else MSK, known


def _names(reference: Any, logical_id: str) -> bool:
    """Tell whether FunctionName is this function: !Ref Id, !GetAtt Id.Arn (text or list) or !Ref Id.Alias."""
    if isinstance(reference, dict):
        reference = next(iter(reference.values()), None)
    if isinstance(reference, list):
        reference = ".".join(map(str, reference))
    return isinstance(reference, str) and reference.split(".")[0] == logical_id
