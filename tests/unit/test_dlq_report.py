"""Dead letters on a terminal: readable whatever the record holds, and nothing that the terminal would obey."""

from base64 import b64encode
from typing import Any

import pytest

from ops.commands.dlq_report import hex_dump, letter_line, letter_report, printable, results_report

LETTER: dict[str, Any] = {
    "letterId": "reservation-events-3-1234",
    "number": 1,
    "state": "OPEN",
    "reason": "not-json",
    "error": "Expecting value",
    "attempts": 1,
    "function": "persist",
    "deadAt": "2026-01-02T03:04:05.678Z",
    "saleId": "spring",
    "epoch": 9,
    "version": 7,
    "type": None,
    "userId": "ann",
    "valueLength": 1,
    "isCut": False,
    "replayOf": None,
    "place": "reservation-events-dlq-0-0",
    "by": None,
    "at": None,
    "why": None,
    "keyBase64": b64encode(b"spring:ann").decode(),
    "headers": [{"name": "sale", "valueBase64": "cw=="}, {"name": "no", "valueBase64": None}],
    "valueBase64": b64encode(b"?").decode(),
}


def _with(value: bytes | None, length: int | None = None, **changes: Any) -> dict[str, Any]:
    encoded = None if value is None else b64encode(value).decode()
    return {**LETTER, "valueBase64": encoded, "valueLength": len(value or b"") if length is None else length, **changes}


def test_a_letter_is_one_line_of_the_list() -> None:
    assert letter_line(LETTER)[:5] == ("reservation-events-3-1234", "OPEN", "not-json", "spring", "9-7")
    assert letter_line({**LETTER, "epoch": None, "version": None})[4] == ""


def test_a_letter_is_shown_with_its_record_and_its_story() -> None:
    told = letter_report(_with(b"{x", state="DISCARDED", by="bob", at="2026-01-03T00:00:00.000Z", why="a test"))

    for words in (
        "DISCARDED by bob at 2026-01-03T00:00:00.000Z: a test",
        "spring:ann",
        "sale = s",
        "no = null",
        "\n{x",
    ):
        assert words in told


def test_a_null_value_is_not_an_empty_one() -> None:
    assert letter_report(_with(None)).endswith("value: null")
    assert letter_report(_with(b"")).endswith("value: 0 bytes")


def test_what_is_no_text_is_dumped() -> None:
    told = letter_report(_with(b"\xff\xfe{}", 10_000))

    assert "00000000  ff fe 7b 7d" in told
    assert "|..{}|" in told
    assert "9,996 more bytes; --raw FILE" in told


def test_a_text_that_is_cut_within_a_character_is_still_text() -> None:
    assert "표" in letter_report(_with("표표".encode()[:-1], 6))


def test_a_long_text_is_cut() -> None:
    told = letter_report(_with(b"x" * 4_096, 50_000))

    assert "x" * 2_000 in told
    assert "x" * 2_001 not in told
    assert "48,000 more bytes" in told


@pytest.mark.parametrize("text", ["\x1b[2J", "\x07", "\u202e", "\x9b31m", "a\rb"])
def test_nothing_steers_the_terminal(text: str) -> None:
    assert printable(text).isprintable()
    told = letter_report(_with(text.encode(), error=text, keyBase64=b64encode(text.encode()).decode()))
    assert all(each.isprintable() or each == "\n" for each in told)


def test_a_dump_has_sixteen_bytes_a_line() -> None:
    first, second = hex_dump(bytes(range(65, 82)))
    assert first == "00000000  41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e 4f 50  |ABCDEFGHIJKLMNOP|"
    assert second.startswith("00000010  51 ")


def test_results_are_told_letter_by_letter() -> None:
    results = [{"letterId": "t-0-1", "outcome": "busy", "refused": True, "detail": "look again"}]
    assert results_report(results) == "t-0-1  busy  look again"
