"""What buyers were told against what is on record, and what a soak calls flat."""

from ops.rehearse.proof import Durable, Ticket, proof
from ops.rehearse.record import Growth, ProcessSeries
from ops.rehearse.soak import growth, soak, warm_up_s

A, B = Ticket(1, ("A-1",)), Ticket(1, ("A-2",))


def test_the_same_on_both_sides_is_proven() -> None:
    found = proof({"ann": A, "bob": B}, 2, Durable({"ann": A, "bob": B}), 2, unserved=0)
    assert (found.tickets, found.oversold, found.lost, found.untold, found.unserved) == (2, 0, 0, 0, 0)
    assert found.examples == ()


def test_a_seat_that_two_buyers_were_told_is_sold_twice() -> None:
    found = proof({"ann": A, "bob": A}, 5, Durable({"ann": A, "bob": A}), 2)
    assert found.oversold == 1
    assert found.examples == ("seat A-1 has two buyers",)


def test_units_beyond_the_stock_are_oversold_whoever_counts_them() -> None:
    told = {f"buyer-{number}": Ticket() for number in range(12)}
    assert proof(told, 10, Durable(told), 12).oversold == 2
    assert proof({}, 10, Durable({}), 11).oversold == 1
    assert proof({}, 10, Durable(told), 0).oversold == 2


def test_a_ticket_that_mysql_lacks_or_has_otherwise_is_lost() -> None:
    found = proof({"ann": A, "bob": B}, 5, Durable({"bob": Ticket(1, ("A-3",))}), 2)
    assert found.lost == 2
    assert found.examples[0] == "ann was told A-1, MySQL has nothing"
    assert found.examples[1] == "bob was told A-2, MySQL has A-3"


def test_a_ticket_nobody_was_told_of_is_named_too() -> None:
    found = proof({}, 5, Durable({"ann": Ticket(2)}), 2)
    assert (found.oversold, found.lost, found.untold) == (0, 0, 1)
    assert found.examples == ("ann has 2 units in MySQL, and was never told",)


def test_without_mysql_nothing_is_said_to_be_kept() -> None:
    found = proof({"ann": A}, 5, None, None)
    assert (found.tickets, found.oversold, found.lost, found.untold) == (1, 0, None, None)


def test_growth_is_from_the_first_fifth_to_the_last_and_no_outlier_counts() -> None:
    steady = [100.0] * 100
    leaking = [100.0 + second for second in range(100)]
    spiky = [*steady[:95], 900.0, *steady[96:]]
    memory = {"steady": steady, "leaking": leaking, "spiky": spiky}
    found = {name: growth(ProcessSeries(memory_bytes=tuple(each)), 0, 99) for name, each in memory.items()}
    assert found["steady"] == found["spiky"] == Growth(100.0, 100.0)
    assert found["leaking"] == Growth(109.5, 189.5)


def test_the_warm_up_and_gaps_are_left_out() -> None:
    warming: list[float | None] = [float(second) for second in range(25)]
    series = ProcessSeries(fds=(*warming, *[40.0, None] * 38))
    found = soak({"gateway": series, "away": ProcessSeries()}, 100.0, bought=7, cancelled=7)
    assert (found.from_second, found.to_second) == (25, 100)
    assert (found.growth["gateway"].fds_start, found.growth["gateway"].fds_end) == (40.0, 40.0)
    assert found.growth["away"] == Growth()


def test_the_warm_up_is_a_quarter_and_two_minutes_at_most() -> None:
    assert warm_up_s(60) == 15
    assert warm_up_s(3600) == 120
