"""What buyers are told: the template files of `texts/`, one folder per language, filled in for one event.

`TYPE.mail.txt` is a subject, an empty line and a body; `TYPE.sms.txt` is one line; `words.json` has what is said in
several of them. Placeholders are those of `string.Template`. Knows neither who is told nor how.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

from chalicelib.events import REFUND_DUE, RESERVATION_TYPES, Event

TOLD = RESERVATION_TYPES | {REFUND_DUE}
LANGUAGES = ("en", "ko")
PLACEHOLDERS = frozenset({"sale", "what", "deadline", "reservation", "payment", "reason"})

# A text message is paid for by its length: what may be long is cut there.
_SMS_SALE_LENGTH = 30
_SMS_SEATS = 4


@dataclass(frozen=True, slots=True)
class Mail:
    """An e-mail: plain text."""

    subject: str
    body: str


def language_of(wanted: str, default: str) -> str:
    """Return the language of a buyer who asked for `wanted` (`en-GB` is `en`; "" and unknown ones: the default)."""
    primary = wanted.partition("-")[0]
    return primary if primary in LANGUAGES else default


def mail(event: Event, sale_name: str, language: str) -> Mail:
    """Write the e-mail about an event."""
    subject, _, body = text_file(language, f"{event.type.lower()}.mail.txt").partition("\n\n")
    values = _values(event, _one_line(sale_name), language, len(event.seat_ids))
    return Mail(Template(subject).substitute(values), Template(body).substitute(values))


def sms(event: Event, sale_name: str, language: str) -> str:
    """Write the text message about an event; a long sale name and many seats are cut short."""
    name = _one_line(sale_name)
    if len(name) > _SMS_SALE_LENGTH:
        name = name[: _SMS_SALE_LENGTH - 2] + ".."
    line = text_file(language, f"{event.type.lower()}.sms.txt").rstrip("\n")
    return Template(line).substitute(_values(event, name, language, _SMS_SEATS))


@cache
def text_file(language: str, name: str) -> str:
    """Return the text of one file as it is written. Raises FileNotFoundError."""
    return files("functions").joinpath("texts", language, name).read_text(encoding="utf-8")


def _values(event: Event, sale_name: str, language: str, most_seats: int) -> dict[str, str]:
    words = _words(language)
    return {
        "sale": sale_name,
        "what": _what(event, words, most_seats),
        "deadline": _time(event.deadline_ms, words) if event.deadline_ms else "",
        "reservation": event.reservation_id,
        "payment": event.payment_id,
        "reason": words["reasons"].get(event.reason, words["reasons"][""]),
    }


@cache
def _words(language: str) -> dict[str, Any]:
    words: dict[str, Any] = json.loads(text_file(language, "words.json"))
    return words


def _what(event: Event, words: dict[str, Any], most_seats: int) -> str:
    """Name the seats, or how many tickets."""
    if not event.seat_ids:
        return Template(words["ticket" if event.quantity == 1 else "tickets"]).substitute(count=event.quantity)
    seats, more = ", ".join(event.seat_ids[:most_seats]), len(event.seat_ids) - most_seats
    if more > 0:
        seats = Template(words["and_more"]).substitute(seats=seats, more=more)
    return Template(words["seat" if len(event.seat_ids) == 1 else "seats"]).substitute(seats=seats)


def _time(at_ms: int, words: dict[str, Any]) -> str:
    """Spell a time in the zone of a language: a fixed offset, as a function's machine may have no zone database."""
    when = datetime.fromtimestamp(at_ms // 1000, UTC) + timedelta(minutes=words["utc_offset_minutes"])
    parts = {"year": f"{when.year}", "month": f"{when.month:02}", "day": f"{when.day:02}"}
    return Template(words["time"]).substitute(parts, hour=f"{when.hour:02}", minute=f"{when.minute:02}")


def _one_line(text: str) -> str:
    """Return a name as one line: it stands in the subject of an e-mail."""
    return " ".join(text.split())
