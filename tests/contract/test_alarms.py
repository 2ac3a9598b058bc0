"""Every alarm is on a metric that somebody writes: by name, namespace, dimensions and their values."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from chalicelib import promotion, wiring
from chalicelib.authorizer import REFUSAL
from chalicelib.config import settings
from chalicelib.emf import NAMESPACE
from chalicelib.sale.model import SalePlan, SaleSettings
from functions import dead_letters, mysql, relay
from functions.kafka_batch import KafkaRecord
from functions.operate import handler as operate
from functions.outbox_relay import Pass, Relay
from ops.package.gateway_responses import gateway_responses
from tests.packages import CONSUMERS, FUNCTIONS, Package, of_type

STAGE = "onsale-prod"
STACK = {"Ref": "AWS::StackName"}
Capture = pytest.CaptureFixture[str]
# Lambda Developer Guide, "Types of metrics for Lambda functions"; API Gateway Developer Guide, "Amazon API Gateway
# dimensions and metrics".
AWS_METRICS = {
    "AWS/Lambda": {"Errors", "Throttles", "OffsetLag"},
    "AWS/ApiGateway": {"5XXError", "Latency"},
}


@pytest.fixture
def deployed(redis_url: str, mysql_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The settings of deployed functions that reach real servers, their metrics written."""
    chosen = {"REDIS_URL": redis_url, "MYSQL_URL": mysql_url, "ONSALE_STAGE": STAGE}
    for name, value in {**chosen, "POWERTOOLS_METRICS_DISABLED": "false"}.items():
        monkeypatch.setenv(name, value)
    made = (settings, wiring.link, wiring.reader, wiring.store, wiring.outbox, mysql.database)
    for each in made:
        each.cache_clear()
    yield
    mysql.database().close()
    for each in made:
        each.cache_clear()


class Idle(Relay):
    """A relay of a Kafka that has nothing to take."""

    def __init__(self) -> None:
        """Know nobody."""

    def relay_once(self, _: object) -> Pass:
        return Pass(0, 0, 0)


def metrics(capsys: Capture) -> dict[tuple[str, frozenset[tuple[str, str]]], list[float]]:
    """Return what CloudWatch would take from stdout: values by metric and dimensions."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], list[float]] = {}
    for line in map(json.loads, capsys.readouterr().out.splitlines()):
        for directive in line["_aws"]["CloudWatchMetrics"]:
            assert directive["Namespace"] == NAMESPACE
            for names in directive["Dimensions"]:
                dimensions = frozenset((name, line[name]) for name in names)
                for metric in directive["Metrics"]:
                    found.setdefault((metric["Name"], dimensions), []).extend(line[metric["Name"]])
    return found


def alarms(package: Package) -> dict[str, Mapping[str, Any]]:
    return {name: each["Properties"] for name, each in of_type(package.template, "AWS::CloudWatch::Alarm").items()}


def dimensions(alarm: Mapping[str, Any]) -> dict[str, Any]:
    return {each["Name"]: each["Value"] for each in alarm["Dimensions"]}


def test_our_alarms_are_on_what_the_functions_write(deployed: None, arm: Package, capsys: Capture) -> None:
    wiring.store().create_sale(SalePlan("alarmed", SaleSettings(), 5))
    promotion.run(lambda: 0)
    relay.run(Idle(), lambda: 0)
    dead_letters.keep(mysql.database(), [])
    written = metrics(capsys)

    ours = {name: each for name, each in alarms(arm).items() if each["Namespace"] == NAMESPACE}
    assert set(ours) == {
        "PromotePulseAlarm",
        "RelayPulseAlarm",
        "OutboxLengthAlarm",
        "OutboxAgeAlarm",
        "OpenLettersAlarm",
    }
    for name, alarm in ours.items():
        values = {key: STAGE if value == STACK else value for key, value in dimensions(alarm).items()}
        assert (alarm["MetricName"], frozenset(values.items())) in written, name


def test_a_stage_is_called_as_its_stack_which_the_alarms_rely_on(arm: Package) -> None:
    assert arm.template["Globals"]["Function"]["Environment"]["Variables"]["ONSALE_STAGE"] == STACK
    for name, properties in arm.functions.items():
        assert "ONSALE_STAGE" not in properties.get("Environment", {}).get("Variables", {}), name


def test_all_other_alarms_are_on_metrics_of_aws_about_what_the_template_has(arm: Package) -> None:
    theirs = {name: each for name, each in alarms(arm).items() if each["Namespace"] != NAMESPACE}
    api = arm.template["Resources"]["RestAPI"]["Properties"]
    for name, alarm in theirs.items():
        assert alarm["MetricName"] in AWS_METRICS[alarm["Namespace"]], name
        if alarm["Namespace"] == "AWS/ApiGateway":
            assert dimensions(alarm) == {"ApiName": STACK, "Stage": api["StageName"]}
            continue
        ((dimension, value),) = dimensions(alarm).items()
        assert dimension == "FunctionName"
        assert value["Ref"] in (CONSUMERS if alarm["MetricName"] == "OffsetLag" else FUNCTIONS)
    assert api["Name"] == {"Fn::Sub": "${AWS::StackName}"}


def test_promote_tells_of_the_outbox_while_the_relay_does_not_run(deployed: None, capsys: Capture) -> None:
    wiring.store().create_sale(SalePlan("unrelayed", SaleSettings(), 5))
    promotion.run(lambda: 0)
    written = {name: values[-1] for (name, of), values in metrics(capsys).items() if ("function", "promote") in of}
    assert written["outbox"] >= 1  # the sale's own event
    assert 0 <= written["outbox_age_ms"] < 3_600_000
    assert written["pulses"] == 1


def test_open_letters_are_counted_when_one_comes_and_when_an_operator_has_dealt_with_it(
    deployed: None, capsys: Capture
) -> None:
    def counted() -> float:
        (values,) = [values for (name, _), values in metrics(capsys).items() if name == "open"]
        return values[-1]

    dead_letters.keep(mysql.database(), [])
    before = counted()
    assert dead_letters.keep(mysql.database(), [KafkaRecord("alarmed-dlq", 0, 1, b"?", {"headers": []})]) == []
    assert counted() == before + 1
    named = {"letterIds": ["alarmed-dlq-0-1"], "why": "a test"}
    assert "result" in operate({"action": "dlq.discard", "arguments": named}, None)
    assert counted() == before


def test_a_bad_token_is_answered_with_401_and_is_no_error_of_the_authorizer() -> None:
    """Lambda counts every exception as an error of the function, so a bad token is a policy that denies."""
    assert {each["Effect"] for each in REFUSAL["policyDocument"]["Statement"]} == {"Deny"}
    assert gateway_responses()["ACCESS_DENIED"]["statusCode"] == "401"
