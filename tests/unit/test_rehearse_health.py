"""When the generator is the bottleneck, and when the system is only slow."""

from collections import Counter
from typing import Any

from ops.rehearse.generator.generated import End
from ops.rehearse.generator.health import diagnose
from ops.rehearse.generator.histogram import Histogram
from ops.rehearse.generator.second import Endpoint, Second
from ops.rehearse.plan import RehearsalPlan
from ops.rehearse.record import GeneratorHealth


def second(
    number: int,
    *,
    requests: int = 100,
    cpu: float = 0.3,
    wanted: float = 0.4,
    late_ms: float = 1.0,
    was_free: bool = True,
    saturated_s: float = 0.0,
    **more: Any,
) -> Second:
    lateness = Histogram()
    lateness.add(late_ms)
    return Second(
        number,
        cpu={1: cpu},
        wanted={1: wanted},
        lateness=lateness,
        lag=lateness if was_free else Histogram(),
        in_flight=9,
        saturated_s=saturated_s,
        endpoints={"enter": Endpoint(requests)},
        **more,
    )


def full(number: int, *, requests: int, late_ms: float = 2_500) -> Second:
    """A second in which all connections were busy."""
    return second(number, requests=requests, late_ms=late_ms, was_free=False, saturated_s=0.9)


def look(
    *seconds: Second, arrived_after_s: float | None = 10.0, rest_ms: float | None = 2.0, **plan: Any
) -> GeneratorHealth:
    end = End(1, is_complete=True, arrived_after_s=arrived_after_s, rest_ms=rest_ms)
    return diagnose(RehearsalPlan(**plan), 1, seconds, [end])


def test_a_generator_that_keeps_up_is_no_bottleneck() -> None:
    health = look(*(second(number) for number in range(10)))

    assert health.bottleneck is None
    assert health.reasons == ()
    assert (health.cpu_p95, health.in_flight_max, health.in_flight_limit) == ((0.3,), 9, 100)


def test_a_core_used_up_is_the_bottleneck_whatever_the_schedule_says() -> None:
    health = look(*(second(number, cpu=0.97, wanted=0.99) for number in range(10)))

    assert health.bottleneck == "cpu"
    assert health.reasons == ("process 1 of the generator used 97% of a core while it was busy",)


def test_only_busy_seconds_count_for_the_core() -> None:
    quiet = [second(number, requests=5, cpu=0.01) for number in range(10, 200)]

    assert look(*(second(number, cpu=0.97) for number in range(10)), *quiet).bottleneck == "cpu"


def test_a_core_that_others_had_is_the_bottleneck_when_steps_were_late() -> None:
    starved = [second(number, cpu=0.5, wanted=0.98, late_ms=3_000) for number in range(10)]

    health = look(*starved)

    assert health.bottleneck == "cpu"
    assert "wanted 98% of a core and got 50%" in health.reasons[0]
    assert look(*(second(number, cpu=0.5, wanted=0.98) for number in range(10))).bottleneck is None


def test_late_steps_with_connections_to_spare_are_the_schedule() -> None:
    health = look(*(second(number, late_ms=2_500) for number in range(10)))

    assert health.bottleneck == "schedule"
    assert health.reasons == ("10 steps began more than a second late although a connection was free",)


def test_one_late_step_in_many_hurts_nobody() -> None:
    assert look(*(second(number) for number in range(200)), second(200, late_ms=2_500)).bottleneck is None


def test_buyers_who_come_late_are_the_schedule() -> None:
    assert look(second(0), arrived_after_s=13.0).bottleneck == "schedule"
    assert look(second(0), arrived_after_s=11.9).bottleneck is None
    assert look(second(0), arrived_after_s=None).reasons == ("not all buyers of process 1 came before it was stopped",)


def test_connections_that_are_all_busy_with_quick_answers_are_too_few() -> None:
    health = look(*(full(number, requests=25_000) for number in range(10)))

    assert health.bottleneck == "connections"
    assert "an answer took 4.0 ms then, 2.0 ms at rest: raise --in-flight" in health.reasons[0]
    assert health.saturated_share == 0.9


def test_connections_that_are_all_busy_with_slow_answers_are_the_systems_slowness() -> None:
    health = look(*(full(number, requests=1_000) for number in range(10)), arrived_after_s=25.0)

    assert health.bottleneck is None
    assert "an answer took 100.0 ms then" in health.reasons[0]
    assert "the system was the slower one" in health.reasons[0]


def test_a_system_that_does_not_answer_for_a_while_is_not_the_generators_fault() -> None:
    working = [second(number, requests=1_000) for number in range(20)]
    frozen = [full(number, requests=0) for number in range(20, 25)]
    thawed = full(25, requests=2_000)

    assert look(*working, *frozen, thawed).bottleneck is None


def test_busy_connections_hurt_nobody_while_steps_are_in_time() -> None:
    assert look(*(full(number, requests=25_000, late_ms=20) for number in range(10))).reasons == ()


def test_a_far_away_system_is_slow_only_beyond_what_it_takes_at_rest() -> None:
    far = [full(number, requests=900) for number in range(10)]

    assert look(*far, rest_ms=100).bottleneck == "connections"


def test_connections_that_this_machine_refuses_are_the_bottleneck() -> None:
    health = look(second(0, own_errors=Counter(EMFILE=30)), second(1, errors=Counter(ECONNREFUSED=300)))

    assert health.bottleneck == "connections"
    assert health.reasons == ("this machine refused the generator 30 connections: EMFILE",)


def test_connections_that_the_system_refuses_are_its_own() -> None:
    assert look(second(0, errors=Counter(ECONNREFUSED=300))).bottleneck is None


def test_a_soak_without_buyers_at_home_has_not_kept_its_rate() -> None:
    visits = [second(number, moves=Counter(arrived=90, skipped=10)) for number in range(10)]

    health = look(*visits, arrived_after_s=60, duration_s=60)

    assert health.bottleneck == "schedule"
    assert health.reasons == ("for 100 of 1,000 visits no buyer was at home: more --buyers, or a lower --rate",)


def test_a_run_without_a_second_has_nothing_to_say() -> None:
    assert look().bottleneck is None
