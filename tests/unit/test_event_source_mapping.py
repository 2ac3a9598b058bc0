"""A function's Kafka mapping is found in a template however it is written there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ops.local.event_source.filters import compile_filter
from ops.local.event_source.function_spec import FunctionSpec, read_mapping
from ops.local.event_source.mapping import MSK, SELF_MANAGED, EventSourceMapping
from ops.local.event_source.template import BadTemplate, Template

PROJECT = Path(__file__).parents[2]
Read = Callable[..., tuple[FunctionSpec, EventSourceMapping]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read the mapping of function F from the text of a template."""

    def reading(text: str, event: str = "", **parameters: str) -> tuple[FunctionSpec, EventSourceMapping]:
        path = tmp_path / "template.yaml"
        path.write_text(text, encoding="utf-8")
        return read_mapping(Template(path, parameters, "shop"), "F", event)

    return reading


FUNCTION = """
Parameters: {Topic: {Type: String, Default: orders}, Cluster: {Type: String}}
Globals: {Function: {Timeout: 20, MemorySize: 512}}
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Handler: src/app.handler
      CodeUri: code
      Timeout: 7
"""
MSK_EVENT = """
      Events:
        Orders:
          Type: MSK
          Properties:
            Stream: !Ref Cluster
            Topics: [!Ref Topic]
            StartingPosition: LATEST
            ConsumerGroupId: !Sub "${AWS::StackName}-${Topic}-x"
            BatchSize: 500
            MaximumBatchingWindowInSeconds: 3
            FunctionResponseTypes: [ReportBatchItemFailures]
"""


def test_an_msk_event_of_a_function(read: Read, tmp_path: Path) -> None:
    function, mapping = read(FUNCTION + MSK_EVENT, Cluster="arn:aws:kafka:eu-west-1:1:cluster/c/1")

    assert function == FunctionSpec("F", "src/app.handler", tmp_path / "code", 7.0, 512)
    assert mapping == EventSourceMapping(
        name="F-Orders",
        kind=MSK,
        arn="arn:aws:kafka:eu-west-1:1:cluster/c/1",
        bootstrap_servers="",
        topic="orders",
        group_id="shop-orders-x",
        starting_position="LATEST",
        batch_size=500,
        window_s=3,
        reports_failures=True,
    )


def test_parameters_win_over_defaults_and_an_unknown_arn_gets_a_local_one(read: Read) -> None:
    _, mapping = read(FUNCTION + MSK_EVENT, Topic="others")

    assert (mapping.topic, mapping.group_id) == ("others", "shop-others-x")
    assert mapping.arn.startswith("arn:aws:kafka:local:")


def test_a_self_managed_event_with_lambdas_defaults(read: Read) -> None:
    event = """
      Events:
        Orders:
          Type: SelfManagedKafka
          Properties:
            KafkaBootstrapServers: [one:9092, two:9092]
            Topics: [orders]
"""
    _, mapping = read(FUNCTION + event)

    assert (mapping.kind, mapping.bootstrap_servers) == (SELF_MANAGED, "one:9092,two:9092")
    assert (mapping.batch_size, mapping.window_s, mapping.reports_failures) == (100, 0.5, False)
    assert (mapping.group_id, mapping.starting_position) == ("F-Orders", "TRIM_HORIZON")


@pytest.mark.parametrize("name", ["!Ref F", "!GetAtt F.Arn", "{Fn::GetAtt: [F, Arn]}", "!Ref F.Alias"])
def test_a_mapping_declared_by_itself(read: Read, name: str) -> None:
    resource = f"""
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: {name}
      Topics: [orders]
      SelfManagedEventSource: {{Endpoints: {{KafkaBootstrapServers: [one:9092]}}}}
      SelfManagedKafkaEventSourceConfig: {{ConsumerGroupId: mine}}
  Queue:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {{FunctionName: !Ref F, EventSourceArn: !GetAtt Q.Arn}}
"""
    _, mapping = read(FUNCTION + resource)

    assert (mapping.name, mapping.kind, mapping.group_id) == ("F-Mapping", SELF_MANAGED, "mine")
    assert mapping.bootstrap_servers == "one:9092"


def test_one_of_several_events_is_chosen_by_its_name(read: Read) -> None:
    both = MSK_EVENT + "        Again: {Type: MSK, Properties: {Stream: !Ref Cluster, Topics: [again]}}\n"
    with pytest.raises(BadTemplate, match="has Orders, Again"):
        read(FUNCTION + both)

    assert read(FUNCTION + both, event="Again")[1].topic == "again"


EVERYTHING = """
            Enabled: false
            MaximumRetryAttempts: "5"
            MaximumRecordAgeInSeconds: 3600
            BisectBatchOnFunctionError: "true"
            FilterCriteria: {Filters: [{Pattern: '{"value": {"a": ["x"]}}'}, {Pattern: '{"topic": ["orders"]}'}]}
            DestinationConfig: {OnFailure: {Type: Kafka, Destination: !Sub "kafka://${Topic}-failed"}}
            ProvisionedPollerConfig: {MinimumPollers: 2, MaximumPollers: 4}
            SourceAccessConfigurations: [{Type: SASL_SCRAM_512_AUTH, URI: !Ref Secret}]
"""


def test_everything_that_can_be_said_of_failures_filters_and_pollers(read: Read) -> None:
    text = (MSK_EVENT + EVERYTHING).replace("LATEST", "AT_TIMESTAMP\n            StartingPositionTimestamp: 1763600000")
    _, mapping = read(FUNCTION + text)

    assert (mapping.starting_position, mapping.starts_at_ms) == ("AT_TIMESTAMP", 1_763_600_000_000)
    assert (mapping.enabled, mapping.max_retries, mapping.max_age_s, mapping.bisects) == (False, 5, 3600, True)
    assert mapping.filters == (compile_filter('{"value": {"a": ["x"]}}'), compile_filter('{"topic": ["orders"]}'))
    assert (mapping.failure_topic, mapping.min_pollers, mapping.max_pollers) == ("orders-failed", 2, 4)
    (notice,) = mapping.notices
    assert "template.yaml: F.Orders: SourceAccessConfigurations are not used" in notice


def test_retries_without_end_are_ten_where_a_destination_is_given(read: Read) -> None:
    with_destination = MSK_EVENT + EVERYTHING.replace('MaximumRetryAttempts: "5"', "MaximumRetryAttempts: -1")

    assert read(FUNCTION + with_destination)[1].max_retries == 10
    assert read(FUNCTION + MSK_EVENT)[1].max_retries is None


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            ("BatchSize: 500", "BatchSize: 20000"),
            "F.Orders: BatchSize must be a whole number from 1 to 10000, is 20000",
        ),
        (("BatchSize: 500", "BatchSize: many"), "BatchSize must be a whole number .* is 'many'"),
        (("BatchSize: 500", "BatchSize: true"), "BatchSize must be a whole number"),
        (("BatchSize: 500", "BatchSize: !Ref Cluster"), "BatchSize is <Cluster>, which has no value here; --parameter"),
        (("BatchSize: 500", "BatchSzie: 500"), "BatchSzie is not a property of a Kafka event source"),
        (("InSeconds: 3", "InSeconds: 301"), "MaximumBatchingWindowInSeconds must be .* from 0 to 300"),
        (("StartingPosition: LATEST", "StartingPosition: EARLIEST"), "StartingPosition must be .* is EARLIEST"),
        (("LATEST", "AT_TIMESTAMP"), "StartingPositionTimestamp must be Unix seconds, not in the future, is None"),
        (("LATEST", "AT_TIMESTAMP\n            StartingPositionTimestamp: 99999999999"), "not in the future"),
        (
            ("LATEST", "LATEST\n            StartingPositionTimestamp: 1"),
            "goes with StartingPosition AT_TIMESTAMP only",
        ),
        (("[!Ref Topic]", "[a, b]"), "Topics must be one"),
        (("[!Ref Topic]", "[!GetAtt T.Name]"), "Topics must be one"),
        (("[!Ref Topic]", "['.bad']"), "Topics must be one"),
        (("[!Ref Topic]", "orders"), "Topics must be a list, is 'orders'"),
        (("[ReportBatchItemFailures]", "[Other]"), "FunctionResponseTypes can only have ReportBatchItemFailures"),
        (("Enabled: false", "Enabled: maybe"), "Enabled must be true or false, is 'maybe'"),
        (('Attempts: "5"', "Attempts: 10001"), "MaximumRetryAttempts must be a whole number from -1 to 10000"),
        (("AgeInSeconds: 3600", "AgeInSeconds: 30"), "MaximumRecordAgeInSeconds must be -1 or from 60 to 604800"),
        (
            ('"kafka://${Topic}-failed"', '"kafka://${Topic}"'),
            "OnFailure.Destination must not be the topic that is read",
        ),
        (
            ("kafka://", "arn:aws:sqs:eu-west-1:1:"),
            "DestinationConfig.OnFailure.Destination must be kafka://TOPIC here",
        ),
        (("OnFailure:", "OnSuccess:"), "DestinationConfig.OnSuccess does not exist"),
        (("OnFailure: {Type", "OnFailure: [{Type"), "template.yaml"),
        (
            ("{MinimumPollers: 2, MaximumPollers: 4}", "{}"),
            "Destination as a Kafka topic needs ProvisionedPollerConfig",
        ),
        (("MaximumPollers: 4", "MaximumPollers: 1"), "MaximumPollers must be at least MinimumPollers, 2, is 1"),
        (('{Pattern: \'{"topic": ["orders"]}\'}', '{Pattern: \'{"topic": "orders"}\'}'), r"Filters\[1\].Pattern topic"),
        (("[{Pattern", "[1, {Pattern"), r"FilterCriteria.Filters\[0\].Pattern must be JSON in a text"),
        (
            ("Enabled: false", "SchemaRegistryConfig: {}"),
            "SchemaRegistryConfig is not supported here: Lambda would decode",
        ),
        (
            ("Enabled: false", "SelfManagedKafkaEventSourceConfig: {ConsumptionMode: Queue}"),
            "ConsumptionMode is not supp",
        ),
        (("Enabled: false", "ParallelizationFactor: 2"), "ParallelizationFactor is for other kinds of event sources"),
        (("Type: MSK", "Type: SQS"), "has none"),
        (("      Events:\n", "      Events: []\n      Other:\n"), "Events must be properties|has none"),
        (("Handler: src/app.handler", "Runtime: x"), "no Handler"),
        (("Timeout: 7", "Timeout: 901"), "F: Timeout must be a whole number from 1 to 900, is 901"),
        (("  F:", "  G:"), "there is no function F"),
        (("Resources:", "Other:"), "has no Resources"),
        (("[!Ref Topic]", "[!Ref Topic"), "template.yaml"),
    ],
)
def test_what_cannot_be_served_names_file_function_property_and_what_is_wrong(
    read: Read, change: tuple[str, str], complaint: str
) -> None:
    text = FUNCTION + MSK_EVENT + EVERYTHING
    assert change[0] in text

    with pytest.raises(BadTemplate, match=complaint) as raised:
        read(text.replace(*change))
    assert "template.yaml" in str(raised.value)


def test_a_stream_that_is_named_as_one_is_no_complaint(read: Read) -> None:
    text = MSK_EVENT + "            SelfManagedKafkaEventSourceConfig: {ConsumptionMode: Stream, ConsumerGroupId: g}\n"

    assert read(FUNCTION + text)[1].group_id == "shop-orders-x"


def test_references_that_exist_only_when_deployed_harm_nobody_who_does_not_need_them(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text("Resources: {}", encoding="utf-8")
    template = Template(path, {"A": "a"}, "shop")

    value = {"a": {"Fn::Join": ["-", [{"Ref": "A"}, "b"]]}, "b": [{"Fn::Sub": ["${X}${A}${!A}", {"X": "x"}]}]}
    assert template.resolved(value) == {"a": "a-b", "b": ["xa${A}"]}
    assert str(template.resolved({"Fn::GetAtt": ["Q", "Arn"]})) == "<Fn::GetAtt ['Q', 'Arn']>"


def test_persist_keeps_the_rules_for_outages_in_the_projects_own_template() -> None:
    template = Template(PROJECT / "template.yaml", {}, "onsale")
    function, mapping = read_mapping(template, "Persist")
    event = template.resources["Persist"]["Properties"]["Events"]["ReservationEvents"]["Properties"]

    assert (mapping.topic, mapping.group_id) == ("reservation-events", "onsale-persist")
    assert (mapping.starting_position, mapping.window_s, mapping.reports_failures) == ("TRIM_HORIZON", 0, True)
    assert (event["MaximumRetryAttempts"], event["MaximumRecordAgeInSeconds"]) == (-1, -1)
    assert "DestinationConfig" not in event  # with one, Lambda gives up after 10 attempts
    assert (function.handler, function.code_folder) == ("functions.persist.handler", PROJECT)
