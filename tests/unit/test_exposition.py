"""Pages of metrics are read, compared with earlier ones, and asked for quantiles."""

import math

import pytest

from ops.exposition import parse, quantile

COUNTED = """\
# TYPE told counter
told_total{{code="a",sale="x"}} {a}
told_total{{code="b",sale="x"}} {b}
told_total{{code="a",sale="y"}} 100.0
"""


def counted(a: float, b: float) -> str:
    return COUNTED.format(a=a, b=b)


def test_a_figure_that_is_not_there_is_unknown_and_not_nothing() -> None:
    look = parse(counted(1, 2), 0)
    assert look.value("told_total", code="a", sale="x") == 1
    assert look.value("told_total", code="a") is None
    assert look.sum("told_total", sale="x") == 3
    assert look.sum("told_total", sale="z") is None
    assert look.series("told_total", "code") == {"a": 101, "b": 2}
    assert look.series("nothing", "code") == {}


def test_what_is_no_number_is_left_out() -> None:
    assert parse("figure NaN\n", 0).value("figure") is None


def test_a_rate_is_the_difference_of_two_looks_in_seconds() -> None:
    first, second = parse(counted(10, 5), 100), parse(counted(30, 5), 104)
    assert second.rate("told_total", first, sale="x") == 5
    assert second.rates("told_total", "code", first, sale="x") == {"a": 5, "b": 0}
    assert second.rate("told_total", first, sale="z") is None
    assert second.rate("told_total", second, sale="x") is None


def test_a_counter_that_began_anew_counts_from_nothing() -> None:
    first, second = parse(counted(1_000, 7), 0), parse(counted(3, 9), 1)
    assert second.increase("told_total", first, sale="x") == 3 + 2


def test_a_new_series_counts_from_nothing_but_not_where_nothing_of_its_name_was_seen() -> None:
    without_b = parse('told_total{code="a",sale="x"} 1.0\n', 0)
    assert parse(counted(1, 2), 1).increase("told_total", without_b, sale="x") == 2
    assert parse(counted(1, 2), 1).increase("told_total", parse("", 0), sale="x") is None


def test_quantiles_are_interpolated_within_their_bucket() -> None:
    buckets = {0.1: 10.0, 0.2: 30.0, 0.4: 40.0, math.inf: 40.0}
    assert quantile(0.25, buckets) == pytest.approx(0.1)
    assert quantile(0.5, buckets) == pytest.approx(0.15)
    assert quantile(0.9, buckets) == pytest.approx(0.32)
    assert quantile(0.125, buckets) == pytest.approx(0.05)
    assert quantile(1.0, buckets) == pytest.approx(0.4)


def test_beyond_the_last_bound_that_bound_is_the_answer() -> None:
    assert quantile(0.99, {0.1: 10.0, 0.2: 20.0, math.inf: 100.0}) == 0.2


@pytest.mark.parametrize("buckets", [{}, {math.inf: 3.0}, {0.1: 2.0, 0.2: 3.0}, {0.1: 0.0, math.inf: 0.0}])
def test_without_observations_or_bounds_there_is_no_quantile(buckets: dict[float, float]) -> None:
    assert quantile(0.5, buckets) is None


def test_a_first_bound_of_nothing_or_less_is_the_answer_itself() -> None:
    assert quantile(0.1, {-1.0: 5.0, 1.0: 10.0, math.inf: 10.0}) == -1.0


def _histogram(*counts: float) -> str:
    bounds = ("0.1", "0.2", "+Inf")
    lines = [f'took_bucket{{le="{bound}",route="a"}} {count}' for bound, count in zip(bounds, counts, strict=True)]
    return "# TYPE took histogram\n" + "\n".join(lines) + f'\ntook_count{{route="a"}} {counts[-1]}\n'


def test_a_quantile_since_an_earlier_look_knows_nothing_of_what_was_before_it() -> None:
    first, second = parse(_histogram(1_000, 1_000, 1_000), 0), parse(_histogram(1_000, 1_010, 1_010), 10)
    assert second.quantile("took", 0.5) == pytest.approx(0.0505)
    assert second.quantile("took", 0.5, first) == pytest.approx(0.15)
    assert second.quantile("took", 0.5, first, route="b") is None
    assert second.quantile("took", 0.5, second) is None
    assert second.quantile("took", 0.5, parse("", 0)) is None


def test_a_histogram_that_began_anew_counts_from_nothing() -> None:
    first, second = parse(_histogram(50, 90, 90), 0), parse(_histogram(0, 4, 4), 1)
    assert second.quantile("took", 0.5, first) == pytest.approx(0.15)
