"""Poison is found by halving and holds up nobody; an outage stops everything and blames nobody."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions import isolation
from functions.isolation import TRIES, apply_isolating
from functions.mysql_errors import DatabaseAway, RowsRefused


class Store:
    """Applies all of a group or nothing; refuses groups with poison, and is away at the calls it was told."""

    def __init__(self, poison: set[int] = frozenset(), away_at: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        self.poison = poison
        self.away_at = away_at
        self.calls: list[Sequence[int]] = []
        self.applied: list[int] = []

    def apply(self, group: Sequence[int]) -> None:
        """Take a group."""
        self.calls.append(group)
        if len(self.calls) in self.away_at:
            raise DatabaseAway("gone")
        if self.poison & set(group):
            raise RowsRefused("bad row")
        self.applied += group


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, instead of making them."""
    made: list[float] = []
    monkeypatch.setattr(isolation.time, "sleep", made.append)  # type: ignore[attr-defined]
    return made


def test_a_good_batch_is_applied_at_once() -> None:
    store = Store()

    outcome = apply_isolating([1, 2, 3], store.apply)

    assert (store.applied, len(store.calls)) == ([1, 2, 3], 1)
    assert (outcome.poison, outcome.unapplied, outcome.outage) == ([], [], "")


def test_an_empty_batch_asks_nothing_of_the_store() -> None:
    store = Store()

    apply_isolating([], store.apply)

    assert store.calls == []


@given(st.sets(st.integers(0, 499), max_size=3))
def test_up_to_three_poison_in_500_take_at_most_60_calls_and_spare_the_rest(poison: set[int]) -> None:
    store = Store(poison)

    outcome = apply_isolating(range(500), store.apply)

    assert {item for item, _ in outcome.poison} == poison
    assert sorted(store.applied) == sorted(set(range(500)) - poison)
    assert outcome.unapplied == []
    assert len(store.calls) <= 60


def test_poison_is_tried_alone_three_times_in_all() -> None:
    store = Store({2})

    outcome = apply_isolating([1, 2, 3], store.apply)

    assert [group for group in store.calls if list(group) == [2]] == [[2]] * TRIES
    assert outcome.poison == [(2, "bad row")]


def test_what_is_refused_once_and_then_taken_is_not_poison() -> None:
    store = Store({7})

    def apply(group: Sequence[int]) -> None:
        if len(store.calls) == 1:
            store.poison = set()
        store.apply(group)

    assert apply_isolating([7], apply).poison == []
    assert store.applied == [7]


def test_an_outage_is_tried_three_times_with_growing_pauses(pauses: list[float]) -> None:
    store = Store(away_at={1, 2, 3})

    outcome = apply_isolating([1, 2], store.apply)

    assert len(store.calls) == 3
    assert pauses == sorted(pauses)
    assert len(set(pauses)) == 2
    assert (outcome.unapplied, outcome.poison, outcome.outage) == ([1, 2], [], "gone")


def test_an_outage_that_is_over_at_the_third_try_is_none() -> None:
    store = Store(away_at={1, 2})

    assert apply_isolating([1], store.apply).unapplied == []
    assert store.applied == [1]


@given(st.sets(st.integers(0, 15), max_size=4), st.integers(1, 40))
def test_in_an_outage_amid_poison_each_item_is_applied_or_quarantined_or_left(poison: set[int], since: int) -> None:
    store = Store(poison, away_at=set(range(since, 1_000)))

    outcome = apply_isolating(range(16), store.apply)

    dead = [item for item, _ in outcome.poison]
    assert sorted([*store.applied, *dead, *outcome.unapplied]) == list(range(16))
    assert set(dead) <= poison
    assert outcome.unapplied == sorted(outcome.unapplied)
