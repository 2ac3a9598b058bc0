"""Each rule of the verdict has a rehearsal that breaks it alone."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ops.rehearse.expectation import fault_seconds, sell_out
from ops.rehearse.record import GO, INVALID, NO_GO, Check, FaultRecord, Growth, Rehearsal, Spread
from ops.rehearse.thresholds import Thresholds
from ops.rehearse.verdict import judged
from tests.rehearsals import LEDGER, rehearsal, soaked

GOOD = rehearsal()
LIMITS = Thresholds(
    oversold_tickets=0,
    lost_tickets=0,
    admitted_out_of_order=0,
    unserved_buyers=0,
    error_share=0.001,
    enter_p99_ms=1000,
    status_p99_ms=1000,
    reserve_p99_ms=1000,
    confirm_p99_ms=1000,
    cancel_p99_ms=1000,
    sale_p99_ms=1000,
    seats_p99_ms=1000,
    sell_out_factor=1.5,
    sell_out_slack_s=10,
    sell_out_turn_s=1,
    write_behind_p99_ms=2000,
    soak_memory_growth=0.1,
    soak_memory_slack_mb=32,
    soak_descriptors=16,
)
Change = Callable[[Rehearsal], Rehearsal]


def _proof(**changes: int | None) -> Change:
    return lambda of: replace(of, proof=replace(of.proof, **changes))  # type: ignore[arg-type]


def _sale(**changes: object) -> Change:
    return lambda of: replace(of, sale=replace(of.sale, **changes))  # type: ignore[arg-type]


def _endpoint(**changes: object) -> Change:
    return lambda of: replace(of, endpoints=tuple(replace(each, **changes) for each in of.endpoints))  # type: ignore[arg-type]


def _ledger(state: str | None) -> Change:
    return lambda of: replace(of, ledger=None if state is None else {**LEDGER, "state": state})


def _growth(**changes: float | None) -> Change:
    grown = Growth(100e6, 104e6, 60.0, 61.0)
    soak = soaked(GOOD).soak
    assert soak is not None
    growth = {**soak.growth, "kafka": replace(grown, **changes)}
    return lambda of: replace(soaked(of), soak=replace(soak, growth=growth))


def _bottleneck(kind: str) -> Change:
    return lambda of: replace(of, generator=replace(of.generator, bottleneck=kind, reasons=("it was late",)))


def _both(*changes: Change) -> Change:
    def all_of_them(of: Rehearsal) -> Rehearsal:
        for change in changes:
            of = change(of)
        return of

    return all_of_them


def _checks(of: Rehearsal) -> dict[str, Check]:
    return {each.name: each for each in of.checks}


def test_a_good_run_is_a_go() -> None:
    result = judged(GOOD, LIMITS)
    assert (result.verdict, result.exit_code) == (GO, 0)
    assert all(each.holds for each in result.checks)
    assert result.reasons == (f"all {len(result.checks)} checks hold",)


def test_a_good_soak_is_a_go() -> None:
    result = judged(soaked(GOOD), LIMITS)
    assert result.verdict == GO
    assert {"memory growth", "descriptor growth"} <= _checks(result).keys()
    assert "sold out" not in _checks(result)


def test_a_soak_names_the_process_that_grew_most_even_where_that_is_allowed() -> None:
    detail = _checks(judged(_growth(memory_bytes_end=109e6)(GOOD), LIMITS))["memory growth"].detail
    assert "kafka grew most, by 9 MB in all" in detail


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (_proof(oversold=1), "oversold"),
        (_proof(lost=1), "lost"),
        (_proof(out_of_order=1), "admitted out of order"),
        (_ledger("differences"), "ledger"),
        (_ledger("in-flight"), "ledger"),
        (_growth(memory_bytes_end=143e6), "memory growth"),
        (_growth(fds_end=77.0), "descriptor growth"),
    ],
)
def test_what_nothing_excuses_is_a_no_go_whatever_the_generator_did(change: Change, broken: str) -> None:
    for of in (change(GOOD), _both(change, _bottleneck("cpu"))(GOOD)):
        result = judged(of, LIMITS)
        assert (result.verdict, result.exit_code) == (NO_GO, 3)
        assert [each.name for each in result.checks if each.holds is False] == [broken]
        assert result.reasons[0].startswith(broken)


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (_proof(unserved=1), "unserved"),
        (_endpoint(failures=100), "errors"),
        (_sale(sold_out_after_seconds=25.1), "sold out"),
        (_both(_sale(sold_out_after_seconds=None), _proof(tickets=999)), "sold out"),
        (_sale(write_behind_ms=Spread(1.0, 2000.1, 3000.0)), "write-behind p99"),
        (lambda of: replace(of, endpoints=(replace(of.endpoints[1], p99_ms=1000.1),)), "enter p99"),
        (lambda of: replace(of, endpoints=(replace(of.endpoints[0], p99_ms=1000.1), of.endpoints[1])), "status p99"),
    ],
)
def test_what_a_late_generator_may_have_spoilt_is_a_no_go_only_where_it_kept_up(change: Change, broken: str) -> None:
    kept_up = judged(change(GOOD), LIMITS)
    assert kept_up.verdict == NO_GO
    assert [each.name for each in kept_up.checks if each.holds is False] == [broken]
    fell_behind = judged(_bottleneck("schedule")(change(GOOD)), LIMITS)
    assert (fell_behind.verdict, fell_behind.exit_code) == (INVALID, 4)
    assert any(reason.startswith(broken) for reason in fell_behind.reasons)


@pytest.mark.parametrize(
    ("kind", "advice"), [("cpu", "--processes"), ("schedule", "--arrive"), ("connections", "--in-flight")]
)
def test_a_generator_that_was_the_bottleneck_makes_a_run_invalid_and_says_what_to_do(kind: str, advice: str) -> None:
    result = judged(_bottleneck(kind)(GOOD), LIMITS)
    told = " ".join(result.reasons)
    assert result.verdict == INVALID
    assert kind in told
    assert "it was late" in told
    assert advice in told


@pytest.mark.parametrize(
    ("change", "unknown"),
    [
        (_proof(oversold=None), "oversold"),
        (_proof(lost=None), "lost"),
        (_proof(unserved=None), "unserved"),
        (_ledger(None), "ledger"),
        (_sale(sold_out_after_seconds=None), "sold out"),
        (_sale(write_behind_ms=Spread()), "write-behind p99"),
        (_endpoint(p99_ms=None), "enter p99"),
        (lambda of: replace(of, endpoints=()), "errors"),
        (_growth(memory_bytes_start=None), ""),
        (lambda of: replace(soaked(of), soak=replace(soaked(of).soak, growth={})), "memory growth"),  # type: ignore[type-var]
    ],
)
def test_what_is_not_known_does_not_hold(change: Change, unknown: str) -> None:
    result = judged(change(GOOD), LIMITS)
    if not unknown:  # one process of many was not measured: the others were
        assert result.verdict == GO
        return
    assert result.verdict == INVALID
    assert _checks(result)[unknown].holds is None
    assert any(reason.startswith(f"{unknown} is not known") for reason in result.reasons)


def test_a_figure_beyond_measure_is_broken_and_no_number_at_all_is_unknown() -> None:
    beyond = judged(_sale(write_behind_ms=Spread(1.0, float("inf")))(GOOD), LIMITS)
    assert beyond.verdict == NO_GO
    assert "beyond measure" in beyond.reasons[0]
    assert judged(_sale(write_behind_ms=Spread(1.0, float("nan")))(GOOD), LIMITS).verdict == INVALID


def test_a_broken_check_counts_for_more_than_an_unknown_one() -> None:
    assert judged(_both(_proof(unserved=1), _ledger(None))(GOOD), LIMITS).verdict == NO_GO


def test_the_order_of_the_line_is_checked_only_where_the_crowd_can_see_it() -> None:
    result = judged(_proof(out_of_order=None)(GOOD), LIMITS)
    assert result.verdict == GO
    assert "admitted out of order" not in _checks(result)


def test_a_fault_that_did_not_happen_makes_a_run_invalid() -> None:
    result = judged(replace(GOOD, faults=(FaultRecord("kafka-stop", "kafka", 5.0, None, "no such process"),)), LIMITS)
    assert result.verdict == INVALID
    assert "no such process" in result.reasons[0]


def test_faults_give_time_to_what_waits_for_them() -> None:
    late = _both(_sale(sold_out_after_seconds=29.0, write_behind_ms=Spread(1.0, 6000.0, 7000.0)))(GOOD)
    assert judged(late, LIMITS).verdict == NO_GO
    assert judged(replace(late, faults=(FaultRecord("kafka-stop", "kafka", 5.0, 10.0),)), LIMITS).verdict == GO


def test_faults_that_overlap_count_once() -> None:
    spans = ((5.0, 10.0), (8.0, 12.0), (9.0, 9.0), (20.0, 21.0), (30.0, None))
    faults = tuple(FaultRecord("kafka-stop", "kafka", begin, end) for begin, end in spans)
    assert fault_seconds(replace(GOOD, faults=faults)) == 8.0


def test_an_endpoint_that_nobody_asked_is_not_checked() -> None:
    names = _checks(judged(GOOD, LIMITS)).keys()
    assert {"enter p99", "status p99", "reserve p99"} <= names
    assert not {"confirm p99", "cancel p99", "sale p99"} & names


def test_a_check_that_is_off_is_not_made() -> None:
    off = replace(
        LIMITS,
        unserved_buyers=None,
        error_share=None,
        sell_out_factor=None,
        write_behind_p99_ms=None,
        enter_p99_ms=None,
    )
    result = judged(GOOD, off)
    assert result.verdict == GO
    assert not {"unserved", "errors", "sold out", "write-behind p99", "enter p99"} & _checks(result).keys()


def test_what_the_generator_remarks_without_being_to_blame_is_told_with_a_no_go() -> None:
    remarked = replace(GOOD.generator, reasons=("the system was the slower one",))
    result = judged(replace(_proof(unserved=1)(GOOD), generator=remarked), LIMITS)
    assert result.verdict == NO_GO
    assert result.reasons[-1] == "the system was the slower one"


def test_a_machine_that_was_busy_before_is_remarked_on_but_excuses_nothing() -> None:
    busy = replace(GOOD, machine=replace(GOOD.machine, load_average=(33.0, 20.0, 10.0)))
    assert judged(busy, LIMITS).verdict == GO
    result = judged(_proof(unserved=1)(busy), LIMITS)
    assert result.verdict == NO_GO
    assert result.reasons[-1] == "the machine was busy before it began: a load of 33 on 2 cores"


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({}, 10.0),  # 1,000 at 100 a second
        ({"admitPerSecond": 0}, 1.0),  # 1,000 places, each for a second
        ({"admitPerSecond": 0, "maxActive": 50}, 20.0),
        ({"admitPerSecond": 0, "maxActive": 50, "raiseMaxActive": {"soldShare": 0.5, "maxActive": 100}}, 20.0),
        ({"arriveSeconds": 1_000.0}, 20.0),  # 50 come in a second
        ({"paySeconds": 8.0}, 18.0),
        ({"pay": 0.5, "holdSeconds": 30.0}, 20.0 + 10 * 30.0),  # half of what is left is sold each time
        ({"abandon": 0.5, "claimSeconds": 20.0}, 2_000 / (1_000 / 11.0) + 10 * 20.0),
        ({"durationSeconds": 600.0}, None),
        ({"pay": 0.0}, None),
        ({"buyers": 999}, None),
    ],
)
def test_a_sale_is_expected_to_take_what_its_settings_allow(changes: dict[str, object], seconds: float | None) -> None:
    expected = sell_out(replace(GOOD, plan={**GOOD.plan, **changes}), LIMITS)
    assert (expected and expected.seconds) == (None if seconds is None else pytest.approx(seconds))
