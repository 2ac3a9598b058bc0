"""`--target`: a command that acts on a deployed stage, and everything that AWS may say to it."""

import getpass
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest

from chalicelib import config
from functions import operate as operate_module
from ops import targets
from ops.cli import main, onsale
from ops.commands.catalogue import leaves
from tests.contract.aws_stub import (
    ACCOUNT,
    CALLER,
    FUNCTION,
    HANGING_UP,
    REGION,
    SILENCE,
    Aws,
    Reply,
    failed,
    refused,
    serving,
)

STACK = ["--target", "stack:onsale-prod"]
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}"
NAMED = "nobody-shall-read-this"


@pytest.fixture(autouse=True)
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A shell with credentials and nothing else of AWS, and a home that no `up` has made."""
    before = dict(os.environ)
    for name in [each for each in os.environ if each.startswith(("AWS_", "ONSALE_"))]:
        monkeypatch.delenv(name)
    settings = {"ONSALE_HOME": str(tmp_path), "AWS_REGION": REGION, "AWS_CONFIG_FILE": str(tmp_path / "none")}
    settings |= {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    settings |= {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"), "AWS_EC2_METADATA_DISABLED": "true"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    config.settings.cache_clear()
    yield
    os.environ.clear()
    os.environ.update(before)
    config.settings.cache_clear()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """An AWS of this test's own."""
    with serving() as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
        yield made


def test_a_stack_names_its_function_which_is_called_once_and_told_who_asks(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sale", "list", *STACK]) == 0
    assert "no sales" in capsys.readouterr().err
    actor = f"{getpass.getuser()} ({CALLER})"
    assert aws.invoked == [(FUNCTION, {"action": "sale.list", "arguments": {}, "actor": actor})]
    assert sorted(aws.asked) == ["DescribeStacks", "GetCallerIdentity"]


def test_a_function_is_called_by_its_arn_in_the_region_it_names(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    assert main(["sale", "list", "--target", ARN]) == 0
    assert [name for name, _ in aws.invoked] == [ARN]
    assert aws.asked == ["GetCallerIdentity"]


def test_the_target_may_stand_in_the_environment(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONSALE_TARGET", ARN)
    assert main(["sale", "list"]) == 0
    assert [name for name, _ in aws.invoked] == [ARN]


def test_who_may_not_ask_for_his_name_is_known_by_that_of_his_machine(aws: Aws) -> None:
    aws.knows_caller = False
    assert main(["sale", "list", *STACK]) == 0
    assert aws.invoked[0][1]["actor"] == getpass.getuser()


def test_a_list_is_fetched_page_by_page(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"userId": "ann", "status": "CONFIRMED", "quantity": 1, "seatIds": ["A-1"], "reservationId": "1-2"}
    row |= {"paymentId": "", "epoch": 1, "version": 2, "writtenAt": "2026-01-01T00:00:00.000Z"}
    aws.replies = [
        Reply({"result": {"purchases": [row], "next": "ann"}}),
        Reply({"result": {"purchases": [{**row, "userId": "bob"}], "next": None}}),
    ]
    assert main(["purchases", "spring", "--json", *STACK]) == 0
    assert [each["userId"] for each in json.loads(capsys.readouterr().out)] == ["ann", "bob"]
    assert [event["arguments"].get("after") for _, event in aws.invoked] == [None, "ann"]
    assert sorted(aws.asked) == ["DescribeStacks", "GetCallerIdentity"]


def test_what_the_function_refuses_is_told_as_if_it_were_here(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    errors = [{"field": "holdSeconds", "detail": "must be less"}]
    aws.replies = [Reply({"error": {"code": "invalid-request", "detail": "…", "errors": errors}})]
    assert main(["sale", "configure", "spring", "--hold-seconds", "1", "--yes", *STACK]) == 2
    assert capsys.readouterr().err == "error: --hold-seconds: must be less\n"


def test_a_setting_that_the_stage_lacks_is_no_mistake_of_this_command_line(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    errors = [{"field": "REDIS_URL", "detail": "is not set"}]
    aws.replies = [Reply({"error": {"code": "bad-setting", "detail": "REDIS_URL: is not set", "errors": errors}})]
    assert main(["sale", "list", *STACK]) == 1
    assert "REDIS_URL" in capsys.readouterr().err


TIMED_OUT = "2026-11-21T10:00:00Z 9f Task timed out after 900.10 seconds"


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        (failed("KeyError", "'GONE'"), "function-failed", "KeyError: 'GONE'"),
        (failed("X", "long " * 1_000), "function-failed", "…"),
        (failed("Sandbox.Timedout", TIMED_OUT), "function-timed-out", "look before you say it again"),
        (Reply(b"what", headers={"X-Amz-Function-Error": "Unhandled"}), "function-failed", "without a word"),
        (Reply({"statusCode": 200}), "function-failed", "does not answer as an operator's function"),
        (Reply(b"<html>"), "function-failed", "does not answer as an operator's function"),
        (refused("AccessDeniedException", 403), "access-denied", f"it takes lambda:InvokeFunction on {FUNCTION}"),
        (refused("TooManyRequestsException", 429), "throttled", "nothing was done: say it again"),
        (refused("ExpiredTokenException", 403), "credentials-refused", "log in again"),
        (refused("ResourceNotFoundException", 404), "no-such-function", "no such function"),
        (refused("RequestTooLargeException", 413), "request-too-large", "6 MB"),
        (refused("ServiceException", 500), "aws-failed", "look before you say it again"),
        (Reply(manner=SILENCE), "no-answer", "look before you say it again"),
        (Reply(manner=HANGING_UP), "no-answer", "look before you say it again"),
    ],
)
def test_a_call_that_fails_is_sent_once_and_explained(
    reply: Reply, code: str, words: str, aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if reply.manner == SILENCE:
        monkeypatch.setattr(targets, "READ_TIMEOUT_S", 1.0)
    aws.replies = [reply]
    assert main(["sale", "create", "spring", "--capacity", "5", "--name", NAMED, "--yes", "--json", *STACK]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["error"]["code"] == code
    assert words in told.err
    assert len(told.err) < 900
    assert not any(each in told.out + told.err for each in ("Traceback", "stackTrace", "secret.py", NAMED))
    assert len(aws.invoked) == 1


@pytest.mark.parametrize(
    ("refusal", "code", "words"),
    [
        ((400, "ValidationError", "Stack with id x does not exist"), "no-such-stack", f"onsale-prod in {REGION}"),
        ((403, "AccessDenied", "not allowed"), "access-denied", "cloudformation:DescribeStacks"),
        ((400, "Throttling", "Rate exceeded"), "throttled", "say it again"),
        ((403, "InvalidClientTokenId", "bad"), "credentials-refused", "log in again"),
    ],
)
def test_a_stack_that_cannot_be_looked_at_is_explained(
    refusal: tuple[int, str, str], code: str, words: str, aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.stack_refusal = refusal
    assert main(["sale", "list", "--json", *STACK]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["error"]["code"] == code
    assert words in told.err
    assert aws.invoked == []


def test_a_stack_of_something_else_is_none_of_ours(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.outputs = {"Other": "x"}
    assert main(["sale", "list", "--json", *STACK]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["error"]["code"] == "no-such-output"
    assert "OperateFunction" in told.err


@pytest.mark.parametrize(
    ("shell_has", "target", "code"),
    [
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, ARN, "no-credentials"),
        ({"AWS_REGION": ""}, STACK[1], "no-region"),
        ({"AWS_PROFILE": "nobody"}, STACK[1], "bad-profile"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, STACK[1], "aws-unreachable"),
    ],
)
def test_a_machine_that_is_not_set_up_for_aws_says_what_is_missing(
    shell_has: Mapping[str, str],
    target: str,
    code: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in shell_has.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    assert main(["sale", "list", "--json", "--target", target]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == code


@pytest.mark.parametrize("target", ["stack:", "stack:a b", "prod", "arn:aws:s3:::x", ""])
def test_what_names_no_target_is_a_mistake_of_usage(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sale", "list", "--target", target]) == 2
    assert "stack:NAME" in capsys.readouterr().err


def test_arguments_that_are_too_many_for_a_call_are_not_sent(
    aws: Aws, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seats = tmp_path / "hall.csv"
    seats.write_text("seat_id\n" + "".join(f"{n:031}\n" for n in range(190_000)))
    assert main(["sale", "create", "hall", "--seats", str(seats), "--yes", *STACK]) == 1
    assert "6 MB" in capsys.readouterr().err
    assert aws.invoked == []


CHANGES = (
    ["sale", "create", "spring", "--capacity", "5"],
    ["sale", "configure", "spring", "--name", "Spring"],
    *(["sale", word, "spring"] for word in ("pause", "resume", "close", "reopen", "archive")),
    ["buyer", "cancel", "spring", "ann"],
    ["buyer", "erase", "spring", "ann"],
    ["refunds", "settle", "spring", "pay_1"],
    ["dlq", "replay", "t-0-1"],
    ["dlq", "replay", "--all"],
    ["dlq", "discard", "t-0-1", "--why", "a test"],
    ["migrate"],
)


@pytest.mark.parametrize("words", CHANGES, ids=" ".join)
def test_a_change_of_a_deployed_stage_needs_yes_off_a_terminal(
    words: list[str], aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, *STACK]) == 2
    told = capsys.readouterr().err
    assert f"It acts on stack:onsale-prod, account {ACCOUNT}, {REGION}." in told
    assert "say --yes" in told
    assert aws.invoked == []


def test_with_yes_it_is_done(aws: Aws) -> None:
    aws.replies = [Reply({"error": {"code": "no-such-sale", "detail": "there is no sale spring"}})]
    assert main(["sale", "pause", "spring", "--yes", *STACK]) == 1
    assert [event["action"] for _, event in aws.invoked] == ["sale.pause"]


def test_the_same_change_of_what_runs_here_is_not_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def handler(event: Mapping[str, Any], _: object) -> dict[str, Any]:
        asked.append(event["action"])
        return {"error": {"code": "no-such-sale", "detail": "there is no sale spring"}}

    monkeypatch.setattr(operate_module, "handler", handler)
    assert main(["sale", "pause", "spring"]) == 1
    assert asked == ["sale.pause"]


def test_an_emulator_that_up_wrote_down_is_not_taken_for_another_stage(aws: Aws, tmp_path: Path) -> None:
    (tmp_path / "env").write_text(f"export AWS_ENDPOINT_URL={aws.url}\nexport AWS_DEFAULT_REGION=us-east-1\n")
    del os.environ["AWS_ENDPOINT_URL"]
    os.environ["AWS_ACCESS_KEY_ID"] = ""
    assert main(["sale", "list", *STACK]) == 1  # it looks for the stack in AWS, for which it has no credentials
    assert "AWS_ENDPOINT_URL" not in os.environ
    assert aws.asked == []


def test_all_commands_that_act_on_a_sale_have_a_target_and_no_others() -> None:
    having = {
        path.split()[1]
        for path, command in leaves(onsale, "onsale")
        if "target" in {each.name for each in command.params if isinstance(each, click.Option)}
    }
    lacking = {path.split()[1] for path, command in leaves(onsale, "onsale")} - having
    assert having == {"migrate", "sale", "watch", "purchases", "buyer", "refunds", "dlq", "ledger", "rehearse"}
    assert lacking == {"up", "down", "status", "demo", "token", "package", "bench"}
