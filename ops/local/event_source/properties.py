"""Every property that a Kafka event source can have, and what becomes of it here. The documentation has this table.

Source: AWS Lambda API Reference, CreateEventSourceMapping; CloudFormation, AWS::Lambda::EventSourceMapping; AWS SAM,
event types MSK and SelfManagedKafka.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ops.local.event_source.section import Section

YES, NOTICE, NONE, REFUSED = "yes", "with a notice", "no effect", "refused"


@dataclass(frozen=True, slots=True)
class Support:
    """YES; NOTICE: it goes on and says what differs; NONE: it changes no delivery; REFUSED: it does not start."""

    how: str
    why: str = ""


_OTHER_SOURCE = Support(REFUSED, "is for other kinds of event sources, not for Kafka")

PROPERTIES = {
    "Stream": Support(YES),
    "EventSourceArn": Support(YES),
    "KafkaBootstrapServers": Support(YES),
    "SelfManagedEventSource": Support(YES),
    "FunctionName": Support(YES),
    "Topics": Support(YES),
    "ConsumerGroupId": Support(YES),
    "AmazonManagedKafkaEventSourceConfig": Support(YES),
    "SelfManagedKafkaEventSourceConfig": Support(YES),
    "StartingPosition": Support(YES),
    "StartingPositionTimestamp": Support(YES),
    "Enabled": Support(YES),
    "BatchSize": Support(YES),
    "MaximumBatchingWindowInSeconds": Support(YES),
    "FilterCriteria": Support(YES),
    "FunctionResponseTypes": Support(YES),
    "MaximumRetryAttempts": Support(YES),
    "MaximumRecordAgeInSeconds": Support(YES),
    "BisectBatchOnFunctionError": Support(YES),
    "DestinationConfig": Support(YES),
    "ProvisionedPollerConfig": Support(YES),
    "SourceAccessConfigurations": Support(
        NOTICE, "are not used: brokers, security and passwords come from the settings of this machine"
    ),
    "KmsKeyArn": Support(NONE),
    "LoggingConfig": Support(NONE),
    "MetricsConfig": Support(NONE),
    "Tags": Support(NONE),
    "SchemaRegistryConfig": Support(
        REFUSED, "is not supported here: Lambda would decode the records with it, and this event source would not"
    ),
    "ConsumptionMode": Support(
        REFUSED, "is not supported here other than as Stream: a queue has neither order nor offsets"
    ),
    "ParallelizationFactor": _OTHER_SOURCE,
    "TumblingWindowInSeconds": _OTHER_SOURCE,
    "ScalingConfig": _OTHER_SOURCE,
    "Queues": _OTHER_SOURCE,
    "DocumentDBEventSourceConfig": _OTHER_SOURCE,
}
_CONSUMER_CONFIGS = ("AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig")


def notices(section: Section) -> Iterator[str]:
    """Yield what a person should know of properties that do nothing here. Raises BadTemplate for those refused."""
    for each in (section, *(section.section(name) for name in _CONSUMER_CONFIGS)):
        for name in each.values:
            support = PROPERTIES.get(name)
            if support is None:
                raise each.wrong(name, "is not a property of a Kafka event source")
            if support.how == REFUSED and not (name == "ConsumptionMode" and each.get(name) == "Stream"):
                raise each.wrong(name, support.why)
            if support.how == NOTICE:
                yield f"{each.where}: {each.path}{name} {support.why}"
