"""`onsale dlq` without any server: usage, questions, pages, exit codes."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from chalicelib import config
from functions import operate as operate_module
from ops.cli import main
from tests.unit.test_dlq_report import LETTER


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A home that no `up` has made."""
    before = dict(os.environ)
    monkeypatch.setenv("ONSALE_HOME", str(tmp_path))
    yield
    os.environ.clear()
    os.environ.update(before)
    config.settings.cache_clear()


class Function:
    """Answers like the operator's function, one answer after the other, and remembers what it was asked."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self._answers = list(answers)

    def __call__(self, event: Mapping[str, Any], _: object) -> dict[str, Any]:
        self.asked.append(event["arguments"])
        return {"result": self._answers.pop(0)}


def _answering(monkeypatch: pytest.MonkeyPatch, *answers: dict[str, Any]) -> Function:
    function = Function(*answers)
    monkeypatch.setattr(operate_module, "handler", function)
    return function


def _results(*outcomes: str, refused: bool = False, **more: Any) -> dict[str, Any]:
    letters = [
        {"letterId": f"t-0-{n}", "outcome": each, "refused": refused, "detail": ""} for n, each in enumerate(outcomes)
    ]
    return {"letters": letters, "refused": len(letters) if refused else 0, "next": None, "until": 0, **more}


@pytest.mark.parametrize(
    "words",
    [
        ["replay"],
        ["replay", "t-0-1", "--all", "--yes"],
        ["replay", "t-0-1", "--sale", "spring"],
        ["replay", "--all"],
        ["replay", "--all", "--force", "--yes"],
        ["discard", "t-0-1", "--yes"],
        ["discard", "--why", "x", "--yes"],
        ["discard", "t-0-1", "--why", "x"],
        ["show", "t-0-1", "--raw", "-", "--json"],
        ["list", "--state", "LOST"],
    ],
)
def test_bad_usage_exits_2_and_asks_nothing(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    function = _answering(monkeypatch)
    assert main(["dlq", *words]) == 2
    assert function.asked == []


def test_a_name_that_is_none_is_refused_as_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MYSQL_URL", "mysql://nobody@127.0.0.1:1/x")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    assert main(["dlq", "replay", "nonsense"]) == 2
    assert "LETTER: entry 1 must be topic-partition-offset" in capsys.readouterr().err


def test_letters_are_listed_page_by_page(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    function = _answering(
        monkeypatch, {"letters": [LETTER], "next": 1}, {"letters": [{**LETTER, "letterId": "x"}], "next": None}
    )
    assert main(["dlq", "list", "--sale", "spring", "--json"]) == 0
    assert [each["letterId"] for each in json.loads(capsys.readouterr().out)] == ["reservation-events-3-1234", "x"]
    assert function.asked == [
        {"saleId": "spring", "state": "OPEN"},
        {"saleId": "spring", "state": "OPEN", "after": 1},
    ]


def test_all_states_are_listed_when_asked_and_none_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    function = _answering(monkeypatch, {"letters": [], "next": None})
    assert main(["dlq", "list", "--state", "ANY"]) == 0
    assert function.asked == [{}]
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "no dead letters\n")


def test_all_is_replayed_call_by_call_up_to_what_was_there_at_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    function = _answering(monkeypatch, _results("replayed", next=7, until=9), _results("replayed", until=9))
    assert main(["dlq", "replay", "--all", "--sale", "spring", "--yes", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
    assert [(each.get("after"), each.get("until")) for each in function.asked] == [(None, None), (7, 9)]
    assert function.asked[0]["all"] is True
    assert "letterIds" not in function.asked[0]


def test_a_letter_that_is_refused_makes_it_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _answering(monkeypatch, _results("busy", refused=True), _results("already-replayed"))
    assert main(["dlq", "replay", "t-0-0"]) == 1
    assert "busy" in capsys.readouterr().out
    assert main(["dlq", "replay", "t-0-0"]) == 0


def test_a_dry_run_does_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    function = _answering(monkeypatch, _results("would-replay"), _results("would-discard"))
    assert main(["dlq", "replay", "--all", "--dry-run"]) == 0
    assert main(["dlq", "discard", "t-0-1", "--why", "x", "--dry-run"]) == 0
    assert [each["dryRun"] for each in function.asked] == [True, True]


def test_a_value_is_written_whole_part_by_part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("ops.commands.dlq._PART", 3)
    function = _answering(
        monkeypatch, {**LETTER, "valueBase64": "YWJj"}, {**LETTER, "valueBase64": "/2Q="}
    )  # "abc", then "\xff" and "d"
    assert main(["dlq", "show", "t-0-1", "--raw", str(tmp_path / "value")]) == 0
    assert (tmp_path / "value").read_bytes() == b"abc\xffd"
    assert [each.get("valueFrom") for each in function.asked] == [None, 3]
