"""From looks to figures: rates, windows, what is not known, and what is wrong."""

import json
import re
from dataclasses import replace

import pytest

from ops.exposition import parse
from ops.watch.figures import Figures, Process, Route
from ops.watch.history import History
from ops.watch.problems import Problem, problems, worst
from ops.watch.reading import figures, points, sale_ids
from ops.watch.sources import of_sale
from tests.watched import PROCESSES, scrape


def seen(history: History, text: str, at_s: float) -> Figures:
    """Look once, as a watch does."""
    look = parse(text, at_s)
    found = figures(look, history, "spring")
    history.add(look, points(found))
    return found


@pytest.fixture
def running() -> Figures:
    """The second of two looks at a sale that runs, four seconds apart."""
    history = History()
    seen(history, scrape(), 100.0)
    return seen(history, scrape(4.0), 104.0)


def test_stock_line_and_record_are_those_of_the_sale_that_is_asked_for(running: Figures) -> None:
    assert (running.state, running.capacity, running.free, running.held) == ("OPEN", 10_000, 9_345, 43)
    assert (running.waiting, running.active) == (1_204, 57)
    assert running.recorded == {"HELD": 41, "CONFIRMED": 609}
    assert running.behind == 1_320 - 1_311
    assert running.lag == {"persist": 7, "notify": 240}
    assert running.lapses == {"claim-missed": 3, "time-up": 1, "hold-expired": 12}
    assert (running.dead, running.refunds_due) == (0, 0)


def test_rates_are_since_the_look_before(running: Figures) -> None:
    assert running.admitted_per_s == pytest.approx(20)
    assert running.sold_per_s == pytest.approx(18)
    assert running.refused_per_s == {"sold-out": 0, "seat-taken": pytest.approx(2)}
    assert running.requests_per_s == pytest.approx(1_200)
    assert running.drain_s == pytest.approx(1_204 / 20)
    assert [each.cpu for each in running.processes] == [pytest.approx(0.4)] * len(PROCESSES)
    assert tuple(each.name for each in running.processes) == PROCESSES


def test_routes_are_sorted_by_how_busy_they_are_and_have_their_own_quantiles(running: Figures) -> None:
    busiest = running.routes[0]
    assert (busiest.method, busiest.route) == ("GET", "/sales/{saleId}/queue/status")
    assert busiest.per_second == pytest.approx(1_200)
    assert busiest.p50_s == pytest.approx(0.0005)
    assert busiest.p99_s == pytest.approx(0.00099)
    assert (running.routes[1].per_second, running.routes[1].p50_s) == (0, None)


def test_the_first_look_has_no_rates() -> None:
    first = seen(History(), scrape(), 100.0)
    assert (first.sold, first.waiting) == (612, 1_204)
    assert (first.admitted_per_s, first.sold_per_s, first.drain_s, first.requests_per_s) == (None, None, None, None)
    assert first.written_p99_s is None
    assert {each.cpu for each in first.processes} == {None}


def test_how_late_rows_are_is_of_the_last_minute_alone() -> None:
    history = History()
    for second in range(0, 120, 2):  # after 50 s nothing is written any more
        seen(history, scrape(min(second, 50.0)), float(second))
    idle = seen(history, scrape(50.0), 121.0)
    assert idle.written_p99_s is None
    busy = seen(history, scrape(60.0), 131.0)
    assert busy.written_p50_s == pytest.approx(0.055)
    assert busy.written_p99_s == pytest.approx(0.0991)


def test_a_reading_that_is_told_twice_does_not_make_the_sale_stand_still() -> None:
    def told(later_s: float, age_s: float) -> str:
        return scrape(later_s) + "".join(
            f'onsale_source_age_seconds{{source="{name}"}} {age_s}\n' for name in ("redis", "processes", "workers")
        )

    history = History()
    seen(history, told(0.0, 0.0), 100.0)
    for later_s, age_s, at_s in ((4.0, 0.0, 104.0), (4.0, 1.0, 105.0), (4.0, 1.5, 105.5), (7.0, 0.5, 107.5)):
        found = seen(history, told(later_s, age_s), at_s)
        assert found.admitted_per_s == pytest.approx(20)
        assert found.sold_per_s == pytest.approx(18)
        assert found.requests_per_s == pytest.approx(1_200)
        assert found.processes[0].cpu == pytest.approx(0.4)
        assert found.drain_s == pytest.approx(1_204 / 20)


def test_the_first_rows_and_requests_of_a_stack_count_where_its_workers_were_heard() -> None:
    def without(text: str) -> str:
        return re.sub(r"^onsale_(http|write)_.*\n", "", text, flags=re.MULTILINE)

    for heard in (True, False):
        workers = f'onsale_source_up{{source="workers"}} {float(heard)}\n'
        history = History()
        seen(history, without(scrape()) + workers, 0.0)
        found = seen(history, scrape() + workers, 1.0)
        assert (found.written_p50_s is not None) == heard
        assert (found.requests_per_s is not None) == heard


def test_counters_that_began_anew_are_no_negative_rate() -> None:
    history = History()
    seen(history, scrape(1_000.0), 0.0)
    after = seen(history, scrape(), 1.0)
    assert after.admitted_per_s == 740
    assert after.sold_per_s == 0
    assert all(each.cpu is not None and each.cpu >= 0 for each in after.processes)


@pytest.mark.parametrize("source", ["redis", "mysql", "kafka"])
def test_a_source_that_is_away_leaves_its_figures_unknown_and_the_others_as_they_are(source: str) -> None:
    history = History()
    seen(history, scrape(), 0.0)
    found = seen(history, scrape(1.0, away=(source,)), 1.0)
    known = {"redis": found.waiting is not None, "mysql": bool(found.recorded), "kafka": bool(found.lag)}
    assert known == {name: name != source for name in known}
    assert found.away == (source,)
    assert problems(found)[0].says.startswith(f"{source} does not answer")
    assert found.sold_per_s is None or source != "redis"
    back = seen(history, scrape(2.0), 2.0)
    assert (back.away, back.waiting) == ((), 1_204)
    assert back.sold_per_s is None or source != "redis"


def test_a_running_sale_has_no_problems(running: Figures) -> None:
    assert problems(running) == ()


HEALTHY = Figures("spring", state="OPEN", free=10.0, waiting=5.0, active=1.0)


@pytest.mark.parametrize(
    ("wrong", "severity", "command"),
    [
        (replace(HEALTHY, dead=2.0), "bad", "onsale dlq list --sale spring"),
        (replace(HEALTHY, dead_of_no_sale=1.0), "bad", "onsale dlq list"),
        (replace(HEALTHY, outbox=1_500.0), "warn", "onsale status"),
        (replace(HEALTHY, outbox=6_000.0), "bad", "onsale status"),
        (replace(HEALTHY, outbox=60.0, most_outbox=60.0), "bad", "onsale status"),
        (replace(HEALTHY, outbox=1.0, outbox_age_s=31.0), "bad", "onsale status"),
        (replace(HEALTHY, lag={"persist": 2_000.0}), "warn", "onsale ledger spring"),
        (replace(HEALTHY, behind=20_000.0), "bad", "onsale ledger spring"),
        (replace(HEALTHY, written_p99_s=2.0), "warn", "onsale ledger spring"),
        (replace(HEALTHY, p99_s=1.5), "bad", "onsale status"),
        (replace(HEALTHY, routes=(Route("GET", "/a", 2.0, 1.0, None, None),)), "bad", "onsale status"),
        (replace(HEALTHY, processes=(Process("relay", False, None, None),)), "bad", "onsale status"),
        (
            replace(HEALTHY, processes=(Process("redis", True, 0.97, 1.0),)),
            "bad",
            "onsale sale configure spring --max-active N",
        ),
        (replace(HEALTHY, refunds_due=3.0), "warn", "onsale refunds list spring --state DUE"),
        (replace(HEALTHY, pulses_per_s={"relay": 0.0}), "bad", "onsale status"),
        (replace(HEALTHY, pulses_per_s={"relay": 2.0}), "warn", "onsale status"),
        (replace(HEALTHY, capacity=9.0, sold=8.0, held=2.0), "bad", "onsale sale close spring"),
        (replace(HEALTHY, state="PAUSED"), "warn", "onsale sale resume spring"),
        (replace(HEALTHY, state=None), "bad", "onsale sale list"),
        (replace(HEALTHY, active=0.0, held=0.0, admitted_per_s=0.0), "warn", "onsale status"),
    ],
)
def test_what_is_wrong_names_the_command_that_helps(wrong: Figures, severity: str, command: str) -> None:
    assert problems(HEALTHY) == ()
    (found,) = problems(wrong)
    assert (found.severity, found.command) == (severity, command)
    assert worst((found,), found.figure) == severity
    assert worst((found,), "other") is None


def test_the_worst_comes_first() -> None:
    found = problems(replace(HEALTHY, refunds_due=3.0, lag={"persist": 2_000.0}, dead=1.0))
    assert [each.severity for each in found] == ["bad", "warn", "warn"]
    assert isinstance(found[0], Problem)


def test_a_loop_that_does_not_work_is_seen_within_a_minute() -> None:
    told = 'onsale_function_pulses_total{{function="promote"}} {}\nonsale_function_pulses_total{{function="relay"}} 9\n'
    history = History()
    for second in range(0, 60, 5):
        found = seen(history, scrape() + told.format(second * 5), float(second))
        assert bool(found.pulses_per_s) == (second >= 30)
    assert found.pulses_per_s == {"promote": pytest.approx(5), "relay": 0}
    assert [each.says for each in problems(found)] == ["relay does its work 0/s: about 5 would be right"]


def test_the_document_says_null_for_what_is_not_known(running: Figures) -> None:
    document = json.loads(json.dumps(running.document()))
    assert (document["confirmed"], document["soldPerSecond"], document["mysql"]["eventsBehind"]) == (684, 18, 9)
    nothing = Figures("spring").document()
    assert (nothing["waiting"], nothing["http"]["p99Seconds"], nothing["kafkaLag"]) == (None, None, {})
    assert nothing.keys() == document.keys()


def test_what_the_operators_function_shows_is_the_same_sale_with_less_known() -> None:
    sale = {"saleId": "spring", "state": "PAUSED", "capacity": 100, "remaining": 60, "held": 1, "confirmed": 39}
    sale |= {"waiting": 7, "active": 2, "admittedThrough": 50, "outbox": 3, "openDeadLetters": None}
    history = History()
    first = of_sale(sale, 0.0)
    history.add(first, {})
    found = figures(of_sale({**sale, "admittedThrough": 60, "confirmed": 44}, 5.0), history, "spring")
    assert (found.state, found.free, found.waiting, found.outbox) == ("PAUSED", 60, 7, 3)
    assert (found.admitted_per_s, found.sold_per_s) == (2, 1)
    assert (found.dead, found.behind, found.requests_per_s, found.processes) == (None, None, None, ())
    assert sale_ids(first) == ["spring"]
