"""Each event counts in its minute once, whatever is repeated, reordered, raced for or killed."""

import json
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from functions import persist, sale_minutes
from functions.consumer import Fact
from functions.isolation import PAUSES_S
from functions.kafka_batch import KafkaRecord
from functions.mysql import Database
from functions.mysql_errors import DatabaseAway, RowsRefused
from functions.statistics import Batch
from ops.local.program import PROJECT
from tests.functions.batches import Letters, Tables, a_batch, an_event

MINUTE = 60_000
START_MS = 1_800_000_000_000  # a whole minute
TYPES = ("RESERVED", "CONFIRMED", "CANCELLED", "EXPIRED")
OTHERS = ("SALE_CREATED", "SALE_CHANGED", "REFUND_DUE")
SUMS = f"SELECT {', '.join(f'COALESCE(SUM({each}), 0)' for each in sale_minutes.COLUMNS)} FROM sale_minutes"
Statistics = Callable[..., list[KafkaRecord]]


@pytest.fixture
def statistics(database: Database, letters: Letters) -> Statistics:
    """Count events, or records, in one delivery; returns the records that are left."""

    def write(*events: Any) -> list[KafkaRecord]:
        ready = all(isinstance(each, KafkaRecord) for each in events)
        return Batch(database, letters).write(list(events) if ready else a_batch(*events))

    return write


def a_history(length: int, seed: int = 1, sale_id: str = "s") -> list[dict[str, Any]]:
    """What may happen in a sale within ten minutes, every type in it."""
    chance = random.Random(seed)
    events = []
    for version in range(1, length + 1):
        at = START_MS + chance.randrange(10 * MINUTE)
        kind = chance.choice(TYPES * 3 + OTHERS)
        units = {"quantity": chance.randint(1, 4)} if kind in TYPES else {}
        user = f"u{chance.randrange(length)}"
        events.append(an_event(version, kind, saleId=sale_id, at=at, user=user, **units))
    return events


def expected(events: Sequence[dict[str, Any]]) -> tuple[int, ...]:
    """The sums over all minutes that these events must come to, each event once."""
    once = {(each["saleId"], each["epoch"], each["version"]): each for each in events}.values()
    counted, units = Counter[str](), Counter[str]()
    for each in once:
        counted[each["type"]] += 1
        units[each["type"]] += each.get("quantity", 0)
    return (*(counted[kind] for kind in TYPES), *(units[kind] for kind in TYPES))


def test_events_and_their_units_count_in_the_minute_of_the_event_in_utc(statistics: Statistics, tables: Tables) -> None:
    last_ms = START_MS + MINUTE - 1
    statistics(
        an_event(1, "SALE_CREATED", at=START_MS),
        an_event(2, at=START_MS, quantity=3),
        an_event(3, at=last_ms, user="eve"),
        an_event(4, "CONFIRMED", at=last_ms + 1, quantity=3),
        an_event(5, "EXPIRED", at=last_ms + 1, user="eve"),
        an_event(6, "CANCELLED", at=last_ms + 1, quantity=3),
        an_event(7, "REFUND_DUE", at=last_ms + 1),
        an_event(8, "SALE_CHANGED", at=last_ms + 1),
    )

    when = "FROM_UNIXTIME(60 * minute)"
    assert tables.rows(
        f"SELECT sale_id, {when}, {', '.join(sale_minutes.COLUMNS)} FROM sale_minutes ORDER BY minute"
    ) == [
        ("s", _utc(tables, START_MS), 2, 0, 0, 0, 4, 0, 0, 0),
        ("s", _utc(tables, START_MS + MINUTE), 0, 1, 1, 1, 0, 3, 3, 1),
    ]


def _utc(tables: Tables, ms: int) -> object:
    return tables.rows(f"SELECT FROM_UNIXTIME({ms // 1000})")[0][0]


def test_sales_and_epochs_do_not_mix(statistics: Statistics, tables: Tables) -> None:
    statistics(an_event(1), an_event(1, epoch=101), an_event(1, saleId="t"), an_event(1, "EXPIRED", saleId="t"))

    assert tables.rows("SELECT sale_id, reserved, expired FROM sale_minutes ORDER BY sale_id") == [
        ("s", 2, 0),
        ("t", 1, 0),
    ]


def test_a_delivery_that_comes_again_counts_nothing(statistics: Statistics, tables: Tables) -> None:
    events = a_history(200)
    statistics(*events)
    before = tables.rows("SELECT * FROM sale_minutes")

    assert statistics(*events) == []
    assert statistics(*events[50:60], *events[:20]) == []

    assert tables.rows("SELECT * FROM sale_minutes") == before


def test_only_what_is_new_in_a_delivery_counts(statistics: Statistics, tables: Tables) -> None:
    events = a_history(2_500)
    statistics(*events[::2])

    statistics(*events, *events[:10])

    assert tables.rows(SUMS) == [expected(events)]


@pytest.mark.parametrize("seed", range(5))
def test_any_order_and_any_repeats_give_the_same_sums(statistics: Statistics, tables: Tables, seed: int) -> None:
    chance = random.Random(seed)
    history = a_history(120, seed) + a_history(40, seed, "t")
    events = history + chance.choices(history, k=60)
    chance.shuffle(events)

    while events:
        size = chance.randint(1, 40)
        assert statistics(*events[:size]) == []
        del events[:size]

    assert tables.rows(SUMS) == [expected(history)]


@hypothesis_settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.data())
def test_whatever_is_delivered_each_event_counts_once(
    statistics: Statistics, tables: Tables, data: st.DataObject
) -> None:
    tables.clear()
    history = a_history(data.draw(st.integers(1, 25), "length"), data.draw(st.integers(0, 999), "seed"))
    deliveries = data.draw(st.lists(st.lists(st.sampled_from(history), max_size=12), max_size=8), "deliveries")

    for delivery in deliveries:
        assert statistics(*delivery) == []

    assert tables.rows(SUMS) == [expected([each for delivery in deliveries for each in delivery])]


def test_pollers_that_deliver_the_same_events_at_once_count_each_once(own_database: str, tables: Tables) -> None:
    history = a_history(1_200)
    start = threading.Barrier(4, timeout=60)

    def poll(seed: int) -> None:
        chance, database = random.Random(seed), Database(own_database)
        batches = [history[first : first + 150] for first in range(0, len(history), 75)]  # each overlaps the next
        chance.shuffle(batches)
        start.wait()
        for batch in batches:
            records = a_batch(*batch)
            while records:  # as the event source does: what is left comes again
                records = Batch(database, Letters()).write(records)
        database.close()

    threads = [threading.Thread(target=poll, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert tables.rows(SUMS) == [expected(history)]


def test_a_commit_whose_answer_was_lost_counts_once(
    database: Database, letters: Letters, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.isolation.PAUSES_S", (0.0,) * len(PAUSES_S))
    real, lost = Batch.apply, [True, True]

    def apply(batch: Batch, facts: Sequence[Fact]) -> None:
        real(batch, facts)
        if lost:
            lost.pop()
            raise DatabaseAway("2013 lost connection during query")

    monkeypatch.setattr(Batch, "apply", apply)
    events = a_history(30)

    assert Batch(database, letters).write(a_batch(*events)) == []

    assert tables.rows(SUMS) == [expected(events)]


def test_an_outage_leaves_the_whole_delivery_and_nobody_is_quarantined(
    statistics: Statistics, tables: Tables, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.isolation.PAUSES_S", (0.0,) * len(PAUSES_S))
    real = sale_minutes.count
    events = a_batch(*a_history(30))

    def fail(*_: object) -> None:
        raise DatabaseAway("1213 deadlock")

    monkeypatch.setattr(sale_minutes, "count", fail)
    assert statistics(*events) == events
    assert letters.kept == []

    monkeypatch.setattr(sale_minutes, "count", real)
    assert statistics(*events) == []
    assert tables.rows(SUMS) == [expected(a_history(30))]


def test_what_nobody_can_read_is_left_to_persist_and_blocks_nobody(
    statistics: Statistics, tables: Tables, letters: Letters
) -> None:
    assert statistics(an_event(1), None, b"\xff", b"{", an_event(2, "MOVED"), an_event(3, user="eve")) == []

    assert letters.kept == []
    assert tables.rows("SELECT reserved FROM sale_minutes") == [(2,)]


def test_what_its_own_tables_refuse_goes_to_the_dead_letters(
    statistics: Statistics, tables: Tables, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sale_minutes.count

    def refuse(cursor: Any, facts: Sequence[Fact]) -> sale_minutes.Counts:
        if any(fact.event.version == 2 for fact in facts):
            raise RowsRefused("1644 a trigger says no")
        return real(cursor, facts)

    monkeypatch.setattr(sale_minutes, "count", refuse)

    assert statistics(an_event(1), an_event(2), an_event(3)) == []

    assert letters.reasons == ["constraint"]
    assert tables.rows("SELECT reserved FROM sale_minutes") == [(2,)]


@pytest.mark.parametrize("apart", [True, False], ids=["in two deliveries", "in one delivery"])
def test_two_events_under_one_version_count_once(statistics: Statistics, tables: Tables, apart: bool) -> None:
    first, second = an_event(1), an_event(1, "EXPIRED", quantity=2)
    for delivery in ([first], [second]) if apart else ([first, second],):
        assert statistics(*delivery) == []

    assert tables.rows("SELECT reserved, expired FROM sale_minutes") == [(1, 0)]


def test_the_minutes_of_a_sale_that_was_put_away_are_final_and_nothing_is_remembered(
    statistics: Statistics, tables: Tables, database: Database
) -> None:
    events = a_history(60)
    statistics(*events, an_event(1, saleId="t"))
    before = tables.rows("SELECT * FROM sale_minutes")

    with database.transaction() as cursor:
        sale_minutes.close(cursor, "s")
        assert sale_minutes.forget_some(cursor, "s") is True
        assert sale_minutes.forget_some(cursor, "s") is False
    assert statistics(*events, an_event(1, saleId="t"), an_event(61)) == []

    assert tables.rows("SELECT * FROM sale_minutes") == before
    assert tables.rows("SELECT sale_id, epoch, version FROM seen") == [("s", 0, 0), ("t", 100, 1)]


CHILD = """
import json, sys
from functions.mysql import Database
from functions.statistics import Batch
from tests.functions.batches import Letters, a_batch
url, path, first = sys.argv[1:]
events = json.load(open(path))
database = Database(url)
print("ready", flush=True)
for start in range(int(first), len(events), 40):
    assert Batch(database, Letters()).write(a_batch(*events[start:start + 40])) == []
"""


@pytest.fixture
def counting(own_database: str, tables: Tables, tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Start a process that counts a history from somewhere on; it is at work when this returns."""
    children: list[subprocess.Popen[bytes]] = []

    def start(events: Sequence[dict[str, Any]], first: int) -> "subprocess.Popen[bytes]":
        path = tmp_path / "events.json"
        path.write_text(json.dumps(events))
        command = [sys.executable, "-c", CHILD, own_database, str(path), str(first)]
        child = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        children.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


def test_a_process_killed_again_and_again_in_the_midst_counts_each_event_once(
    counting: Callable[..., "subprocess.Popen[bytes]"], own_database: str, tables: Tables, letters: Letters
) -> None:
    chance, history = random.Random(7), a_history(6_000)
    midway = 0
    for _ in range(10):
        child = counting(history, chance.randrange(500))
        with suppress(subprocess.TimeoutExpired):
            child.wait(chance.uniform(0.001, 0.04))
        child.send_signal(signal.SIGKILL)
        midway += child.wait() == -signal.SIGKILL
        counted, seen = sum(tables.rows(SUMS)[0][:4]), tables.rows("SELECT COUNT(*) FROM seen")[0][0]
        assert counted <= seen
    assert midway > 5  # where this process is held up, a child may come to its end

    database = Database(own_database)
    for first in range(0, len(history), 500):
        assert persist.Batch(database, letters).write(a_batch(*history[first : first + 500])) == []
    database.close()
    assert counting(history, 0).wait(60) == 0

    assert tables.rows(SUMS) == [expected(history)]
    told = dict(tables.rows("SELECT type, COUNT(*) FROM sale_events GROUP BY type"))
    assert tables.rows(SUMS)[0][:4] == tuple(told[kind] for kind in TYPES)
