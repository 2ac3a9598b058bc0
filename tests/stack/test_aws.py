"""The AWS emulator of the stack: there when needed, provisioned after each start, and never where AWS is given."""

import os
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ops import environment
from ops.local import addresses, aws, health, ports
from ops.local.aws_account import client
from ops.local.home import Home
from ops.local.stack import Stack
from tests.conftest import Eventually


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home that no `up` has touched; what a test starts there is stopped after it."""
    home = Home(tmp_path / "home")
    yield home
    Stack(home).down()


@pytest.fixture
def shell() -> dict[str, str]:
    """The environment of a shell in which all default ports are free ones."""
    chosen = zip(addresses.PORT_OF.values(), map(str, ports.free_ports(len(addresses.PORT_OF))), strict=True)
    return {**os.environ, **dict(chosen)}


@pytest.fixture
def somebody_elses() -> Iterator[str]:
    """The URL of something that answers HTTP: 501 to a GET of "/" would be a fault, so it says 404."""

    class Quiet(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = HTTPServer((ports.HOST, 0), Quiet)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://{ports.HOST}:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def provisioned(env: dict[str, str]) -> bool:
    topics = [each["TopicArn"] for each in client("sns", env).list_topics()["Topics"]]
    senders = client("ses", env).list_verified_email_addresses()["VerifiedEmailAddresses"]
    return topics == [env["SNS_TOPIC_ARN"]] and all(each in env["SES_FROM"] for each in senders) and bool(senders)


def test_it_has_topic_and_sender_and_has_them_again_after_it_was_killed(
    home: Home, shell: dict[str, str], eventually: Eventually
) -> None:
    stack = Stack(home, environment=shell, only=("aws",))
    (before,) = stack.up()
    assert (before.condition, before.healthy, before.port) == ("started", True, int(shell["ONSALE_AWS_PORT"]))
    assert home.read_env()["AWS_ENDPOINT_URL"] == aws.url(before.port)
    assert provisioned(stack.env)
    assert [each.condition for each in stack.up()] == ["running"]
    os.kill(before.pid, signal.SIGKILL)
    eventually(lambda: [each.condition for each in stack.status()] == ["stopped"])

    (after,) = stack.up()

    assert (after.condition, after.port) == ("started", before.port)
    assert provisioned(stack.env)
    assert stack.down() == ["aws"]
    assert not health.aws_answers(stack.env["AWS_ENDPOINT_URL"])


def test_an_endpoint_that_was_given_is_used_and_nothing_is_started(
    home: Home, shell: dict[str, str], somebody_elses: str
) -> None:
    stack = Stack(home, environment={**shell, "AWS_ENDPOINT_URL": somebody_elses}, only=("aws",))
    (found,) = stack.up()
    assert (found.condition, found.pid) == ("given", 0)
    assert stack.env["AWS_ENDPOINT_URL"] == somebody_elses
    assert "AWS_ACCESS_KEY_ID" not in stack.env


def test_a_topic_of_ones_own_means_aws_itself_and_leaves_nothing_of_the_emulator(
    home: Home, shell: dict[str, str]
) -> None:
    Stack(home, environment=shell, only=("aws",)).up()
    remembered = home.read_env()
    Stack(home).down()
    real = {"SNS_TOPIC_ARN": "arn:aws:sns:eu-west-1:1:real", "AWS_REGION": "eu-west-1"}
    stack = Stack(home, environment={**shell, **remembered, **real}, only=("aws",))

    (found,) = stack.up()

    assert (found.condition, found.pid, found.healthy) == ("given", 0, True)
    assert {name: stack.env.get(name) for name in aws.NAMES} == {"AWS_ENDPOINT_URL": None, "SES_FROM": None, **real}
    assert aws.DUMMY not in stack.env.values()
    assert aws.DUMMY not in home.read_env().values()


def test_the_emulators_credentials_are_not_the_commands(home: Home, shell: dict[str, str]) -> None:
    Stack(home, environment=shell, only=("aws",)).up()
    mine = {"ONSALE_HOME": str(home.path)}
    environment.layer({}, mine)
    assert mine["SNS_TOPIC_ARN"]
    assert aws.DUMMY not in mine.values()
