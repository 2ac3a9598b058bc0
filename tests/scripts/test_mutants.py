"""Proof that the rule tests bite: each runs against a script in which its rule is left out, and has to fail."""

from collections.abc import Callable, Iterator

import pytest

from chalicelib.errors import Refused
from chalicelib.sale import scripts
from tests.scripts import test_rules as rules
from tests.scripts.sales import Sales

Rule = Callable[[Sales], None]
# File, fragment, what stands there instead, the test that must notice.
MUTANTS: list[tuple[str, str, str, Rule]] = [
    (
        "enter_queue",
        "if bought then",
        "if bought and state ~= 'CLOSED' then",
        rules.test_who_holds_or_bought_is_never_told_sold_out_or_closed,
    ),
    (
        "claim",
        "if score % 1 ~= 0 then return score - 0.5 end",
        "",
        rules.test_the_deadline_of_a_place_is_set_once_and_polling_does_not_extend_it,
    ),
    (
        "claim",
        "now + active_ms",
        "math.floor(score)",
        rules.test_an_admitted_place_gets_its_time_when_its_buyer_shows_up,
    ),
    ("settle", "'claim-missed' or", "'time-up' or", rules.test_a_missed_claim_and_a_used_up_time_are_told_apart),
    (
        "admission",
        "return math.max(0, places), tokens",
        "return places == 0 and 0 or math.abs(places), tokens",
        rules.test_admission_is_never_below_zero,
    ),
    (
        "admission",
        "math.floor(free * config[3] + 1e-9) - active",
        "math.floor(free * config[3] + 1e-9)",
        rules.test_no_more_are_admitted_than_find_a_ticket,
    ),
    (
        "admission",
        "local tokens = full",
        "local tokens = 0",
        rules.test_the_bucket_starts_full_holds_one_second_and_is_spent,
    ),
    ("admission", "math.min(full, ", "math.max(0, ", rules.test_the_bucket_starts_full_holds_one_second_and_is_spent),
    (
        "admission",
        "math.max(0, now - bucket[2])",
        "(now - bucket[2])",
        rules.test_a_clock_that_went_back_takes_no_tokens,
    ),
    ("admission", "if rate > 0 then", "if true then", rules.test_zero_per_second_means_unlimited),
    (
        "admission",
        "call('XLEN', OUTBOX) >= tonumber(config[4])",
        "false",
        rules.test_nobody_is_admitted_while_the_outbox_is_long,
    ),
    ("state_of", "paused == '1' and 'PAUSED' or 'OPEN'", "'OPEN'", rules.test_a_paused_sale_queues_and_admits_nobody),
    ("enter_queue", "'NX', ", "", rules.test_reentering_keeps_the_number),
    (
        "promote",
        "if now >= next_deadline then",
        "if state == 'OPEN' and now >= next_deadline then",
        rules.test_holds_lapse_in_a_closed_sale,
    ),
    ("settle", "settle(5)", "", rules.test_without_a_scheduler_a_buyer_s_call_settles_five_lapsed_holds_at_most),
    (
        "settle",
        "settle(5)",
        "settle(50)",
        rules.test_without_a_scheduler_a_buyer_s_call_settles_five_lapsed_holds_at_most,
    ),
    ("confirm", "settle(5, user)", "settle(5)", rules.test_a_held_reservation_is_bought_whatever_the_clock_says),
    ("confirm", "owner ~= user or bought ~= reservation", "false", rules.test_a_payment_has_one_fate),
    ("confirm", "if paid then", "if false then", rules.test_a_refund_is_due_once),
    (
        "confirm",
        "status == 'EXPIRED' then",
        "(status == 'EXPIRED' or status == 'CANCELLED') then",
        rules.test_a_cancelled_reservation_is_never_granted_again,
    ),
    (
        "confirm",
        "call('ZREM', ACTIVE, user)",
        "",
        rules.test_an_expired_reservation_is_granted_again_and_its_buyer_leaves_the_line,
    ),
    ("confirm", "call('ZREM', WAITING, user)", "", rules.test_who_is_granted_again_leaves_the_waiting_too),
    ("confirm", "sale[7] == '1' or", "", rules.test_nothing_is_granted_again_in_a_closed_sale),
    (
        "confirm",
        "or (sale[8] ~= '0' and now >= tonumber(sale[8]))",
        "",
        rules.test_nothing_is_granted_again_in_a_closed_sale,
    ),
    (
        "outlook",
        "claim_ms / 3",
        "claim_ms / 1.1",
        rules.test_who_asks_only_when_told_to_has_the_turn_even_if_admitted_right_after_asking,
    ),
    ("cancel", "if payment ~= '' then", "if false then", rules.test_cancelling_what_was_paid_makes_a_refund_due),
    ("promote", "sale[17] == '0' and", "", rules.test_the_line_is_unlinked_when_all_is_sold_unless_there_is_standby),
    (
        "promote",
        "call('UNLINK', WAITING)",
        "",
        rules.test_the_line_is_unlinked_when_all_is_sold_unless_there_is_standby,
    ),
    ("promote", "free == 0 and held == 0 and", "free == 0 and", rules.test_the_line_stays_while_something_is_held),
    (
        "reserve",
        "possible = possible and call('ZSCORE', FREE, seat)",
        "possible = possible or call('ZSCORE', FREE, seat)",
        rules.test_seats_are_all_or_nothing,
    ),
]


@pytest.fixture
def mutate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str, str], None]]:
    """Put another fragment into a script, until the test ends."""
    original = scripts.source

    def put(stem: str, fragment: str, replacement: str) -> None:
        assert fragment in original(stem), f"{stem}.lua has no {fragment!r} any more"
        text = original(stem).replace(fragment, replacement)
        monkeypatch.setattr(scripts, "source", lambda name: text if name == stem else original(name))
        scripts.script.cache_clear()

    yield put
    monkeypatch.undo()
    scripts.script.cache_clear()


@pytest.mark.parametrize(("stem", "fragment", "replacement", "rule"), MUTANTS)
def test_a_rule_left_out_is_noticed(
    stem: str,
    fragment: str,
    replacement: str,
    rule: Rule,
    sales: Sales,
    mutate: Callable[[str, str, str], None],
) -> None:
    mutate(stem, fragment, replacement)
    with pytest.raises((AssertionError, Refused, pytest.fail.Exception)):
        rule(sales)


def test_every_rule_has_a_mutant() -> None:
    named = {name for name in vars(rules) if name.startswith("test_")}
    assert named == {rule.__name__ for *_, rule in MUTANTS}
