"""Every event can be told in every language over every channel, in the buyer's words and with nothing left to fill."""

import re
from string import Template

import pytest

from chalicelib.events import Event
from chalicelib.sale import scripts
from functions.messages import LANGUAGES, PLACEHOLDERS, TOLD, language_of, mail, sms, text_file

CASES = [(language, kind) for language in LANGUAGES for kind in sorted(TOLD)]
DEADLINE_MS = 1_795_232_635_000  # 2026-11-21 03:43:55 UTC


def an_event(kind: str, *, quantity: int = 2, seats: tuple[str, ...] = (), reason: str = "") -> Event:
    deadline_ms = DEADLINE_MS if kind == "RESERVED" else 0
    return Event("s", 1, 2, kind, 3, "bob", "1-2", quantity, seats, "pay-9", deadline_ms, reason)


@pytest.mark.parametrize(("language", "kind"), CASES)
def test_every_template_is_well_formed_and_its_placeholders_are_known(language: str, kind: str) -> None:
    for name in (f"{kind.lower()}.mail.txt", f"{kind.lower()}.sms.txt"):
        template = Template(text_file(language, name))
        assert template.is_valid()
        assert set(template.get_identifiers()) <= PLACEHOLDERS
        assert "sale" in template.get_identifiers()


@pytest.mark.parametrize(("language", "kind"), CASES)
def test_every_event_is_told_with_nothing_left_to_fill(language: str, kind: str) -> None:
    event = an_event(kind, seats=("A-1", "A-2"), reason="already-paid")
    written, line = mail(event, "봄 Concert", language), sms(event, "봄 Concert", language)
    assert "\n" not in written.subject + line
    assert written.body.endswith("\n")
    for text in (written.subject, written.body, line):
        assert text.strip()
        assert not re.search(r"\$|\bNone\b|  ", text)
    assert "봄 Concert" in written.subject
    assert "1-2" in written.body
    if kind != "REFUND_DUE":
        assert "A-1, A-2" in written.body
    if kind == "RESERVED":
        assert {"en": "2026-11-21 03:43 UTC", "ko": "2026년 11월 21일 12:43"}[language] in line


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_message_stays_short_however_long_name_and_seats_are(language: str) -> None:
    seats = tuple(f"balcony-left-row-{n}" for n in range(20))
    line = sms(an_event("RESERVED", seats=seats), "A very long name " * 20, language)
    assert len(line) < 200
    assert "16" in line  # how many more


def test_tickets_and_seats_are_counted_as_people_do() -> None:
    assert "1 ticket " in sms(an_event("CONFIRMED", quantity=1), "x", "en")
    assert "3 tickets " in sms(an_event("CONFIRMED", quantity=3), "x", "en")
    assert "seat A-1 " in sms(an_event("CONFIRMED", seats=("A-1",)), "x", "en")
    assert "티켓 3장" in sms(an_event("CONFIRMED", quantity=3), "x", "ko")


def test_a_name_cannot_break_the_subject_or_the_template() -> None:
    written = mail(an_event("CONFIRMED"), "Win $cash\r\nBcc: everybody", "en")
    assert written.subject == "Win $cash Bcc: everybody: your purchase is confirmed"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_of_a_refund_has_words(language: str) -> None:
    source = scripts.source("confirm") + scripts.source("cancel")
    reasons = {word.lower().replace("_", "-") for word in ("HOLD_EXPIRED", "RESERVATION_ENDED", "ALREADY_PAID")}
    assert all(word.upper().replace("-", "_") in source for word in reasons)
    told = {sms(an_event("REFUND_DUE", reason=reason), "x", language) for reason in (*reasons, "cancelled", "", "new")}
    assert len(told) == 5  # what is unknown is told as what has no reason


def test_a_buyer_is_told_in_the_language_asked_for_or_in_the_default() -> None:
    assert [language_of(wanted, "ko") for wanted in ("en", "en-GB", "ko-KR", "de", "")] == [
        "en",
        "en",
        "ko",
        "ko",
        "ko",
    ]
