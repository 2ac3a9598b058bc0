"""Whatever lies on the dead-letter topic can be read as a letter, and a letter's name can be spelled and read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions import dead_letters
from functions.dead_letter_name import LetterName, read_name, read_source, spelled
from functions.dead_letter_queue import split_headers
from functions.dead_letter_record import cut, read_letter
from functions.kafka_batch import Headers, KafkaRecord

WHY: Headers = (
    ("dlq-reason", b"not-json"),
    ("dlq-error", b"Expecting value"),
    ("dlq-source", b"reservation-events-3-1234"),
    ("dlq-attempts", b"1"),
    ("dlq-at", b"2026-01-02T03:04:05.678Z"),
    ("dlq-function", b"persist"),
)


def _record(headers: Headers = WHY, key: bytes | None = b"spring:ann", value: bytes | None = b"{") -> KafkaRecord:
    signed = [{name: None if text is None else list(text)} for name, text in headers]
    raw = {"headers": signed, "timestamp": 99}
    if key is not None:
        from base64 import b64encode

        raw["key"] = b64encode(key).decode()
    return KafkaRecord("dlq", 0, 5, value, raw)


def test_a_letter_says_where_from_why_when_and_about_whom() -> None:
    letter = read_letter(_record((("sale", b"spring"), ("epoch", b"9"), ("version", b"7"), *WHY)))

    assert letter.name == LetterName("reservation-events", 3, 1234, "persist")
    assert (letter.reason, letter.error, letter.attempts) == ("not-json", "Expecting value", 1)
    assert letter.dead_at_ms == 1_767_323_045_678
    subject = letter.subject
    assert (subject.sale_id, subject.epoch, subject.version, subject.user_id) == ("spring", 9, 7, "ann")
    assert [name for name, _ in letter.headers] == ["sale", "epoch", "version"]


def test_a_record_that_nobody_of_ours_put_there_is_named_by_where_it_lies() -> None:
    letter = read_letter(_record((("mine", b"x"),), None, None))

    assert (str(letter.name), letter.reason, letter.dead_at_ms) == ("dlq-0-5", "unknown", 99)
    assert (letter.key, letter.value, letter.headers) == (None, None, (("mine", b"x"),))


@pytest.mark.parametrize(
    "source", [b"", b"nonsense", b"t-1", b"t-x-1", b"t-1-99999999999999999999", b"\xff-1-1", b"a b-1-2"]
)
def test_a_source_that_cannot_be_read_gives_way_to_where_it_lies(source: bytes) -> None:
    letter = read_letter(_record((("dlq-source", source), ("dlq-function", b"notify"))))

    assert str(letter.name) == "dlq-0-5@notify"


def test_what_the_value_says_stands_in_for_headers_that_are_missing() -> None:
    value = b'{"saleId":"spring","epoch":9,"version":7,"type":"RESERVED","userId":"bob"}'

    subject = read_letter(_record(WHY, None, value)).subject

    assert (subject.sale_id, subject.epoch, subject.version) == ("spring", 9, 7)
    assert (subject.type, subject.user_id) == ("RESERVED", "bob")


@pytest.mark.parametrize(
    "value",
    [b"[]", b"[" * 100_000, b'{"saleId":5,"epoch":"x","version":true,"type":[],"userId":"\\ud800"}', b"\xff", None],
)
def test_a_value_that_says_nothing_usable_leaves_it_empty(value: bytes | None) -> None:
    subject = read_letter(_record((), b"no colon", value)).subject

    assert (subject.sale_id, subject.epoch, subject.version, subject.type, subject.user_id) == ("", 0, 0, "", "")


names = st.sampled_from(["dlq-reason", "dlq-error", "dlq-source", "dlq-attempts", "dlq-at", "sale", "epoch", "x"])


@given(
    st.lists(st.tuples(names, st.none() | st.binary(max_size=600))), st.none() | st.binary(), st.none() | st.binary()
)
def test_anything_is_a_letter(headers: list[tuple[str, bytes | None]], key: bytes | None, value: bytes | None) -> None:
    letter = read_letter(_record(tuple(headers), key, value))

    assert (letter.key, letter.value) == (key, value)
    assert len(letter.reason) <= 64
    assert letter.headers == tuple(headers)[: len(letter.headers)]


def test_only_the_last_headers_are_ours() -> None:
    earlier: Headers = (("dlq-reason", b"old"), ("trace", None), ("dlq-at", b"then"))

    own, why = split_headers(earlier + WHY)

    assert own == earlier
    assert (why["dlq-reason"], len(why)) == ("not-json", len(WHY))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (LetterName("reservation-events", 3, 12, "persist"), "reservation-events-3-12"),
        (LetterName("reservation-events", 3, 12, "notify"), "reservation-events-3-12@notify"),
        (LetterName("outbox:spring-2", 1795000000, 7, "relay"), "outbox:spring-2-1795000000-7"),
        (LetterName("dlq", 0, 0, ""), "dlq-0-0"),
    ],
)
def test_a_name_is_spelled_and_read_back(name: LetterName, text: str) -> None:
    assert str(name) == text
    assert read_name(text) == text
    found = spelled(text)
    assert found[:3] == name[:3]
    assert name.function in found.functions
    assert read_source(name.source) == name[:3]


@pytest.mark.parametrize("text", ["", "t", "t-1", "t-1-", "-1-1", "t-1-1@", "t-1-1@a b", "t-1-1; DROP", 5, None])
def test_what_is_no_name_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="topic-partition-offset"):
        read_name(text)


class _Server:
    """A cursor of a server that takes packets of a certain size."""

    def __init__(self, packet: int) -> None:
        self._packet = packet
        self.asked = 0

    def execute(self, _query: str) -> None:
        self.asked += 1

    def fetchall(self) -> list[tuple[int]]:
        return [(self._packet,)]


@pytest.mark.parametrize(
    ("length", "packet", "fits", "asked"),
    [(400_000, 0, True, 0), (1_000_000, 4_000_000, True, 1), (3_000_000, 4_000_000, False, 1)],
)
def test_only_for_a_large_letter_the_server_is_asked_what_it_takes(
    length: int, packet: int, fits: bool, asked: int
) -> None:
    server = _Server(packet)

    assert dead_letters._fits(server, read_letter(_record(value=b"x" * length))) is fits  # type: ignore[arg-type]
    assert server.asked == asked


def test_a_letter_that_was_cut_keeps_the_length_of_its_record() -> None:
    letter = cut(read_letter(_record(key=b"k" * 5_000, value=b"v" * 100_000)))

    assert (letter.is_cut, letter.value_length) == (True, 100_000)
    assert (len(letter.key or b""), len(letter.value or b"")) == (1_024, 65_536)
