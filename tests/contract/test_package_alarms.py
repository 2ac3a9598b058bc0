"""What tells that something is wrong, as it is deployed: logs that are kept, alarms on what is really measured."""

import json
from typing import Any

import pytest

from tests.packages import CONSUMERS, FUNCTIONS, SCHEDULED, Document, Package, of_type


def alarms(package: Package, metric: str = "", **dimensions: object) -> list[Document]:
    """Return the properties of all alarms, or of those on a metric with these dimensions."""
    return [
        each
        for each in (found["Properties"] for found in of_type(package.template, "AWS::CloudWatch::Alarm").values())
        if not metric or each.get("MetricName") == metric
        if dimensions.items() <= {said["Name"]: said["Value"] for said in each.get("Dimensions", [])}.items()
    ]


def one(package: Package, metric: str, **dimensions: object) -> Document:
    """Return the one alarm on a metric."""
    (found,) = alarms(package, metric, **dimensions)
    return found


def of_function(name: str) -> dict[str, Any]:
    """Return the dimension of AWS' own metrics of a function."""
    return {"FunctionName": {"Ref": name}}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_logs_into_a_group_of_its_own_that_forgets(arm: Package, name: str) -> None:
    assert arm.functions[name]["LoggingConfig"]["LogGroup"] == {"Ref": f"{name}Logs"}
    group = arm.template["Resources"][f"{name}Logs"]
    assert group["Type"] == "AWS::Logs::LogGroup"
    assert group["Properties"]["RetentionInDays"] > 0
    assert "${AWS::StackName}" in json.dumps(group["Properties"]["LogGroupName"])


def test_there_is_no_log_group_that_nobody_writes(arm: Package) -> None:
    groups = of_type(arm.template, "AWS::Logs::LogGroup")
    assert set(groups) == {f"{name}Logs" for name in FUNCTIONS}
    assert len({json.dumps(each["Properties"]["LogGroupName"]) for each in groups.values()}) == len(groups)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_has_alarms_on_its_errors_and_throttles(arm: Package, name: str) -> None:
    for metric in ("Errors", "Throttles"):
        found = one(arm, metric, **of_function(name))
        assert (found["Namespace"], found["Statistic"]) == ("AWS/Lambda", "Sum")
        assert found["ComparisonOperator"].startswith("GreaterThan")


def test_a_consumer_that_falls_behind_is_told_of_by_its_offsets(arm: Package) -> None:
    for name in CONSUMERS:
        found = alarms(arm, "OffsetLag")
        behind = [each for each in found if name in json.dumps(each["Dimensions"])]
        assert behind, name
        assert {each["Statistic"] for each in behind} == {"Maximum"}
    assert not alarms(arm, "IteratorAge")  # which is of streams, and never measured for Kafka


def test_buyers_errors_and_waiting_are_alarmed(arm: Package) -> None:
    api = {"ApiName": {"Ref": "AWS::StackName"}, "Stage": "live"}
    assert one(arm, "5XXError", **api)["Namespace"] == "AWS/ApiGateway"
    assert one(arm, "Latency", **api)["ExtendedStatistic"] == "p99"
    assert arm.template["Resources"]["RestAPI"]["Properties"]["Name"] == {"Fn::Sub": "${AWS::StackName}"}


def own(package: Package, *words: str) -> list[Document]:
    """Return the alarms on metrics of our own that are named by these words."""
    return [
        each
        for each in alarms(package)
        if not each.get("Namespace", "").startswith("AWS/")
        if all(word in json.dumps(each).lower() for word in words)
    ]


@pytest.mark.parametrize("name", sorted(SCHEDULED))
def test_a_loop_that_ticks_too_seldom_or_not_at_all_is_alarmed(arm: Package, name: str) -> None:
    found = own(arm, name.lower(), "ticks") or own(arm, name.lower(), "passes")
    assert found, "no alarm on how often it ticks"
    for each in found:
        assert each["ComparisonOperator"] == "LessThanThreshold"
        assert each["TreatMissingData"] == "breaching"
        assert (each["Threshold"], each.get("Period", 60)) == (200, 60)


def test_an_outbox_that_does_not_empty_is_alarmed_and_so_is_silence_about_it(arm: Package) -> None:
    found = own(arm, "outbox")
    assert len(found) >= 2, "its length, and the age of its oldest event"
    assert {each["TreatMissingData"] for each in found} == {"breaching"}


def test_open_dead_letters_are_alarmed(arm: Package) -> None:
    assert own(arm, "open")


def test_alarms_tell_who_is_to_be_told_if_anybody_is(arm: Package) -> None:
    assert arm.template["Parameters"]["AlarmTopicArn"]["Default"] == ""
    for each in alarms(arm):
        assert each["AlarmActions"] == {
            "Fn::If": ["HasAlarmTopicArn", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]
        }
        assert each["TreatMissingData"] in ("breaching", "notBreaching") or each["MetricName"] == "open"
