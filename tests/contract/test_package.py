"""What is deployed, as it is built: the zips opened, the template linted and transformed, the handlers imported."""

import importlib
import json
import os
import platform
import re
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from ops.package.build import build
from ops.package.target import Target

ROOT = Path(__file__).resolve().parents[2]
LAMBDA = Target("3.13", "arm64")
HERE = Target(f"3.{sys.version_info.minor}", "arm64" if platform.machine() == "aarch64" else "x86_64")
CONSUMERS = {"Persist", "DeadLetters", "Notify", "Statistics"}
SCHEDULED = {"Promote", "Relay"}
FUNCTIONS = {"APIHandler", "JwtAuth", "Operate"} | CONSUMERS | SCHEDULED
ELF_MACHINES = {183: "arm64", 62: "x86_64"}


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything as it is deployed."""
    folder = tmp_path_factory.mktemp("dist")
    build(ROOT, LAMBDA, folder)
    return folder


@pytest.fixture(scope="session")
def dist_here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for this machine's Python, so that it can run."""
    folder = tmp_path_factory.mktemp("dist-here")
    build(ROOT, HERE, folder)
    return folder


@pytest.fixture(scope="session")
def lambda_runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Lambda's Python brings itself: boto3 with what it imports, and nothing else of this machine's packages."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six"):
        package = importlib.import_module(name)
        path = Path(str(package.__file__))
        path = path.parent if path.name == "__init__.py" else path
        (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture(scope="session")
def template(dist: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((dist / "template.json").read_text())
    return document


@pytest.fixture(scope="session")
def transformed(template: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The template as CloudFormation sees it once SAM's transform is through, offline."""
    document = json.loads(json.dumps(template))
    for resource in document["Resources"].values():
        if "CodeUri" in resource.get("Properties", {}):
            resource["Properties"]["CodeUri"] = f"s3://bucket/{resource['Properties']['CodeUri']}"
    with mock.patch.dict(os.environ, {"AWS_DEFAULT_REGION": "eu-central-1"}):
        from samtranslator.translator.transform import transform

        yield transform(document, {}, mock.Mock(load=dict))


def resources(document: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: each for name, each in document["Resources"].items() if each["Type"] == kind}


def functions(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: each["Properties"] for name, each in resources(document, "AWS::Serverless::Function").items()}


def actions(document: dict[str, Any], function: str) -> set[str]:
    text = json.dumps(document["Resources"][f"{function}Role"]["Properties"]["Policies"])
    return set(re.findall(r'"([a-z0-9-]+:[A-Z][A-Za-z0-9]+)"', text))


def test_the_template_passes_the_linter_without_a_word(dist: Path) -> None:
    words = [str(Path(sys.executable).with_name("cfn-lint")), "template.json"]
    done = subprocess.run(words, cwd=dist, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


def test_the_transform_of_sam_takes_it(transformed: dict[str, Any]) -> None:
    assert set(resources(transformed, "AWS::Lambda::Function")) == FUNCTIONS
    assert "Transform" not in transformed


def test_every_function_says_its_runtime_its_architecture_and_its_zip(template: dict[str, Any]) -> None:
    assert set(functions(template)) == FUNCTIONS
    for name, properties in functions(template).items():
        assert properties["Runtime"] == "python3.13", name
        assert properties["Architectures"] == ["arm64"], name
    zips = {name: properties["CodeUri"] for name, properties in functions(template).items()}
    assert {name for name, each in zips.items() if each == "api.zip"} == {"APIHandler", "Promote"}
    assert {name for name, each in zips.items() if each == "authorizer.zip"} == {"JwtAuth"}


@pytest.mark.parametrize("name", ["api", "authorizer", "consumers"])
def test_every_library_in_a_zip_is_for_the_target(dist: Path, name: str) -> None:
    seen = 0
    with zipfile.ZipFile(dist / f"{name}.zip") as archive:
        for entry in archive.namelist():
            if ".so" not in Path(entry).suffixes:
                continue
            head = archive.read(entry)[:20]
            assert head[:4] == b"\x7fELF", entry
            assert ELF_MACHINES[struct.unpack("<H", head[18:20])[0]] == LAMBDA.arch, entry
            tag = re.search(r"\.cpython-(\d)(\d+)-", entry)
            assert tag is None or f"{tag[1]}.{tag[2]}" == LAMBDA.python, entry
            seen += 1
    assert seen, "a zip without compiled code: did its wheels arrive?"


def test_each_zip_has_what_its_functions_need_and_nothing_else(dist: Path) -> None:
    names = {each: set(zipfile.ZipFile(dist / f"{each}.zip").namelist()) for each in ("api", "authorizer", "consumers")}
    assert {"app.py", "chalice/app.py", "chalicelib/sale/scripts/reserve.lua"} <= names["api"]
    assert not [each for each in names["api"] if each.startswith(("functions/", "jwt/", "confluent_kafka/"))]
    assert {"chalicelib/authorizer.py", "chalice/app.py", "jwt/__init__.py"} <= names["authorizer"]
    assert not [
        each for each in names["authorizer"] if each.startswith(("redis/", "chalicelib/sale/", "chalicelib/api"))
    ]
    assert {"functions/persist.py", "infra/mysql/001_sales.sql", "confluent_kafka/__init__.py"} <= names["consumers"]
    assert not [each for each in names["consumers"] if each.startswith(("chalicelib/api/", "chalice/", "boto3/"))]
    for every in names.values():
        assert not [each for each in every if "__pycache__" in each or each.startswith(("tests/", "ops/", "."))]


def test_the_same_sources_give_the_same_bytes(dist_here: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    build(ROOT, HERE, again)
    assert sorted(path.name for path in again.iterdir()) == sorted(path.name for path in dist_here.iterdir())
    for path in again.iterdir():
        assert path.read_bytes() == (dist_here / path.name).read_bytes(), path.name


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_every_handler_can_be_imported_from_its_zip_alone(
    dist_here: Path, lambda_runtime: Path, template: dict[str, Any], function: str, tmp_path: Path
) -> None:
    properties = functions(template)[function]
    with zipfile.ZipFile(dist_here / properties["CodeUri"]) as archive:
        archive.extractall(tmp_path)
    module, _, attribute = properties["Handler"].rpartition(".")
    code = (
        f"import sys; ours = [{str(tmp_path)!r}, {str(lambda_runtime)!r}]\n"
        "sys.path[:] = ours + [p for p in sys.path if 'site-packages' not in p]\n"
        f"import importlib; assert callable(getattr(importlib.import_module({module!r}), {attribute!r}))\n"
    )
    env = {"PATH": os.environ["PATH"], "AWS_LAMBDA_FUNCTION_NAME": function}
    done = subprocess.run([sys.executable, "-I", "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_consumers_never_give_up_and_never_send_good_records_away(template: dict[str, Any]) -> None:
    for name in CONSUMERS:
        for event in functions(template)[name]["Events"].values():
            values = event["Properties"]
            assert values["MaximumRetryAttempts"] == -1, name
            assert values["MaximumRecordAgeInSeconds"] == -1, name
            assert values["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name
            assert values["StartingPosition"] == "TRIM_HORIZON", name
            assert "DestinationConfig" not in values, name
            assert "${AWS::StackName}" in json.dumps(values["ConsumerGroupId"]), name


def test_scheduled_loops_overlap_and_are_not_repeated(template: dict[str, Any]) -> None:
    for name in SCHEDULED:
        properties = functions(template)[name]
        assert properties["Timeout"] == 90
        assert properties["ReservedConcurrentExecutions"] == 2
        assert properties["EventInvokeConfig"] == {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}


def test_every_function_logs_into_a_group_of_its_own_and_has_alarms(template: dict[str, Any]) -> None:
    for name in FUNCTIONS:
        assert functions(template)[name]["LoggingConfig"] == {"LogGroup": {"Ref": f"{name}Logs"}}
        assert template["Resources"][f"{name}Logs"]["Properties"]["RetentionInDays"] > 0
        assert f"{name}ErrorsAlarm" in template["Resources"]
    for name in CONSUMERS:
        assert template["Resources"][f"{name}LagAlarm"]["Properties"]["MetricName"] == "OffsetLag"
    for name in SCHEDULED:
        assert template["Resources"][f"{name}PulseAlarm"]["Properties"]["TreatMissingData"] == "breaching"


def test_every_function_has_a_role_of_its_own_that_does_no_more_than_it_must(template: dict[str, Any]) -> None:
    for name, properties in functions(template).items():
        assert properties["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
        assert '"*:*"' not in json.dumps(template["Resources"][f"{name}Role"])
        assert not [each for each in actions(template, name) if each.endswith(":*")]
    assert "DefaultRole" not in template["Resources"]
    assert not [each for each in actions(template, "APIHandler") if each.startswith(("kafka", "sns", "ses"))]
    assert not [each for each in actions(template, "JwtAuth") if each.startswith(("kafka", "ec2", "sns", "ses"))]
    assert {"sns:Publish", "ses:SendEmail"} <= actions(template, "Notify")
    assert "kafka-cluster:WriteData" not in actions(template, "DeadLetters")
    assert not [each for each in FUNCTIONS - {"Operate"} if "kafka-cluster:CreateTopic" in actions(template, each)]


def test_the_api_calls_the_published_alias(template: dict[str, Any], transformed: dict[str, Any]) -> None:
    paths = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    calls = [
        method["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
        for methods in paths.values()
        for method in methods.values()
        if method["x-amazon-apigateway-integration"]["type"] == "aws_proxy"
    ]
    assert len(calls) > 15
    for text, values in calls:
        assert "${Target}" in text
        assert values == {"Target": {"Ref": "APIHandler.Alias"}}
    permission = transformed["Resources"]["APIHandlerInvokePermission"]["Properties"]
    assert permission["FunctionName"] == {"Ref": "APIHandlerAliaslive"}


def test_no_route_of_a_buyer_is_without_the_authorizer(template: dict[str, Any]) -> None:
    paths = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    open_paths = {
        path
        for path, methods in paths.items()
        for name, method in methods.items()
        if name != "options" and not method.get("security")
    }
    assert {"/health", "/api/v1/sale", "/api/v1/seats", "/api/v1/sales/{saleId}"} <= open_paths
    assert not [path for path in open_paths if re.search("queue|reservations|contact", path)]


def test_what_api_gateway_says_itself_is_a_problem_document(template: dict[str, Any]) -> None:
    body = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    answers = body["x-amazon-apigateway-gateway-responses"]
    assert answers["MISSING_AUTHENTICATION_TOKEN"]["statusCode"] == "404"
    assert answers["UNAUTHORIZED"]["statusCode"] == "401"
    assert "gatewayresponse.header.Retry-After" in answers["THROTTLED"]["responseParameters"]
    for answer in answers.values():
        text = answer["responseTemplates"]["application/json"]
        document = json.loads(text.replace("$context.error.messageString", '"x"').replace("$context.requestId", "1"))
        assert set(document) == {"type", "title", "status", "code", "detail", "requestId"}
        assert answer["responseParameters"]["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"


def test_only_what_is_the_same_for_everybody_is_cached(template: dict[str, Any]) -> None:
    config = template["Resources"]["Edge"]["Properties"]["DistributionConfig"]
    off = config["DefaultCacheBehavior"]["CachePolicyId"]
    shared = [each["PathPattern"] for each in config["CacheBehaviors"] if each["CachePolicyId"] != off]
    first = [each["PathPattern"] for each in config["CacheBehaviors"]]
    assert shared == ["/api/v1/sale*", "/api/v1/seats"]
    assert first.index("/api/v1/sale*") > first.index("/api/v1/sales/*/reservations/*")
    policy = template["Resources"]["PublicAnswers"]["Properties"]["CachePolicyConfig"]
    assert policy["MinTTL"] == 0
    assert policy["MaxTTL"] <= 2
