"""What functions tell is heard by whoever listens in their process, and by CloudWatch in lines that it takes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from chalicelib import emf
from chalicelib.config import settings
from ops.local.event_source import handler_process
from ops.metrics import functions
from ops.metrics.functions import FunctionCounts
from ops.metrics.names import FOLDER_VARIABLE, LISTENER, LISTENER_VARIABLE

Capture = pytest.CaptureFixture[str]
Told = tuple[str, str, Mapping[str, float | Sequence[float]]]


@pytest.fixture
def heard() -> Iterator[list[Told]]:
    """What is told while somebody listens."""
    told: list[Told] = []
    emf.listen(lambda function, sale, values: told.append((function, sale, values)))
    yield told
    emf.listen(None)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As deployed: metrics are written."""
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "false")
    settings.cache_clear()
    yield
    settings.cache_clear()


def lines(capsys: Capture) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_listener_hears_what_is_told_where_nothing_is_written(heard: list[Told], capsys: Capture) -> None:
    emf.publish("persist", applied=3, dead=0)
    emf.publish_many("persist", "spring", "write_behind_ms", [5.0, 7.0])
    assert heard == [
        ("persist", "", {"applied": 3, "dead": 0}),
        ("persist", "spring", {"write_behind_ms": [5.0, 7.0]}),
    ]
    assert emf.is_heard()
    assert capsys.readouterr().out == ""


def test_nobody_hears_what_is_told_to_nobody(capsys: Capture) -> None:
    assert not emf.is_heard()
    emf.publish("persist", applied=3)
    emf.publish_many("persist", "spring", "write_behind_ms", [5.0])
    assert capsys.readouterr().out == ""


def test_many_values_are_lines_of_at_most_a_hundred_with_the_sale_beside_them(published: None, capsys: Capture) -> None:
    emf.publish_many("persist", "spring", "write_behind_ms", list(range(250)))
    told = lines(capsys)
    assert [len(line["write_behind_ms"]) for line in told] == [100, 100, 50]
    assert [value for line in told for value in line["write_behind_ms"]] == list(range(250))
    for line in told:
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Metrics"] == [{"Name": "write_behind_ms", "Unit": "Milliseconds"}]
        assert directive["Dimensions"] == [["service", "stage", "function"]]
        assert line["sale"] == "spring"


def counts_of(*told: Told) -> dict[tuple[str, ...], float]:
    """Return what functions that tell this have counted: sample name and labels to value."""
    made = FunctionCounts()
    for function, sale, values in told:
        made.told(function, sale, values)
    return {
        (each.name, *each.labels.values()): each.value
        for metric in made.registry.collect()
        for each in metric.samples
        if not each.name.endswith("_created") and each.value
    }


def test_a_delivery_of_persist_is_rows_and_records() -> None:
    delivery = {"records": 9, "applied": 5, "stale": 2, "duplicate": 1, "dead": 1, "left": 3, "duration_ms": 4.2}
    assert counts_of(("persist", "", delivery), ("persist", "", {**delivery, "left": 0})) == {
        ("onsale_persist_rows_total", "applied"): 10,
        ("onsale_persist_rows_total", "stale"): 4,
        ("onsale_persist_rows_total", "duplicate"): 2,
        ("onsale_function_records_total", "persist", "done"): 13,
        ("onsale_function_records_total", "persist", "dead"): 2,
        ("onsale_function_records_total", "persist", "left"): 3,
    }


def test_rows_are_of_persist_alone() -> None:
    assert counts_of(("statistics", "", {"records": 2, "duplicate": 2, "dead": 0, "left": 0})) == {
        ("onsale_function_records_total", "statistics", "done"): 2
    }


def test_each_delay_is_one_observation_in_seconds() -> None:
    told = counts_of(("persist", "spring", {"write_behind_ms": [4, 6, 2_000]}))
    assert told["onsale_write_behind_seconds_count", "spring"] == 3
    assert told["onsale_write_behind_seconds_sum", "spring"] == pytest.approx(2.01)
    assert told["onsale_write_behind_seconds_bucket", "spring", "0.005"] == 1
    assert told["onsale_write_behind_seconds_bucket", "spring", "1.5"] == 2


def test_a_scheduled_loop_is_its_pulses() -> None:
    assert counts_of(("relay", "", {"pulses": 30, "sent": 4}), ("relay", "", {"pulses": 300})) == {
        ("onsale_function_pulses_total", "relay"): 330
    }


def test_what_cannot_be_counted_is_no_fault_of_the_function(caplog: pytest.LogCaptureFixture) -> None:
    FunctionCounts().told("persist", "", {"applied": -1})
    assert "could not be counted" in caplog.text


@pytest.mark.parametrize("named", ["nowhere.at.all:listen", "ops.metrics.functions:no_such", "nothing"])
def test_a_listener_that_cannot_be_had_is_no_fault_of_the_function(
    named: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(LISTENER_VARIABLE, named)
    handler_process._let_somebody_listen()
    assert "cannot listen" in caplog.text


def test_what_the_processes_are_told_to_call_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    module, _, name = LISTENER.partition(":")
    assert module == functions.__name__
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    getattr(functions, name)()  # with no folder it does nothing
    assert not emf.is_heard()
