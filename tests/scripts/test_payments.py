"""The payment rules, branch by branch: each twice, each against a promoter that settles at the same moment."""

from functools import partial
from itertools import count
from typing import Any

import pytest

from chalicelib.errors import Refused
from tests.scripts.balance import assert_the_ledger_balances, assert_the_story_is_what_redis_has
from tests.scripts.payments import CASES, TWO_WAYS, Case, Scene
from tests.scripts.sales import Sales
from tests.scripts.test_races import at_once

MOST_RACES = 400
KINDS = pytest.mark.parametrize("seated", [False, True], ids=["counted", "seated"])
Came = tuple[str, tuple[str, ...], str, tuple[tuple[str, str], ...]]  # answer, events, ann's status, refunds


def assert_all_agrees(scene: Scene) -> None:
    """The sums hold, and the events alone tell the same story."""
    snapshot = scene.sales.reader.snapshot(scene.sale_id)
    assert_the_ledger_balances(snapshot)
    assert_the_story_is_what_redis_has(scene.sales, scene.sale_id, snapshot)


def kept(scene: Scene) -> dict[str, Any]:
    """Return all keys of the sale, but for the bound of its deadlines, which any call may bring up to date."""
    dumped = scene.sales.dump(scene.sale_id)
    del dumped["sale"]["next_deadline_ms"]
    return dumped


def what_came(scene: Scene, before: int, answer: str) -> Came:
    """Return all that a caller, a consumer and the ledger can tell of a call made after `before` events."""
    told = tuple(scene.sales.event_types(scene.sale_id)[before:])
    return answer, told, scene.status(), tuple(sorted(scene.refunds().items()))


@KINDS
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_payment_has_the_fate_that_the_rules_say_and_a_repeat_changes_nothing(
    case: Case, seated: bool, sales: Sales
) -> None:
    scene = Scene(sales, seated=seated)
    scene.play(case.story)
    before = len(sales.event_types(scene.sale_id))
    call = scene.act(case.call)
    expected = (case.answer, case.events, case.status, tuple(sorted(case.refunds.items())))
    assert what_came(scene, before, call()) == expected
    assert_all_agrees(scene)
    changed = kept(scene)
    sales.link.command("SCRIPT", "FLUSH")
    assert what_came(scene, before, call()) == expected
    assert kept(scene) == changed


def in_turn(case: Case, sales: Sales, *, seated: bool, promoter_first: bool) -> Came:
    """Play a story, then the call and a promoter one after the other."""
    scene = Scene(sales, seated=seated)
    scene.play(case.story)
    before = len(sales.event_types(scene.sale_id))
    if promoter_first:
        sales.store.promote(scene.sale_id)
    answer = scene.act(case.call)()
    if not promoter_first:
        sales.store.promote(scene.sale_id)
    return what_came(scene, before, answer)


def raced(case: Case, sales: Sales, *, seated: bool, promoter_first: bool) -> Came:
    """Play a story, then the call, the same call and a promoter at the same moment."""
    scene = Scene(sales, seated=seated)
    scene.play(case.story)
    before = len(sales.event_types(scene.sale_id))
    acts = [scene.act(case.call), lambda: sales.store.promote(scene.sale_id).state, scene.act(case.call)]
    answers = at_once(acts[::-1] if promoter_first else acts)
    assert answers[0] == answers[2], "a repeat was told something else"
    assert_all_agrees(scene)
    return what_came(scene, before, answers[0])


@KINDS
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_payment_that_races_expiry_ends_as_if_one_had_come_first(case: Case, seated: bool, sales: Sales) -> None:
    possible = {in_turn(case, sales, seated=seated, promoter_first=first) for first in (False, True)}
    assert len(possible) == 1 + (case.story in TWO_WAYS)
    seen: set[Came] = set()
    for number in count():
        came = raced(case, sales, seated=seated, promoter_first=number % 2 == 0)
        assert came in possible
        seen.add(came)
        if seen == possible and number >= 3:
            return
        assert number < MOST_RACES, f"of {len(possible)} orders only {len(seen)} occurred"


def test_of_many_payments_for_one_reservation_one_buys_it_and_each_other_is_due(sales: Sales) -> None:
    scene = Scene(sales, seated=True)
    scene.play("held overdue")
    payments = [f"p{number}" for number in range(12)]
    calls = [scene.act(f"confirm ann R1 {payment}") for payment in payments]
    answers = at_once([*calls, lambda: sales.store.promote(scene.sale_id).state])[:-1]
    assert sorted(answers) == ["CONFIRMED", *["already-paid"] * 11]
    bought = payments[answers.index("CONFIRMED")]
    assert scene.refunds() == dict.fromkeys(set(payments) - {bought}, "already-paid")
    assert_all_agrees(scene)


def test_one_payment_for_many_reservations_buys_one_of_them(sales: Sales) -> None:
    sale_id = sales.create(6, payment="required", max_active=6, admit_per_second=0)
    made = {f"b{number}": sales.holding(sale_id, f"b{number}") for number in range(6)}

    def pay(user: str) -> str:
        try:
            return sales.store.confirm(sale_id, user, made[user], "the-same").state
        except Refused as refused:
            return refused.code

    answers = at_once([partial(pay, user) for user in made])
    assert sorted(answers) == ["CONFIRMED", *["payment-used"] * 5]
    assert "REFUND_DUE" not in sales.event_types(sale_id)
