"""A function's Kafka mapping is found in a template however it is written there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ops.local.event_source.mapping import MSK, SELF_MANAGED, EventSourceMapping, FunctionSpec, read_mapping
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


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("BatchSize: 500", "BatchSize: 20000"), "BatchSize must be a whole number from 1 to 10000"),
        (("BatchSize: 500", "BatchSize: many"), "BatchSize"),
        (("InSeconds: 3", "InSeconds: 301"), "MaximumBatchingWindowInSeconds"),
        (("StartingPosition: LATEST", "StartingPosition: EARLIEST"), "StartingPosition EARLIEST"),
        (("[!Ref Topic]", "[a, b]"), "Topics must be one"),
        (("[!Ref Topic]", "[!GetAtt T.Name]"), "Topics must be one"),
        (("Type: MSK", "Type: SQS"), "has none"),
        (("Handler: src/app.handler", "Runtime: x"), "no Handler"),
        (("  F:", "  G:"), "there is no function F"),
        (("Resources:", "Other:"), "has no Resources"),
        (("[!Ref Topic]", "[!Ref Topic"), "template.yaml"),
    ],
)
def test_what_cannot_be_served_is_named(read: Read, change: tuple[str, str], complaint: str) -> None:
    with pytest.raises(BadTemplate, match=complaint):
        read((FUNCTION + MSK_EVENT).replace(*change))


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
