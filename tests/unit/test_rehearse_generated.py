"""Histograms, records of several processes as one, and the series of a report."""

import json
from collections import Counter
from pathlib import Path

import pytest

from ops.demo.outcome import Ending
from ops.rehearse.generator.generated import End, merge
from ops.rehearse.generator.histogram import Histogram
from ops.rehearse.generator.records import Records
from ops.rehearse.generator.second import Endpoint, Second
from ops.rehearse.plan import RehearsalPlan


def histogram(*values_ms: float) -> Histogram:
    made = Histogram()
    for value_ms in values_ms:
        made.add(value_ms)
    return made


def second(number: int, process: int = 1, *, arrived: int = 0, latencies_ms: tuple[float, ...] = ()) -> Second:
    latency = histogram(*latencies_ms)
    row = Endpoint(len(latencies_ms), 0, Counter({"sold-out": 1} if latencies_ms else {}), latency)
    return Second(
        number,
        cpu={process: 0.25 * process},
        wanted={process: 0.5},
        lateness=histogram(1.0),
        in_flight=process,
        moves=Counter(arrived=arrived),
        endpoints={"enter": row} if latencies_ms else {},
    )


def test_a_percentile_is_within_two_percent() -> None:
    values = histogram(*(float(value) for value in range(1, 1_001)))

    assert values.percentile_ms(50) == pytest.approx(500, rel=0.021)
    assert values.percentile_ms(99) == pytest.approx(990, rel=0.021)
    assert values.percentile_ms(100) == pytest.approx(1000, rel=0.021)
    assert values.max_ms == 1000
    assert histogram().percentile_ms(99) is None
    assert histogram(0.0).percentile_ms(50) == 0.0
    assert values.above(900) == pytest.approx(100, abs=40)
    assert histogram(1, 2).above(1_000) == 0


def test_histograms_of_several_processes_are_one() -> None:
    whole = Histogram.merged([histogram(1, 2), histogram(3), histogram()])

    assert (whole.count, whole.max_ms) == (3, 3)
    assert whole.document() == histogram(1, 2, 3).document()


def test_a_second_is_read_as_it_was_written() -> None:
    written = second(3, arrived=2, latencies_ms=(1.0, 5.0))

    read = Second.read(json.loads(json.dumps(written.document())))

    assert read.document() == written.document()


def test_the_same_second_of_two_processes_is_one() -> None:
    whole = Second.merged([second(3, 1, arrived=2, latencies_ms=(1.0,)), second(3, 2, arrived=3, latencies_ms=(9.0,))])

    assert whole.cpu == {1: 0.25, 2: 0.5}
    assert (whole.in_flight, whole.moves["arrived"], whole.requests) == (3, 5, 2)
    assert whole.endpoints["enter"].refusals == {"sold-out": 2}
    assert whole.endpoints["enter"].latency.max_ms == 9


def test_records_are_read_once_and_merged_when_every_process_has_told(tmp_path: Path) -> None:
    files = [tmp_path / "1", tmp_path / "2"]
    for file in files:
        file.write_text('{"ready":true}\n')
    records = Records(files)
    _append(files[0], second(0, 1).document(), second(1, 1).document())
    _append(files[1], second(0, 2).document())

    assert [each.second for each in records.read(lambda _: True)] == [0]
    assert records.ready == 2
    assert records.read(lambda _: True) == []
    _append(files[1], second(1, 2).document())
    assert [sorted(each.cpu) for each in records.read(lambda _: True)] == [[1, 2]]


def test_who_has_ended_keeps_nobody_waiting(tmp_path: Path) -> None:
    files = [tmp_path / "1", tmp_path / "2"]
    files[1].touch()
    _append(files[0], second(0, 1).document(), {"end": End(1, is_complete=True).document()})
    records = Records(files)

    assert records.read(lambda index: index == 1) == []
    assert [each.second for each in records.read(lambda _: False)] == [0]
    assert [end.process for end in records.ends] == [1]


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    file = tmp_path / "1"
    whole = json.dumps(second(0).document()) + "\n"
    file.write_text(whole[:40])
    records = Records([file])
    assert records.read(lambda _: False) == []

    file.write_text(whole)

    assert len(records.read(lambda _: False)) == 1


def _append(file: Path, *documents: object) -> None:
    with file.open("a") as open_file:
        open_file.writelines(json.dumps(each) + "\n" for each in documents)


def end(process: int, **endings: int) -> End:
    return End(
        process,
        endings=Counter({Ending[name]: times for name, times in endings.items()}),
        tickets={f"buyer-{process}": [f"A-{process}"]},
        eta_errors=histogram(1000.0 * process),
        last_ticket_at_s=float(process),
        arrived_after_s=1.0,
        is_complete=True,
        rest_ms=1.0,
        memory_bytes=process,
    )


def test_what_the_processes_tell_is_one_result() -> None:
    plan = RehearsalPlan(buyers=12)
    ends = [end(2, TICKET=1, SOLD_OUT=3), end(1, TICKET=1, WALKED_AWAY=2, LEFT=1, FAILED=4)]

    generated = merge(plan, 2, [second(0, latencies_ms=(5.0,)), second(1)], [End.read(e.document()) for e in ends])

    told = generated.outcomes
    assert (told.bought, told.told_sold_out, told.walked_away, told.left, told.gave_up) == (2, 3, 2, 1, 4)
    assert generated.tickets == {"buyer-1": ("A-1",), "buyer-2": ("A-2",)}
    assert (generated.last_ticket_at_s, generated.eta.waits, generated.is_complete) == (2.0, 2, True)
    assert generated.endpoints[0].name == "enter"
    assert generated.endpoints[0].refusals == {"sold-out": 1}
    assert generated.memory_bytes == (1, 2)
    assert generated.health.bottleneck is None


def test_the_buyers_of_a_process_that_died_have_given_up_and_it_is_named() -> None:
    generated = merge(RehearsalPlan(buyers=10), 2, [second(0)], [end(1, TICKET=5)])

    assert generated.outcomes.gave_up == 5
    assert not generated.is_complete
    assert generated.health.bottleneck == "schedule"
    assert generated.health.reasons == ("process 2 of the generator ended before its buyers did",)


def test_series_start_at_second_0_and_have_gaps_where_nothing_was_told() -> None:
    seconds = [second(0, arrived=4, latencies_ms=(5.0,)), second(2, arrived=1)]

    series = merge(RehearsalPlan(), 1, seconds, [end(1)]).series()

    assert series["arrivals"] == (4, None, 1)
    assert series["refusals.sold-out"] == (1, None, None)
    assert series["generatorCpu.1"] == (0.25, None, 0.25)
    assert series["latency.enter.p99Ms"][0] == pytest.approx(5, rel=0.02)


def test_buyers_who_come_by_a_token_have_the_name_in_it() -> None:
    generated = merge(RehearsalPlan(), 1, [], [end(1)]).renamed({"buyer-1": "auth0|ann"})

    assert generated.tickets == {"auth0|ann": ("A-1",)}
