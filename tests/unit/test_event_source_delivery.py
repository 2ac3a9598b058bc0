"""What is left of a batch after an invocation: worked out on values."""

from collections.abc import Mapping

import pytest

from ops.local.event_source.delivery import Delivery, Rules, cut
from ops.local.event_source.lambda_event import Message, Place, record_bytes

A, B = ("t-x", 0), ("t-x", 1)
FOREVER = Rules()


def _messages(*offsets: tuple[Place, int], value: bytes | None = None, at_ms: int = 1) -> tuple[Message, ...]:
    return tuple(Message(*place, offset, at_ms, "CREATE_TIME", None, value, ()) for place, offset in offsets)


def _offsets(deliveries: list[Delivery]) -> list[list[tuple[Place, int]]]:
    return [[(message.place, message.offset) for message in each.messages] for each in deliveries]


BOTH = Delivery(_messages((A, 3), (B, 8), (A, 5), (B, 9)))


def test_after_an_error_everything_is_delivered_again() -> None:
    (again,) = BOTH.after_error("Unhandled", FOREVER, 100.0)

    assert again.messages == BOTH.messages
    assert again.tries == {A: 1, B: 1}
    assert again.invocations == 1
    assert again.due_at_s > 100.0


def test_after_a_partial_answer_each_partition_goes_on_from_its_first_failure() -> None:
    (again,) = BOTH.after_answer({A: 5, B: 8}, FOREVER, 0.0)

    assert _offsets([again]) == [[(B, 8), (A, 5), (B, 9)]]
    assert again.tries == {A: 1, B: 1}


def test_a_partition_that_makes_progress_starts_to_count_again() -> None:
    (first,) = BOTH.after_error("Unhandled", FOREVER, 0.0)
    (second,) = first.after_answer({A: 5, B: 8}, FOREVER, 0.0)

    assert second.tries == {A: 1, B: 2}


def test_pauses_grow_while_nothing_succeeds_and_are_short_again_after_progress() -> None:
    pauses, delivery = [], BOTH
    for _ in range(10):
        (delivery,) = delivery.after_error("Unhandled", FOREVER, 100.0)
        pauses.append(delivery.due_at_s - 100.0)

    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(2.0)
    (progress,) = delivery.after_answer({A: 5}, FOREVER, 100.0)
    assert progress.due_at_s - 100.0 == pytest.approx(pauses[0])


def test_waiting_for_the_service_uses_up_no_attempt() -> None:
    later = BOTH.postponed(100.0).postponed(100.0)

    assert (later.tries, later.invocations) == ({}, 0)
    assert later.due_at_s == pytest.approx(100.2)


def test_when_the_attempts_are_used_up_the_batch_goes_out_after_an_error() -> None:
    rules = Rules(max_retries=1)
    (again,) = BOTH.after_error("Unhandled", rules, 0.0)
    (out,) = again.after_error("Unhandled", rules, 0.0)

    assert out.messages == BOTH.messages
    assert out.discard is not None
    assert (out.discard.condition, out.discard.function_error) == ("RetriesExhausted", "Unhandled")
    assert out.invocations == 2


def test_partitions_use_up_their_attempts_each_by_itself() -> None:
    rules = Rules(max_retries=2)
    (first,) = BOTH.after_error("Unhandled", rules, 0.0)
    (second,) = first.after_answer({A: 5, B: 8}, rules, 0.0)
    out, again = second.after_error("Unhandled", rules, 0.0)

    assert _offsets([out, again]) == [[(B, 8), (B, 9)], [(A, 5)]]
    assert (out.discard is None, again.discard) == (False, None)


def test_after_a_partial_answer_only_the_record_named_first_goes_out() -> None:
    out, behind = Delivery(_messages((A, 3), (A, 4), (A, 5))).after_answer({A: 4}, Rules(max_retries=0), 0.0)

    assert _offsets([out, behind]) == [[(A, 4)], [(A, 5)]]
    assert out.discard is not None
    assert behind.discard is None
    assert (behind.tries, behind.due_at_s) == ({}, 0.0)


def test_halving_uses_up_no_attempt_and_keeps_the_order() -> None:
    batch = Delivery(_messages((A, 1), (A, 2), (A, 3)), tries={A: 2})
    halves = batch.after_error("Unhandled", Rules(max_retries=2, bisects=True), 0.0)

    assert _offsets(halves) == [[(A, 1)], [(A, 2), (A, 3)]]
    assert [half.tries for half in halves] == [{A: 2}, {A: 2}]


def test_an_answer_that_is_not_understood_halves_nothing() -> None:
    assert len(BOTH.after_error("", Rules(bisects=True), 0.0, splits=False)) == 1


def test_what_is_too_old_is_told_from_the_rest() -> None:
    old, young = _messages((A, 1), (B, 1), at_ms=10), _messages((A, 2), at_ms=20)
    out, live = Delivery((*old, *young), tries={A: 3}, invocations=3).by_age(15)

    assert out.discard is not None
    assert (out.messages, out.discard.condition, out.discard.was_invoked) == (old, "EventAgeExceeded", True)
    assert (live.messages, live.tries) == (young, {A: 3})
    assert out.invocations == 3
    assert live.by_age(15) == [live]


def test_what_belongs_to_another_poller_is_dropped() -> None:
    left = BOTH.without([A])

    assert left is not None
    assert left.places == {B}
    assert BOTH.without([A, B]) is None


def test_messages_are_cut_into_batches_that_an_event_can_take() -> None:
    messages = _messages((A, 1), (A, 2), (A, 3), value=b"x" * 2_300_000)

    assert _offsets(cut(messages, 100)) == [[(A, 1), (A, 2)], [(A, 3)]]


def test_a_message_that_fits_exactly_is_delivered_and_one_byte_more_is_given_up() -> None:
    messages = _messages((A, 1), value=b"x" * 3_000_000)
    room = 6_291_556 - record_bytes(messages[0])

    (fits,), (exceeds,) = cut(messages, room), cut(messages, room + 1)
    assert fits.discard is None
    assert exceeds.discard is not None
    assert (exceeds.discard.condition, exceeds.discard.was_invoked) == ("MaximumPayloadSizeExceeded", False)


@pytest.mark.parametrize("failed", [{A: 3}, {B: 8}, {A: 5}, {A: 3, B: 9}])
def test_no_answer_loses_a_record_of_its_partitions(failed: Mapping[Place, int]) -> None:
    parts = BOTH.after_answer(failed, Rules(max_retries=0), 0.0)
    kept = {(message.place, message.offset) for each in parts for message in each.messages}

    assert kept == {(m.place, m.offset) for m in BOTH.messages if m.place in failed and m.offset >= failed[m.place]}
