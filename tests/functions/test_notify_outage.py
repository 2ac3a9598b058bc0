"""A provider that is away delays its own messages only, and nothing is sent twice because of it."""

import threading
from dataclasses import replace

import pytest

from functions import notify_providers
from functions.kafka_batch import batch_item_failures
from ops.local.ports import free_ports
from tests.functions.batches import Letters, Tables, a_batch
from tests.functions.notifying import EMAIL, PHONE, Desk
from tests.functions.provider_gate import BROKEN, CUT, LOST_ANSWER, THROTTLED, Call, Gate, Refusal, only

pytestmark = pytest.mark.usefixtures("no_address_in_any_log")


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify_providers, "PAUSES_S", (0.001, 0.002))


@pytest.mark.parametrize("refusal", [BROKEN, CUT, THROTTLED, Refusal(403, "AuthorizationError")], ids=str)
def test_a_provider_that_is_away_keeps_its_messages_waiting_and_repeats_no_other(
    desk: Desk, gate: Gate, letters: Letters, tables: Tables, refusal: Refusal
) -> None:
    for user in ("ann", "bob"):
        desk.has_contact(user)
    batch = a_batch(desk.event(1, user="bob"), desk.event(2), desk.event(3, "CANCELLED"), offset=40)
    gate.rule = only("email", refusal)

    left = desk.announce(batch)

    assert batch_item_failures(left)["batchItemFailures"] == [{"itemIdentifier": {"partition": "t-0", "offset": 40}}]
    assert (len(gate.to("topic")), len(gate.to("sms")), gate.to("email")) == (3, 3, [])
    gate.rule = lambda _: None
    assert desk.announce(left) == []
    assert (len(gate.to("topic")), len(gate.to("sms")), len(gate.to("email"))) == (3, 3, 3)
    assert letters.kept == []
    assert tables.rows("SELECT COUNT(*) FROM notifications") == [(9,)]


def test_only_those_are_left_for_whom_something_is_unsent(desk: Desk, gate: Gate) -> None:
    desk.has_contact("bob")
    batch = a_batch(desk.event(1), desk.event(2, user="bob"), desk.event(3), offset=40)
    gate.rule = only("email", BROKEN)
    assert [record.offset for record in desk.announce(batch)] == [41]


def test_what_is_throttled_for_a_moment_goes_out_in_the_same_delivery(desk: Desk, gate: Gate) -> None:
    desk.has_contact()
    gate.rule = only("email", THROTTLED, times=2)
    assert desk.told(desk.event(1)) == []
    assert gate.to("email") == [EMAIL]


def test_a_provider_that_does_not_answer_is_given_up_in_time(
    desk: Desk, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user in ("ann", "bob", "cy", "di"):
        desk.has_contact(user)
    answering = threading.Event()
    gate.rule = lambda call: (
        None if answering.wait(0 if call.channel != "sms" else 20) or call.channel != "sms" else CUT
    )
    batch = a_batch(*(desk.event(n, user=user) for n, user in enumerate(("ann", "bob", "cy", "di"), 1)))

    with monkeypatch.context() as hasty:
        hasty.setattr(notify_providers, "READ_TIMEOUT_S", 1.0)
        left = desk.announce(batch)

    assert len(left) == 4
    assert len(gate.to("email")) == 4
    gate.rule = lambda _: None
    desk.announce(left)
    assert len(gate.to("sms")) == 4
    answering.set()


def test_when_the_functions_time_is_over_the_rest_is_left_unsent(desk: Desk, gate: Gate) -> None:
    batch = a_batch(desk.event(1), desk.event(2, user="bob"))
    assert desk.announce(batch, within_s=-1.0) == batch
    assert gate.calls == []


def test_redis_away_leaves_everything_and_sends_nothing(desk: Desk, gate: Gate) -> None:
    (nobody_listens,) = free_ports(1)
    desk.settings = replace(desk.settings, redis_url=f"redis://127.0.0.1:{nobody_listens}/0")
    batch = a_batch(desk.event(1))
    assert desk.announce(batch) == batch
    assert gate.calls == []


def test_an_answer_that_was_lost_sends_again_which_is_the_price_of_telling_everybody(desk: Desk, gate: Gate) -> None:
    desk.has_contact("ann", f'{{"phone":"{PHONE}"}}')
    gate.rule = only("sms", LOST_ANSWER, times=1)
    left = desk.told(desk.event(1))
    assert len(left) == 1
    assert desk.announce(left) == []
    assert gate.to("sms") == [PHONE, PHONE]
    assert len(gate.to("topic")) == 1


def test_two_processes_with_the_same_batch_send_each_message_once(desk: Desk, gate: Gate) -> None:
    desk.has_contact()
    batch = a_batch(*(desk.event(n) for n in range(1, 11)))
    first = threading.Thread(target=lambda: desk.announce(batch))

    def slowly(call: Call) -> None:
        if len(gate.calls) == 1:
            first.join(0.3)

    gate.rule = slowly
    other = Desk(desk.settings, type(desk.database)(desk.database._url), desk.letters, desk.link, desk.sale_id)
    first.start()
    left = other.announce(batch)
    first.join()
    while left:
        left = other.announce(left)
    other.database.close()
    assert len(gate.calls) == 30
