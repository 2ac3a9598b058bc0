"""The operator's actions on dead letters, on real servers: replay, discard, two operators at once, dying midway."""

import os
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import Any

import pytest

from chalicelib.config import Settings, settings
from functions import dead_letter_table, dlq_change
from functions.dead_letter_name import spelled
from functions.dead_letter_queue import DeadLetter, DeadLetterQueue, dead_letter_queue
from functions.kafka_batch import Headers
from functions.kafka_client import client_config
from functions.mysql import connect, database
from functions.operate import handler
from functions.persist import Batch
from functions.producer import OutgoingRecord, ReliableProducer
from functions.topics import create_topics
from ops import environment
from tests.functions.batches import ReadTopic, Tables, an_event, as_value
from tests.functions.deliveries import delivered, headers_of, keep_all

HEADERS: Headers = (("sale", b"s"), ("epoch", b"100"), ("version", b"3"), ("trace", b"\xff\x00"), ("trace", None))
_numbers = count(1)


class Desk:
    """An operator's desk: letters come in, actions go out, and the topics are read in between."""

    def __init__(self, read_topic: ReadTopic) -> None:
        self.topic, self.dlq_topic = settings().kafka_topic, settings().kafka_dlq_topic
        self.producer = ReliableProducer(client_config(settings()))
        self.read_topic = read_topic
        self._seen = {self.topic: 0}

    def bury(
        self,
        offset: int,
        value: bytes | None = b"?",
        key: bytes | None = b"s:bob",
        headers: Headers = HEADERS,
        function: str = "persist",
    ) -> str:
        """Have a letter in MySQL; returns its name."""
        queue = DeadLetterQueue(self.producer, self.dlq_topic, function)
        assert queue.put([DeadLetter(key, value, headers, f"{self.topic}-0-{offset}", "constraint", "no", 3)]) == [True]
        keep_all(database(), self.read_topic(self.dlq_topic))
        return f"{self.topic}-0-{offset}" + ("" if function == "persist" else f"@{function}")

    def act(self, action: str, actor: str = "ann", **arguments: Any) -> dict[str, Any]:
        """Run an action and return its answer."""
        answer = handler({"action": f"dlq.{action}", "arguments": arguments, "actor": actor}, None)
        result: dict[str, Any] = answer.get("result", answer)
        return result

    def outcomes(self, action: str, actor: str = "ann", **arguments: Any) -> list[str]:
        """Run an action and return what became of each letter."""
        return [each["outcome"] for each in self.act(action, actor, **arguments)["letters"]]

    def persist(self) -> None:
        """Have persist take everything on the topic, and dead_letters what it quarantines."""
        queue = DeadLetterQueue(self.producer, self.dlq_topic, "persist")
        assert Batch(database(), queue).write(delivered(self.read_topic(self.topic))) == []
        keep_all(database(), self.read_topic(self.dlq_topic))

    def send(self, *events: dict[str, Any]) -> None:
        """Put events on the topic."""
        records = [OutgoingRecord(self.topic, b"s:bob", as_value(each)) for each in events]
        assert self.producer.send(records) == [None] * len(records)


@pytest.fixture
def desk(own_database: str, kafka: str, tables: Tables, read_topic: ReadTopic) -> Iterator[Desk]:
    """A desk with empty tables and topics of its own; the process' settings are its."""
    before = dict(os.environ)
    number = next(_numbers)
    names = {"KAFKA_TOPIC": f"desk-{number}", "KAFKA_DLQ_TOPIC": f"desk-{number}-dlq"}
    environment.point_at({"MYSQL_URL": own_database, "KAFKA_BOOTSTRAP_SERVERS": kafka, **names})
    create_topics(1)
    opened = Desk(read_topic)
    yield opened
    opened.producer.close()
    database().close()
    dead_letter_queue.cache_clear()
    environment.point_at({})
    os.environ.clear()
    os.environ.update(before)


STATES = "SELECT state, acted_by, why, acted_at IS NULL FROM dead_letters ORDER BY number"


def test_a_replay_sends_the_record_as_it_was_and_notes_who_and_why(desk: Desk, tables: Tables) -> None:
    name = desk.bury(7, b"\x00\xff", None, (("replayed-from", b"older"), *HEADERS))

    answer = desk.act("replay", letterIds=[name], why="column widened")

    assert answer["letters"] == [{"letterId": name, "outcome": "replayed", "refused": False, "detail": ""}]
    (record,) = desk.read_topic(desk.topic)
    assert (record.key(), record.value()) == (None, b"\x00\xff")
    assert headers_of(record) == (*HEADERS, ("replayed-from", name.encode()))
    assert tables.rows(STATES) == [("REPLAYED", "ann", "column widened", 0)]


def test_a_replay_that_is_applied_changes_what_its_event_says(desk: Desk, tables: Tables) -> None:
    name = desk.bury(7, as_value(an_event(3)))

    desk.outcomes("replay", letterIds=[name])
    desk.persist()

    assert tables.rows("SELECT user_id, version FROM purchases") == [("bob", 3)]
    assert tables.rows("SELECT COUNT(*) FROM dead_letters") == [(1,)]


def test_what_fails_again_comes_back_and_names_the_earlier_letter(desk: Desk, tables: Tables) -> None:
    first = desk.bury(7, b"not json")

    desk.outcomes("replay", letterIds=[first])
    desk.persist()

    (letter,) = desk.act("list", state="OPEN")["letters"]
    assert (letter["replayOf"], letter["letterId"]) == (first, f"{desk.topic}-0-0")
    assert (letter["saleId"], letter["version"]) == ("s", 3)
    desk.outcomes("replay", letterIds=[letter["letterId"]])
    assert headers_of(desk.read_topic(desk.topic)[-1]) == (*HEADERS, ("replayed-from", letter["letterId"].encode()))


def test_an_old_reservation_replayed_after_its_cancellation_brings_nothing_back(desk: Desk, tables: Tables) -> None:
    name = desk.bury(7, as_value(an_event(3, seatIds=["A-1"])))
    desk.send(an_event(9, "CANCELLED", reservationId="100-3", seatIds=["A-1"], reason="by-buyer"))
    desk.persist()

    desk.outcomes("replay", letterIds=[name])
    desk.persist()

    assert tables.rows("SELECT status, version FROM purchases") == [("CANCELLED", 9)]
    assert tables.rows("SELECT state, user_id, version FROM seats") == [("FREE", "", 9)]
    assert tables.rows("SELECT version FROM sale_events ORDER BY version") == [(3,), (9,)]


def test_a_replay_of_an_event_that_has_arrived_since_changes_nothing(desk: Desk, tables: Tables) -> None:
    name = desk.bury(7, as_value(an_event(3)))
    desk.send(an_event(3))
    desk.persist()
    before = {name: rows for name, rows in tables.everything().items() if name != "dead_letters"}

    for force in (False, True, True):
        desk.outcomes("replay", letterIds=[name], force=force)
        desk.persist()

    assert {name: rows for name, rows in tables.everything().items() if name != "dead_letters"} == before
    assert tables.rows(STATES) == [("REPLAYED", "ann", "", 0)]


def test_replaying_again_finds_its_work_done_and_sends_again_only_when_forced(desk: Desk) -> None:
    name = desk.bury(7)
    assert desk.outcomes("replay", letterIds=[name]) == ["replayed"]

    again = desk.act("replay", "bob", letterIds=[name])

    assert (again["letters"][0]["outcome"], again["refused"]) == ("already-replayed", 0)
    assert "by ann at 20" in again["letters"][0]["detail"]
    assert len(desk.read_topic(desk.topic)) == 1
    assert desk.outcomes("replay", "bob", letterIds=[name], force=True) == ["replayed"]
    assert len(desk.read_topic(desk.topic)) == 2


def test_a_discarded_letter_is_not_replayed_unless_forced_nor_the_other_way_round(desk: Desk, tables: Tables) -> None:
    one, two = desk.bury(7), desk.bury(8)
    assert desk.outcomes("discard", letterIds=[one], why="a test") == ["discarded"]
    assert desk.act("discard", letterIds=[one], why="again")["refused"] == 0
    desk.outcomes("replay", letterIds=[two])

    refused = desk.act("replay", letterIds=[one, two])

    assert [each["outcome"] for each in refused["letters"]] == ["already-discarded", "already-replayed"]
    assert refused["refused"] == 1
    assert "a test" in refused["letters"][0]["detail"]
    assert desk.act("discard", letterIds=[two], why="no")["refused"] == 1
    assert [row[:3] for row in tables.rows(STATES)] == [("DISCARDED", "ann", "a test"), ("REPLAYED", "ann", "")]
    assert desk.outcomes("replay", letterIds=[one], force=True) == ["replayed"]


def test_a_letter_that_does_not_exist_is_refused_and_the_others_are_dealt_with(desk: Desk) -> None:
    name = desk.bury(7)

    answer = desk.act("replay", letterIds=["nowhere-0-1", name])

    assert [each["outcome"] for each in answer["letters"]] == ["no-such-letter", "replayed"]
    assert answer["refused"] == 1
    assert desk.act("show", letterId="nowhere-0-1")["error"]["code"] == "no-such-letter"
    assert desk.act("replay", letterIds=["nonsense"])["error"]["code"] == "invalid-request"


@pytest.mark.parametrize(
    "arguments",
    [{}, {"all": True, "letterIds": ["t-0-1"]}, {"letterIds": ["t-0-1"], "saleId": "s"}, {"letterIds": []}],
)
def test_a_replay_is_of_named_letters_or_of_all(desk: Desk, arguments: dict[str, Any]) -> None:
    assert desk.act("replay", **arguments)["error"]["code"] == "invalid-request"


def test_discarding_says_why(desk: Desk) -> None:
    name = desk.bury(7)

    assert desk.act("discard", letterIds=[name])["error"]["code"] == "invalid-request"
    assert desk.act("discard", letterIds=[name], why=" ")["error"]["code"] == "invalid-request"


def test_a_dry_run_says_what_would_happen_and_does_nothing(desk: Desk, tables: Tables) -> None:
    name = desk.bury(7)

    assert desk.outcomes("replay", letterIds=[name], dryRun=True) == ["would-replay"]
    assert desk.outcomes("replay", all=True, dryRun=True) == ["would-replay"]
    assert desk.outcomes("discard", letterIds=[name], why="x", dryRun=True) == ["would-discard"]

    assert desk.read_topic(desk.topic) == []
    assert tables.rows(STATES) == [("OPEN", "", "", 1)]


@pytest.mark.parametrize("action", ["replay", "discard"])
def test_of_two_operators_at_once_one_acts_and_the_other_is_told(desk: Desk, own_database: str, action: str) -> None:
    name = desk.bury(7)
    why = {"why": "x"} if action == "discard" else {}
    with closing(connect(own_database)) as other, other.cursor() as cursor:
        assert dead_letter_table.find(cursor, spelled(name), lock=True) is not None

        assert desk.outcomes(action, letterIds=[name], **why) == ["busy"]

        dead_letter_table.mark(cursor, [_found(cursor, name).name], "DISCARDED", "bob", "mine")
        other.commit()
    assert desk.outcomes(action, letterIds=[name], **why) == ["already-discarded"]
    assert desk.read_topic(desk.topic) == []


def _found(cursor: Any, name: str) -> dead_letter_table.Row:
    row = dead_letter_table.find(cursor, spelled(name))
    assert row is not None
    return row


def test_dying_between_the_sending_and_the_mark_leaves_the_letter_open_and_does_no_harm(
    desk: Desk, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = desk.bury(7, as_value(an_event(3)))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(dead_letter_table, "mark", die)
        with pytest.raises(KeyboardInterrupt):
            desk.act("replay", letterIds=[name])
    assert tables.rows(STATES) == [("OPEN", "", "", 1)]

    assert desk.outcomes("replay", letterIds=[name]) == ["replayed"]
    desk.persist()

    assert len(desk.read_topic(desk.topic)) == 2
    assert tables.rows("SELECT COUNT(*) FROM sale_events") == [(1,)]
    assert tables.rows("SELECT COUNT(*) FROM dead_letters") == [(1,)]


def test_all_is_what_was_open_at_the_first_call_page_by_page(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dlq_change, "AT_ONCE", 2)
    for offset in range(101, 106):
        desk.bury(offset, headers=HEADERS if offset != 103 else (("sale", b"other"),), key=None)
    replayed = []

    page = desk.act("replay", all=True, saleId="s")
    while True:
        replayed += [each["letterId"] for each in page["letters"]]
        desk.persist()  # all of them fail, and come back while the replay goes on
        if page["next"] is None:
            break
        page = desk.act("replay", all=True, saleId="s", after=page["next"], until=page["until"])

    assert replayed == [f"{desk.topic}-0-{offset}" for offset in (101, 102, 104, 105)]
    states = [each["state"] for each in desk.act("list")["letters"]]
    assert (states.count("REPLAYED"), states.count("OPEN")) == (4, 5)
    assert desk.act("replay", all=True, saleId="other", reason="nothing")["letters"] == []


def test_a_letter_of_notify_goes_to_notify_alone(desk: Desk) -> None:
    name = desk.bury(7, function="notify", headers=(("notify-channels", b"email"), ("replay-to", b"notify")))
    assert name.endswith("@notify")

    desk.outcomes("replay", letterIds=[name])

    (record,) = desk.read_topic(desk.topic)
    assert headers_of(record) == (
        ("notify-channels", b"email"),
        ("replayed-from", name.encode()),
        ("replay-to", b"notify"),
    )


def test_what_kafka_does_not_take_stays_open(desk: Desk, tables: Tables) -> None:
    large = desk.bury(7, b"\xff" + os.urandom(2_000_000))  # more than the topic takes; the dead-letter topic took it
    small = desk.bury(8)

    answer = desk.act("replay", letterIds=[large, small])

    assert [each["outcome"] for each in answer["letters"]] == ["refused-by-kafka", "replayed"]
    assert [row[0] for row in tables.rows(STATES)] == ["OPEN", "REPLAYED"]


def test_kafka_away_leaves_every_letter_open(desk: Desk, tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    name = desk.bury(7)
    away = Settings(kafka_bootstrap_servers="127.0.0.1:1", mysql_url=settings().mysql_url)
    monkeypatch.setattr(dlq_change, "settings", lambda: away)

    answer = desk.act("replay", letterIds=[name])

    assert ([each["outcome"] for each in answer["letters"]], answer["refused"]) == (["kafka-unavailable"], 1)
    assert tables.rows(STATES) == [("OPEN", "", "", 1)]


def test_a_letter_that_was_cut_is_not_sent(desk: Desk, tables: Tables) -> None:
    name = desk.bury(7, b"beginning")
    tables.rows("UPDATE dead_letters SET is_cut = 1, value_length = 99")

    (result,) = desk.act("replay", letterIds=[name])["letters"]

    assert result["outcome"] == "cut"
    assert f"{desk.dlq_topic}-0-0" in result["detail"]


def test_letters_are_listed_by_sale_reason_and_state_in_pages(desk: Desk) -> None:
    names = [desk.bury(offset) for offset in range(1, 6)]
    desk.outcomes("discard", letterIds=names[:1], why="x")

    first = desk.act("list", saleId="s", reason="constraint", state="OPEN", limit=3)
    second = desk.act("list", saleId="s", reason="constraint", state="OPEN", limit=3, after=first["next"])

    assert [each["letterId"] for each in first["letters"] + second["letters"]] == names[1:]
    assert second["next"] is None
    assert desk.act("list", saleId="other")["letters"] == []
    assert desk.act("list", reason="not-json")["letters"] == []
    assert desk.act("list", state="LOST")["error"]["code"] == "invalid-request"


def test_a_letter_is_shown_with_its_record_part_by_part(desk: Desk) -> None:
    name = desk.bury(7, b"abc\xffdef", b"s:b\xffb")

    whole = desk.act("show", letterId=name)
    part = desk.act("show", letterId=name, valueFrom=4, valueBytes=2)

    assert (whole["value"], whole["valueBase64"], whole["valueLength"]) == (None, "YWJj/2RlZg==", 7)
    assert (part["value"], whole["key"], whole["state"], whole["by"]) == ("de", None, "OPEN", None)
    assert [each["name"] for each in whole["headers"]] == ["sale", "epoch", "version", "trace", "trace"]
    assert whole["headers"][0] == {"name": "sale", "value": "s", "valueBase64": "cw=="}
    assert whole["headers"][4] == {"name": "trace", "value": None, "valueBase64": None}
