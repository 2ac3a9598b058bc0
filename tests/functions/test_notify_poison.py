"""What a provider never takes goes to notify's dead letters, unquoted, and is replayed to notify alone."""

from dataclasses import replace

import pytest

from chalicelib.config import Settings
from functions import notify_once
from functions.dead_letter_queue import DeadLetterQueue
from functions.kafka_batch import REPLAY_TO, KafkaRecord, records
from functions.notify_channels import OWED
from functions.producer import ReliableProducer
from tests.functions.batches import Letters, ReadTopic, a_batch
from tests.functions.deliveries import headers_of
from tests.functions.notifying import EMAIL, PHONE, Desk
from tests.functions.provider_gate import Gate, Refusal, only

pytestmark = pytest.mark.usefixtures("no_address_in_any_log")


def replayed(record: KafkaRecord, letters: Letters, offset: int = 90) -> list[KafkaRecord]:
    """A dead letter's record as a replay puts it back: for notify alone."""
    (letter,) = letters.kept
    headers = [*letter.headers, (REPLAY_TO, b"notify")]
    raw = {**record.raw, "offset": offset, "headers": [{name: list(value or b"")} for name, value in headers]}
    return records({"records": {"t-0": [raw]}}, "notify")


UNDELIVERABLE = [
    ("email", Refusal(400, "InvalidParameterValue", f"Illegal address {EMAIL}")),
    ("email", Refusal(400, "MessageRejected", f"Email address is not verified: {EMAIL}")),
    ("sms", Refusal(400, "InvalidParameter", f"Invalid parameter: PhoneNumber Reason: {PHONE} is not valid")),
    ("sms", Refusal(400, "OptedOut", f"{PHONE} has opted out")),
]


@pytest.mark.parametrize(("channel", "refusal"), UNDELIVERABLE, ids=str)
def test_an_address_that_is_refused_goes_to_the_dead_letters_and_the_rest_goes_on(
    desk: Desk, gate: Gate, letters: Letters, channel: str, refusal: Refusal
) -> None:
    desk.has_contact()
    desk.has_contact("bob")
    gate.rule = only(channel, refusal, times=1)
    batch = a_batch(desk.event(1), desk.event(2, user="bob"))

    assert desk.announce(batch) == []

    (letter,) = letters.kept
    assert (letter.reason, letter.value) == ("never-sendable", batch[int(letter.source[-1])].value)
    assert dict(letter.headers)[OWED] == channel.encode()
    assert refusal.code in letter.error
    assert EMAIL not in repr(letter)
    assert PHONE not in repr(letter)
    assert len(gate.taken) == 5


def test_a_sender_that_is_not_verified_is_a_wrong_setting_and_nobodys_dead_letter(
    desk: Desk, gate: Gate, letters: Letters
) -> None:
    desk.has_contact()
    desk.settings = replace(desk.settings, ses_from="Tickets <nobody@elsewhere.example>")
    assert len(desk.told(desk.event(1))) == 1
    assert letters.kept == []


@pytest.mark.parametrize("channels", [("email",), ("email", "sms")], ids=str)
def test_a_replay_sends_over_the_channels_of_its_letter_alone(
    desk: Desk, gate: Gate, letters: Letters, channels: tuple[str, ...]
) -> None:
    desk.has_contact()
    gate.rule = lambda call: Refusal(400, "InvalidParameterValue") if call.channel in channels else None
    (record,) = a_batch(desk.event(1))
    assert desk.announce([record]) == []
    assert len(letters.kept) == 1
    gate.rule = lambda _: None

    assert desk.announce(replayed(record, letters)) == []
    assert desk.announce(replayed(record, letters, offset=91)) == []  # replayed twice

    assert sorted(call.channel for call in gate.taken) == ["email", "sms", "topic"]


def test_a_replay_after_months_asks_mysql_what_was_sent(
    desk: Desk, gate: Gate, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.has_contact()
    gate.rule = only("email", Refusal(400, "MessageRejected"), times=1)
    (record,) = a_batch(desk.event(1, at=1000))  # too old by now, but for a replay
    monkeypatch.setattr(desk, "settings", replace(desk.settings, notify_max_age_s=2 * 10**9))
    desk.announce([record])
    monkeypatch.setattr(desk, "settings", replace(desk.settings, notify_max_age_s=60))
    assert desk.announce(replayed(record, letters)) == []
    monkeypatch.setattr(notify_once, "_PREFIX", "later")  # what Redis remembered has run out
    assert desk.announce(replayed(record, letters)) == []
    assert sorted(call.channel for call in gate.taken) == ["email", "sms", "topic"]


def test_what_cannot_be_read_goes_to_the_dead_letters_and_delays_nobody(
    desk: Desk, gate: Gate, letters: Letters
) -> None:
    odd = desk.event(2, quantity=f"write to {EMAIL} or {PHONE}")
    assert desk.told(desk.event(1), b"\xff", desk.event(2, "MOVED"), odd, None, desk.event(3)) == []
    assert letters.reasons == ["not-utf8", "unknown-type", "invalid-field", "null-value"]
    assert len(gate.to("topic")) == 2
    assert not any(EMAIL in letter.error or PHONE in letter.error for letter in letters.kept)


def test_the_dead_letter_topic_away_leaves_the_record(desk: Desk, gate: Gate, letters: Letters) -> None:
    letters.away = True
    batch = a_batch(desk.event(1), b"?")
    assert desk.announce(batch) == batch[1:]


def test_a_dead_letter_names_notify_and_its_channels(
    desk: Desk, gate: Gate, kafka_settings: Settings, producer: ReliableProducer, read_topic: ReadTopic
) -> None:
    topic = kafka_settings.kafka_notify_dlq_topic
    desk.letters = DeadLetterQueue(producer, topic, "notify")  # type: ignore[assignment]
    desk.has_contact()
    gate.rule = only("sms", Refusal(400, "InvalidParameter", f"PhoneNumber {PHONE}"))

    assert desk.told(desk.event(1)) == []

    (message,) = read_topic(topic)
    headers = {name: (value or b"").decode() for name, value in headers_of(message)}
    assert (headers["dlq-function"], headers["notify-channels"]) == ("notify", "sms")
    assert (headers["dlq-reason"], headers["dlq-source"], headers["sale"]) == ("never-sendable", "t-0-0", "s")
    assert PHONE not in repr(message.headers()) + repr(message.value())
