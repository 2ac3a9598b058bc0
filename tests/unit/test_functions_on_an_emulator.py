"""What the emulator is given of a deployment, and what a stack is made of in that mode. Nothing is started."""

from pathlib import Path
from typing import Any

import pytest

from chalicelib.config import Settings
from chalicelib.errors import BadSetting
from ops.local import modes, ports, topology
from ops.local.addresses import PORT_OF
from ops.local.home import Home
from ops.local.program import StartFailed
from ops.package import emulator
from ops.package.template import merge_document

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = merge_document(ROOT)
LOCAL = {
    "IDENTITY": "jwt",
    "JWT_SECRET": "s" * 48,
    "JWT_AUDIENCE": "onsale",
    "JWT_ISSUER": "onsale-local",
    "REDIS_URL": "redis://ann:p%40ss@127.0.0.1:6379/0",
    "MYSQL_URL": "mysql://onsale:word@127.0.0.1:3306/onsale?unix_socket=/run/m.sock",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
}


def parameters(**changes: str) -> dict[str, str]:
    return emulator.parameters(TEMPLATE, Settings.read({**LOCAL, **changes}), region="eu-west-1", account="1" * 12)


def test_every_parameter_without_a_default_is_given() -> None:
    needed = {name for name, each in TEMPLATE["Parameters"].items() if "Default" not in each}
    assert needed <= parameters().keys()


def test_every_parameter_and_secret_that_is_given_is_one_of_the_template() -> None:
    secrets = emulator.secrets(TEMPLATE, Settings.read({**LOCAL, "PAYMENT_WEBHOOK_SECRET": "w" * 32}))
    assert secrets == {
        "RedisSecretArn": "p@ss",
        "MysqlSecretArn": "word",
        "JwtSecretArn": "s" * 48,
        "PaymentWebhookSecretArn": "w" * 32,
    }
    assert {*parameters(), *secrets} <= TEMPLATE["Parameters"].keys()


def test_no_secret_is_in_a_parameter() -> None:
    given = parameters()
    assert given["RedisUrl"] == "redis://ann@127.0.0.1:6379/0"
    assert given["MysqlUrl"] == "mysql://onsale@127.0.0.1:3306/onsale?unix_socket=/run/m.sock"
    assert given["KafkaClusterArn"].startswith("arn:aws:kafka:eu-west-1:111111111111:")
    assert not [value for value in given.values() for secret in ("p@ss", "p%40ss", "word", "s" * 48) if secret in value]


@pytest.mark.parametrize("url", ["unix:///run/redis.sock", "redis://127.0.0.1:6379/0", "redis://ann@127.0.0.1:6379"])
def test_an_address_without_a_password_stays_as_it_is(url: str) -> None:
    assert (emulator.without_password(url), emulator.password(url)) == (url, "")


def test_the_template_is_sent_with_its_code_and_names_and_is_else_what_is_deployed() -> None:
    function = {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "api.zip", "Timeout": 9}}
    logs = {"Type": "AWS::Logs::LogGroup", "Properties": {}}
    sent = emulator.document({"Resources": {"Relay": function, "RelayLogs": logs}}, "onsale", "s3://bucket/folder")
    named = {"CodeUri": "s3://bucket/folder/api.zip", "Timeout": 9, "FunctionName": "onsale-Relay"}
    assert sent == {"Resources": {"Relay": {**function, "Properties": named}, "RelayLogs": logs}}
    assert "FunctionName" not in function["Properties"]


def test_other_code_and_another_secret_are_another_deployment() -> None:
    def made(code: bytes, signed_with: str) -> str:
        return emulator.digest({}, {"api.zip": code}, {"RedisUrl": "r"}, {"JwtSecretArn": signed_with})

    assert made(b"1", "1") == made(b"1", "1")
    assert len({made(b"1", "1"), made(b"2", "1"), made(b"1", "2")}) == 3


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


def planned(home: Home, mode: str | None, **environment: str) -> topology.Topology:
    chosen = dict(zip(PORT_OF.values(), map(str, ports.free_ports(len(PORT_OF))), strict=True))
    said: list[Any] = []
    return topology.plan(home, {**chosen, **environment}, {}, said.append, topology.EVERYTHING, mode)


def test_the_emulator_takes_the_place_of_gateway_scheduler_and_relay(home: Home) -> None:
    plan = planned(home, modes.EMULATOR)
    nodes = {node.name: node for node in plan.nodes}
    assert modes.STEP in nodes
    assert not {"gateway", "scheduler", "relay"} & nodes.keys()
    assert plan.env["ONSALE_URL"].startswith(plan.env["AWS_ENDPOINT_URL"] + "/restapis/")
    assert (plan.env["IDENTITY"], len(plan.env["JWT_SECRET"])) == ("jwt", 64)
    persist = nodes["event-source-persist"].program
    assert persist is not None
    assert persist.command[-4:] == (
        *("--invoke-endpoint", plan.env["AWS_ENDPOINT_URL"]),
        *("--function-name", "onsale-Persist"),
    )


def test_the_mode_is_remembered_until_another_is_asked_for(home: Home) -> None:
    home.write_state(planned(home, modes.EMULATOR).state)
    assert modes.STEP in planned(home, None).state.names
    home.write_state(planned(home, modes.LOCAL).state)
    plan = planned(home, None)
    assert modes.STEP not in plan.state.names
    assert {"gateway", "scheduler", "relay"} <= set(plan.state.names)


@pytest.mark.parametrize(
    ("environment", "refusal", "named"),
    [
        ({"IDENTITY": "trusted"}, BadSetting, "IDENTITY"),
        ({"IDENTITY": "jwt", "JWT_JWKS_FILE": __file__, "JWT_AUDIENCE": "a", "JWT_ISSUER": "i"}, BadSetting, "JWKS"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, StartFailed, "AWS_ENDPOINT_URL"),
        ({"SNS_TOPIC_ARN": "arn:aws:sns:eu-west-1:111111111111:t"}, StartFailed, "SNS_TOPIC_ARN"),
    ],
)
def test_what_deployed_functions_cannot_have_is_refused_before_anything_starts(
    home: Home, environment: dict[str, str], refusal: type[Exception], named: str
) -> None:
    with pytest.raises(refusal, match=named):
        planned(home, modes.EMULATOR, **environment)
    planned(home, modes.LOCAL, **environment)
