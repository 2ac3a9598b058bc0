"""The benchmark reads its tools' output right and says plainly what is missed."""

from importlib import import_module

import pytest

from chalicelib.events import Poison, decode
from ops.bench.event_sources import poisoned
from ops.bench.figures import Figure, in_turn
from ops.bench.load import parse
from ops.bench.redis_memory import parse_used_memory
from ops.bench.redis_scripts import parse_rate, parse_usec_per_call
from ops.bench.report import as_table
from ops.commands.bench import PARTS


def test_a_ratio_is_held_against_its_target() -> None:
    assert Figure("a", 50, "req/s", limit=100, target=0.5).met is True
    assert Figure("a", 49, "req/s", limit=100, target=0.5).met is False
    assert Figure("a", 151, "ms", limit=100, target=1.5, at_most=True).met is False
    assert Figure("a", 0.9, "s", target=1.0, at_most=True).met is True
    assert Figure("a", 5, "bytes").met is None
    assert Figure("a", 55, "ms", limit=1, target=60, at_most=True, of_value=True).met is True


def test_the_table_names_what_is_missed() -> None:
    lines = as_table([Figure("slow", 1, "req/s", 10, "fast", 0.5), Figure("plain", 3, "bytes")]).splitlines()
    assert "MISSED" in lines[1]
    assert "MISSED" not in lines[2]


def test_measurements_take_turns_and_the_median_counts() -> None:
    order: list[str] = []
    values = {"a": iter([1.0, 100.0, 3.0]), "b": iter([5.0, 5.0, 5.0])}

    def measure(name: str) -> float:
        order.append(name)
        return next(values[name])

    assert in_turn(3, lambda: measure("a"), lambda: measure("b")) == [3.0, 5.0]
    assert "".join(order) == "ababab"


def test_the_last_line_of_wrk_is_read() -> None:
    assert parse("Running 4s test\nRESULT 1000 2 1 4000000\n") == (1000, 2, 1, 4_000_000)


def test_the_rate_of_redis_benchmark_is_read() -> None:
    csv = '"test","rps","avg_latency_ms"\n"EVALSHA a b, c","34578.15","0.7","0.2","0.7","1.0","1.2","3.5"\n'
    assert parse_rate(csv) == 34578.15
    with pytest.raises(ValueError, match="not the output"):
        parse_rate("Could not connect")


def test_the_memory_that_redis_has_allocated_is_read() -> None:
    assert parse_used_memory("# Memory\r\nused_memory:1234\r\nused_memory_peak:9\r\n") == 1234
    with pytest.raises(ValueError, match="nothing of memory"):
        parse_used_memory("# Clients")


def test_every_part_is_a_module_that_measures() -> None:
    for part in PARTS:
        assert callable(import_module(f"ops.bench.{part}").measure)


def test_the_cost_of_a_script_is_read_from_commandstats() -> None:
    assert parse_usec_per_call("cmdstat_get:calls=1\ncmdstat_evalsha:calls=5,usec=80,usec_per_call=16.10,x=0") == 16.10
    with pytest.raises(ValueError, match="EVALSHA"):
        parse_usec_per_call("cmdstat_get:calls=1")


def test_one_record_in_a_hundred_is_poison_of_the_kind_that_was_asked_for() -> None:
    def unreadable(value: bytes | None) -> bool:
        try:
            decode(value)
        except Poison:
            return True
        return False

    values = {kind: [each.value for each in poisoned("s", kind, 1_000)] for kind in ("", "unreadable", "refused")}
    assert {kind: sum(map(unreadable, each)) for kind, each in values.items()} == {
        "": 0,
        "unreadable": 10,
        "refused": 0,
    }
    assert [sum(len(value or b"") > 1_024 for value in each) for each in values.values()] == [0, 0, 10]
