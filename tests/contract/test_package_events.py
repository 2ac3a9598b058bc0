"""What calls the functions, as it is deployed: schedules, Kafka mappings, an operator; and that each has the time."""

import json
from typing import Any

import pytest

from chalicelib import promotion
from functions import relay
from functions.mysql import _CONNECT_TIMEOUT_S, _READ_TIMEOUT_S
from functions.producer import DELIVERY_TIMEOUT_MS
from tests.packages import CONSUMERS, FUNCTIONS, SCHEDULED, Document, Package, of_type

# What Lambda's mapping for MSK calls what we say in SAM's words. The rest has the same name there.
_NAMES = {"Stream": "EventSourceArn"}


def mappings(package: Package) -> dict[str, Document]:
    """Return what the template says of each Kafka mapping, by function and event."""
    return {
        f"{function}{name}": event["Properties"]
        for function, properties in package.functions.items()
        for name, event in (properties.get("Events") or {}).items()
        if event["Type"] == "MSK"
    }


def test_kafka_calls_the_consumers_and_nobody_else(arm: Package) -> None:
    targets = {each["Properties"]["FunctionName"]["Ref"] for each in _raw_mappings(arm).values()}
    assert targets == CONSUMERS
    assert set(mappings(arm)) == set(_raw_mappings(arm))


def test_consumers_never_give_up_and_never_send_good_records_away(arm: Package) -> None:
    for name, values in mappings(arm).items():
        assert values["MaximumRetryAttempts"] == -1, name
        assert values["MaximumRecordAgeInSeconds"] == -1, name
        assert values["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name
        assert values["BisectBatchOnFunctionError"] is True, name
        assert values["StartingPosition"] == "TRIM_HORIZON", name
        # With a destination Lambda gives up after ten attempts, and an outage of the database would lose good records.
        assert "DestinationConfig" not in values, name


def test_each_mapping_has_a_group_of_its_own_with_the_stacks_name(arm: Package) -> None:
    groups = [json.dumps(each["ConsumerGroupId"]) for each in mappings(arm).values()]
    assert len(set(groups)) == len(groups)
    assert all("${AWS::StackName}-" in each for each in groups)


def test_every_word_that_we_say_of_a_mapping_arrives_there(arm: Package) -> None:
    for name, said in mappings(arm).items():
        arrived = _raw_mappings(arm)[name]["Properties"]
        for word, value in said.items():
            if word == "ConsumerGroupId":
                assert arrived["AmazonManagedKafkaEventSourceConfig"] == {word: value}, name
            else:
                assert arrived[_NAMES.get(word, word)] == value, f"{name}: {word}"


def test_pollers_are_shared_counted_by_parameters_and_can_be_sent_home(arm: Package) -> None:
    """Provisioned pollers are billed for each group of mappings, in use or not."""
    groups, parameters = set(), arm.template["Parameters"]
    for name, values in mappings(arm).items():
        pollers = values["ProvisionedPollerConfig"]
        choices = [pollers, *_branches(pollers)]
        shared = [each["PollerGroupName"] for each in choices if isinstance(each, dict) and "PollerGroupName" in each]
        assert shared, f"{name} has pollers of its own"
        groups |= {json.dumps(each) for each in shared}
        assert set(_references(pollers)) & set(parameters), f"{name}: how many pollers is no parameter"
        assert set(_references(values["Enabled"])) & set(parameters), f"{name} cannot be disabled"
    assert len(groups) == 1


def test_mappings_count_how_far_their_function_is_behind(arm: Package) -> None:
    for name, values in mappings(arm).items():
        assert values["MetricsConfig"] == {"Metrics": ["KafkaMetrics"]} or "KafkaMetrics" in str(
            values["MetricsConfig"]
        ), name


@pytest.mark.parametrize("name", sorted(SCHEDULED))
def test_scheduled_runs_overlap_are_two_at_most_and_are_not_repeated(arm: Package, name: str) -> None:
    properties = arm.functions[name]
    assert properties["Timeout"] == 90
    assert properties["ReservedConcurrentExecutions"] == 2
    assert properties["EventInvokeConfig"] == {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
    (rule,) = [
        each for each in of_type(arm.transformed, "AWS::Events::Rule").values() if f'"{name}"' in json.dumps(each)
    ]
    assert rule["Properties"]["ScheduleExpression"] == "rate(1 minute)"
    run_s = {"Promote": promotion.RUN_S, "Relay": relay.RUN_S}[name]
    assert 60 < run_s < properties["Timeout"]


def test_an_operators_call_may_take_as_long_as_lambda_lets_it_and_is_not_repeated(arm: Package) -> None:
    properties = arm.functions["Operate"]
    assert properties["Timeout"] == 900
    assert properties["EventInvokeConfig"] == {"MaximumRetryAttempts": 0}
    assert not properties.get("Events")
    assert arm.template["Outputs"]["OperateFunction"]["Value"] == {"Ref": "Operate"}


def test_no_function_is_ended_while_it_waits_for_kafka_or_mysql(arm: Package) -> None:
    three_tries_s = 3 * (_CONNECT_TIMEOUT_S + 2 * _READ_TIMEOUT_S)
    for name in CONSUMERS:
        assert arm.functions[name]["Timeout"] >= three_tries_s + DELIVERY_TIMEOUT_MS / 1000, name
    relays_last_pass_s = relay.RUN_S + relay._TIME_TO_FINISH_MS / 1000
    assert relays_last_pass_s < arm.functions["Relay"]["Timeout"]
    assert relay._TIME_TO_FINISH_MS > DELIVERY_TIMEOUT_MS


def test_only_the_api_and_its_authorizer_wait_for_buyers(arm: Package) -> None:
    timeouts = {name: arm.functions[name]["Timeout"] for name in FUNCTIONS}
    assert (timeouts["APIHandler"], timeouts["JwtAuth"]) == (10, 5)
    assert min(timeouts[name] for name in FUNCTIONS - {"APIHandler", "JwtAuth"}) >= 60


def _raw_mappings(package: Package) -> dict[str, Document]:
    return of_type(package.transformed, "AWS::Lambda::EventSourceMapping")


def _branches(value: Any) -> list[Any]:
    return list(value["Fn::If"][1:]) if isinstance(value, dict) and "Fn::If" in value else []


def _references(value: Any) -> list[str]:
    """Return the names that a value refers to; a condition counts as the parameter it is made of."""
    if isinstance(value, dict):
        named = [value["Ref"]] if "Ref" in value else []
        condition = [value["Fn::If"][0]] if "Fn::If" in value else []
        return named + condition + [each for part in value.values() for each in _references(part)]
    return [each for part in value for each in _references(part)] if isinstance(value, list) else []
