"""The schedules of the package, on each emulator: EventBridge takes each rule and its target as SAM wrote them."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.aws_backends import REGION, Backend
from tests.packages import SCHEDULED, Package, of_type

FUNCTION_ARN = f"arn:aws:lambda:{REGION}:123456789012:function:"


@pytest.fixture
def rules(arm: Package, backend: Backend) -> Iterator[dict[str, dict[str, Any]]]:
    """The rules' properties by name, each put with its targets; they are removed after the test."""
    events = backend.client("events")
    found = {name: each["Properties"] for name, each in of_type(arm.transformed, "AWS::Events::Rule").items()}
    for name, rule in found.items():
        said = {key: value for key, value in rule.items() if key != "Targets"}
        events.put_rule(Name=name, **said)
        answer = events.put_targets(Rule=name, Targets=targets(rule))
        assert answer["FailedEntryCount"] == 0
    yield found
    for name, rule in found.items():
        events.remove_targets(Rule=name, Ids=[each["Id"] for each in targets(rule)])
        events.delete_rule(Name=name)


def targets(rule: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a rule's targets with the ARN that CloudFormation would put in: of a function by its resource's name."""
    return [{**each, "Arn": FUNCTION_ARN + each["Arn"]["Fn::GetAtt"][0]} for each in rule["Targets"]]


def test_every_scheduled_function_is_called_each_minute_by_a_rule_of_its_own(
    backend: Backend, rules: dict[str, dict[str, Any]]
) -> None:
    events = backend.client("events")
    called = []
    for name, rule in rules.items():
        kept = events.describe_rule(Name=name)
        assert (kept["ScheduleExpression"], kept["State"]) == (rule["ScheduleExpression"], "ENABLED")
        assert kept["ScheduleExpression"] == "rate(1 minute)"
        (target,) = events.list_targets_by_rule(Rule=name)["Targets"]
        assert target == targets(rule)[0]
        called.append(target["Arn"].removeprefix(FUNCTION_ARN))
    assert sorted(called) == sorted(SCHEDULED)


def test_what_a_function_calls_names_the_rules_that_call_it(backend: Backend, rules: dict[str, dict[str, Any]]) -> None:
    events = backend.client("events")
    for name, rule in rules.items():
        (target,) = targets(rule)
        assert name in events.list_rule_names_by_target(TargetArn=target["Arn"])["RuleNames"]


def test_the_emulator_would_not_take_just_any_schedule(backend: Backend) -> None:
    with pytest.raises(ClientError, match="ScheduleExpression is not valid"):
        backend.client("events").put_rule(Name="wrong", ScheduleExpression="every minute")
