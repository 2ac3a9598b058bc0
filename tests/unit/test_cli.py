"""The `onsale` command without any server: usage, exit codes, where things are printed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest

from chalicelib import config
from chalicelib.errors import FieldError, InvalidRequest, OnsaleError, Refused
from functions import operate as operate_module
from ops.cli import COMMANDS, main, onsale
from ops.operation import operate, option

SETTINGS = ("REDIS_URL", "MYSQL_URL", "KAFKA_BOOTSTRAP_SERVERS")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home that no `up` has made, and no settings of the shell."""
    before = dict(os.environ)  # the command layers settings into the environment of its process
    for each in config.documented():
        monkeypatch.delenv(each.name, raising=False)
    monkeypatch.setenv("ONSALE_HOME", str(tmp_path))
    config.settings.cache_clear()
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)
    config.settings.cache_clear()


def _answering(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]) -> list[Mapping[str, Any]]:
    events: list[Mapping[str, Any]] = []

    def handler(event: Mapping[str, Any], _: object) -> dict[str, Any]:
        events.append(event)
        return answer

    monkeypatch.setattr(operate_module, "handler", handler)
    return events


def _commands(group: click.Group, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def test_every_command_has_help_with_an_example_or_no_options_to_explain() -> None:
    for name, command in _commands(onsale):
        assert command.help, name
        takes = [each for each in command.params if isinstance(each, click.Option) and each.name not in ("as_json",)]
        assert not takes or "onsale" in command.help or len(takes) <= 2, f"{name} has options but no example"


def test_every_option_says_what_it_is_for() -> None:
    for name, command in _commands(onsale):
        for each in command.params:
            assert not isinstance(each, click.Option) or each.help, f"{name} {each.name}"


def test_every_command_that_answers_has_json() -> None:
    for name, command in _commands(onsale):
        assert "as_json" in [each.name for each in command.params], name


@pytest.mark.parametrize("arguments", [["--help"], ["sale", "create", "--help"], ["-h"]])
def test_help_is_printed_and_is_no_failure(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert "Usage: onsale" in capsys.readouterr().out


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("onsale ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["sale", "show"],
        ["sale", "show", "spring", "--nonsense"],
        ["sale", "create", "spring", "--capacity", "many"],
        ["sale", "configure", "spring"],
        ["sale", "close", "spring"],
        ["--set", "REDIS_URL", "sale", "list"],
        ["--set", "ONSALE_PORT=high", "sale", "list"],
        ["demo", "--buyers", "50"],
        ["ledger", "SPRING"],
        ["sale", "list"],
    ],
)
def test_bad_usage_is_named_on_stderr_and_exits_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")


def test_a_setting_that_is_missing_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    main(["ledger", "spring"])
    told = capsys.readouterr().err
    assert all(name in told for name in SETTINGS)


def test_settings_come_from_the_flag_then_the_environment_then_the_home(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "env").write_text(
        "export REDIS_URL=redis://home:1\nexport MYSQL_URL='mysql://home/x'\nexport KAFKA_BOOTSTRAP_SERVERS=home:1\n"
    )
    monkeypatch.setenv("MYSQL_URL", "mysql://shell/x")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "shell:1")
    _answering(monkeypatch, {"result": {"sales": []}})
    assert main(["--set", "KAFKA_BOOTSTRAP_SERVERS=flag:1", "sale", "list"]) == 0
    chosen = config.settings()
    assert chosen.redis_url == "redis://home:1"
    assert chosen.mysql_url == "mysql://shell/x"
    assert chosen.kafka_bootstrap_servers == "flag:1"


def test_a_refused_action_exits_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _answering(monkeypatch, {"error": {"code": "no-such-sale", "detail": "there is no sale spring"}})
    assert main(["sale", "show", "spring"]) == 1
    assert capsys.readouterr().err == "error: there is no sale spring\n"


def test_with_json_a_failure_is_one_document_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _answering(monkeypatch, {"error": {"code": "no-such-sale", "detail": "there is no sale spring"}})
    assert main(["sale", "show", "spring", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "no-such-sale"


def test_an_interrupt_exits_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(operate_module, "handler", interrupted)
    assert main(["sale", "list"]) == 130
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("state", "code"), [("balanced", 0), ("differences", 3), ("in-flight", 4)])
def test_a_ledger_says_by_its_exit_code_whether_it_balances(
    state: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finding = {
        "kind": "version",
        "detail": "lost",
        "verdict": "different",
        "version": 4,
        "userId": "ann",
        "where": "here",
    }
    answer = {
        "saleId": "spring",
        "epoch": 9,
        "version": 5,
        "state": state,
        "rows": [{"what": "events", "redis": 5, "outbox": 0, "kafka": 0, "dlq": 0, "mysql": 4}],
        "counts": {"different": 25, "in-flight": 0, "explained": 0},
        "findings": [finding] * 25,
        "deadLetters": {"open": 2, "replayed": 0, "discarded": 0, "onTopic": 1},
        "unnamedDeadLetters": 0,
    }
    events = _answering(monkeypatch, {"result": answer})
    assert main(["ledger", "spring", "--wait", "2.5"]) == code
    assert events[0]["arguments"] == {"saleId": "spring", "waitSeconds": 2.5}
    printed = capsys.readouterr().out
    assert "version 4, buyer ann: lost; now: here" in printed
    assert "and 5 more" in printed
    assert "dead letters: 2 open, 1 not in MySQL yet" in printed
    assert main(["ledger", "spring", "--json"]) == code
    assert json.loads(capsys.readouterr().out)["state"] == state


def test_options_become_arguments_and_only_those_given(monkeypatch: pytest.MonkeyPatch) -> None:
    events = _answering(monkeypatch, {"error": {"code": "x", "detail": "x"}})
    main(["sale", "create", "hall", "--rows", "2", "--seats-per-row", "3", "--hold-seconds", "1.5", "--no-standby"])
    assert events[0]["action"] == "sale.create"
    assert events[0]["arguments"] == {
        "saleId": "hall",
        "rows": 2,
        "seatsPerRow": 3,
        "holdSeconds": 1.5,
        "standby": False,
    }
    assert events[0]["actor"]


def test_a_dangerous_command_runs_with_yes_and_a_dry_run_does_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    events = _answering(monkeypatch, {"result": {"outcome": "done"}})
    assert main(["buyer", "cancel", "spring", "ann", "--yes"]) == 0
    assert main(["buyer", "cancel", "spring", "ann", "--dry-run"]) == 0
    assert [event["arguments"]["dryRun"] for event in events] == [False, True]


def test_purchases_are_read_page_by_page(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"userId": "a,b", "status": "CONFIRMED", "quantity": 1, "seatIds": ["A-1", "A-2"], "reservationId": "1-2"}
    row |= {"paymentId": "", "epoch": 1, "version": 2, "writtenAt": "2026-01-01T00:00:00.000Z"}
    pages = [{"purchases": [row], "next": "a,b"}, {"purchases": [{**row, "userId": "c"}], "next": None}]

    def handler(event: Mapping[str, Any], _: object) -> dict[str, Any]:
        return {"result": pages[1 if event["arguments"].get("after") else 0]}

    monkeypatch.setattr(operate_module, "handler", handler)
    assert main(["purchases", "spring"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("userId,status")
    assert lines[1].startswith('"a,b",CONFIRMED,1,A-1 A-2,1-2')
    assert len(lines) == 3
    assert main(["purchases", "spring", "--json"]) == 0
    assert [each["userId"] for each in json.loads(capsys.readouterr().out)] == ["a,b", "c"]


@pytest.mark.parametrize(
    ("field", "spelled"),
    [
        ("holdSeconds", "--hold-seconds"),
        ("saleId", "ID"),
        ("userId", "USER"),
        ("seatIds", "--seats"),
        ("paymentIds", "PAYMENT"),
        ("rows", "--rows"),
    ],
)
def test_an_argument_is_named_as_its_option(field: str, spelled: str) -> None:
    assert option(field) == spelled


def test_what_the_function_refuses_is_raised_again_as_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = InvalidRequest([FieldError("holdSeconds", "must be less")])
    _answering(monkeypatch, {"error": {"code": refused.code, "detail": refused.detail, **refused.members}})
    with pytest.raises(InvalidRequest, match="--hold-seconds: must be less"):
        operate("sale.configure", saleId="x")


def test_the_function_refuses_what_it_does_not_know() -> None:
    answer = operate_module.handler({"action": "sale.burn", "arguments": {}}, None)
    assert answer["error"]["code"] == "invalid-request"
    assert "sale.burn" in answer["error"]["detail"]


def test_the_function_answers_a_refusal_and_raises_what_nobody_foresaw(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise Refused("no-such-sale", "there is no sale x", saleId="x")

    monkeypatch.setattr(operate_module, "_action", lambda event: refuse)
    answer = operate_module.handler({"action": "sale.show"}, None)
    assert answer == {"error": {"code": "no-such-sale", "detail": "there is no sale x", "saleId": "x"}}
    monkeypatch.setattr(operate_module, "_action", lambda event: lambda _: os.environ["GONE"])
    with pytest.raises(KeyError):
        operate_module.handler({"action": "sale.show"}, None)


def test_no_command_imports_a_client_before_it_is_needed() -> None:
    wanted = ", ".join(repr(each.split(":")[0]) for each in COMMANDS.values())
    heavy = "{'confluent_kafka', 'pymysql', 'redis', 'rich', 'aiohttp', 'granian', 'chalice', 'boto3'}"
    code = f"import sys, importlib; [importlib.import_module(m) for m in ('ops.cli', {wanted})];"
    code += f"print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unforeseen_error_code_of_ours_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OnsaleError("database-away", "MySQL does not answer")

    monkeypatch.setattr(operate_module, "handler", fail)
    assert main(["sale", "list"]) == 1
