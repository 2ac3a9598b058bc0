"""Tells of one event over each of its channels: who is told what and when not. Knows no Kafka and no MySQL."""

import json
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from chalicelib.config import Settings
from chalicelib.errors import StoreUnavailable
from chalicelib.events import SCHEMA, Event
from functions import messages
from functions.consumer import Fact
from functions.dead_letter_queue import text_of
from functions.kafka_batch import REPLAY_TO
from functions.messages import language_of
from functions.notify_contacts import Addressees, Contact
from functions.notify_once import NotNow, Once
from functions.notify_providers import NeverSendable, ProviderAway, Providers
from functions.notify_record import Sent

_NEEDS = {"topic": "SNS_TOPIC_ARN", "email": "SES_FROM", "sms": "SNS_TOPIC_ARN"}  # channel → setting
CHANNELS = tuple(_NEEDS)
OWED = "notify-channels"  # header of a dead letter: the channels that it is about, and no other's on its replay

Key = tuple[str, int, int, str]


@dataclass(slots=True)
class Told:
    """What became of one event: sent, refused for good (channel → why), or left for another delivery."""

    fact: Fact
    sent: list[Sent] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    left: bool = False
    outage: str = ""
    old: bool = False  # its buyer is not told any more


Tell = Callable[[Sequence[Fact]], list[Told]]


class Announcements:
    """What sends, for as long as the process lives."""

    def __init__(self, of: Settings, providers: Providers, once: Once, addressees: Addressees) -> None:
        self.settings = of
        self.once = once
        self.addressees = addressees
        self._providers = providers
        self._off = off(of)

    def is_on(self, channel: str) -> bool:
        """Say whether a channel has what it needs."""
        return channel not in self._off

    def too_old(self, event: Event, *, replayed: bool) -> bool:
        """Say whether the buyer is not told any more. An operator who replays an event wants it told."""
        now_ms = time.time_ns() // 1_000_000
        if event.type == "RESERVED" and event.deadline_ms <= now_ms:
            return True  # nobody can pay until then any more; what became of it is an event of its own
        return not replayed and event.at_ms < now_ms - self.settings.notify_max_age_s * 1000

    def send(self, channel: str, event: Event, contact: Contact, sale_name: str, language: str) -> str:
        """Send one message and return the provider's id. Raises NeverSendable, ProviderAway."""
        name = f"{event.sale_id}/{event.epoch}-{event.version}"
        about = {"sale": event.sale_id, "type": event.type}
        if channel == "topic":
            group = sha256(f"{event.sale_id}:{event.user_id}".encode()).hexdigest()
            return self._providers.publish(_topic_message(event), about, group, name)
        if channel == "sms":
            return self._providers.text(contact.phone, messages.sms(event, sale_name, language))
        return self._providers.mail(contact.email, messages.mail(event, sale_name, language), about, name)

    def begun(self, known: Collection[Key] | None, until_s: float, deadline_s: float) -> Tell:
        """Return what tells of one buyer's events, in this delivery; begins no message after `until_s` (monotonic).

        `known` are the keys of what was sent before, None where that cannot be said. Safe to call from threads.
        """
        return _Delivery(self, known, until_s, deadline_s).tell


class _Delivery:
    def __init__(self, of: Announcements, known: Collection[Key] | None, until_s: float, deadline_s: float) -> None:
        self._of = of
        self._known = known
        self._until_s = until_s
        self._deadline_s = deadline_s
        self._away: dict[str, str] = {}  # channel → why; nobody else waits for it in this delivery

    def tell(self, facts: Sequence[Fact]) -> list[Told]:
        """Tell of one buyer's events in order: on a channel where one is left, the later ones are left too."""
        blocked: set[str] = set()
        return [self._event(fact, blocked) for fact in facts]

    def _event(self, fact: Fact, blocked: set[str]) -> Told:
        told = Told(fact)
        owed = text_of(fact.record.headers, OWED)
        replayed = bool(owed or text_of(fact.record.headers, REPLAY_TO))
        if replayed and self._known is None:  # long ago, perhaps: only MySQL knows what was sent then
            return _left(told, "MySQL")
        told.old = self._of.too_old(fact.event, replayed=replayed)
        wanted = [each for each in CHANNELS if self._of.is_on(each) and (not owed or each in owed.split(","))]
        try:
            contact = Contact() if told.old else self._of.addressees.contact(fact.event.sale_id, fact.event.user_id)
            channels = [each for each in wanted if each == "topic" or contact.over(each)]
            name = self._of.addressees.sale_name(fact.event.sale_id) if contact != Contact() else ""
        except StoreUnavailable:
            return _left(told, "Redis")
        except NeverSendable as error:
            channels = [each for each in wanted if each == "topic"]
            contact, name = Contact(), ""
            told.refused = {each: error.detail for each in wanted if each != "topic"}
        for channel in channels:
            if (*fact.name, channel) not in (self._known or ()):
                self._over(channel, told, contact, name, blocked)
        return told

    def _over(self, channel: str, told: Told, contact: Contact, name: str, blocked: set[str]) -> None:
        """Tell over one channel, unless it has to wait."""
        outage = self._away.get(channel) or ("time is over" if time.monotonic() > self._until_s else "")
        if outage or channel in blocked:
            _left(told, outage)
            blocked.add(channel)
            return
        event = told.fact.event
        language = "" if channel == "topic" else language_of(contact.language, self._of.settings.notify_language)
        key = f"{event.sale_id} {event.epoch}-{event.version} {channel}"

        def send() -> dict[str, str]:
            message_id = self._of.send(channel, event, contact, name, language)
            return {"id": message_id, "at": str(time.time_ns() // 1_000_000), "language": language}

        try:
            done = self._of.once.do(key, self._deadline_s, send)
            row = (*told.fact.name, channel, event.user_id, event.type, done["language"], done["id"], int(done["at"]))
            told.sent.append(Sent(*row))
        except NeverSendable as error:
            told.refused[channel] = error.detail
        except (ProviderAway, NotNow) as error:
            if isinstance(error, ProviderAway):
                self._away[channel] = f"{channel}: {error.detail}"
            _left(told, f"{channel}: {error.detail}")
            blocked.add(channel)


def _left(told: Told, outage: str) -> Told:
    told.left = True
    told.outage = told.outage or outage
    return told


def off(of: Settings) -> dict[str, str]:
    """Return the channels that are off, and the setting that each is missing."""
    values = {"SNS_TOPIC_ARN": of.sns_topic_arn, "SES_FROM": of.ses_from}
    return {channel: name for channel, name in _NEEDS.items() if not values[name]}


def _topic_message(event: Event) -> str:
    """Return an event as subscribers get it: as on Kafka, but only what is known of, and no contact ever was in it."""
    body = {
        "schema": SCHEMA,
        "saleId": event.sale_id,
        "epoch": event.epoch,
        "version": event.version,
        "type": event.type,
        "at": event.at_ms,
        "userId": event.user_id,
        "reservationId": event.reservation_id,
        "quantity": event.quantity,
        "seatIds": event.seat_ids,
        "paymentId": event.payment_id,
        "deadline": event.deadline_ms,
        "reason": event.reason,
    }
    return json.dumps({name: value for name, value in body.items() if value}, separators=(",", ":"))
