"""What each function may do, as it is deployed: what it needs, and no more."""

import json
import re
from typing import Any

import pytest

from tests.packages import CONSUMERS, FUNCTIONS, Document, Package, of_type

KAFKA_READERS, KAFKA_WRITERS = CONSUMERS, {"Relay", "Persist", "Notify", "Statistics", "Operate"}
# Source: AWS Managed Policy Reference, AWSLambdaMSKExecutionRole, without what it says of logs.
MSK_EXECUTION = {
    "kafka:DescribeCluster",
    "kafka:DescribeClusterV2",
    "kafka:GetBootstrapBrokers",
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeVpcs",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeSubnets",
    "ec2:DescribeSecurityGroups",
}
# What IAM knows no resource of (Service Authorization Reference), so that it must be allowed on all.
WITHOUT_RESOURCE = {each for each in MSK_EXECUTION if each.startswith(("ec2:", "kafka:"))} | {
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
}


def statements(package: Package, function: str) -> list[Document]:
    """Return what a function's role says, each statement whether its condition holds or not."""
    found: list[Document] = []
    for policy in package.template["Resources"][f"{function}Role"]["Properties"]["Policies"]:
        for each in policy["PolicyDocument"]["Statement"]:
            branches = each["Fn::If"][1:] if "Fn::If" in each else [each]
            found += [branch for branch in branches if "Effect" in branch]
    return found


def actions(package: Package, function: str, on: str = "") -> set[str]:
    """Return the actions that a function is allowed; with `on`, those on resources whose text has that in it."""
    return {
        action
        for each in statements(package, function)
        for action in _many(each["Action"])
        if on in json.dumps(each.get("Resource", each.get("NotResource")))
    }


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_has_a_role_of_its_own_without_a_wildcard(arm: Package, name: str) -> None:
    assert arm.functions[name]["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
    role = arm.template["Resources"][f"{name}Role"]["Properties"]
    assert "ManagedPolicyArns" not in role
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert (trust["Principal"], trust["Action"]) == ({"Service": "lambda.amazonaws.com"}, "sts:AssumeRole")
    for each in statements(arm, name):
        assert each["Effect"] == "Allow"
        assert all(re.fullmatch(r"[a-z0-9-]+:[A-Z][A-Za-z0-9]+", action) for action in _many(each["Action"])), each
        if each.get("Resource") == "*":
            assert set(_many(each["Action"])) <= WITHOUT_RESOURCE, each


def test_no_role_is_shared_and_chalices_own_is_gone(arm: Package) -> None:
    assert set(of_type(arm.template, "AWS::IAM::Role")) == {f"{name}Role" for name in FUNCTIONS}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_writes_its_own_log_and_no_other(arm: Package, name: str) -> None:
    (logs,) = [each for each in statements(arm, name) if any("logs:" in action for action in _many(each["Action"]))]
    assert set(logs["Action"]) == {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert logs["Resource"] == {"Fn::GetAtt": [f"{name}Logs", "Arn"]}


@pytest.mark.parametrize("name", sorted(KAFKA_READERS))
def test_whoever_is_called_by_kafka_may_read_there_with_iam(arm: Package, name: str) -> None:
    assert actions(arm, name) >= MSK_EXECUTION
    assert {"kafka-cluster:Connect"} <= actions(arm, name, '"KafkaClusterArn"')
    assert {"kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"} <= actions(arm, name, ":topic/")
    assert {"kafka-cluster:DescribeGroup", "kafka-cluster:AlterGroup"} <= actions(arm, name, ":group/")
    assert "${AWS::StackName}" in json.dumps([each for each in statements(arm, name) if ":group/" in json.dumps(each)])


def test_only_who_produces_may_write_to_kafka(arm: Package) -> None:
    writers = {name for name in FUNCTIONS if "kafka-cluster:WriteData" in actions(arm, name)}
    assert writers == KAFKA_WRITERS
    for name in writers:
        assert {"kafka-cluster:WriteData", "kafka-cluster:DescribeTopic"} <= actions(arm, name, ":topic/")
        # An idempotent producer asks for it on the cluster.
        assert {"kafka-cluster:WriteDataIdempotently", "kafka-cluster:Connect"} <= actions(
            arm, name, '"KafkaClusterArn"'
        )
    assert {name for name in FUNCTIONS if "kafka-cluster:CreateTopic" in actions(arm, name)} == {"Operate"}


def test_only_notify_may_send(arm: Package) -> None:
    senders = {name for name in FUNCTIONS if {"sns:Publish", "ses:SendRawEmail"} & actions(arm, name)}
    assert senders == {"Notify"}
    assert {"sns:Publish", "ses:SendRawEmail"} <= actions(arm, "Notify")


def test_buyers_functions_reach_nothing_but_redis_and_their_secrets(arm: Package) -> None:
    for name in ("APIHandler", "Promote", "JwtAuth"):
        services = {action.partition(":")[0] for action in actions(arm, name)}
        assert services <= {"logs", "ec2", "secretsmanager", "ssm", "kms"}, name
    assert "ec2" not in {action.partition(":")[0] for action in actions(arm, "JwtAuth")}


def test_a_function_may_read_the_secrets_that_it_is_told_of_and_no_others(arm: Package) -> None:
    everywhere = arm.template.get("Globals", {}).get("Function", {}).get("Environment", {}).get("Variables", {})
    for name in FUNCTIONS:
        own = arm.functions[name].get("Environment", {}).get("Variables", {})
        told = {each for each in _parameters({**everywhere, **own}) if each.endswith("SecretArn")}
        readable = {
            each
            for statement in statements(arm, name)
            if {"secretsmanager:GetSecretValue", "ssm:GetParameter"} & set(_many(statement["Action"]))
            for each in _parameters(statement["Resource"])
        }
        assert readable <= told, name
        assert all(each.endswith("SecretArn") for each in readable), name


def test_whoever_opens_a_link_may_read_its_password(arm: Package) -> None:
    redis, mysql, kafka = "RedisSecretArn", "MysqlSecretArn", "KafkaSecretArn"
    needed = {
        "APIHandler": {redis},
        "Promote": {redis},
        "Relay": {redis, kafka},
        "Persist": {mysql, kafka},
        "Statistics": {mysql, kafka},
        "Notify": {redis, mysql, kafka},
        "DeadLetters": {mysql},
        "Operate": {redis, mysql, kafka},
        "JwtAuth": {"JwtSecretArn"},
    }
    for name, secrets in needed.items():
        text = json.dumps([each for each in statements(arm, name) if "GetSecretValue" in json.dumps(each)])
        assert all(f'"{secret}"' in text for secret in secrets), name


def _parameters(value: Any) -> set[str]:
    return set(re.findall(r'"Ref": "([A-Za-z]+)"', json.dumps(value)))


def _many(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
