"""What the functions tell: log lines that machines read, metrics that CloudWatch reads, and neither where unwanted."""

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from chalicelib.config import Settings, settings
from functions.consumer import Consumer, Fact
from functions.dead_letter_queue import DeadLetter, DeadLetterQueue
from functions.kafka_batch import Headers, KafkaRecord
from functions.log import correlate, logger, metrics, offsets
from ops.local.program import PROJECT

Capture = pytest.CaptureFixture[str]
ADDRESS = "bob@example.com"


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    """Settings read anew, before and after."""
    settings.cache_clear()
    yield
    settings.cache_clear()
    correlate(logger("toy"), None)


class Context:
    """The part of Lambda's context that is told."""

    def __init__(self, request_id: str) -> None:
        self.aws_request_id = request_id


class Letters(DeadLetterQueue):
    """Stores letters, or not."""

    def __init__(self, stores: bool = True) -> None:
        self._stores = stores

    def put(self, letters: Sequence[DeadLetter]) -> list[bool]:
        return [self._stores] * len(letters)


class Toy(Consumer):
    """Applies everything."""

    def apply(self, facts: Sequence[Fact]) -> None:
        self.counts.update(applied=len(facts))


def a_record(offset: int, value: bytes, headers: Headers = (), partition: int = 0) -> KafkaRecord:
    raw = {"headers": [{name: list(each or b"")} for name, each in headers]}
    return KafkaRecord("t", partition, offset, value, raw)


def an_event(version: int, sale_id: str = "s") -> bytes:
    event = {"schema": 1, "saleId": sale_id, "epoch": 5, "version": version, "type": "CANCELLED", "at": 1_000 * version}
    event |= {"userId": ADDRESS, "reservationId": "5-1", "quantity": 1}
    return json.dumps(event).encode()


def lines(capsys: Capture) -> list[dict[str, Any]]:
    """What stands on stderr: each line one object."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_one_object_with_service_function_stage_and_fields(capsys: Capture) -> None:
    logger("toy").info("done", sale="s", epoch=5, version=7, text="two\nlines 좌석")

    (told,) = lines(capsys)

    assert told.pop("timestamp").endswith("+00:00")
    assert told == {
        "level": "INFO",
        "message": "done",
        "service": "onsale",
        "function": "toy",
        "stage": "local",
        "sale": "s",
        "epoch": 5,
        "version": 7,
        "text": "two\nlines 좌석",
    }


def test_stdout_stays_the_commands_own(capsys: Capture) -> None:
    logger("toy").warning("careful")

    assert capsys.readouterr().out == ""


def test_the_request_id_is_on_every_line_until_the_next_call(capsys: Capture) -> None:
    log = logger("toy")
    for context in (Context("one"), Context("two"), None):
        correlate(log, context)
        log.info("a")
        logger("other").info("b")

    assert [each.get("request_id") for each in lines(capsys)] == ["one", "one", "two", "two", None, None]


def test_runs_that_overlap_keep_their_own_request_id(capsys: Capture) -> None:
    log, both = logger("toy"), threading.Barrier(2, timeout=60)

    def run(request_id: str) -> None:
        correlate(log, Context(request_id))
        both.wait()
        log.info("done", expected=request_id)

    threads = [threading.Thread(target=run, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    told = lines(capsys)
    assert len(told) == 2
    assert all(each["request_id"] == each["expected"] for each in told)


def test_an_error_of_the_function_is_one_line_too(capsys: Capture) -> None:
    try:
        raise ValueError("bad\nnews")
    except ValueError:
        logger("toy").exception("failed")

    (told,) = lines(capsys)
    assert (told["level"], told["exception_name"]) == ("ERROR", "ValueError")


def test_others_handlers_see_the_plain_message(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "onsale.toy")
    logger("toy").info("done", records=3)

    assert caplog.messages == ["done"]
    assert vars(caplog.records[0])["records"] == 3


def test_a_function_says_each_thing_once_where_the_root_logger_has_a_handler_as_in_lambda() -> None:
    code = "import logging; logging.basicConfig(level=10)\nfrom functions.log import logger\nlogger('toy').info('once')"
    assert _said(code).count("once") == 1


@pytest.mark.parametrize(("level", "said"), [("", ["info", "error"]), ("DEBUG", ["debug", "info", "error"])])
def test_the_level_is_a_setting(level: str, said: list[str]) -> None:
    code = (
        "from functions.log import logger\nfor each in ('debug', 'info', 'error'): getattr(logger('toy'), each)(each)"
    )

    told = [json.loads(line)["message"] for line in _said(code, POWERTOOLS_LOG_LEVEL=level).splitlines()]

    assert told == said
    assert Settings.read({"POWERTOOLS_LOG_LEVEL": "ERROR"}).log_level == "ERROR"


def _said(code: str, **env: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    # Only what is needed: the shell's own settings are not the test's business.
    env = {name: value for name, value in env.items() if value}
    return subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, check=True, timeout=180).stderr


def test_offsets_are_told_by_partition_first_and_last() -> None:
    records = [a_record(offset, b"", partition=partition) for partition, offset in ((0, 7), (0, 9), (1, 4), (0, 8))]

    assert offsets(records) == {"t-0": [7, 9], "t-1": [4, 4]}


def test_metrics_are_one_line_of_embedded_format(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "onsale-Persist")
    monkeypatch.setenv("ONSALE_STAGE", "live")

    metrics("persist").publish(records=500, dead=0, duration_ms=12.5)

    captured = capsys.readouterr()
    (line,) = captured.out.splitlines()
    told = json.loads(line)
    (directive,) = told["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "onsale"
    assert [sorted(each) for each in directive["Dimensions"]] == [["function", "service", "stage"]]
    assert (told["function"], told["service"], told["stage"]) == ("persist", "onsale", "live")
    assert {each["Name"]: each["Unit"] for each in directive["Metrics"]} == {
        "records": "Count",
        "dead": "Count",
        "duration_ms": "Milliseconds",
    }
    assert (told["records"], told["dead"], told["duration_ms"]) == ([500], [0], [12.5])
    assert captured.err == ""


@pytest.mark.parametrize(
    ("env", "written"),
    [
        ({}, False),
        ({"POWERTOOLS_METRICS_DISABLED": "false"}, True),
        ({"AWS_LAMBDA_FUNCTION_NAME": "x"}, True),
        ({"AWS_LAMBDA_FUNCTION_NAME": "x", "POWERTOOLS_METRICS_DISABLED": "true"}, False),
    ],
)
def test_metrics_are_written_where_cloudwatch_reads_them(
    env: dict[str, str], written: bool, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    metrics("toy").publish(records=1)

    assert bool(capsys.readouterr().out) is written


def test_metrics_of_two_calls_do_not_add_up(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "false")

    for name in ("one", "two"):
        metrics(name).publish(records=1)

    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each["function"], each["records"]) for each in told] == [("one", [1]), ("two", [1])]


def test_a_delivery_is_told_with_its_counts_ages_and_where_it_came_from(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "false")
    monkeypatch.setattr("functions.consumer.time.time_ns", lambda: 10_000_000_000)
    poison = a_record(9, b"?" + ADDRESS.encode(), (("sale", b"s"), ("epoch", b"5"), ("version", b"4")))

    assert Toy("toy", Letters()).write([a_record(7, an_event(3)), a_record(8, an_event(2)), poison]) == []

    captured = capsys.readouterr()
    assert ADDRESS not in captured.err + captured.out
    quarantined, told = (json.loads(line) for line in captured.err.splitlines())
    assert (quarantined["message"], quarantined["level"]) == ("record quarantined", "WARNING")
    assert {name: quarantined[name] for name in ("source", "reason", "sale", "epoch", "version")} == {
        "source": "t-0-9",
        "reason": "not-json",
        "sale": "s",
        "epoch": 5,
        "version": 4,
    }
    figures = {"records": 3, "applied": 2, "dead": 1, "left": 0, "newest_age_ms": 7_000, "oldest_age_ms": 8_000}
    about = {"sale": "s", "epoch": 5, "version": 2, "last_version": 3, "offsets": {"t-0": [7, 9]}}
    assert {name: told[name] for name in (*figures, *about)} == {**figures, **about}
    emf = json.loads(captured.out)
    assert {name: emf[name] for name in figures} == {name: [value] for name, value in figures.items()}
    assert emf["duration_ms"][0] >= 0


def test_what_is_left_is_an_error_that_says_why(capsys: Capture) -> None:
    record = a_record(9, b"?")

    assert Toy("toy", Letters(stores=False)).write(
        [record, a_record(1, an_event(1)), a_record(2, an_event(1, "t"))]
    ) == [record]

    (told,) = lines(capsys)
    assert (told["level"], told["message"], told["left"]) == ("ERROR", "batch failed", 1)
    assert (told["outage"], told["sales"]) == ("dead-letter topic", 2)
