"""The template as SAM transforms it, created by an emulated CloudFormation, and what came of it read back.

What the emulator's CloudFormation has not is listed in emulated_stack, with the reason; each entry is tried, so that
the list cannot rot. Of these the alarms are made by their own service, by what the template says of them.
"""

import ast
import base64
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.cloudformation import REGION, Document
from tests.contract.emulated_stack import GIVEN, LACKS, STACK, Made, arns, client, create, emulator, network
from tests.packages import FUNCTIONS, SCHEDULED, ZIPS, Package, of_type

_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=["with everything", "with what must be"])
def stack(request: pytest.FixtureRequest, arm: Package) -> Iterator[Made]:
    """The stack, with every parameter given or only those without a default."""
    with emulator():
        client("s3").create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
        for name in ZIPS:
            client("s3").put_object(Bucket="bucket", Key=name, Body=(arm.folder / name).read_bytes())
        parameters = arm.transformed["Parameters"]
        given = {**arns(parameters), **GIVEN, **network()}
        if request.param == "with what must be":
            given = {name: text for name, text in given.items() if "Default" not in parameters.get(name, {})}
        yield create(arm.transformed, {name: text for name, text in given.items() if name in parameters})


def test_the_stack_comes_to_be_with_all_that_the_emulator_knows(stack: Made) -> None:
    assert stack.status == "CREATE_COMPLETE"
    assert set(stack.physical) == set(stack.document["Resources"])
    left = {each["Type"] for each in stack.document["Resources"].values()}
    assert left == {each["Type"] for each in stack.whole["Resources"].values()} - set(LACKS)


@pytest.mark.parametrize("kind", LACKS)
def test_the_emulator_still_lacks_what_is_left_out(stack: Made, kind: str) -> None:
    name = next(iter(of_type(stack.whole, kind)))
    properties = stack.said(name)
    if kind == "AWS::Lambda::EventSourceMapping":  # for a cluster that there is
        properties["EventSourceArn"] = client("kafka").list_clusters()["ClusterInfoList"][0]["ClusterArn"]
    assert not _is_created(kind, properties)


def test_what_it_does_not_lack_it_creates_alone_too(stack: Made) -> None:
    """Or the test before this would be content with anything."""
    assert _is_created("AWS::IAM::Role", stack.said("PersistRole"))


def _is_created(kind: str, properties: Document) -> bool:
    body = json.dumps({"Resources": {"Alone": {"Type": kind, "Properties": properties}}})
    name = f"alone-{next(_numbers)}"  # what failed keeps its name
    try:
        client("cloudformation").create_stack(StackName=name, TemplateBody=body)
    except Exception:  # noqa: BLE001  each fails in its own way; what is not known is a warning, and so an error
        return False
    client("cloudformation").delete_stack(StackName=name)
    return True


def _texts(variables: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in variables.items()}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_is_there_as_it_was_said(stack: Made, arm: Package, name: str) -> None:
    said = stack.said(name)
    found = client("lambda").get_function_configuration(FunctionName=stack.physical[name])
    for word in ("Runtime", "Handler", "MemorySize", "Timeout", "Role"):  # to the emulator all are x86_64
        assert found[word] == said[word], word
    # The emulator leaves a number a number; Lambda has texts alone.
    assert _texts(found["Environment"]["Variables"]) == _texts(said["Environment"]["Variables"])
    zipped = (arm.folder / arm.functions[name]["CodeUri"]).read_bytes()
    assert found["CodeSha256"] == base64.b64encode(hashlib.sha256(zipped).digest()).decode()
    network = found.get("VpcConfig") or {}
    assert network.get("SubnetIds", []) == said.get("VpcConfig", {}).get("SubnetIds", [])
    assert network.get("SecurityGroupIds", []) == said.get("VpcConfig", {}).get("SecurityGroupIds", [])
    assert bool(network.get("SubnetIds")) == (name != "JwtAuth")


@pytest.mark.parametrize("name", sorted(SCHEDULED))
def test_a_rule_calls_each_loop_every_minute_and_may(stack: Made, name: str) -> None:
    function = stack.physical[name]
    arn = client("lambda").get_function_configuration(FunctionName=function)["FunctionArn"]
    (rule,) = client("events").list_rule_names_by_target(TargetArn=arn)["RuleNames"]
    found = client("events").describe_rule(Name=rule)
    assert (found["ScheduleExpression"], found["State"]) == ("rate(1 minute)", "ENABLED")
    (target,) = client("events").list_targets_by_rule(Rule=rule)["Targets"]
    assert target["Arn"] == arn
    assert not {"Input", "InputPath", "InputTransformer"} & set(target)  # the event comes as it is
    (permission,) = json.loads(client("lambda").get_policy(FunctionName=function)["Policy"])["Statement"]
    assert permission["Principal"] in ("events.amazonaws.com", {"Service": "events.amazonaws.com"})
    assert rule in json.dumps(permission)
    assert client("lambda").get_function_concurrency(FunctionName=function)["ReservedConcurrentExecutions"] == 2


def test_there_is_no_rule_besides(stack: Made) -> None:
    assert len(client("events").list_rules()["Rules"]) == len(SCHEDULED)


@pytest.mark.parametrize("name", ["APIHandler", "JwtAuth"])
def test_api_gateway_may_call_the_api_and_its_authorizer(stack: Made, name: str) -> None:
    text = client("lambda").get_policy(FunctionName=stack.physical[name])["Policy"]
    assert "apigateway.amazonaws.com" in text
    assert stack.physical["RestAPI"] in text
    api = client("apigateway").get_rest_api(restApiId=stack.physical["RestAPI"])
    assert api["name"] == STACK


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_role_is_there_with_its_policy(stack: Made, name: str) -> None:
    said, role = stack.said(f"{name}Role"), stack.physical[f"{name}Role"]
    found = client("iam").get_role(RoleName=role)["Role"]
    assert found["AssumeRolePolicyDocument"] == said["AssumeRolePolicyDocument"]
    names = client("iam").list_role_policies(RoleName=role)["PolicyNames"]
    policies = [client("iam").get_role_policy(RoleName=role, PolicyName=each)["PolicyDocument"] for each in names]
    assert list(map(_read, policies)) == [each["PolicyDocument"] for each in said["Policies"]]
    assert not client("iam").list_attached_role_policies(RoleName=role)["AttachedPolicies"]


def _read(policy: str) -> Any:
    """Read a policy as the emulator keeps it: written by Python, with None where a statement has no value."""
    document = ast.literal_eval(policy)
    return {**document, "Statement": [each for each in document["Statement"] if each is not None]}


def test_every_function_has_its_log_group(stack: Made) -> None:
    found = {each["logGroupName"]: each for each in client("logs").describe_log_groups()["logGroups"]}
    said = [stack.said(name) for name in of_type(stack.whole, "AWS::Logs::LogGroup")]
    assert {each["LogGroupName"]: each["RetentionInDays"] for each in said} == {
        name: each["retentionInDays"] for name, each in found.items()
    }
    assert all(STACK in name for name in found)


def test_the_command_finds_the_function_that_it_calls(stack: Made) -> None:
    assert stack.outputs["OperateFunction"] == stack.physical["Operate"]


def test_cloudwatch_takes_every_alarm(stack: Made) -> None:
    watch = client("cloudwatch")
    said = {name: stack.said(name) for name in of_type(stack.whole, "AWS::CloudWatch::Alarm")}
    for name, properties in said.items():
        watch.put_metric_alarm(AlarmName=name, **properties)
    found = {each["AlarmName"]: each for each in watch.describe_alarms(MaxRecords=100)["MetricAlarms"]}
    assert set(found) == set(said)
    for name, properties in said.items():
        for word in ("MetricName", "Namespace", "Threshold", "Period", "EvaluationPeriods"):
            assert found[name].get(word) == properties.get(word), f"{name}: {word}"
        assert found[name]["AlarmActions"] == properties.get("AlarmActions", [])
        for dimension in properties.get("Dimensions", []):  # of resources that there are, so that there is a metric
            assert dimension["Value"] not in stack.whole["Resources"], name
