"""Buyers and the topic are told of every event, each once over each channel, in the buyer's language."""

import json
import urllib.request
from dataclasses import replace
from email import message_from_string
from email.policy import default
from typing import Any

import pytest

from chalicelib.config import Settings
from chalicelib.sale.keys import sale_keys
from functions import isolation, notify, notify_record
from functions.messages import TOLD
from functions.mysql import Database
from functions.notify_record import PARKED, SentRecord
from ops.local.ports import free_ports
from tests.functions.batches import Tables, a_batch
from tests.functions.notifying import CONTACT, EMAIL, PHONE, Desk
from tests.functions.provider_gate import Gate

KINDS = sorted(TOLD)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("contact", "language"), [(CONTACT, "en"), (CONTACT.replace("en", "ko"), "ko"), ("", "")])
def test_each_event_goes_to_the_topic_and_to_whoever_left_a_contact(
    desk: Desk, gate: Gate, tables: Tables, kind: str, contact: str, language: str
) -> None:
    contact = contact and f'{{"email":"{EMAIL}","phone":"{PHONE}","language":"{language}"}}'
    if contact:
        desk.has_contact(contact=contact)

    assert desk.told(desk.event(7, kind)) == []

    (published,) = [call for call in gate.taken if call.channel == "topic"]
    assert published.to == desk.settings.sns_topic_arn
    body = json.loads(published.text)
    assert (body["saleId"], body["epoch"], body["version"], body["type"]) == (desk.sale_id, 100, 7, kind)
    assert EMAIL not in json.dumps(published.sent)
    assert PHONE not in json.dumps(published.sent)
    assert gate.to("email") == ([EMAIL] if contact else [])
    assert gate.to("sms") == ([PHONE] if contact else [])
    rows = tables.rows("SELECT version, channel, user_id, type, language FROM notifications ORDER BY channel")
    told = [(7, "email", "ann", kind, language), (7, "sms", "ann", kind, language)] if contact else []
    assert rows == [*told, (7, "topic", "ann", kind, "")]
    for call in gate.taken:
        if call.channel != "topic":
            assert "봄 Concert" in call.subject + call.text
            assert ("예약" in call.text or "결제" in call.text) == (language == "ko")


def test_a_contact_with_an_address_only_gets_no_text_and_the_default_language(desk: Desk, gate: Gate) -> None:
    desk.has_contact("ann", f'{{"email":"{EMAIL}"}}')
    desk.has_contact("bob", f'{{"phone":"{PHONE}","language":"fr"}}')

    assert desk.told(desk.event(1), desk.event(2, user="bob")) == []

    assert (gate.to("email"), gate.to("sms")) == ([EMAIL], [PHONE])
    assert "confirmed" in next(call.text for call in gate.taken if call.channel == "sms")


def test_the_same_batch_twice_sends_each_message_once(desk: Desk, gate: Gate, tables: Tables) -> None:
    desk.has_contact()
    batch = a_batch(desk.event(1, "RESERVED"), desk.event(2), desk.event(3, "REFUND_DUE"))
    assert desk.announce(batch) == []
    rows = tables.everything()["notifications"]
    assert len(rows) == len(gate.taken) == 9

    assert desk.announce(batch) == []
    tables.clear()  # as if MySQL had never heard of them
    assert desk.announce(batch) == []

    assert len(gate.calls) == 9
    assert tables.everything()["notifications"] == rows  # by what Redis remembers, times included


def test_a_buyers_messages_keep_their_order(desk: Desk, gate: Gate) -> None:
    desk.has_contact()
    assert desk.told(desk.event(1, "RESERVED"), desk.event(2), desk.event(3, "CANCELLED")) == []
    subjects = [call.subject.split(": ")[1] for call in gate.taken if call.channel == "email"]
    assert [subject.split(" ")[0] for subject in subjects] == ["reserved", "your", "cancelled"]


def test_a_contact_that_was_erased_is_not_written_to_any_more(desk: Desk, gate: Gate) -> None:
    desk.has_contact()
    desk.told(desk.event(1))
    desk.link.command("HDEL", sale_keys(desk.sale_id).contacts, "ann")
    desk.told(desk.event(2, "CANCELLED"))
    assert (gate.to("email"), gate.to("sms")) == ([EMAIL], [PHONE])


def test_what_happened_long_ago_goes_to_the_topic_but_to_no_buyer(desk: Desk, gate: Gate, tables: Tables) -> None:
    desk.has_contact()
    long_ago_ms = desk.event(1)["at"] - desk.settings.notify_max_age_s * 1000 - 60_000
    assert desk.told(desk.event(1, at=long_ago_ms), desk.event(2, "RESERVED", deadline=long_ago_ms)) == []
    assert [call.channel for call in gate.taken] == ["topic", "topic"]


def test_events_of_the_sale_itself_are_nobodys_message(desk: Desk, gate: Gate) -> None:
    assert desk.told(desk.event(1, "SALE_CREATED"), desk.event(2, "SALE_CHANGED")) == []
    assert gate.calls == []


@pytest.mark.parametrize(
    ("off", "sent"), [("sns_topic_arn", {"email"}), ("ses_from", {"topic", "sms"})], ids=["no topic", "no sender"]
)
def test_a_channel_without_its_setting_is_off(desk: Desk, gate: Gate, off: str, sent: set[str]) -> None:
    desk.has_contact()
    desk.settings = replace(desk.settings, **{off: ""})  # type: ignore[arg-type]
    assert desk.told(desk.event(1)) == []
    assert {call.channel for call in gate.taken} == sent


def test_the_emulator_has_what_was_sent(desk: Desk, aws_url: str) -> None:
    desk.has_contact()
    desk.told(desk.event(1))
    with urllib.request.urlopen(f"{aws_url}/moto-api/data.json", timeout=60) as answer:  # noqa: S310
        kept: dict[str, Any] = json.load(answer)
    mails = [
        message_from_string(each["raw_data"], policy=default)
        for each in kept["ses"]["RawMessage"]
        if EMAIL in each["destinations"]
    ]
    assert any("confirmed" in mail["Subject"] and mail["To"] == EMAIL for mail in mails)
    assert any(desk.sale_id in json.dumps(each) for each in kept["sns"]["Topic"])


def test_messages_go_out_while_mysql_is_away_and_are_recorded_later(
    desk: Desk, gate: Gate, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "PAUSES_S", (0.001, 0.002))
    monkeypatch.setattr(notify_record, "_AWAY_S", 0.0)
    desk.has_contact()
    mysql, (nobody_listens,) = desk.database, free_ports(1)
    desk.database = Database(f"mysql://root:x@127.0.0.1:{nobody_listens}/onsale")
    batch = a_batch(desk.event(1))

    assert desk.announce(batch) == []
    assert desk.announce(batch) == []
    assert len(gate.taken) == 3
    assert desk.link.command("HLEN", PARKED) >= 3

    desk.database = mysql
    SentRecord(mysql, desk.link).settle()
    assert tables.rows("SELECT channel FROM notifications ORDER BY channel") == [("email",), ("sms",), ("topic",)]
    assert desk.link.command("HLEN", PARKED) == 0
    assert desk.announce(batch) == []
    assert len(gate.calls) == 3


def test_what_is_off_is_said_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(notify, "settings", Settings)
    notify.say_what_is_off.cache_clear()
    for _ in range(2):
        notify.say_what_is_off()
    said = [(each.channel, each.missing) for each in caplog.records]  # type: ignore[attr-defined]
    assert said == [("topic", "SNS_TOPIC_ARN"), ("email", "SES_FROM"), ("sms", "SNS_TOPIC_ARN")]
    notify.say_what_is_off.cache_clear()
